"""HTTPServer: struct evhttp (floor 7, event2/http.h)."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from .. import _convert
from .._claim import unguarded
from .._delivery import delivery_of
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from .._handles import Handle
from ..tls.context import TLSContext
from .host import HTTPHost, HTTPVirtualHost, RequestHandler, checked_name
from .listener import HTTPListener
from .reply import Reply
from .request import HTTPRequest, Pending

if TYPE_CHECKING:
    from ..base import EventBase

_REQUEST = lib.LEPY_KIND_HTTP_REQUEST
_DISCONNECT = lib.LEPY_KIND_HTTP_DISCONNECT
_LOG = lib.LEPY_KIND_HTTP_LOG

# struct lepy_http_logged.
_LOGGED = struct.Struct("IIQ")

_MOST = 1 << 40


class HTTPAccess(NamedTuple):
    """One answer, as the access log is told of it."""

    remote_address: Any
    #: ``"GET / HTTP/1.1"``; ``""`` where the head was refused, or did not come.
    request_line: str
    status: int
    #: Bytes of the answer's body.
    size: int


AccessLog = Union[Callable[[HTTPAccess], object], logging.Logger]


class HTTPServer(HTTPHost, Handle):
    r"""Serves HTTP/1.1 (``struct evhttp``), and with *tls* HTTPS.

    Requests come whole and checked, one at a time of each connection: what RFC 9112 does not
    allow is answered 400 before anybody sees it, whatever libevent this build has
    (``docs/topics/http.md``). All limits can be changed, and none be left out.

    Where a handler raises, the request is answered 500, and the exception goes on as any
    callback's does.

    Args:
        base: The EventBase to work in, which keeps it alive.
        handler: Called as ``handler(request)`` from the loop for what no route is for; None
            answers 404.
        tls: A server's TLSContext, for HTTPS.
        max_headers_size: Bytes of a request's line and fields; more is answered 431 or 414.
        max_body_size: Bytes of a request's body; more is answered 413.
        header_timeout: Seconds from a connection's first byte of a request, or from its
            beginning, to the end of its fields; then 408.
        idle_timeout: Seconds in which nothing moves: between two requests, in a body, or while an
            answer cannot be sent. Handlers may take as long as they like.
        max_connections: So many at a time; more wait in the backlog.
        access_log: Called with an :class:`HTTPAccess` for each answer, also for those that C
            gives; or a logger, which gets them at level INFO.

    Raises:
        UnsupportedError: TLS, where this build has no OpenSSL.

    Example::

        server = HTTPServer(base, lambda request: request.reply(404))
        server.route("/hello", lambda request: request.reply(body=b"hello\n"))
        server.listen(("127.0.0.1", 8080))
    """

    def __init__(
        self,
        base: EventBase,
        handler: RequestHandler | None = None,
        *,
        tls: TLSContext | None = None,
        max_headers_size: int = 64 * 1024,
        max_body_size: int = 1024 * 1024,
        header_timeout: float = 10.0,
        idle_timeout: float = 75.0,
        max_connections: int = 10_000,
        access_log: AccessLog | None = None,
    ) -> None:
        self._begin()
        if tls is not None and not (isinstance(tls, TLSContext) and tls.is_server):
            raise TypeError("tls must be a TLSContext.server()")
        _convert.integer(max_headers_size, "max_headers_size", 256, 1 << 30)
        _convert.integer(max_body_size, "max_body_size", 0, _MOST)
        _convert.integer(max_connections, "max_connections", 1, 1 << 24)
        header_seconds = _timeout(header_timeout, "header_timeout")
        idle_seconds = _timeout(idle_timeout, "idle_timeout")
        if access_log is not None and not callable(access_log) and not isinstance(access_log, logging.Logger):
            raise TypeError("access_log must be callable or a logger")
        delivery = delivery_of(base)
        delivery.hold_funerals()
        self._base = base
        self._delivery = delivery
        self._context = tls
        self._access_log = access_log
        self._listeners: list[HTTPListener] = []
        self._requests: dict[int, Pending] = {}
        self._timer: Any = None
        self._init_routes(self, handler)
        delivery.table.reserve(self)
        try:
            self._pointer = check_pointer(
                lib.lepy_http_server_new(
                    delivery.pointer,
                    self._slot,
                    self._generation,
                    ffi.NULL if tls is None else tls._pointer,
                    max_headers_size,
                    max_body_size,
                    header_seconds,
                    idle_seconds,
                    max_connections,
                    access_log is not None,
                ),
                "evhttp_new",
            )
        except BaseException:
            delivery.table.release(self)
            raise
        delivery.table.kept[self._slot] = self
        self._hosts: list[HTTPHost] = []
        try:
            self._host = self._add_host(ffi.NULL, self)
        except BaseException:
            self.close()
            raise

    def _add_host(self, pattern: CData | bytes, host: HTTPHost) -> CData:
        pointer = check_pointer(
            lib.lepy_http_add_host(self._pointer, pattern, len(self._hosts)), "evhttp_add_virtual_host"
        )
        self._hosts.append(host)
        return pointer

    @property
    @unguarded
    def base(self) -> EventBase:
        """The EventBase it works in."""
        return self._base

    @property
    def pointer(self) -> CData:
        """The ``struct evhttp *`` for the raw layer; borrowed, gone when this is closed."""
        return self._live().http

    @property
    def listeners(self) -> list[HTTPListener]:
        """Where it accepts: what :meth:`listen` gave, and is not closed."""
        self._live()
        self._listeners = [each for each in self._listeners if not each.closed]
        return list(self._listeners)

    @property
    def connection_count(self) -> int:
        """How many connections there are."""
        return int(self._live().count)

    def listen(
        self,
        address: _convert.Address | socket.socket,
        *,
        backlog: int = 128,
        reuse_address: bool = True,
        reuse_port: bool = False,
        dual_stack: bool = False,
    ) -> HTTPListener:
        """Accept connections at *address*, one more if there are some (``evhttp_bind_listener``).

        Args:
            address: As for :class:`Listener`, and so are the others: ``(host, port)``, with port 0
                for any free one, ``"unix:/path"``, or a bound socket, which it takes over.
            backlog: See there.
            reuse_address: See there.
            reuse_port: See there.
            dual_stack: See there.

        Raises:
            OSError: The address cannot be bound: EADDRINUSE, EACCES…
        """
        _convert.integer(backlog, "backlog", 1, 65535)
        self._live()
        listener = HTTPListener._open(self, address, backlog, reuse_address, reuse_port, dual_stack)
        self._listeners.append(listener)
        return listener

    def virtual_host(self, pattern: str, handler: RequestHandler | None = None) -> HTTPVirtualHost:
        """Answer for host names of their own (``evhttp_add_virtual_host``).

        Of several that match, the first that was added answers.

        Args:
            pattern: A host name without a port, in any case; ``*`` stands for any number of
                characters: ``"*.example.org"``.
            handler: As of the server's own.
        """
        name = checked_name(pattern, "a pattern")
        self._live()
        host = HTTPVirtualHost._make(self, None, handler)
        host._host = self._add_host(name, host)
        return host

    def shutdown(self, timeout: float = 30.0) -> None:
        """Close gracefully: accept nothing more, and close when all that runs is answered.

        Returns at once. Connections that wait for a request are closed, the others after their
        answer.

        Args:
            timeout: Seconds until what is left is closed all the same.
        """
        seconds = _convert.number(timeout, "timeout")
        pointer = self._live()
        self._close_listeners()
        if not lib.lepy_http_server_end(pointer):
            self.close()
        elif self._timer is None:
            self._timer = self._base.call_later(max(seconds, 0.0), self.close)

    # What C tells.

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        if kind == _REQUEST:
            if not data:
                data = self._describe(what)
                if not data:
                    return
            request = HTTPRequest.__new__(HTTPRequest)
            number = request._read(self, what, data)
            if number < 0:
                return
            try:
                self._hosts[number]._dispatch(request)
            finally:
                if not request._is_done():
                    self._requests[what] = Pending(request, self)
        elif kind == _LOG:
            self._tell(_logged(what, data))
        elif kind == lib.LEPY_KIND_HTTP_ENDED:
            self.close()
        else:
            found = self._requests.get(what)
            waiting = found() if found is not None else None
            if waiting is not None:
                if kind == _DISCONNECT:
                    waiting._disconnected()
                else:
                    waiting._drained()

    def _answer_dropped(self, pending: Pending) -> None:
        if self._pointer is not None:
            lib.lepy_http_drop(self._pointer, pending.index, pending.generation)

    def _describe(self, index: int) -> bytes:
        """What did not fit beside its record; nothing where the request is gone."""
        size = 0
        while True:
            room = ffi.new("char[]", size)
            found = lib.lepy_http_describe(self._pointer, index, room, size)
            if found <= size:
                return bytes(ffi.buffer(room, found))
            size = found

    def _log(self, request: Reply, status: int, size: int) -> None:
        self._tell(HTTPAccess(*request._asked(), status, size))

    def _tell(self, access: HTTPAccess) -> None:
        log = self._access_log
        if isinstance(log, logging.Logger):
            log.info("%s %s %d %d", *access)
        elif log is not None:
            log(access)

    # How it ends.

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _close(self) -> None:
        if self._pointer is not None:
            self._close_listeners()
            if self._timer is not None:
                self._timer.cancel()
        super()._close()

    def _free(self, pointer: CData) -> None:
        lib.lepy_http_server_free(pointer)

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<HTTPServer closed>"
        return f"<HTTPServer at {[each.address for each in self.listeners]!r}>"


def _timeout(value: float, what: str) -> float:
    seconds = _convert.number(value, what)
    if not 0.01 <= seconds <= 86400:
        raise ValueError(f"{what} is 0.01 to 86400 seconds, not {value!r}: clients would stay for ever")
    return seconds


def _logged(status: int, data: bytes) -> HTTPAccess:
    if not data:
        return HTTPAccess(None, "", status, 0)
    address, line, size = _LOGGED.unpack_from(data)
    at = _LOGGED.size + address
    return HTTPAccess(
        _convert.python_address(data[_LOGGED.size : at]), data[at : at + line].decode("latin-1"), status, size
    )
