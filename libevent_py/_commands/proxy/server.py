"""The proxy in one process: listeners, connections, counters."""

from __future__ import annotations

import logging
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

from ...base import EventBase
from ...listener import Listener
from ...timer import Timer
from ..arguments import Address, shown
from .connection import Connection
from .options import FIXED, Options
from .settings import Settings
from .statistics import Counters

log = logging.getLogger("libevent_py.proxy")

_BACKLOG = 1024


class Proxy:
    """Accepts clients and joins them with backends.

    Args:
        base: The EventBase to work in.
        options: What to do.
        shares_port: Other processes listen on the same ports.

    Raises:
        OSError: An address cannot be bound, a certificate cannot be read.
    """

    def __init__(self, base: EventBase, options: Options, *, shares_port: bool = False) -> None:
        self.base = base
        self.settings = Settings(base, options)
        self.connections = self.refused = self.from_clients = self.from_backends = 0
        self._shares_port = shares_port
        self._ended: Counter[str] = Counter()
        self._connections: set[Connection] = set()
        self._full = False
        self._listeners: dict[Address, Listener] = {}
        self._when_empty: Callable[[], object] | None = None
        self._deadline: Timer | None = None
        self._listeners = self._open(options.listen)

    @property
    def addresses(self) -> list[str]:
        """Where it listens."""
        return [shown(listener.address) for listener in self._listeners.values()]

    def _open(self, addresses: list[Address]) -> dict[Address, Listener]:
        """Listeners on those of *addresses* that have none yet; all of them or an exception."""
        new: dict[Address, Listener] = {}
        try:
            for address in addresses:
                if address not in self._listeners and address not in new:
                    new[address] = Listener(
                        self.base,
                        address,
                        self._on_accept,
                        backlog=_BACKLOG,
                        reuse_port=self._shares_port and not isinstance(address, str),
                    )
        except BaseException:
            _close(new)
            raise
        return new

    def _on_accept(self, listener: Listener, sock: socket.socket, address: Any) -> None:
        self.connections += 1
        connection = Connection(self, sock, address)
        self._connections.add(connection)
        connection.begin()
        self._heed_limit()

    def _heed_limit(self) -> None:
        """At the limit, leave new clients in the kernel's queue."""
        limit = self.settings.options.max_connections
        # Of all workers together; each takes its share, rounded up.
        full = limit is not None and len(self._connections) >= -(-limit // self.settings.options.workers)
        if full == self._full:
            return
        self._full = full
        for listener in self._listeners.values():
            listener.disable() if full else listener.enable()

    def ended(self, connection: Connection, reason: str) -> None:
        """Called by each connection when it is over."""
        self._ended[reason] += 1
        self._connections.discard(connection)
        self._heed_limit()
        if self._when_empty is not None and not self._connections:
            self._when_empty()

    def reload(self, options: Options) -> None:
        """Follow other options, for those who come from now on.

        Raises:
            OSError: An address cannot be bound, a certificate cannot be read; nothing has changed.
        """
        for name in FIXED:
            if getattr(options, name) != getattr(self.settings.options, name):
                log.warning("a change of %s needs a new start", name)
                setattr(options, name, getattr(self.settings.options, name))
        new = self._open(options.listen)
        try:
            self.settings = Settings(self.base, options, self.settings)
        except BaseException:
            _close(new)
            raise
        for address in set(self._listeners) - set(options.listen):
            self._listeners.pop(address).close()
        self._listeners.update(new)
        self._full = not self._full  # new listeners are on
        self._heed_limit()

    def stop(self, then: Callable[[], object]) -> None:
        """Take no more clients; call *then* when the last has gone, or when --grace is over.

        A second time, it is over at once.
        """
        _close(self._listeners)
        if not self._connections or self._when_empty is not None:
            then()
            return
        self._when_empty = then
        grace = self.settings.options.grace
        log.info("waiting up to %g s for %d connections", grace, len(self._connections))
        self._deadline = Timer(self.base, grace, lambda timer: then())

    def counters(self) -> Counters:
        """What was counted, open connections included."""
        moved = [connection.bytes for connection in self._connections]
        return {
            "connections": self.connections,
            "active": len(self._connections),
            "refused": self.refused,
            "from_clients": self.from_clients + sum(each for each, _ in moved),
            "from_backends": self.from_backends + sum(each for _, each in moved),
            "ended": dict(self._ended),
            "backends": {
                backend.name: {
                    "connections": backend.connections,
                    "active": backend.active,
                    "failures": backend.failures,
                    "up": int(backend.is_up),
                }
                for backend in self.settings.pool.backends
            },
        }


def _close(listeners: dict[Address, Listener]) -> None:
    for listener in listeners.values():
        listener.close()
    listeners.clear()
