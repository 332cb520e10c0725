"""What an EventBase tells of its loop: why it ended, what is running, which time it is."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from loops import turn

from libevent_py import (
    BufferEvent,
    Event,
    EventBase,
    EventFlags,
    LoopFlags,
    Timer,
    lib,
)


def nothing(*arguments: object) -> None:
    """A callback that does nothing."""


class TestEnding:
    """got_exit and got_break tell why the loop ended."""

    def test_neither(self, base: EventBase) -> None:
        """Before a loop, in one, and after one that had nothing left."""
        seen: list[tuple[bool, bool]] = [(base.got_exit, base.got_break)]
        Timer(base, 0, lambda timer: seen.append((base.got_exit, base.got_break)))
        base.dispatch()
        seen.append((base.got_exit, base.got_break))
        assert seen == [(False, False)] * 3

    @pytest.mark.parametrize("where", ["callback", "before", "after a while", "thread", "native"])
    def test_exit(self, base: EventBase, where: str) -> None:
        """Until the next loop begins."""
        held = Timer(base, 60, nothing)
        if where == "before":
            base.loopexit()
        elif where == "after a while":
            base.loopexit(0.001)
        elif where == "thread":
            Timer(base, 0, lambda timer: threading.Thread(target=base.loopexit).start())
        else:
            Timer(base, 0, lambda timer: base.loopexit())
        assert not base.got_exit
        if where == "native":
            lib.event_base_loop(base.pointer, 0)
        else:
            base.dispatch()
        assert (base.got_exit, base.got_break) == (True, False)
        turn(base)
        assert (base.got_exit, base.got_break) == (False, False)
        held.close()

    @pytest.mark.parametrize("where", ["callback", "thread", "native"])
    def test_break(self, base: EventBase, where: str) -> None:
        """Until the next loop begins."""
        held = Timer(base, 60, nothing)
        if where == "thread":
            Timer(base, 0, lambda timer: threading.Thread(target=base.loopbreak).start())
        else:
            Timer(base, 0, lambda timer: base.loopbreak())
        if where == "native":
            lib.event_base_loop(base.pointer, 0)
        else:
            base.dispatch()
        assert (base.got_exit, base.got_break) == (False, True)
        turn(base)
        assert (base.got_exit, base.got_break) == (False, False)
        held.close()


class TestRunningEvent:
    """running_event is the handle whose callback runs."""

    def test_none_outside(self, base: EventBase) -> None:
        """Where libevent 2.1 would crash."""
        assert base.running_event is None
        turn(base)
        assert base.running_event is None

    @pytest.mark.parametrize("native", [False, True])
    def test_each_in_its_callback(
        self, base: EventBase, native: bool, socket_pair: tuple[socket.socket, socket.socket]
    ) -> None:
        """Among several of one pass, each time the right one."""
        seen: list[bool] = []
        held = [
            Event(base, None, EventFlags(0), lambda event, what: seen.append(base.running_event is event))
            for _ in range(5)
        ]
        for event in held:
            event.active()
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_read=lambda bev: seen.append(base.running_event is bev))
        bev.enable(EventFlags.READ)
        socket_pair[1].send(b"x")
        Timer(base, 0, lambda timer: seen.append(base.running_event is timer))
        if native:
            lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        else:
            base.loop(LoopFlags.NONBLOCK)
        assert seen == [True] * 7
        assert base.running_event is None

    def test_none_in_a_scheduled_call(self, base: EventBase) -> None:
        """A scheduled call is no event's, also behind an event's callback and before any."""
        seen: list[object] = []
        base.call_soon(lambda: seen.append(base.running_event))
        base.loop(LoopFlags.NONBLOCK)
        Timer(base, 0, lambda timer: base.call_soon(lambda: seen.append(base.running_event)))
        base.dispatch()
        assert seen == [None, None]

    def test_one_that_closes_itself(self, base: EventBase) -> None:
        """Is no more, and another in its slot is not taken for it."""
        seen: list[object] = []

        def callback(event: Event, what: EventFlags) -> None:
            event.close()
            other = Event(base, None, EventFlags(0), callback)
            seen.append(base.running_event)
            other.close()

        event = Event(base, None, EventFlags(0), callback)
        event.active()
        base.loop()
        assert seen == [None]


class TestClocks:
    """time, gettimeofday_cached, update_cache_time."""

    def test_time_is_monotonic(self, base: EventBase) -> None:
        """It runs as timeouts do."""
        start = base.time()
        Timer(base, 0.02, nothing)
        base.dispatch()
        assert base.time() - start >= 0.015  # its clock may be a coarse one

    def test_the_present_in_our_loop(self, base: EventBase) -> None:
        """gettimeofday_cached is the time of day, in a callback and outside."""
        seen = [(base.gettimeofday_cached(), time.time())]
        Timer(base, 0, lambda timer: seen.append((base.gettimeofday_cached(), time.time())))
        base.dispatch()
        assert all(there == pytest.approx(here, abs=1) for there, here in seen)

    def test_cached_in_a_loop_that_native_code_runs(self, base: EventBase) -> None:
        """It stands still in a callback, until update_cache_time."""
        seen: list[float] = []

        def callback(timer: Timer) -> None:
            seen.append(base.gettimeofday_cached())
            time.sleep(0.05)
            seen.append(base.gettimeofday_cached())
            base.update_cache_time()
            seen.append(base.gettimeofday_cached())

        Timer(base, 0, callback)
        lib.event_base_loop(base.pointer, 0)
        assert seen[0] == seen[1]
        assert seen[2] - seen[1] >= 0.04
