"""What the options make: TLS contexts, limits, and the ends of each connection."""

from __future__ import annotations

import socket

from ...base import EventBase
from ...bufferevent import BufferEvent, RateLimit, RateLimitGroup
from ...tls import TLSBufferEvent, TLSContext, TLSFilterBufferEvent
from ..arguments import Address
from .backends import Pool
from .options import Options

#: Parts of a second in which rates are counted.
_TICKS = 10


class Settings:
    """One reading of the options; connections keep the one that they began with.

    What may fail comes first: then the reading before is as it was.

    Args:
        base: Where connections are.
        options: What to do.
        before: The reading before, whose backends and group go on.

    Raises:
        OSError: A certificate cannot be read.
        TLSError: OpenSSL refuses one.
    """

    def __init__(self, base: EventBase, options: Options, before: Settings | None = None) -> None:
        self.options = options
        self._accept_context = self._connect_context = None
        if options.tls:
            self._accept_context = TLSContext.server(options.tls[0], options.tls[1])
        if options.to_tls:
            self._connect_context = TLSContext.client(options.ca, verify=not options.insecure)
        self._limit = None if options.rate is None else _limit(options.rate, 1)
        self._group: RateLimitGroup | None = before._group if before else None
        if options.total_rate is None:
            self._group = None
        else:
            limit = _limit(options.total_rate, options.workers)
            if self._group is None:
                self._group = RateLimitGroup(base, limit)
            self._group.set_limit(limit)
        least = options.balance == "least-connections"
        if before is None:
            self.pool = Pool(options.to, least, options.eject)
        else:
            self.pool = before.pool
            self.pool.configure(options.to, least, options.eject)

    def client(self, base: EventBase, sock: socket.socket) -> socket.socket | BufferEvent:
        """The client's end for a Relay."""
        end: BufferEvent
        if self._accept_context is not None:
            end = TLSBufferEvent(base, self._accept_context, sock)
        elif self._limit is not None or self._group is not None:
            end = BufferEvent(base, sock)
        else:
            return sock
        if self._limit is not None:
            end.set_rate_limit(self._limit)
        if self._group is not None:
            end.join_group(self._group)
        return end

    def server(self, base: EventBase, address: Address) -> BufferEvent:
        """What is to connect to a backend."""
        if self._connect_context is None or self.is_secured_later:
            return BufferEvent(base)
        return TLSBufferEvent(base, self._connect_context, server_hostname=self._name(address))

    @property
    def is_secured_later(self) -> bool:
        """A PROXY header comes first, and TLS behind it."""
        return self._connect_context is not None and self.options.send_proxy is not None

    def secured(self, bev: BufferEvent, address: Address) -> TLSFilterBufferEvent:
        """*bev*, which is connected, with TLS on top."""
        assert self._connect_context is not None
        return TLSFilterBufferEvent(bev, self._connect_context, server_hostname=self._name(address))

    def _name(self, address: Address) -> str | None:
        """Whose certificate a backend is to show."""
        if self.options.insecure:
            return None
        return self.options.server_name or address[0]


def _limit(rate: int, shares: int) -> RateLimit:
    each = max(1, rate // (_TICKS * shares))
    return RateLimit(read=each, write=each, tick=1 / _TICKS)
