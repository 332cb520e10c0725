"""The servers behind the proxy: which is next, and which is left out for a while."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from ..arguments import Address, shown

log = logging.getLogger("libevent_py.proxy")


@dataclass(eq=False)
class Backend:
    """One server, and what became of the connections to it."""

    address: Address
    name: str = ""
    #: Connections that it has now, those on their way included.
    active: int = 0
    connections: int = 0
    failures: int = 0
    #: By time.monotonic(), when it may be tried again.
    out_until: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        self.name = shown(self.address)

    @property
    def is_up(self) -> bool:
        """Whether it is not left out now."""
        return time.monotonic() >= self.out_until


class Pool:
    """All backends, and the way to choose one.

    Args:
        addresses: Where they are.
        least_connections: Choose the one with the fewest; else one after the other.
        eject: Seconds for which one that could not be reached is left out.
    """

    def __init__(self, addresses: list[Address], least_connections: bool, eject: float) -> None:
        self.backends = [Backend(address) for address in addresses]
        self.configure(addresses, least_connections, eject)
        self._turn = 0

    def configure(self, addresses: list[Address], least_connections: bool, eject: float) -> None:
        """Exchange the settings; a backend that stays keeps what is known of it."""
        known = {backend.address: backend for backend in self.backends}
        self.backends = [known.get(address) or Backend(address) for address in addresses]
        self._least_connections = least_connections
        self._eject = eject

    def choose(self, tried: set[Backend]) -> Backend | None:
        """The next one to try that was not tried yet; None when all were.

        One that is left out comes only where there is no other: rather a try than none.
        """
        left = [backend for backend in self.backends if backend not in tried]
        if not left:
            return None
        up = [backend for backend in left if backend.is_up]
        if not up:
            return min(left, key=lambda backend: backend.out_until)
        turn = self._turn
        self._turn += 1
        # The order in which their turn comes, so that equals share.
        up = up[turn % len(up) :] + up[: turn % len(up)]
        return min(up, key=lambda backend: backend.active) if self._least_connections else up[0]

    def failed(self, backend: Backend, error: Exception) -> None:
        """Leave it out for a while: it could not be reached."""
        backend.failures += 1
        if backend.is_up:
            log.warning("%s is left out for %g s: %s", backend.name, self._eject, error)
        backend.out_until = time.monotonic() + self._eject

    def reached(self, backend: Backend) -> None:
        """It works."""
        backend.connections += 1
        if backend.out_until:
            backend.out_until = 0.0
            log.info("%s is back", backend.name)
