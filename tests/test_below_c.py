"""What is asked of a loop in a function that C calls in the middle of it: it hears at once."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from raw_events import RawEvents
from schedules import Drive, drives

from libevent_py import BufferEvent, EventBase, EventFlags, FilterBufferEvent, Timer, lib


@pytest.fixture(params=list(drives), ids=list(drives))
def drive(request: pytest.FixtureRequest) -> Iterator[Drive]:
    """A base and who runs it: Python's loop(), with one priority or three, or native code."""
    with drives[request.param]() as drive:
        yield drive


@pytest.fixture(params=["raw callback", "filter"])
def below_c(request: pytest.FixtureRequest, drive: Drive) -> Iterator[Callable[..., object]]:
    """A function that has C call another one in the next pass."""
    if request.param == "filter":
        ours, peer = socket.socketpair()
        functions: list[Callable[[], object]] = []

        def process_in(data: bytes, mode: object) -> bytes:
            functions.pop()()
            return b""

        def in_the_filter(function: Callable[[], object]) -> None:
            functions.append(function)
            peer.send(b"x")

        bev = FilterBufferEvent(BufferEvent(drive.base, ours), process_in=process_in)
        bev.enable(EventFlags.READ)
        yield in_the_filter
        bev.close()
        peer.close()
    else:
        events = RawEvents(drive.base.pointer)

        def in_a_callback(function: Callable[[], object]) -> None:
            lib.event_active(events.make(function), lib.EV_TIMEOUT, 1)

        yield in_a_callback
        events.free()


ASKED: dict[str, Callable[[EventBase], object]] = {
    "call_soon": lambda base: base.call_soon(base.loopbreak),
    "call_later": lambda base: base.call_later(0.001, base.loopbreak),
    "call_soon_threadsafe": lambda base: base.call_soon_threadsafe(base.loopbreak),
    "timer": lambda base: Timer(base, 0.001, lambda timer: base.loopbreak()),
    "loopbreak": lambda base: base.loopbreak(),
    "loopexit": lambda base: base.loopexit(),
    "loopexit later": lambda base: base.loopexit(0.001),
}


@pytest.mark.parametrize("ask", ASKED)
def test_it_does_not_sleep_over_it(drive: Drive, below_c: Callable[..., None], ask: str) -> None:
    """Although there is something else to wait for."""
    timer = Timer(drive.base, 20, lambda timer: None)
    started = time.monotonic()

    def function() -> None:
        ASKED[ask](drive.base)

    below_c(function)
    assert drive.dispatch() is False
    assert time.monotonic() - started < 15
    timer.close()


@pytest.mark.parametrize("ask", ["call_soon", "call_later"])
def test_it_does_not_end_before(drive: Drive, ask: str) -> None:
    """Although there is nothing else to wait for."""
    made: list[int] = []
    events = RawEvents(drive.base.pointer)

    def function() -> None:
        if ask == "call_soon":
            drive.base.call_soon(made.append, 1)
        else:
            drive.base.call_later(0.001, made.append, 1)

    lib.event_active(events.make(function), lib.EV_TIMEOUT, 1)
    assert drive.dispatch() is True
    assert made == [1]
    events.free()
