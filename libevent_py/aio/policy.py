"""The ways to have asyncio use the loop (floor 8); the names are uvloop's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from .loop import Loop

_T = TypeVar("_T")


def new_event_loop() -> Loop:
    """Make a loop; for ``asyncio.Runner(loop_factory=…)`` and its like."""
    return Loop()


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    """A policy whose loops are these; what :func:`install` sets."""

    def _loop_factory(self) -> Loop:
        return Loop()


def install() -> None:
    """Have ``asyncio.run()`` and ``asyncio.new_event_loop()`` make these loops from now on."""
    asyncio.set_event_loop_policy(EventLoopPolicy())


def run(main: Coroutine[Any, Any, _T], *, debug: bool | None = None) -> _T:
    """Run *main* in a new loop, and close that: ``asyncio.run()`` with this loop.

    Args:
        main: A coroutine.
        debug: asyncio's debug mode; None: as PYTHONASYNCIODEBUG and ``-X dev`` say.

    Raises:
        RuntimeError: A loop is running in this thread.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("run() cannot be called from a running event loop")
    if sys.version_info >= (3, 11):
        with asyncio.Runner(debug=debug, loop_factory=new_event_loop) as runner:
            return runner.run(main)
    if not asyncio.iscoroutine(main):
        raise ValueError(f"a coroutine was expected, got {main!r}")
    loop = new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        if debug is not None:
            loop.set_debug(debug)
        return loop.run_until_complete(main)
    finally:
        try:
            asyncio.runners._cancel_all_tasks(loop)  # type: ignore[attr-defined]
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
