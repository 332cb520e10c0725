"""Timers: added and cancelled, added and fired.

usage: timers.py KIND COUNT ROUNDS
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from measure import Measure, asyncio_loop


class Timers:
    """A loop's way to make timers; what ``start`` returns ``cancel`` ends."""

    def __init__(self, kind: str) -> None:
        self.left = 0
        self.run: Callable[[], object]
        self.start: Callable[[float], Any]
        if kind in ("libevent_py", "libevent_py-timer"):
            from libevent_py import EventBase

            base = EventBase()
            self.run = base.dispatch
            self.stop: Callable[[], object] = base.loopbreak
        else:
            loop = asyncio_loop(kind)
            self.run, self.stop = loop.run_forever, loop.stop
        if kind == "libevent_py-timer":
            from libevent_py import Timer

            self.start = lambda delay: Timer(base, delay, self.on_timeout)
            self.cancel: Callable[[Any], object] = Timer.close
        else:
            call_later = base.call_later if kind == "libevent_py" else loop.call_later
            self.start = lambda delay: call_later(delay, self.on_timeout)
            self.cancel = lambda handle: handle.cancel()

    def on_timeout(self, timer: object = None) -> None:
        """Count."""
        self.left -= 1
        if not self.left:
            self.stop()


def main(kind: str, count: int, rounds: int) -> None:
    """Run the rounds with the timers that *kind* names."""
    timers = Timers(kind)
    for _ in range(rounds):
        measure = Measure()
        # All are pending at a time, in no order: 60 to 120 seconds.
        pending = [timers.start(60 + i * 7919 % 60 + i * 104729 % 1000000 / 1e6) for i in range(count)]
        for timer in pending:
            timers.cancel(timer)
        del pending[:]
        measure.end("cancelled", count)

        timers.left = count
        measure = Measure()
        for i in range(count):
            timers.start(i * 104729 % 100000 / 1e6)
        timers.run()
        measure.end("fired", count - timers.left)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
