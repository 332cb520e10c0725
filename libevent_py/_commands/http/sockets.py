"""The sockets that the server listens on; workers inherit them."""

from __future__ import annotations

import socket

from ...listener import bind, unlink_path
from ..arguments import Address, shown

_BACKLOG = 1024


class Sockets:
    """Listening sockets, and what they leave in the file system."""

    def __init__(self) -> None:
        self.all: list[socket.socket] = []
        self._paths: list[tuple[str, int, int] | None] = []

    def bind(self, address: Address) -> None:
        """One more.

        Raises:
            OSError: It cannot be bound.
        """
        sock, path = bind(address, True, False, False)
        self.all.append(sock)
        self._paths.append(path)
        sock.listen(_BACKLOG)

    def urls(self, scheme: str) -> list[str]:
        """Where they listen, as a browser wants it; unix sockets by their path."""
        names = (sock.getsockname() for sock in self.all)
        return [f"{scheme}://{shown(name)}/" if isinstance(name, tuple) else shown(name) for name in names]

    def close(self) -> None:
        """Close them in this process; the one that bound a path removes it."""
        for sock in self.all:
            sock.close()
        for path in self._paths:
            unlink_path(path)
        self._paths.clear()
