"""Getting a connection to a server: by name, through a proxy, with TLS (floor 7)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from ... import _convert
from ..._ffi import CData, lib
from ...bufferevent.common import BaseBufferEvent
from ...bufferevent.socket import BufferEvent
from ...constants import BufferEventEvents, EventFlags
from ...exceptions import HTTPError
from ...tls import TLSBufferEvent, TLSContext, TLSFilterBufferEvent
from ..headers import HTTPHeaders
from .exchange import DONE, WAIT, Exchange, begin, timed_out
from .response import cut_short

if TYPE_CHECKING:
    from ...base import EventBase
    from ...calls import ScheduledCall
    from ...dns import DNSBase

Opened = Callable[[Union[BaseBufferEvent, Exception]], object]


@dataclass(frozen=True)
class Route:
    """How to get to a server."""

    address: _convert.Address
    context: TLSContext | None
    server_hostname: str | None
    proxy: _convert.Address | None
    proxy_headers: HTTPHeaders
    dns: DNSBase | None
    family: int
    timeout: float | None

    @property
    def authority(self) -> str:
        """The server as CONNECT names it: ``example.org:443``."""
        assert isinstance(self.address, tuple)
        return f"{bracketed(self.address[0])}:{self.address[1]}"


def bracketed(host: str) -> str:
    """*host* as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def checked_address(address: _convert.Address, what: str) -> _convert.Address:
    """*address*, whose host may be a name."""
    if isinstance(address, str):
        _convert.socket_address(address)
        return address
    if not isinstance(address, tuple) or len(address) != 2:
        raise TypeError(f'{what} must be (host, port) or "unix:/path", not {address!r}')
    host, port = address
    if not isinstance(host, str):
        raise TypeError(f"the host of {what} must be a str, not {type(host).__name__}")
    if not host or any(character in host for character in "\0/?#@[] \t\r\n"):
        raise ValueError(f"{host!r} is no host")
    _convert.integer(port, "port", 1, 65535)
    return address


class Opening:
    """Connects, and tells once: a bufferevent that is ready for a request, or why there is none.

    Args:
        base: Whose loop it is.
        client: The shim's ``struct lepy_http_client``, for CONNECT.
        route: Where to, and how.
        opened: Called from the loop with the outcome.
    """

    def __init__(self, base: EventBase, client: CData, route: Route, opened: Opened) -> None:
        self._client = client
        self._route = route
        self._opened: Opened | None = opened
        self._bev: BaseBufferEvent | None = None
        self._exchange: Exchange | None = None
        self._deadline: ScheduledCall | None = None
        try:
            if route.timeout is not None:
                self._deadline = base.call_later(route.timeout, self._expire)
            self._connect(base)
        except BaseException:
            self.close()
            raise

    def _connect(self, base: EventBase) -> None:
        route = self._route
        # Through a proxy TLS begins when the tunnel is there.
        if route.context is None or route.proxy is not None:
            bev = BufferEvent(base)
        else:
            bev = TLSBufferEvent(
                base, route.context, server_hostname=route.server_hostname, handshake_timeout=None
            )
        self._bev = bev
        bev.set_callbacks(on_read=self._readable, on_event=self._event)
        address = route.address if route.proxy is None else route.proxy
        if isinstance(address, tuple):
            with contextlib.suppress(ValueError):
                _convert.socket_address(address)
                return bev.connect(address)
            bev.connect_hostname(address[0], address[1], route.family, dns=route.dns)
        else:
            bev.connect(address)

    def _event(self, bev: BaseBufferEvent, what: BufferEventEvents) -> None:
        if not what & BufferEventEvents.CONNECTED:
            end = cut_short("before")
            self._finish((bev.error if what & BufferEventEvents.ERROR else None) or end)
        elif self._route.proxy is None or bev is not self._bev or isinstance(bev, TLSFilterBufferEvent):
            self._finish(bev)
        else:
            self._ask_proxy(bev)

    # CONNECT.

    def _ask_proxy(self, bev: BaseBufferEvent) -> None:
        try:
            if lib.lepy_http_client_open(self._client) < 0:
                raise MemoryError("libevent found no memory for the connection")
            authority = self._route.authority
            headers = HTTPHeaders({"Host": authority})
            for name, value in self._route.proxy_headers.fields():
                headers.add(name, value)
            self._exchange = Exchange(self._client, bev)
            head = begin(self._client, lib.EVHTTP_REQ_CONNECT, authority, headers, False, 0)
            bev.write(head)
            bev.enable(EventFlags.READ)
        except (OSError, MemoryError) as error:
            self._finish(error)

    def _readable(self, bev: BaseBufferEvent) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        try:
            step = WAIT + 1
            while step not in (WAIT, DONE):
                step, _ = exchange.step()
        except HTTPError as error:
            self._finish(error)
            return
        if step == DONE:
            assert exchange.response is not None
            self._answered(bev, exchange.response.status, exchange.response.reason)

    def _answered(self, bev: BaseBufferEvent, status: int, reason: str) -> None:
        self._end_exchange()
        if status // 100 != 2:
            text = f"the proxy does not connect to {self._route.authority}: {status} {reason}"
            self._finish(HTTPError(lib.EVREQ_HTTP_INVALID_HEADER, text))
            return
        bev.disable(EventFlags.READ)
        if self._route.context is None:
            early = HTTPError(lib.EVREQ_HTTP_INVALID_HEADER, "the proxy sends a response before it is asked")
            self._finish(early if len(bev.input) else bev)
            return
        assert isinstance(self._route.address, tuple)
        name = self._route.server_hostname or self._route.address[0]
        try:
            self._bev = tunnel = TLSFilterBufferEvent(
                bev, self._route.context, server_hostname=name, handshake_timeout=None
            )
        except Exception as error:
            self._finish(error)
            return
        tunnel.set_callbacks(on_event=self._event)

    # The end.

    def _expire(self) -> None:
        self._deadline = None
        self._finish(timed_out("no connection"))

    def _finish(self, outcome: BaseBufferEvent | Exception) -> None:
        opened, self._opened = self._opened, None
        if not isinstance(outcome, Exception):
            outcome.set_callbacks()
            self._bev = None
        self.close()
        if opened is not None:
            opened(outcome)

    def close(self) -> None:
        """Give up; nobody is told."""
        self._opened = None
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
        self._end_exchange()
        bev, self._bev = self._bev, None
        if bev is not None:
            bev.close()

    def _end_exchange(self) -> None:
        """Free evhttp's connection, whatever has become of CONNECT: what comes next opens its own."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            lib.lepy_http_client_shut(self._client)


def checked_context(context: Any) -> TLSContext | None:
    """*context*, which is a client's, or None."""
    if context is not None and not isinstance(context, TLSContext):
        raise TypeError(f"context must be a TLSContext or None, not {type(context).__name__}")
    if context is not None and context.is_server:
        raise ValueError("this TLSContext is a server's; TLSContext.client() makes one for here")
    return context
