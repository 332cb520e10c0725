"""Port of libevent's regress_minheap.c: docs/regress.md has the table."""

from __future__ import annotations

import random
import time

from libevent_py import EventBase, LoopFlags, Timer


def test_randomized(backend_base: EventBase) -> None:
    """1,024 timers of random lengths, of which half are taken out again: the rest come by deadline."""
    random.seed(1024)
    fired: list[tuple[float, float]] = []
    timers = []
    for _ in range(1024):
        seconds = random.random() / 10
        # libevent takes the time somewhere in between, from a clock with a tick of its own.
        before = time.monotonic() - 0.01
        timer = Timer(backend_base, seconds, lambda timer: fired.append(bounds[timer]))
        timers.append((timer, before + seconds, time.monotonic() + seconds))
    bounds = {timer: (earliest, latest) for timer, earliest, latest in timers}
    for timer, _, _ in timers[:512]:
        timer.close()
    while timers[-1][0].pending or len(fired) < 512:
        backend_base.loop(LoopFlags.ONCE)
    assert len(fired) == 512
    last = fired[0]
    for bound in fired[1:]:
        assert last[0] <= bound[1], "it came before one with an earlier deadline"
        last = max(last, bound)
