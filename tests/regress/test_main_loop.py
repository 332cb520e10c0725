"""Ports of libevent's regress group main: ending the loop, priorities (docs/regress.md has the table)."""

from __future__ import annotations

import os
import socket
import time

import pytest
from loops import clock_tick

from libevent_py import Event, EventBase, EventFlags, Timer

Pair = tuple[socket.socket, socket.socket]

READ, WRITE, TIMEOUT = EventFlags.READ, EventFlags.WRITE, EventFlags.TIMEOUT
PERSIST, NONE = EventFlags.PERSIST, EventFlags(0)


def test_event_base_new(backend_base: EventBase, pair: Pair) -> None:
    """A persistent event reads text and end in two passes; removed, with loopexit, the loop ends."""
    got = []

    def on_read(event: Event, what: EventFlags) -> None:
        got.append(os.read(event.fileno(), 256))
        if len(got) == 2:
            event.remove()
            backend_base.loopexit()

    pair[0].send(b"this is a test\0")
    pair[0].shutdown(socket.SHUT_WR)
    Event(backend_base, pair[1], READ | PERSIST, on_read).add()
    assert backend_base.loop() is False
    assert got == [b"this is a test\0", b""]


def test_loopexit(backend_base: EventBase) -> None:
    """loopexit(after) ends a loop that waits for tomorrow, not early."""
    fired = []
    timer = Timer(backend_base, 24 * 60 * 60, fired.append)
    backend_base.loopexit(0.1)
    begin = time.monotonic()
    assert backend_base.dispatch() is False
    assert time.monotonic() - begin >= 0.1 - clock_tick()
    assert (fired, timer.pending) == ([], TIMEOUT)


def test_loopexit_multiple(backend_base: EventBase) -> None:
    """The earlier of two loopexits counts."""
    backend_base.loopexit(0.1)
    backend_base.loopexit(60)
    begin = time.monotonic()
    assert backend_base.dispatch() is False
    assert 0.1 - clock_tick() <= time.monotonic() - begin < 30


def test_loopbreak(backend_base: EventBase) -> None:
    """What was ready with the callback that breaks the loop is not delivered."""
    fired = []

    def on_first(timer: Timer) -> None:
        fired.append("first")
        backend_base.loopbreak()

    Timer(backend_base, 0, on_first)
    Timer(backend_base, 0, lambda timer: fired.append("second"))
    assert backend_base.dispatch() is False
    assert fired == ["first"]


def test_bad_reentrant(backend_base: EventBase) -> None:
    """A loop in a callback of itself is refused, and the outer one goes on."""
    refused = []

    def on_event(event: Event, what: EventFlags) -> None:
        with pytest.raises(RuntimeError, match="running already"):
            backend_base.loop()
        refused.append(what)

    Event(backend_base, None, NONE, on_event).active(WRITE)
    assert backend_base.loop() is True
    assert refused == [WRITE]


@pytest.mark.parametrize(("count", "low_fired"), [(1, 3), (2, 1), (3, 0)])
def test_priorities(backend: str, count: int, low_fired: int) -> None:
    """An urgent event that adds itself keeps the other waiting; loopexit has the middle priority."""
    with EventBase(priorities=count) as base:
        fired = [0, 0]

        def on_timeout(event: Event, what: EventFlags) -> None:
            number = event is low
            if fired[number] == 3:
                base.loopexit()
                return
            fired[number] += 1
            event.add(0)

        high, low = (Event(base, None, NONE, on_timeout) for _ in range(2))
        high.priority, low.priority = 0, count - 1
        high.add(0)
        low.add(0)
        assert base.dispatch() is False
        assert fired == [3, low_fired]


def test_loopexit_before_what_is_less_urgent(backend: str) -> None:
    """loopexit in a callback of low priority leaves the rest of that priority for the next loop."""
    with EventBase(priorities=3) as base:
        fired = []

        def on_event(event: Event, what: EventFlags) -> None:
            fired.append(event)
            base.loopexit()

        events = [Event(base, None, NONE, on_event) for _ in range(2)]
        for event in events:
            event.priority = 2
            event.active()
        assert base.loop() is False
        assert fired == events[:1]
        assert base.loop() is False
        assert fired == events


def test_priority_active_inversion(backend: str) -> None:
    """An urgent event that a callback activates second comes before the equal one that it activates first."""
    with EventBase(priorities=8) as base:
        order = []

        def on_event(event: Event, what: EventFlags) -> None:
            order.append(events.index(event))
            if len(order) == 1:
                events[1].active(READ)
                events[2].active(TIMEOUT)

        events = [Event(base, None, NONE, on_event) for _ in range(3)]
        for event, priority in zip(events, (4, 4, 0)):
            event.priority = priority
        events[0].active(WRITE)
        assert base.dispatch() is True
        assert order == [0, 2, 1]


def test_active_later(backend_base: EventBase, pair: Pair) -> None:
    """Two events that activate each other for ever leave descriptors and timers their turn."""
    counts = {"read": 0, "write": 0, "other": 0}

    def on_read(event: Event, what: EventFlags) -> None:
        counts["read"] += 1
        while True:
            try:
                pair[0].recv(128)
            except BlockingIOError:
                return

    def on_write(event: Event, what: EventFlags) -> None:
        pair[1].send(b"x")
        counts["write"] += 1

    def on_other(event: Event, what: EventFlags) -> None:
        counts["other"] += 1
        (four if event is three else three).active(READ)

    three, four = (Event(backend_base, None, NONE, on_other) for _ in range(2))
    Event(backend_base, pair[0], READ | PERSIST, on_read).add()
    Event(backend_base, pair[1], WRITE | PERSIST, on_write).add()
    three.active(READ)

    def enough(timer: Timer) -> None:
        if min(counts.values()) > 100:
            backend_base.loopbreak()

    Timer(backend_base, 0.005, enough, repeat=True)
    begin = time.monotonic()
    backend_base.dispatch()
    assert time.monotonic() - begin < 10
    # One firing of each a pass.
    assert abs(counts["write"] - counts["other"]) <= 2
