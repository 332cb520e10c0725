"""Common timeouts: one duration for many events."""

from __future__ import annotations

import gc
import math
import socket
from typing import Any

import pytest
from loops import turn

from libevent_py import ClosedError, CommonTimeout, Event, EventBase, EventFlags, Timer


def nothing(*arguments: object) -> None:
    """A callback that does nothing."""


def test_events_fire_after_it(base: EventBase) -> None:
    """Hundreds of timers, in the order in which they were added."""
    token = base.common_timeout(0.01)
    assert token.seconds == 0.01
    seen: list[int] = []
    for number in range(300):
        Timer(base, token, lambda timer, n=number: seen.append(n))
    start = base.time()
    assert base.dispatch() is True
    assert base.time() - start >= 0.005  # its clock may be a coarse one
    assert seen == list(range(300))


def test_the_same_duration_is_the_same_token(base: EventBase) -> None:
    """Asking again costs nothing."""
    assert base.common_timeout(2) is base.common_timeout(2.0)
    assert base.common_timeout(3) is not base.common_timeout(2)


def test_a_repeating_timer(base: EventBase) -> None:
    """It comes again and again."""
    seen: list[float] = []
    timer = Timer(base, base.common_timeout(0.002), lambda timer: seen.append(base.time()), repeat=True)
    assert timer.seconds == 0.002
    while len(seen) < 5:
        turn(base)
    timer.close()
    assert base.loop() is True


def test_with_a_descriptor(base: EventBase, socket_pair: tuple[socket.socket, socket.socket]) -> None:
    """An event waits for either; others are told how much time is left."""
    seen: list[EventFlags] = []
    event = Event(base, socket_pair[0], EventFlags.READ, lambda event, what: seen.append(what))
    event.add(base.common_timeout(0.002))
    base.dispatch()
    event.add(base.common_timeout(60))
    (info,) = base.events()
    assert info.remaining == pytest.approx(60, abs=2)
    socket_pair[1].send(b"x")
    base.dispatch()
    assert seen == [EventFlags.TIMEOUT, EventFlags.READ]


def test_of_another_base_is_refused(base: EventBase) -> None:
    """Its memory is the other base's; nothing is added."""
    with EventBase() as other:
        token = other.common_timeout(1)
        with pytest.raises(ValueError, match="belongs to another EventBase"):
            Timer(base, token, nothing)
        event = Event(base, None, EventFlags(0), nothing)
        with pytest.raises(ValueError, match="belongs to another EventBase"):
            event.add(token)
        assert not event.pending
    with pytest.raises(ValueError, match="belongs to another EventBase"):
        Timer(base, token, nothing)


def test_of_a_closed_base_is_useless() -> None:
    """It outlives the base as a Python object only."""
    base = EventBase()
    token = base.common_timeout(1)
    event = Event(base, None, EventFlags(0), nothing)
    base.close()
    del base
    gc.collect()
    assert repr(token) == "<CommonTimeout 1 s>"
    with pytest.raises(ClosedError):
        event.add(token)


def test_256_of_them(base: EventBase) -> None:
    """As many as libevent has; one more is a RuntimeError, the others go on."""
    tokens = [base.common_timeout(number / 1000) for number in range(256)]
    with pytest.raises(RuntimeError, match="can have 256 common timeouts"):
        base.common_timeout(100)
    assert base.common_timeout(0.1) is tokens[100]
    seen: list[float] = []
    for token in reversed(tokens):
        Timer(base, token, lambda timer: seen.append(timer.seconds))
    base.dispatch()
    assert len(seen) == 256


def test_nobody_makes_one_alone() -> None:
    """Only a base does."""
    with pytest.raises(TypeError, match="EventBase.common_timeout"):
        CommonTimeout()


@pytest.mark.parametrize("seconds", [None, -1, math.nan, math.inf, 1e12, "1"])
def test_what_is_no_duration(base: EventBase, seconds: Any) -> None:
    """As for every timeout; and it needs one."""
    with pytest.raises((TypeError, ValueError), match="seconds"):
        base.common_timeout(seconds)
