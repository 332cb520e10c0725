"""Fixtures for HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http_peer import Peer

from libevent_py import EventBase
from libevent_py.http import HTTPServer

Serve = Callable[..., HTTPServer]
Connect = Callable[..., Peer]


@pytest.fixture
def serve(base: EventBase) -> Iterator[Serve]:
    """A function that makes an HTTPServer with the arguments that it gets, at a free port."""
    servers = []

    def serve(*arguments: Any, **options: Any) -> HTTPServer:
        server = HTTPServer(base, *arguments, **options)
        servers.append(server)
        server.listen(("127.0.0.1", 0))
        return server

    yield serve
    for server in servers:
        server.close()


@pytest.fixture
def connect(base: EventBase) -> Iterator[Connect]:
    """A function that connects a Peer to a server, and says what it gets."""
    peers = []

    def connect(server: HTTPServer, data: bytes = b"") -> Peer:
        peers.append(Peer(base, server.listeners[0].address))
        return peers[-1].send(data)

    yield connect
    for peer in peers:
        peer.close()
