"""Ports of libevent's programs test-init, test-closed, test-time and test-changelist."""

from __future__ import annotations

import random
import socket
import time

import pytest

from libevent_py import Event, EventBase, EventBaseFeatures, EventFlags, Timer

Pair = tuple[socket.socket, socket.socket]

READ, WRITE, CLOSED = EventFlags.READ, EventFlags.WRITE, EventFlags.CLOSED
TIMEOUT, PERSIST, NONE = EventFlags.TIMEOUT, EventFlags.PERSIST, EventFlags(0)


def test_init(backend: str) -> None:
    """A base can be made with what the environment leaves."""
    with EventBase() as base:
        assert base.method == backend


def test_closed(backend_base: EventBase, pair: Pair) -> None:
    """CLOSED is told before the timeout, though unread data waits."""
    if not backend_base.features & EventBaseFeatures.EARLY_CLOSE:
        pytest.skip(f"{backend_base.method} cannot tell of a close without reading")
    fired = []
    pair[0].send(b"test string\0")
    pair[0].shutdown(socket.SHUT_WR)
    event = Event(backend_base, pair[1], CLOSED | TIMEOUT, lambda event, what: fired.append(what))
    event.add(3)
    begin = time.monotonic()
    assert backend_base.dispatch() is True
    assert fired == [CLOSED]
    assert time.monotonic() - begin < 3


def test_time(backend_base: EventBase) -> None:
    """Timers that add, move and remove one another at random: each fires, and the loop ends by itself."""
    count = 500
    random.seed(0)
    called = 0

    def on_timeout(event: Event, what: EventFlags) -> None:
        nonlocal called
        called += 1
        if called >= 10 * count:
            return
        for _ in range(10):
            other = random.choice(events)
            microseconds = random.randrange(5_000)
            if microseconds % 2 or called < count:
                other.add(microseconds / 1e6)
            else:
                other.remove()

    events = [Event(backend_base, None, NONE, on_timeout) for _ in range(count)]
    for event in events:
        event.add(random.randrange(5_000) / 1e6)
    assert backend_base.dispatch() is True
    assert called >= count
    assert not any(event.pending for event in events)


def test_changelist(backend_base: EventBase, pair: Pair) -> None:
    """An event that is removed, added and removed in its callback costs no more passes."""
    fired = []

    def on_write(event: Event, what: EventFlags) -> None:
        fired.append(what)
        event.remove()
        event.add()
        event.remove()

    Event(backend_base, pair[1], WRITE | PERSIST, on_write).add()
    Timer(backend_base, 0.2, lambda timer: None)
    used, begin = time.process_time(), time.monotonic()
    assert backend_base.dispatch() is True
    assert fired == [WRITE]
    assert time.process_time() - used < 0.5 * (time.monotonic() - begin)
