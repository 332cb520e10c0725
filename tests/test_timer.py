"""Timer."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest
from loops import run_until

from libevent_py import EventBase, LoopFlags, Timer


def test_it_fires_once(backend_base: EventBase) -> None:
    """After its seconds, not before, and then no more."""
    fired: list[float] = []
    started = time.monotonic()
    timer = Timer(backend_base, 0.03, lambda timer: fired.append(time.monotonic() - started))
    assert timer.pending
    assert backend_base.dispatch() is True
    assert len(fired) == 1
    assert 0.025 < fired[0] < 5
    assert not timer.pending
    assert timer.seconds == 0.03


def test_it_fires_with_no_reference_kept(base: EventBase) -> None:
    """The base keeps a running timer alive."""
    fired: list[int] = []
    Timer(base, 0.005, lambda timer: fired.append(1))
    gc.collect()
    base.dispatch()
    assert fired == [1]


def test_the_callback_gets_the_timer(base: EventBase) -> None:
    """Its one argument is the timer itself."""
    seen: list[Any] = []
    timer = Timer(base, 0, seen.append)
    base.dispatch()
    assert seen == [timer]


def test_repeat(base: EventBase) -> None:
    """It fires again and again until it is closed."""
    fired: list[int] = []

    def tick(timer: Timer) -> None:
        fired.append(1)
        if len(fired) == 4:
            timer.close()

    Timer(base, 0.002, tick, repeat=True)
    assert base.dispatch() is True
    assert len(fired) == 4


def test_repeat_does_not_drift(base: EventBase) -> None:
    """Intervals count from the last deadline, not from when the callback ran."""
    started = time.monotonic()
    fired: list[float] = []

    def tick(timer: Timer) -> None:
        fired.append(time.monotonic() - started)
        while time.monotonic() - started < fired[-1] + 0.01:
            pass  # a slow callback
        if len(fired) == 8:
            timer.close()

    Timer(base, 0.02, tick, repeat=True)
    base.dispatch()
    assert fired[-1] < 8 * 0.02 + 0.06, "each slow callback delayed all that followed"


def test_missed_ticks_are_dropped(base: EventBase) -> None:
    """A callback longer than the interval costs ticks, it does not pile them up."""
    fired: list[float] = []

    def tick(timer: Timer) -> None:
        fired.append(time.monotonic())
        if len(fired) == 1:
            until = time.monotonic() + 0.06
            while time.monotonic() < until:
                pass

    timer = Timer(base, 0.01, tick, repeat=True)
    run_until(base, lambda: len(fired) >= 3)
    timer.close()
    assert fired[2] - fired[1] > 0.004


def test_zero_seconds(base: EventBase) -> None:
    """0 is in the next pass."""
    fired: list[int] = []
    Timer(base, 0, lambda timer: fired.append(1))
    base.loop(LoopFlags.ONCE)
    assert fired == [1]


def test_add_starts_it_again(base: EventBase) -> None:
    """A fired timer can be added once more."""
    fired: list[int] = []
    timer = Timer(base, 0, lambda timer: fired.append(1))
    base.dispatch()
    timer.add(0.001)
    base.dispatch()
    assert fired == [1, 1]


def test_a_far_timer_does_not_fire_at_once(base: EventBase) -> None:
    """The longest time allowed does not overflow in C."""
    fired: list[int] = []
    Timer(base, 1e9, lambda timer: fired.append(1))
    base.loop(LoopFlags.NONBLOCK)
    base.loop(LoopFlags.NONBLOCK)
    assert fired == []


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e10])
def test_impossible_seconds(base: EventBase, seconds: float) -> None:
    """A ValueError, and no slot is held."""
    with pytest.raises(ValueError, match="seconds"):
        Timer(base, seconds, print)
    assert base._delivery.table.open_count == 0


@pytest.mark.parametrize("seconds", [None, "1", b"1"])
def test_seconds_of_a_wrong_type(base: EventBase, seconds: Any) -> None:
    """A TypeError that says so."""
    with pytest.raises(TypeError, match="seconds"):
        Timer(base, seconds, print)


def test_repeat_needs_an_interval(base: EventBase) -> None:
    """Every 0 seconds is a ValueError."""
    with pytest.raises(ValueError, match="more than 0"):
        Timer(base, 0, print, repeat=True)


@pytest.mark.parametrize("callback", [None, 1])
def test_a_callback_that_is_none(base: EventBase, callback: Any) -> None:
    """Not callable, TypeError."""
    with pytest.raises(TypeError, match="callable"):
        Timer(base, 1, callback)


def test_add_begins_anew(base: EventBase) -> None:
    """Without a number with the seconds it was made with, else with those, for once."""
    fired: list[float] = []
    timer = Timer(base, 0.002, lambda timer: fired.append(timer.seconds))
    base.dispatch()
    timer.add()
    assert timer.remaining is not None
    assert timer.remaining <= 0.01
    base.dispatch()
    timer.add(60)
    assert timer.remaining is not None
    assert timer.remaining > 59
    timer.add()
    base.dispatch()
    assert fired == [0.002] * 3


def test_add_with_a_common_timeout_begins_anew(base: EventBase) -> None:
    """The same common timeout again."""
    fired: list[float] = []
    timer = Timer(base, base.common_timeout(0.002), lambda timer: fired.append(timer.seconds))
    base.dispatch()
    timer.add()
    base.dispatch()
    assert fired == [0.002] * 2
