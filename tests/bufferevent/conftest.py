"""Fixtures for bufferevents."""

from __future__ import annotations

import socket

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
