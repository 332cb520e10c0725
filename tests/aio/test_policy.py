"""The ways to get a loop."""

from __future__ import annotations

import asyncio
import sys

import pytest

from libevent_py import aio


async def name_of_the_loop() -> str:
    """The class of the loop that runs this."""
    return type(asyncio.get_running_loop()).__name__


def test_run() -> None:
    """In a loop of its own, which is closed."""
    assert aio.run(name_of_the_loop()) == "Loop"


def test_run_cancels_what_is_left() -> None:
    """As asyncio.run() does."""
    left: list[asyncio.Task[None]] = []

    async def main() -> None:
        left.append(asyncio.ensure_future(asyncio.sleep(1000)))

    aio.run(main())
    assert left[0].cancelled()


def test_run_in_debug_mode() -> None:
    """It is the loop's."""

    async def main() -> bool:
        return asyncio.get_running_loop().get_debug()

    assert aio.run(main(), debug=True)


def test_run_refuses() -> None:
    """A running loop, and what is no coroutine."""

    async def main() -> None:
        coroutine = name_of_the_loop()
        with pytest.raises(RuntimeError, match="running event loop"):
            aio.run(coroutine)
        coroutine.close()

    aio.run(main())
    with pytest.raises((ValueError, TypeError), match="coroutine"):
        aio.run(1)  # type: ignore[arg-type]


def test_install() -> None:
    """asyncio.run() makes these loops then."""
    aio.install()
    try:
        assert asyncio.run(name_of_the_loop()) == "Loop"
    finally:
        asyncio.set_event_loop_policy(None)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.Runner came with 3.11")
def test_runner() -> None:
    """new_event_loop() is a loop factory."""
    with asyncio.Runner(loop_factory=aio.new_event_loop) as runner:
        assert runner.run(name_of_the_loop()) == "Loop"
