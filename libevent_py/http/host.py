"""HTTPHost: what answers the requests for one host (floor 7, event2/http.h)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Optional

from .. import _convert
from .._ffi import CData, lib
from ..exceptions import ClosedError
from . import head
from .headers import HeaderItems
from .request import HTTPRequest

if TYPE_CHECKING:
    from .server import HTTPServer

RequestHandler = Callable[[HTTPRequest], object]

#: By method; None is for those that are not there.
_Methods = dict[Optional[str], RequestHandler]


class HTTPHost:
    """The routes of one host: the HTTPServer itself is one, and its virtual hosts are.

    A request goes to the first that there is of

    1. a fixed answer for its path,
    2. a route for exactly its path,
    3. the longest route with ``prefix=True`` that its path begins with,
    4. the host's ``handler``,
    5. 404.

    Paths are compared percent-decoded, and as they are: ``/a`` is neither ``/a/`` nor ``//a``.
    """

    _server: HTTPServer
    _host: CData
    _exact: dict[str, _Methods]
    _prefixes: dict[str, _Methods]
    _handler: RequestHandler | None

    def _init_routes(self, server: HTTPServer, handler: RequestHandler | None) -> None:
        self._server = server
        self._handler = _convert.callback(handler, "handler")
        self._exact = {}
        self._prefixes = {}

    @property
    def handler(self) -> RequestHandler | None:
        """What answers where no route does; None answers 404."""
        return self._handler

    @handler.setter
    def handler(self, handler: RequestHandler | None) -> None:
        self._handler = _convert.callback(handler, "handler")

    def route(
        self,
        path: str,
        handler: RequestHandler,
        *,
        methods: Iterable[str] | None = None,
        prefix: bool = False,
    ) -> None:
        """Let *handler* answer the requests for *path*.

        Args:
            path: Decoded, with a slash in front.
            handler: Called as ``handler(request)`` from the loop.
            methods: The methods that it is for, GET for HEAD too; others are answered 405, unless
                another call has a handler for them. None is every method.
            prefix: Also for all that is below *path*: ``"/files"`` takes ``/files`` and ``/files/a``.

        Raises:
            ValueError: *path* is none, or has a route for one of the methods already.
        """
        _checked_path(path)
        if not callable(handler):
            raise TypeError(f"handler must be callable, not {type(handler).__name__}")
        if isinstance(methods, str):
            raise TypeError(f"methods are several: [{methods!r}]")
        wanted: list[str | None] = [None] if methods is None else list(methods)
        for method in wanted:
            if method is not None and not (isinstance(method, str) and method.isascii()):
                raise TypeError(f"a method is a str, not {method!r}")
        table = self._prefixes if prefix else self._exact
        known = table.get(path.rstrip("/") if prefix else path, {})
        for method in wanted:
            if method in known:
                raise ValueError(f"{path!r} has a route for {method or 'every method'} already")
        table[path.rstrip("/") if prefix else path] = {**known, **dict.fromkeys(wanted, handler)}

    def fixed(self, path: str, body: _convert.Buffered, status: int = 200, headers: HeaderItems = ()) -> None:
        """Answer GET and HEAD for *path* with the same bytes, wholly in C (``evhttp_set_cb``).

        Other methods are answered 405.

        Args:
            path: Decoded, with a slash in front.
            body: What to send; copied.
            status: As for :meth:`HTTPRequest.reply`, and so is *headers*.
            headers: See above.

        Raises:
            ValueError: *path* has a fixed answer already.
        """
        _checked_path(path)
        data = _convert.copied(body)
        if not head.has_body(status) and data:
            raise ValueError(f"an answer with status {status} has no body")
        length = len(data) if head.has_body(status) else None
        start, flags, told = head.build(status, None, headers, length)
        if told != length or flags:
            raise ValueError("a fixed answer has no Content-Length, Date or Connection of its own")
        self._server._delivery.claimed(self._add_fixed, path, start, data, status)

    def _add_fixed(self, path: str, start: bytes, data: bytes, status: int) -> None:
        self._server._live()
        encoded = path.encode("utf-8", "surrogateescape")
        if lib.lepy_http_add_fixed(self._host, encoded, start, len(start), data, len(data), status) < 0:
            raise ValueError(f"{path!r} has a fixed answer already")

    def alias(self, name: str) -> None:
        """Answer for another host name too (``evhttp_add_server_alias``).

        Args:
            name: A host name without a port, in any case.
        """
        self._server._delivery.claimed(self._add_alias, checked_name(name, "an alias"))

    def _add_alias(self, name: bytes) -> None:
        self._server._live()
        if lib.evhttp_add_server_alias(self._host.http, name) < 0:
            raise MemoryError("evhttp_add_server_alias: libevent found no memory")

    def remove_alias(self, name: str) -> None:
        """Do no longer answer for *name* (``evhttp_remove_server_alias``).

        Raises:
            ValueError: It is none of the aliases.
        """
        self._server._delivery.claimed(self._remove_alias, checked_name(name, "an alias"))

    def _remove_alias(self, name: bytes) -> None:
        self._server._live()
        if lib.evhttp_remove_server_alias(self._host.http, name) < 0:
            raise ValueError(f"{name.decode()!r} is no alias of this host")

    def _dispatch(self, request: HTTPRequest) -> None:
        methods = self._exact.get(request.path) if self._exact else None
        if methods is None and self._prefixes:
            methods = self._longest(request.path)
        if methods is None:
            handler = self._handler
            if handler is None:
                _refuse(request, 404)
                return
        else:
            method = request.method
            handler = methods.get(method) or methods.get(None)
            if handler is None and method == "HEAD":
                handler = methods.get("GET")
            if handler is None:
                allowed = {str(each) for each in methods} | ({"HEAD"} if "GET" in methods else set())
                _refuse(request, 405, {"Allow": ", ".join(sorted(allowed))})
                return
        try:
            handler(request)
        except BaseException:
            request._drop()
            raise

    def _longest(self, path: str) -> _Methods | None:
        while True:
            found = self._prefixes.get(path)
            if found is not None or not path:
                return found
            path = path.rpartition("/")[0]


class HTTPVirtualHost(HTTPHost):
    """The routes for host names that match a pattern: :meth:`HTTPServer.virtual_host` makes one."""

    def __init__(self) -> None:
        raise TypeError("HTTPServer.virtual_host() makes one")

    @classmethod
    def _make(cls, server: HTTPServer, host: CData, handler: RequestHandler | None) -> HTTPVirtualHost:
        self = cls.__new__(cls)
        self._init_routes(server, handler)
        self._host = host
        return self

    @property
    def pointer(self) -> CData:
        """The ``struct evhttp *`` for the raw layer; the server owns it."""
        if self._server._pointer is None:
            raise ClosedError("the HTTPServer of this host is closed")
        return self._host.http


def _refuse(request: HTTPRequest, status: int, headers: HeaderItems = ()) -> None:
    fields = [("Content-Type", "text/plain"), *dict(headers).items()]
    built = {404: b"404 Not Found\n", 405: b"405 Method Not Allowed\n"}[status]
    request.reply(status, built, fields)


def _checked_path(path: str) -> None:
    if not isinstance(path, str):
        raise TypeError(f"path must be a str, not {type(path).__name__}")
    if not path.startswith("/") or any(c in path for c in "\0\r\n"):
        raise ValueError(f"a path begins with a slash, and has no NUL and no line break: {path!r}")


def checked_name(name: str, what: str) -> bytes:
    """A host name or a pattern, *what* it is called, for C."""
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, not {type(name).__name__}")
    if not name or not name.isascii() or any(c <= " " or c == "\x7f" for c in name):
        raise ValueError(f"{what} is a host name, not {name!r}; IDNA names in their ASCII form")
    return name.encode("ascii")
