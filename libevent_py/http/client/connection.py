"""HTTPConnection: requests to one server, one after the other (floor 7)."""

from __future__ import annotations

import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from ... import _convert
from ..._claim import unguarded
from ..._delivery import delivery_of
from ..._errors import check_pointer
from ..._ffi import CData, lib
from ..._handles import Handle
from ...bufferevent.common import BaseBufferEvent
from ...exceptions import ClosedError
from ..headers import HeaderItems, HTTPHeaders
from .body import Body
from .link import Link
from .opening import Opening, Route, bracketed, checked_address, checked_context
from .request import CompleteCallback, DataCallback, HTTPClientRequest, ResponseCallback

if TYPE_CHECKING:
    from ...base import EventBase
    from ...calls import ScheduledCall
    from ...dns import DNSBase
    from ...tls import TLSContext

#: Bytes that a body may have which nobody takes with on_data, and a head.
MAX_BODY_SIZE = 16 * 1024 * 1024
MAX_HEADERS_SIZE = 64 * 1024


class Pool(Protocol):
    """What an HTTPClient's connection belongs to."""

    def next_request(self, connection: HTTPConnection) -> list[HTTPClientRequest]:
        """What *connection*, which has nothing to do, is to do next: one request, or none."""

    def unused(self, connection: HTTPConnection) -> None:
        """*connection* has nothing to do, and is not connected."""


class HTTPConnection(Handle):
    """Asks one HTTP server, one request at a time (``struct evhttp_connection``).

    It connects with the first request, and again where the server has closed the connection
    meanwhile; further requests wait their turn.  Between requests the connection is kept, and
    keeps the loop running, for *keep_alive* seconds: :meth:`close` it when there is nothing more to ask.

    Args:
        base: The EventBase to work in.
        address: ``(host, port)``, by name or numeric, or ``"unix:/path"``.
        context: A client's TLSContext, for HTTPS: the server's certificate must be for the host.
        server_hostname: The name that it must be for instead, and that is asked for (SNI).
        proxy: The address of an HTTP proxy that is asked to connect there (CONNECT).
        proxy_headers: Fields for the proxy alone, ``Proxy-Authorization`` say.
        dns: What looks host names up; None for the system's resolver, in a thread.
        family: ``socket.AF_INET`` or ``AF_INET6`` to want only such addresses of a name.
        connect_timeout: Seconds for name, connection, proxy and TLS together; None: as long as they try.
        idle_timeout: Seconds in which nothing comes and nothing is sent while a request is under way.
        keep_alive: Seconds for which an unused connection is kept.
        max_headers_size: Bytes of a response's head.
        max_body_size: Bytes of a body that is not taken by on_data; None for no limit.

    Raises:
        ValueError: The context is a server's; or there is a proxy before a unix socket.

    Example::

        connection = HTTPConnection(base, ("www.example.org", 443), context=TLSContext.client())
        connection.request("GET", "/", on_complete=lambda request: print(request.result().status))
        base.dispatch()
    """

    __slots__ = (
        "_base",
        "_current",
        "_host",
        "_idle_timeout",
        "_keep_alive",
        "_keeping",
        "_link",
        "_max_body_size",
        "_opening",
        "_pool",
        "_route",
        "_waiting",
    )

    def __init__(
        self,
        base: EventBase,
        address: _convert.Address,
        *,
        context: TLSContext | None = None,
        server_hostname: str | None = None,
        proxy: _convert.Address | None = None,
        proxy_headers: HeaderItems = (),
        dns: DNSBase | None = None,
        family: int = socket.AF_UNSPEC,
        connect_timeout: float | None = 30.0,
        idle_timeout: float | None = 60.0,
        keep_alive: float = 15.0,
        max_headers_size: int = MAX_HEADERS_SIZE,
        max_body_size: int | None = MAX_BODY_SIZE,
    ) -> None:
        self._begin()
        for seconds, name in ((connect_timeout, "connect_timeout"), (idle_timeout, "idle_timeout")):
            if _convert.seconds(seconds, name) == 0:
                raise ValueError(f"{name} must be more than 0 seconds; None is for no timeout")
        if family not in (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6):
            raise ValueError(f"family must be AF_UNSPEC, AF_INET or AF_INET6, not {family!r}")
        if keep_alive is None:
            raise TypeError("keep_alive must be a number: 0 closes the connection behind each response")
        address = checked_address(address, "address")
        if proxy is not None:
            proxy = checked_address(proxy, "proxy")
            if isinstance(address, str):
                raise ValueError("a proxy cannot connect to a unix socket of this machine")
        self._route = Route(
            address,
            checked_context(context),
            server_hostname,
            proxy,
            HTTPHeaders(proxy_headers),
            dns,
            family,
            connect_timeout,
        )
        if context is not None and isinstance(address, str) and server_hostname is None:
            raise ValueError("TLS on a unix socket needs server_hostname: whom to expect there")
        self._host = _host_field(address, context is not None)
        self._idle_timeout = idle_timeout
        self._keep_alive = _convert.seconds(keep_alive, "keep_alive")
        self._max_body_size = None if max_body_size is None else _convert.size(max_body_size, "max_body_size")
        self._base = base
        self._waiting: deque[HTTPClientRequest] = deque()
        self._current: HTTPClientRequest | None = None
        self._opening: Opening | None = None
        self._link: Link | None = None
        #: Ends the wait for another request.
        self._keeping: ScheduledCall | None = None
        #: Where more to do comes from.
        self._pool: Pool | None = None
        self._delivery = delivery = delivery_of(base)
        delivery.hold_funerals()
        size = _convert.integer(max_headers_size, "max_headers_size", 1, 1 << 30)
        delivery.table.reserve(self)
        try:
            pointer = check_pointer(lib.lepy_http_client_new(delivery.pointer, size), "no memory")
        except BaseException:
            delivery.table.release(self)
            raise
        self._pointer = pointer
        delivery.table.leaves(self, lib.lepy_http_client_free, pointer)

    def request(
        self,
        method: str,
        target: str,
        headers: HeaderItems = (),
        body: Body = None,
        *,
        on_complete: CompleteCallback,
        on_response: ResponseCallback | None = None,
        on_data: DataCallback | None = None,
        timeout: float | None = None,
        max_body_size: int | None = None,
    ) -> HTTPClientRequest:
        """Ask (``evhttp_make_request``); at once, or when it is this one's turn.

        A request that may be repeated (GET, HEAD, OPTIONS, TRACE, PUT, DELETE, with a body that can
        be sent again) is, once, where the server drops a kept connection without a byte of an answer.

        Args:
            method: ``"GET"``; what the libevent of this build knows, in capitals.
            target: ``"/path?query"``, percent-encoded; ``"*"`` for OPTIONS.
            headers: Fields of the request; Host is added where it is missing.
            body: Bytes; a Buffer, which is empty afterwards; a regular file, from where it stands, which
                must stay open until the outcome; or an iterable of bytes, which is asked for more as
                the server takes them, and sent in chunks unless there is a Content-Length.
            on_complete: ``on_complete(request)`` with the outcome, once, from the loop.
            on_response: ``on_response(request, response)`` when the head is there, and no body yet.
            on_data: ``on_data(request, data)`` with each piece of the body, which the response then
                has not.
            timeout: Seconds from now until the outcome; None for no limit.
            max_body_size: Bytes of the response's body; None for the connection's limit, with on_data
                for no limit.

        Returns:
            A handle, which need not be kept.

        Raises:
            ValueError: Something that cannot be sent so.
            UnsupportedError: libevent has no such method.
        """
        self._live()
        if max_body_size is None and on_data is None:
            max_body_size = self._max_body_size
        request = HTTPClientRequest.__new__(HTTPClientRequest)
        request._start(
            self._base,
            method,
            target,
            headers,
            body,
            on_complete,
            on_response,
            on_data,
            timeout,
            max_body_size,
        )
        self._take(request)
        return request

    @property
    @unguarded
    def address(self) -> _convert.Address:
        """Where it goes (``evhttp_connection_get_peer``)."""
        return self._route.address

    @property
    def pending(self) -> int:
        """How many requests have no outcome yet."""
        self._live()
        return len(self._waiting) + (self._current is not None)

    @unguarded
    def close(self) -> None:
        """Close the connection; requests without an outcome fail, from the loop, with ClosedError.

        Idempotent, and allowed in any callback.
        """
        super().close()

    # For HTTPClientRequest, and the pool.

    def _take(self, request: HTTPClientRequest) -> None:
        request._server = self
        self._waiting.append(request)
        self._begin_next()

    def _abandon(self, request: HTTPClientRequest) -> None:
        """*request* has its outcome: forget it."""
        if request is self._current:
            self._current = None
            self._drop_link()
            self._begin_next()
        elif request in self._waiting:
            self._waiting.remove(request)

    def _read_again(self, request: HTTPClientRequest) -> None:
        if request is self._current and self._link is not None:
            self._link.read_again()

    # One request.

    def _begin_next(self) -> None:
        if self._pointer is None or self._current is not None:
            return
        if not self._waiting and self._pool is not None:
            self._waiting.extend(self._pool.next_request(self))
        if self._waiting:
            self._current = self._waiting.popleft()
            self._start(self._current)
        elif self._link is None:
            self._unused()
        elif self._keeping is None:
            self._keeping = self._base.call_later(self._keep_alive, self._unused)

    def _start(self, request: HTTPClientRequest) -> None:
        """Send *request*, on the connection that is kept or on another one."""
        self._stop_keeping()
        try:
            if self._link is None:
                self._opening = Opening(self._base, self._pointer, self._route, self._opened)
            else:
                self._link.send(request, self._host)
        except Exception as error:
            self._fail_later(error)

    def _opened(self, outcome: BaseBufferEvent | Exception) -> None:
        self._opening = None
        if isinstance(outcome, Exception):
            self._fail(outcome)
            return
        assert self._current is not None
        try:
            self._link = Link(self, self._base, self._pointer, outcome, self._idle_timeout)
            self._link.send(self._current, self._host)
        except Exception as error:
            self._fail(error)

    def _retry(self) -> None:
        request = self._current
        assert request is not None
        request._retried = True
        self._drop_link()
        self._start(request)

    def _finished(self, keeps: bool) -> None:
        request, self._current = self._current, None
        if not keeps or not self._keep_alive:
            self._drop_link()
        try:
            if request is not None:
                request._complete()
        finally:
            self._begin_next()

    def _fail(self, error: Exception) -> None:
        request, self._current = self._current, None
        self._drop_link()
        try:
            if request is not None:
                request._fail_with(error)
                request._conclude()
        finally:
            self._begin_next()

    def _fail_later(self, error: Exception) -> None:
        request, self._current = self._current, None
        self._drop_link()
        if request is not None:
            request._fail_with(error)
            request._tell_later()
            self._base.call_soon(self._begin_next)

    # The end.

    def _unused(self) -> None:
        """There is nothing to do, and no connection to keep for later."""
        self._drop_link()
        if self._pool is not None:
            self._pool.unused(self)

    def _drop_link(self) -> None:
        """Close what there is of a connection; requests stay."""
        self._stop_keeping()
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.close()
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _stop_keeping(self) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()

    def _free(self, pointer: CData) -> None:
        self._drop_link()
        lib.lepy_http_client_free(pointer)
        left = [self._current, *self._waiting]
        self._current = None
        self._waiting.clear()
        for request in left:
            if request is not None:
                request._fail_with(ClosedError("the HTTPConnection was closed"))
                request._tell_later()

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        """Do nothing: what comes goes to the bufferevent."""

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<HTTPConnection closed>"
        scheme = "http" if self._route.context is None else "https"
        where = self._route.address if isinstance(self._route.address, str) else self._route.authority
        return f"<HTTPConnection {scheme}://{where}>"


def _host_field(address: _convert.Address, is_tls: bool) -> str:
    """The Host field for *address* (RFC 9110, 7.2)."""
    if isinstance(address, str):
        return "localhost"
    host: Any = bracketed(address[0])
    return str(host) if address[1] == (443 if is_tls else 80) else f"{host}:{address[1]}"
