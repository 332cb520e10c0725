"""From the path of a request to an open file below a directory, and never out of it (floor 7).

Each part of the path is opened by itself, relative to the directory before it (``openat``), and
symbolic links are not followed: what another process renames meanwhile leads nowhere either.
"""

from __future__ import annotations

import errno
import os
import stat
from urllib.parse import unquote_to_bytes

#: The one directory with a dot that is made to be seen (RFC 8615).
_WELL_KNOWN = b".well-known"


def split_path(path: str) -> list[bytes] | None:
    """The parts of a request's path, decoded; empty ones are left out.

    It is split before it is decoded, so that ``%2f`` is no slash.

    Args:
        path: As it stands in the request: percent-encoded, without the query.

    Returns:
        None if it can name no file to be seen: a part is ``.`` or ``..``, hidden by a dot at its
        beginning (but ``.well-known`` is not), or has a slash or NUL in it.
    """
    parts = [unquote_to_bytes(part) for part in path.split("/") if part]
    for number, part in enumerate(parts):
        if b"/" in part or b"\0" in part or not is_visible(part, is_first=not number):
            return None
    return parts


def is_visible(name: bytes, *, is_first: bool) -> bool:
    """Whether a file of that name is served: those with a dot at their beginning are not.

    Args:
        name: One part of a path.
        is_first: It stands in the served directory itself.
    """
    return not name.startswith(b".") or (is_first and name == _WELL_KNOWN)


def open_beneath(root: int, parts: list[bytes]) -> int:
    """Open a regular file or a directory below *root* for reading.

    Args:
        root: The descriptor of a directory.
        parts: What split_path() gave; none for the directory itself.

    Returns:
        A new descriptor, the caller's to close.

    Raises:
        OSError: There is none, or it may not be read: ENOENT for symbolic links too, and for what is
            neither a file nor a directory, a device say.
    """
    current = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        # Without O_NONBLOCK a named pipe would wait for its writer.
        flags = os.O_NONBLOCK if is_last else os.O_DIRECTORY
        parent = current
        try:
            current = os.open(
                part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC | flags, dir_fd=parent
            )
        except OSError as error:
            # A link is ELOOP, or ENOTDIR among directories; ENXIO is a socket or a device that is not there.
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENAMETOOLONG):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
            raise
        finally:
            os.close(parent)
    if not _is_servable(current):
        os.close(current)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return current


def _is_servable(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
