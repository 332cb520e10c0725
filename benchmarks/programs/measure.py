"""What the benchmark programs share: the clocks, the line of JSON, the asyncio loops."""

from __future__ import annotations

import asyncio
import json
import time
from asyncio import selector_events
from typing import Any


class Measure:
    """CPU and wall-clock seconds since its creation."""

    def __init__(self) -> None:
        self._cpu = time.process_time_ns()
        self._wall = time.perf_counter_ns()

    def end(self, name: str, operations: int) -> None:
        """Print what *operations* took."""
        cpu = time.process_time_ns() - self._cpu
        wall = time.perf_counter_ns() - self._wall
        print(
            json.dumps({"name": name, "operations": operations, "cpu": cpu / 1e9, "wall": wall / 1e9}),
            flush=True,
        )


def asyncio_loop(kind: str) -> Any:
    """A new loop: of ``asyncio``, of ``asyncio-64k``, which reads that much at a time, ``uvloop`` or ours."""
    if kind == "libevent_py-asyncio":
        from libevent_py.aio import new_event_loop

        return new_event_loop()
    if kind == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    if kind == "asyncio-64k":
        # Its own 256 KiB are above malloc's threshold for mmap, which costs each read page faults.
        selector_events._SelectorTransport.max_size = 64 * 1024  # type: ignore[attr-defined]
    return asyncio.new_event_loop()
