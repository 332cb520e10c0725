"""Timers are on time in every loop, though callbacks are slow.

libevent counts, and waits, from the time at which its pass began.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from loops import clock_tick
from raw_events import RawEvents

from libevent_py import (
    BufferEvent,
    Event,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    Timer,
    lib,
)

#: How long the callback works, and how long what it sets has to wait then.
SLOW, WAIT = 0.04, 0.03

Done = Callable[[], None]


def timer(base: EventBase, done: Done) -> Any:
    """A Timer."""
    return Timer(base, WAIT, lambda timer: done())


def event(base: EventBase, done: Done) -> Any:
    """An Event with a timeout."""
    event = Event(base, None, EventFlags(0), lambda event, what: done())
    event.add(WAIT)
    return event


def common(base: EventBase, done: Done) -> Any:
    """A Timer with a common timeout."""
    return Timer(base, base.common_timeout(WAIT), lambda timer: done())


def native(base: EventBase, done: Done) -> Any:
    """An event of native code's."""
    events = RawEvents(base.pointer)
    event = Event.from_pointer(base, events.make(done))
    event.add(WAIT)
    return event, events


def call_later(base: EventBase, done: Done) -> Any:
    """A scheduled call."""
    return base.call_later(WAIT, done)


def reading(base: EventBase, done: Done) -> Any:
    """The time limit of a bufferevent that is enabled then."""
    ours, peer = socket.socketpair()
    bev = BufferEvent(base, ours)
    bev.set_callbacks(on_event=lambda bev, what: (done(), bev.close(), peer.close()))
    bev.set_timeouts(read=WAIT)
    bev.enable(EventFlags.READ)
    return bev


def writing(base: EventBase, done: Done) -> Any:
    """The time limit of a write that the peer does not take."""
    ours, peer = socket.socketpair()
    bev = BufferEvent(base, ours)
    bev.set_callbacks(on_event=lambda bev, what: (done(), bev.close(), peer.close()))
    bev.set_timeouts(write=WAIT)
    bev.write(bytes(1 << 22))
    return bev


def loopexit(base: EventBase, done: Done) -> Any:
    """The end of the loop."""
    base.loopexit(WAIT)
    return Timer(base, 10, lambda timer: None)


SET = [timer, event, common, native, call_later, reading, writing, loopexit]


def in_dispatch(base: EventBase, slow: Done) -> None:
    """Python drives the loop, and delivers the callback."""
    first = Timer(base, 0, lambda timer: slow())
    base.dispatch()
    first.close()


def in_a_native_loop(base: EventBase, slow: Done) -> None:
    """Native code drives the loop, which delivers the callback."""
    first = Timer(base, 0, lambda timer: slow())
    lib.event_base_dispatch(base.pointer)
    first.close()


def in_a_raw_callback(base: EventBase, slow: Done) -> None:
    """Python drives the loop, and C calls the callback directly."""
    events = RawEvents(base.pointer)
    lib.event_active(events.make(slow), lib.EV_TIMEOUT, 1)
    base.dispatch()
    events.free()


def in_a_filter(base: EventBase, slow: Done) -> None:
    """Python drives the loop, and C calls a filter's function directly."""
    ours, peer = socket.socketpair()

    def process_in(data: bytes, mode: object) -> bytes:
        slow()
        return b""

    bev = FilterBufferEvent(BufferEvent(base, ours), process_in=process_in)
    bev.enable(EventFlags.READ)
    peer.send(b"x")
    base.dispatch()
    bev.close()
    peer.close()


def work(seconds: float) -> None:
    """Keep the loop from going on."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.mark.parametrize("loop", [in_dispatch, in_a_native_loop, in_a_raw_callback, in_a_filter])
@pytest.mark.parametrize("make", SET)
def test_it_is_not_early(base: EventBase, loop: Any, make: Any) -> None:
    """What is set after the work waits its whole time."""
    times: list[float] = []
    kept: list[Any] = []

    def done() -> None:
        times.append(time.monotonic())
        base.loopbreak()

    def slow() -> None:
        work(SLOW)
        times.append(time.monotonic())
        kept.append(make(base, done))

    loop(base, slow)
    if make is loopexit:
        done()
    assert times[1] - times[0] >= WAIT - clock_tick()


@pytest.mark.parametrize("loop", [in_a_native_loop, in_a_filter])
def test_it_is_not_late(base: EventBase, loop: Any) -> None:
    """A timer that ran out during the work comes at once, not as long after it as it was set for."""
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    order: list[str] = []

    def on_readable(event: Event, what: EventFlags) -> None:
        order.append("reader")
        base.loopbreak()

    Event(base, ours, EventFlags.READ, on_readable).add()
    Timer(base, 0.5, lambda timer: order.append("timer"))
    later = threading.Timer(0.4, peer.send, (b"x",))

    def slow() -> None:
        work(0.52)
        later.start()

    loop(base, slow)
    later.join()
    ours.close()
    peer.close()
    assert order == ["timer", "reader"]
