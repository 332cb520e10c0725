"""Loops for the tests of libevent_py.aio."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from libevent_py.aio import Loop, new_event_loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop, closed at the end."""
    loop = new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(params=["libevent_py", "asyncio"])
def any_loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """Ours and asyncio's own in turn: what both must do alike."""
    loop = new_event_loop() if request.param == "libevent_py" else asyncio.SelectorEventLoop()
    yield loop
    loop.close()
