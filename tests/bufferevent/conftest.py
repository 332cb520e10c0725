"""Fixtures for bufferevents."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from libevent_py import (
    BufferEvent,
    EventBase,
)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def bev(base: EventBase, socket_pair: Pair) -> BufferEvent:
    """A bufferevent on our end of socket_pair, closed with the base."""
    return BufferEvent(base, socket_pair[0])


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    """Ten pairs of connected sockets, which do not block."""
    with contextlib.ExitStack() as stack:
        made = [socket.socketpair() for _ in range(10)]
        for sock in (sock for pair in made for sock in pair):
            stack.enter_context(sock).setblocking(False)
        yield made
