"""Scheduled calls of a running loop, by what is scheduled.

usage: calls.py KIND CASE COUNT  (CASE: call_soon, call_soon_threadsafe, chain, timeout, sleep)
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from measure import Measure, asyncio_loop

#: As many calls are scheduled at a time.
BATCH = 1000


def nothing() -> None:
    """Do what a benchmark's callback does."""


def run_batches(loop: Any, schedule: Callable[..., Any], count: int, stop: Callable[[], object]) -> None:
    """Fill pass after pass with calls of :func:`nothing`."""

    def batch(left: int) -> None:
        if left <= 0:
            stop()
            return
        for _ in range(BATCH):
            schedule(nothing)
        loop.call_soon(batch, left - BATCH)

    loop.call_soon(batch, count)


def run_chain(loop: Any, count: int, stop: Callable[[], object]) -> None:
    """Let each call schedule the next: one in a pass."""

    def link(left: int) -> None:
        if left:
            loop.call_soon(link, left - 1)
        else:
            stop()

    loop.call_soon(link, count)


def run_timeouts(loop: Any, count: int, stop: Callable[[], object]) -> None:
    """Make timers that are cancelled at once, as timeouts that do not happen are, among 100 that wait."""

    def batch(left: int) -> None:
        if left <= 0:
            stop()
            return
        for _ in range(BATCH):
            loop.call_later(30.5, nothing).cancel()
        loop.call_soon(batch, left - BATCH)

    for seconds in range(100):
        loop.call_later(60.5 + seconds, nothing)
    loop.call_soon(batch, count)


def run_sleeps(loop: Any, count: int, stop: Callable[[], object]) -> None:
    """Let a task give way."""

    async def sleeper() -> None:
        for _ in range(count):
            await asyncio.sleep(0)
        stop()

    loop.tasks = [loop.create_task(sleeper())]


def main(kind: str, case: str, count: int) -> None:
    """Measure the calls of the loop that *kind* names."""
    if kind == "libevent_py":
        from libevent_py import EventBase

        loop: Any = EventBase()
        run, stop = loop.dispatch, loop.loopbreak
    else:
        loop = asyncio_loop(kind)
        run, stop = loop.run_forever, loop.stop
    if case == "chain":
        run_chain(loop, count, stop)
    elif case == "timeout":
        run_timeouts(loop, count, stop)
    elif case == "sleep":
        run_sleeps(loop, count, stop)
    else:
        run_batches(loop, getattr(loop, case), count, stop)
    measure = Measure()
    run()
    measure.end(case, count)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
