"""The matrix of libevent's own test.sh: each test of a backend runs on all of these."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from libevent_py import EventBase

#: What a base's method is, and the environment that brings it about.
MATRIX: dict[str, tuple[str, dict[str, str]]] = {
    "epoll": ("epoll", {}),
    "changelist": ("epoll (with changelist)", {"EVENT_EPOLL_USE_CHANGELIST": "1"}),
    "timerfd": ("epoll", {"EVENT_PRECISE_TIMER": "1"}),
    "poll": ("poll", {"EVENT_NOEPOLL": "1"}),
    "select": ("select", {"EVENT_NOEPOLL": "1", "EVENT_NOPOLL": "1"}),
}


@pytest.fixture(params=list(MATRIX))
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs once on each entry of the matrix: bases made in it use this one."""
    method, environment = MATRIX[request.param]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with EventBase() as base:
        if base.method != method:
            pytest.skip(f"libevent has no {method} here")
    return method


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets that do not block, which libevent's debug mode demands."""
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other
