"""Running a loop until something is true."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from libevent_py import EventBase, LoopFlags, Timer

DEADLINE = 10.0


def run_until(base: EventBase, done: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Run *base* until *done()*; fail after some seconds.  A timer makes it look every millisecond."""
    deadline = time.monotonic() + seconds
    tick = Timer(base, 0.001, lambda timer: None, repeat=True)
    try:
        while not done():
            assert time.monotonic() < deadline, "it did not happen in time"
            base.loop(LoopFlags.ONCE)
    finally:
        tick.close()


def turn(base: EventBase, passes: int = 1) -> None:
    """Deliver what is ready now, some passes long."""
    for _ in range(passes):
        base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)


def settle(base: EventBase, seconds: float = 0.02) -> None:
    """Run *base* for a moment, in which what must not happen would happen."""
    timer = Timer(base, seconds, lambda timer: base.loopbreak())
    try:
        base.loop(LoopFlags.NO_EXIT_ON_EMPTY)
    finally:
        timer.close()


def clock_tick() -> float:
    """How long libevent's clock stands still at most: what counts from it may be as much early.

    It is CLOCK_MONOTONIC_COARSE, unless EVENT_PRECISE_TIMER asks for more.
    """
    return 0.0 if "EVENT_PRECISE_TIMER" in os.environ else 0.01
