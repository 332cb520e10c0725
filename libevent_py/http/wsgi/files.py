"""``wsgi.file_wrapper``: a file that is sent without passing through Python (floor 7)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Any

#: Bytes read at a time from what is no regular file.
_BLOCK = 1 << 16


class FileWrapper:
    """What PEP 3333 calls ``wsgi.file_wrapper``.

    A regular file is sent by the kernel, from where it stands to its end (or as much as
    Content-Length says). Anything else with ``read()`` is read in blocks. It is closed when the
    answer is sent, or the client is gone.

    Args:
        file: An object with ``read(size)``, and possibly ``fileno()`` and ``close()``.
        block_size: Bytes to read at a time.
    """

    def __init__(self, file: Any, block_size: int = _BLOCK) -> None:
        self._file = file
        self._block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(self._block_size), b"")

    def close(self) -> None:
        """Close the file, if it can be."""
        close = getattr(self._file, "close", None)
        if close is not None:
            close()

    def part(self) -> tuple[int, int, int] | None:
        """Descriptor, offset and length of what is to be sent; None where only ``read()`` will do."""
        try:
            descriptor = self._file.fileno()
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None
            offset = self._file.tell()
        except (AttributeError, OSError, ValueError):
            return None
        return descriptor, offset, max(status.st_size - offset, 0)
