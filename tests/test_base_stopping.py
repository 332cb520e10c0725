"""EventBase: stopping a loop."""

from __future__ import annotations

import threading
import time

import pytest

from libevent_py import (
    Event,
    EventBase,
    EventFlags,
    LoopFlags,
    Timer,
)


class TestStopping:
    """Loopexit, loopbreak, loopcontinue."""

    def test_loopexit_finishes_the_pass(self, base: EventBase) -> None:
        """What was ready with it is still delivered (regress main/loopexit)."""
        fired: list[int] = []
        first = Event(base, None, EventFlags(0), lambda event, what: (fired.append(1), base.loopexit()))
        second = Event(base, None, EventFlags(0), lambda event, what: fired.append(2))
        Timer(base, 30, lambda timer: None)
        first.active()
        second.active()
        assert base.dispatch() is False
        assert fired == [1, 2]

    def test_loopexit_after_some_time(self, base: EventBase) -> None:
        """With seconds it goes on for as long."""
        Timer(base, 30, lambda timer: None)
        started = time.monotonic()
        base.loopexit(0.03)
        assert base.dispatch() is False
        assert 0.025 < time.monotonic() - started < 5

    def test_loopexit_keeps_an_empty_base_alive(self, base: EventBase) -> None:
        """It is a timer of libevent's: the loop waits for it."""
        started = time.monotonic()
        base.loopexit(0.03)
        base.dispatch()
        assert time.monotonic() - started > 0.025

    def test_loopexit_before_the_loop(self, base: EventBase) -> None:
        """Called outside, it stops the next loop after its first pass, and only that one."""
        fired: list[int] = []
        Timer(base, 30, lambda timer: fired.append(30))
        base.loopexit()
        assert base.dispatch() is False
        assert fired == []
        Timer(base, 0.001, lambda timer: fired.append(1))
        assert base.loop(LoopFlags.ONCE) is False
        assert fired == [1]

    def test_loopexit_from_another_thread(self, base: EventBase) -> None:
        """It wakes an idle loop."""
        Timer(base, 30, lambda timer: None)
        thread = threading.Timer(0.02, base.loopexit)
        thread.start()
        started = time.monotonic()
        assert base.dispatch() is False
        assert time.monotonic() - started < 5
        thread.join()

    @pytest.mark.parametrize("after", [-1, float("nan"), float("inf"), 1e12])
    def test_loopexit_after_nonsense(self, base: EventBase, after: float) -> None:
        """A wrong time is a ValueError."""
        with pytest.raises(ValueError, match="after must be between"):
            base.loopexit(after)

    def test_loopbreak_leaves_the_rest(self, base: EventBase) -> None:
        """Later callbacks of the pass wait for the next loop (regress main/loopbreak)."""
        fired: list[int] = []
        events = [
            Event(base, None, EventFlags(0), lambda event, what, n=n: (fired.append(n), base.loopbreak()))
            for n in range(3)
        ]
        for event in events:
            event.active()
        assert base.dispatch() is False
        assert fired == [0]
        assert base.dispatch() is False
        assert fired == [0, 1]
        assert base.dispatch() is False
        assert fired == [0, 1, 2]
        assert base.dispatch() is True

    def test_loopbreak_before_the_loop(self, base: EventBase) -> None:
        """It is forgotten, as in C."""
        fired: list[int] = []
        Timer(base, 0, lambda timer: fired.append(1))
        base.loopbreak()
        assert base.dispatch() is True
        assert fired == [1]

    def test_loopbreak_from_another_thread(self, backend_base: EventBase) -> None:
        """It wakes an idle loop at once."""
        Timer(backend_base, 30, lambda timer: None)
        thread = threading.Timer(0.02, backend_base.loopbreak)
        thread.start()
        started = time.monotonic()
        assert backend_base.dispatch() is False
        assert time.monotonic() - started < 5
        thread.join()

    def test_loopcontinue_looks_at_higher_priorities(self) -> None:
        """After it a more urgent event runs before the rest of its own level."""
        with EventBase(priorities=2) as base:
            order: list[str] = []
            urgent = Event(base, None, EventFlags(0), lambda event, what: order.append("urgent"))
            urgent.priority = 0

            def first(event: Event, what: EventFlags) -> None:
                order.append("first")
                urgent.active()
                base.loopcontinue()

            events = [
                Event(base, None, EventFlags(0), first),
                Event(base, None, EventFlags(0), lambda event, what: order.append("second")),
            ]
            for event in events:
                event.priority = 1
                event.active()
            base.dispatch()
            assert order == ["first", "urgent", "second"]
