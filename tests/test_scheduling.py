"""call_soon, call_later, call_at and their handles, in each kind of loop."""

from __future__ import annotations

import gc
import socket
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from schedules import Drive, check_bookkeeping, drives

from libevent_py import ClosedError, Event, EventBase, EventFlags, LoopFlags, ScheduledCall, Timer


@pytest.fixture(params=list(drives), ids=list(drives))
def drive(request: pytest.FixtureRequest) -> Iterator[Drive]:
    """A base and who runs it: Python's loop(), with one priority or three, or native code."""
    with drives[request.param]() as drive:
        yield drive


class TestCallSoon:
    """call_soon."""

    def test_in_order_with_arguments(self, drive: Drive) -> None:
        """First in, first out, with the arguments; the loop returns when all are made."""
        made: list[Any] = []
        for n in range(100):
            drive.base.call_soon(made.append, n)
        drive.base.call_soon(lambda *args: made.append(args), 1, 2)
        assert drive.dispatch() is True
        assert made == [*range(100), (1, 2)]

    def test_from_a_call_in_the_next_pass(self, drive: Drive) -> None:
        """What a call schedules comes after all that were scheduled before it."""
        made: list[str] = []
        drive.base.call_soon(lambda: (made.append("a"), drive.base.call_soon(made.append, "c")))
        drive.base.call_soon(made.append, "b")
        drive.dispatch()
        assert made == ["a", "b", "c"]

    def test_it_starves_nobody(self, drive: Drive, socket_pair: tuple[socket.socket, socket.socket]) -> None:
        """A call that always schedules the next one leaves room for descriptors and timers."""
        ours, peer = socket_pair
        fired: list[str] = []

        def again() -> None:
            if len(fired) < 3:
                drive.base.call_soon(again)

        event = Event(drive.base, ours, EventFlags.READ, lambda event, what: fired.append("read"))
        event.add()
        peer.send(b"x")
        Timer(drive.base, 0.001, lambda timer: fired.append("timer"))
        drive.base.call_later(0.001, fired.append, "call_later")
        drive.base.call_soon(again)
        drive.dispatch()
        assert sorted(fired) == ["call_later", "read", "timer"]

    def test_from_other_callbacks(self, drive: Drive) -> None:
        """An event's callback may schedule, too."""
        made: list[int] = []
        Timer(drive.base, 0, lambda timer: drive.base.call_soon(made.append, 1))
        drive.dispatch()
        assert made == [1]


class TestCallLater:
    """call_later and call_at."""

    def test_by_deadline_and_never_early(self, drive: Drive) -> None:
        """In the order of their deadlines, none before its own, whatever the order of scheduling."""
        made: list[tuple[float, float]] = []
        delays = [0.03, 0.0, 0.011, 0.02, 0.001, 0.0105, 0.002]
        for delay in delays:
            due = time.monotonic() + delay
            drive.base.call_later(
                delay, lambda due=due, delay=delay: made.append((delay, time.monotonic() - due))
            )
        assert drive.dispatch() is True
        assert [delay for delay, _ in made] == sorted(delays)
        assert all(0 <= late < 5 for _, late in made), made

    def test_ties_in_order_of_scheduling(self, drive: Drive) -> None:
        """Calls with the same deadline keep their order, also where hundreds are due at once."""
        made: list[int] = []
        when = time.monotonic() + 0.005
        for n in range(300):
            drive.base.call_at(when, made.append, n)
        drive.dispatch()
        assert made == list(range(300))

    def test_a_time_that_is_past(self, drive: Drive) -> None:
        """call_at() of the past is made in the next pass."""
        made: list[int] = []
        drive.base.call_at(time.monotonic() - 100, made.append, 1)
        drive.base.call_at(-5, made.append, 0)
        drive.dispatch()
        assert made == [0, 1]

    def test_seconds_count_from_now(self, drive: Drive) -> None:
        """A slow callback before call_later() does not shorten its time."""
        late: list[float] = []

        def slow() -> None:
            until = time.monotonic() + 0.05
            while time.monotonic() < until:
                pass
            due = time.monotonic() + 0.02
            drive.base.call_later(0.02, lambda: late.append(time.monotonic() - due))

        drive.base.call_soon(slow)
        drive.dispatch()
        assert late[0] >= 0

    def test_an_earlier_one_that_comes_later(self, drive: Drive) -> None:
        """The loop does not sleep until the deadline it knew first."""
        made: list[int] = []
        started = time.monotonic()
        far = drive.base.call_later(60, made.append, 60)

        def nearer() -> None:
            drive.base.call_later(0.001, lambda: (made.append(1), far.cancel()))

        drive.base.call_soon(nearer)
        drive.dispatch()
        assert made == [1]
        assert time.monotonic() - started < 30

    def test_many_due_at_once(self, drive: Drive) -> None:
        """Thousands that are due in one pass come in order, and those between them stay."""
        made: list[int] = []
        now = time.monotonic()
        for n in range(3000):
            drive.base.call_at(now - 5 + (n * 7919 % 3000) / 1000, made.append, n * 7919 % 3000)
        far = [drive.base.call_later(60 + n * 7919 % 3000, made.append, -1) for n in range(3000)]
        for n in range(0, 3000, 7):
            far[n].cancel()
        drive.base.call_later(0, drive.base.loopexit)
        drive.dispatch()
        assert made == list(range(3000))
        assert sum(not call.cancelled() for call in far) == 3000 - len(range(0, 3000, 7))
        check_bookkeeping(drive.base)


class TestHandles:
    """ScheduledCall."""

    def test_cancel(self, drive: Drive) -> None:
        """What is cancelled is not called, from outside or by a call before it; twice does nothing."""
        made: list[str] = []
        calls = [drive.base.call_soon(made.append, "soon"), drive.base.call_later(0, made.append, "later")]
        for call in calls:
            assert not call.cancelled()
            call.cancel()
            call.cancel()
            assert call.cancelled()
        victim: list[ScheduledCall] = []
        drive.base.call_soon(lambda: victim[0].cancel())
        victim.append(drive.base.call_soon(made.append, "victim"))
        assert drive.dispatch() is True
        assert made == []

    def test_cancelled_ones_do_not_keep_the_loop(self, drive: Drive) -> None:
        """dispatch() returns at once where nothing else waits, also when the last is cancelled in it."""
        started = time.monotonic()
        for _ in range(3):
            drive.base.call_later(60, print).cancel()
        assert drive.dispatch() is True
        calls = [drive.base.call_later(60, print) for _ in range(200)]
        drive.base.call_soon(lambda: [call.cancel() for call in calls])
        assert drive.dispatch() is True
        assert time.monotonic() - started < 30

    def test_cancel_after_the_call(self, drive: Drive) -> None:
        """It was called and is not cancelled; nothing happens."""
        call = drive.base.call_later(0, lambda: None)
        drive.dispatch()
        call.cancel()
        assert not call.cancelled()

    def test_when(self, base: EventBase) -> None:
        """The deadline on time.monotonic(), None without one."""
        before = time.monotonic()
        call = base.call_later(5, print)
        assert before + 5 <= (call.when() or 0) <= time.monotonic() + 5
        assert base.call_at(7.5, print).when() == 7.5
        assert base.call_soon(print).when() is None

    def test_repr(self, base: EventBase) -> None:
        """It tells what becomes of it."""
        call = base.call_at(7.5, len, ())
        assert repr(call) == "<ScheduledCall <built-in function len> at 7.500>"
        base.dispatch()
        assert repr(call) == "<ScheduledCall called at 7.500>"
        call = base.call_soon(len, ())
        call.cancel()
        assert repr(call) == "<ScheduledCall cancelled>"

    def test_nobody_else_makes_one(self) -> None:
        """The class says where its objects come from."""
        with pytest.raises(TypeError, match="call_soon"):
            ScheduledCall()

    def test_arguments_are_let_go(self, drive: Drive) -> None:
        """Neither a call that was made nor a cancelled one keeps callback and arguments."""

        class Thing:
            """Something to refer to weakly."""

        thing = Thing()
        seen = weakref.ref(thing)
        kept = [drive.base.call_soon(id, thing), drive.base.call_later(0, id, thing)]
        kept.append(drive.base.call_later(60, id, thing))
        kept[2].cancel()
        del thing
        drive.dispatch()
        gc.collect()
        assert seen() is None

    def test_a_million_that_are_cancelled_take_no_memory(self, drive: Drive) -> None:
        """Cancelled calls are forgotten long before their time."""
        keep = [drive.base.call_later(60, print) for _ in range(10)]

        def churn() -> None:
            for _ in range(20_000):
                drive.base.call_later(60, print).cancel()
            assert len(drive.base._calls.heap) < 200

        churn()
        drive.base.call_soon(churn)
        drive.base.call_soon(lambda: [call.cancel() for call in keep])
        drive.dispatch()
        assert len(drive.base._calls.heap) == 0


class TestLoopControl:
    """Flags, loopexit, loopbreak and loopcontinue."""

    def test_loopbreak_leaves_the_rest(self, drive: Drive) -> None:
        """The call under way is the last; the others are made by the next loop."""
        made: list[str] = []
        drive.base.call_soon(drive.base.loopbreak)
        drive.base.call_soon(made.append, "soon")
        drive.base.call_at(0, made.append, "later")
        assert drive.dispatch() is False
        assert made == []
        assert drive.dispatch() is True
        assert sorted(made) == ["later", "soon"]

    def test_loopexit_ends_with_what_is_next(self, drive: Drive) -> None:
        """The calls of the same pass are made, those that they schedule are left."""
        made: list[int] = []
        drive.base.call_soon(drive.base.loopexit)
        drive.base.call_soon(lambda: (made.append(1), drive.base.call_soon(made.append, 2)))
        assert drive.dispatch() is False
        assert made == [1]
        assert drive.dispatch() is True
        assert made == [1, 2]

    def test_loopcontinue_keeps_the_order(self, drive: Drive) -> None:
        """What is left comes first in the next look."""
        made: list[int] = []
        drive.base.call_soon(drive.base.loopcontinue)
        drive.base.call_soon(lambda: (made.append(1), drive.base.call_soon(made.append, 3)))
        drive.base.call_soon(made.append, 2)
        assert drive.dispatch() is True
        assert made == [1, 2, 3]

    @pytest.mark.parametrize("priorities", [1, 3])
    def test_once(self, priorities: int) -> None:
        """ONCE waits for the first call that is made, and not for what that schedules."""
        with EventBase(priorities=priorities) as base:
            made: list[int] = []
            base.call_later(0.01, lambda: (made.append(1), base.call_soon(made.append, 2)))
            base.call_later(0.001, made.append, 0).cancel()
            assert base.loop(LoopFlags.ONCE) is False
            assert made == [1]
            assert base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK) in (True, False)
            assert made == [1, 2]

    @pytest.mark.parametrize("priorities", [1, 3])
    def test_nonblock(self, priorities: int) -> None:
        """NONBLOCK makes all that is ready, what it schedules too, and does not wait."""
        with EventBase(priorities=priorities) as base:
            made: list[int] = []
            call = base.call_later(60, print)
            base.call_soon(lambda: (made.append(1), base.call_soon(made.append, 2)))
            assert base.loop(LoopFlags.NONBLOCK) is False
            assert made == [1, 2]
            call.cancel()
            assert base.loop(LoopFlags.NONBLOCK) is True

    def test_at_the_middle_priority(self) -> None:
        """More urgent events come first, less urgent ones behind."""
        with EventBase(priorities=3) as base:
            order: list[str] = []
            for priority, name in ((2, "low"), (0, "high")):
                event = Event(base, None, EventFlags(0), lambda event, what, name=name: order.append(name))
                event.priority = priority
                event.active()
            base.call_soon(order.append, "call")
            base.dispatch()
            assert order == ["high", "call", "low"]

    def test_a_closed_base(self, drive: Drive) -> None:
        """close() cancels what waits and lets its arguments go; afterwards it is a ClosedError."""
        things = [socket.socket() for _ in range(2)]
        calls = [drive.base.call_soon(things[0].close), drive.base.call_later(60, things[1].close)]
        seen = [weakref.ref(thing) for thing in things]
        for thing in things:
            thing.close()
        del things, thing
        drive.base.close()
        assert all(call.cancelled() for call in calls)
        gc.collect()
        assert [ref() for ref in seen] == [None, None]
        for method in (drive.base.call_soon, drive.base.call_soon_threadsafe):
            with pytest.raises(ClosedError):
                method(print)
        for method in (drive.base.call_later, drive.base.call_at):
            with pytest.raises(ClosedError):
                method(1, print)
        for call in calls:
            call.cancel()

    @pytest.mark.parametrize("priorities", [1, 3])
    def test_closing_in_a_call(self, priorities: int) -> None:
        """The rest is not made, and the same callback cannot schedule any more."""
        base = EventBase(priorities=priorities)
        made: list[object] = []

        def close() -> None:
            base.close()
            with pytest.raises(ClosedError):
                base.call_soon(print)
            with pytest.raises(ClosedError):
                base.call_later(1, print)
            made.append("closed")

        base.call_soon(close)
        rest = base.call_soon(made.append, "rest")
        assert base.dispatch() is False
        assert made == ["closed"]
        assert rest.cancelled()


@pytest.mark.parametrize("name", ["call_soon", "call_soon_threadsafe"])
@pytest.mark.parametrize("callback", [None, 5, "print"])
def test_a_callback_that_is_none(base: EventBase, name: str, callback: Any) -> None:
    """A TypeError, and nothing is scheduled."""
    with pytest.raises(TypeError, match="callback must be callable"):
        getattr(base, name)(callback)
    with pytest.raises(TypeError, match="callback must be callable"):
        base.call_later(1, callback)
    assert base.dispatch() is True


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("inf"), 1e10])
def test_impossible_seconds(base: EventBase, seconds: float) -> None:
    """A ValueError that names them."""
    with pytest.raises(ValueError, match="seconds"):
        base.call_later(seconds, print)


@pytest.mark.parametrize("seconds", [None, "1", b"1", 1j, [1]])
def test_a_wrong_type_of_time(base: EventBase, seconds: Any) -> None:
    """A TypeError that names it."""
    with pytest.raises(TypeError, match="seconds must be a number"):
        base.call_later(seconds, print)
    with pytest.raises(TypeError, match="when must be a number"):
        base.call_at(seconds, print)


@pytest.mark.parametrize("when", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_impossible_times(base: EventBase, when: float) -> None:
    """A ValueError."""
    with pytest.raises(ValueError, match="when"):
        base.call_at(when, print)
