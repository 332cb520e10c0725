"""Fixtures for all tests; ``support/`` holds what they are made of."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))

import leakguard
from leakguard import _no_leaks as _no_leaks

from libevent_py import EventBase

BACKENDS = {
    "epoll": {},
    "poll": {"EVENT_NOEPOLL": "1"},
    "select": {"EVENT_NOEPOLL": "1", "EVENT_NOPOLL": "1"},
}


def pytest_configure() -> None:
    """Watch what the tests make; Ctrl-C interrupts, also where the suite runs in the background."""
    leakguard.watch_deliveries()
    # A shell without job control starts `command &` with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keep what the collection made out of each test's gc.collect()."""
    if hasattr(gc, "freeze"):
        gc.collect()
        gc.freeze()


@pytest.fixture
def base() -> Iterator[EventBase]:
    """An EventBase, closed at the end."""
    with EventBase() as base:
        yield base


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs once on each backend: bases made in it use this one."""
    for name, value in BACKENDS[request.param].items():
        monkeypatch.setenv(name, value)
    with EventBase() as base:
        if base.method != request.param:
            pytest.skip(f"libevent has no {request.param} here")
    return request.param


@pytest.fixture
def backend_base(backend: str) -> Iterator[EventBase]:
    """An EventBase on each backend in turn, closed at the end."""
    with EventBase() as base:
        yield base


@pytest.fixture
def socket_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected stream sockets; ours does not block, the peer's waits ten seconds at most."""
    ours, peer = socket.socketpair()
    with ours, peer:
        ours.setblocking(False)
        peer.settimeout(10)
        yield ours, peer


@pytest.fixture
def tcp_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two TCP sockets connected over 127.0.0.1; as socket_pair otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname(), timeout=10)
        ours, _ = server.accept()
    with ours, peer:
        ours.setblocking(False)
        yield ours, peer


@pytest.fixture
def fill() -> Callable[[socket.socket], int]:
    """A function that writes to a non-blocking socket until it takes no more."""

    def fill(sock: socket.socket) -> int:
        total = 0
        while True:
            try:
                total += sock.send(b"x" * 65536)
            except BlockingIOError:
                return total

    return fill
