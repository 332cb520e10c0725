"""DNSServer: an evdns server port (floor 6, event2/dns.h)."""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _convert
from .._claim import unguarded
from .._delivery import delivery_of
from .._errors import check_pointer
from .._ffi import CData, lib
from .._handles import Handle
from ..listener import bind
from .datagram import DatagramRequest
from .server_request import DNSServerRequest
from .stream import StreamPort

if TYPE_CHECKING:
    from ..base import EventBase

RequestHandler = Callable[[DNSServerRequest], object]

_MOST_REQUESTS = 1 << 20
#: How many ports that UDP has are tried for TCP too.
_PORT_TRIES = 20


class DNSServer(Handle):
    """Answers DNS questions over UDP, and TCP if wanted (``struct evdns_server_port``).

    Args:
        base: The EventBase to work in, which keeps it alive.
        address: ``(host, port)`` with a numeric host, and port 0 for any free one; or a bound
            datagram socket, which it takes over.
        on_request: Called as ``on_request(request)`` from the loop.  The request may be answered
            there or later; where this raises, or drops it, the answer is SERVFAIL.
        tcp: Answer over TCP too, on the same port: clients ask so again where an answer is longer
            than 512 bytes.
        max_requests: So many requests may wait for their answers, over TCP as many again; more
            are dropped.

    Raises:
        OSError: The address cannot be bound: EADDRINUSE, EACCES…

    Example::

        def on_request(request):
            for question in request.questions:
                if question.type == DNSServerRequest.A:
                    request.add_a_reply(question.name, ["192.0.2.1"])
            request.respond()

        DNSServer(base, ("127.0.0.1", 5353), on_request)
    """

    __slots__ = ("_address", "_base", "_on_request", "_requests", "_stream")

    def __init__(
        self,
        base: EventBase,
        address: _convert.Address | socket.socket,
        on_request: RequestHandler,
        *,
        tcp: bool = False,
        max_requests: int = 1000,
    ) -> None:
        self._begin()
        if not callable(on_request):
            raise TypeError(f"on_request must be callable, not {type(on_request).__name__}")
        _convert.integer(max_requests, "max_requests", 1, _MOST_REQUESTS)
        delivery = delivery_of(base)
        delivery.hold_funerals()
        if isinstance(address, socket.socket):
            if address.type != socket.SOCK_DGRAM:
                raise ValueError(f"need a datagram socket, not {address!r}")
            sock, stream = address, _bind(address.getsockname(), socket.SOCK_STREAM) if tcp else None
        else:
            sock, stream = _bind_all(address, tcp)
        self._base = base
        self._delivery = delivery
        self._on_request = on_request
        self._requests: weakref.WeakSet[DNSServerRequest] = weakref.WeakSet()
        self._stream: StreamPort | None = None
        delivery.table.reserve(self)
        try:
            sock.setblocking(False)
            self._address = sock.getsockname()
            pointer = lib.lepy_dns_server_new(
                delivery.pointer, self._slot, self._generation, sock.fileno(), max_requests
            )
            self._pointer = check_pointer(pointer, "evdns_add_server_port")
        except BaseException:
            delivery.table.release(self)
            if sock is not address:
                sock.close()
            if stream is not None:
                stream.close()
            raise
        sock.detach()
        delivery.table.kept[self._slot] = self
        try:
            if stream is not None:
                self._stream = StreamPort(self, stream, on_request, max_requests)
        except BaseException:
            self.close()
            raise

    @property
    @unguarded
    def base(self) -> EventBase:
        """The EventBase it works in."""
        return self._base

    @property
    def pointer(self) -> CData:
        """The ``struct evdns_server_port *`` for the raw layer; borrowed, gone when this is closed."""
        return self._live().port

    @property
    def address(self) -> Any:
        """The address it is bound to, as ``socket.getsockname`` shows it."""
        self._live()
        return self._address

    @property
    def waiting(self) -> int:
        """How many requests are not answered."""
        return int(self._live().waiting) + (self._stream.waiting if self._stream is not None else 0)

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        pointer = lib.lepy_dns_server_take(self._pointer)
        if not pointer:
            return
        request = DatagramRequest._begin_with(self, pointer)
        try:
            self._on_request(request)
        except BaseException:
            request.close()
            raise

    def _close(self) -> None:
        if self._pointer is not None and not self._delivery.inherited:
            for request in list(self._requests):
                request.drop()
        super()._close()

    def _free(self, pointer: CData) -> None:
        lib.lepy_dns_server_free(pointer)
        if self._stream is not None:
            self._stream.close()

    def __repr__(self) -> str:
        return "<DNSServer closed>" if self._pointer is None else f"<DNSServer at {self._address!r}>"


def _bind_all(address: _convert.Address, tcp: bool) -> tuple[socket.socket, socket.socket | None]:
    """Sockets at *address* for UDP, and for TCP if wanted; with port 0 some port that both have."""
    tries = _PORT_TRIES if isinstance(address, tuple) and address[1:2] == (0,) else 1
    while True:
        sock = _bind(address, socket.SOCK_DGRAM)
        if not tcp:
            return sock, None
        try:
            return sock, _bind(sock.getsockname(), socket.SOCK_STREAM)
        except OSError:
            sock.close()
            tries -= 1
            if not tries:
                raise


def _bind(address: _convert.Address, kind: socket.SocketKind) -> socket.socket:
    family, _ = _convert.socket_address(address)
    if family not in (socket.AF_INET, socket.AF_INET6):
        raise ValueError(f"a DNS server has an IPv4 or IPv6 address, not {address!r}")
    return bind(address, kind == socket.SOCK_STREAM, False, False, kind)[0]
