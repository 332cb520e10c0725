"""Serving the files of a directory (floor 7)."""

from __future__ import annotations

import os
import stat
from http import HTTPStatus
from urllib.parse import quote_from_bytes

from .files import choose_part, content_type
from .listing import render_listing
from .paths import open_beneath, split_path
from .request import HTTPRequest

#: Browsers shall believe the type, and not guess another one.
_ALWAYS = {"X-Content-Type-Options": "nosniff"}


class HTTPDirectory:
    """Answers GET and HEAD by the files below a directory; a handler for :meth:`HTTPServer.route`.

    Files are sent by the kernel, with ranges and conditional requests. No request leads out of the
    directory: each part of its path is opened relative to the one before, symbolic links are
    not followed, and names that begin with a dot are not there (but ``/.well-known``). The
    directory itself may be a link, and be exchanged while it is served.

    Args:
        root: The directory.
        path: What of the requests' paths stands for it.
        index: The file that answers for a directory which has it; None for none.
        listing: Whether a directory without it is listed; else 404.

    Raises:
        OSError: *root* is no directory, or may not be read.

    Example::

        server.route("/static", HTTPDirectory("/srv/static", "/static"), prefix=True)
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        path: str = "/",
        *,
        index: str | None = "index.html",
        listing: bool = False,
    ) -> None:
        self._root = os.fspath(root)
        os.close(self._open_root())
        self._path = path.strip("/").encode("utf-8", "surrogateescape").split(b"/") if path.strip("/") else []
        self._index = index
        self._listing = listing

    def _open_root(self) -> int:
        return os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __call__(self, request: HTTPRequest) -> None:
        """Answer *request*; HTTPServer calls it."""
        if request.method not in ("GET", "HEAD"):
            _refuse(request, 405, {"Allow": "GET, HEAD"})
            return
        path, query = request._split()
        parts = split_path(path)
        if parts is None or parts[: len(self._path)] != self._path:
            _refuse(request, 404)
            return
        below = parts[len(self._path) :]
        try:
            root = self._open_root()
            try:
                descriptor = open_beneath(root, below)
            finally:
                os.close(root)
            try:
                self._answer(request, descriptor, parts, path.endswith("/"), query)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            _refuse(request, 404)
        except PermissionError:
            _refuse(request, 403)
        except OSError:  # too many descriptors, or a disk that fails
            _refuse(request, 503)

    def _answer(
        self, request: HTTPRequest, descriptor: int, parts: list[bytes], has_slash: bool, query: str
    ) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            if has_slash:
                raise FileNotFoundError
            _send(request, descriptor, parts[-1])
        elif not has_slash and parts:
            # Else relative links would lead elsewhere.  No part is empty, so this is no //host.
            location = "".join(f"/{quote_from_bytes(part)}" for part in parts)
            _refuse(request, 301, {"Location": f"{location}/{'?' * bool(query)}{query}"})
        else:
            self._answer_directory(request, descriptor, parts)

    def _answer_directory(self, request: HTTPRequest, descriptor: int, parts: list[bytes]) -> None:
        if self._index is not None:
            name = os.fsencode(self._index)
            try:
                index = open_beneath(descriptor, [name])
            except FileNotFoundError:
                pass
            else:
                try:
                    if not stat.S_ISDIR(os.fstat(index).st_mode):
                        _send(request, index, name)
                        return
                finally:
                    os.close(index)
        if not self._listing:
            raise FileNotFoundError
        page = render_listing(descriptor, parts, is_root=len(parts) == len(self._path))
        request.reply(200, page, {"Content-Type": "text/html; charset=utf-8", **_ALWAYS})


def _send(request: HTTPRequest, descriptor: int, name: bytes) -> None:
    part = choose_part(request.method, request.headers, os.fstat(descriptor), content_type(os.fsdecode(name)))
    fields = {**part.fields, **_ALWAYS}
    if part.status in (200, 206):
        request.reply_file(descriptor, part.offset, part.length, part.status, fields)
    elif part.status == 304:
        request.reply(304, headers=fields)
    else:
        _refuse(request, part.status, fields)


def _refuse(request: HTTPRequest, status: int, fields: dict[str, str] | None = None) -> None:
    """An answer in words."""
    text = f"{status} {HTTPStatus(status).phrase}\n"
    request.reply(status, text.encode(), {"Content-Type": "text/plain", **(fields or {})})
