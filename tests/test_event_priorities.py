"""Event: priorities."""

from __future__ import annotations

import random

import pytest
from seen import Seen

from libevent_py import Event, EventBase, EventFlags, LoopFlags, lib


class TestPriorities:
    """Who goes first."""

    @pytest.mark.parametrize("count", [1, 2, 3, 8])
    def test_lower_numbers_first(self, count: int) -> None:
        """All of 0, then all of 1 (regress main/priorities)."""
        with EventBase(priorities=count) as base:
            order: list[int] = []
            priorities = [number % count for number in range(3 * count)]
            random.Random(count).shuffle(priorities)
            for priority in priorities:
                event = Event(base, None, EventFlags(0), lambda event, what: order.append(event.priority))
                event.priority = priority
                event.active()
            base.dispatch()
            assert order == sorted(priorities)

    def test_the_middle_is_the_default(self) -> None:
        """New events get priorities // 2, and C agrees."""
        with EventBase(priorities=5) as base:
            event = Event(base, None, EventFlags(0), Seen())
            assert event.priority == 2 == lib.event_get_priority(event.pointer)

    def test_inversion(self) -> None:
        """A more urgent event that a callback activates comes next (main/priority_active_inversion)."""
        with EventBase(priorities=8) as base:
            order: list[int] = []

            def fire(event: Event, what: EventFlags) -> None:
                order.append(events.index(event))
                if events.index(event) == 0:
                    events[2].active()

            events = [Event(base, None, EventFlags(0), fire) for _ in range(3)]
            for event, priority in zip(events, (4, 4, 0)):
                event.priority = priority
            events[0].active()
            events[1].active()
            base.dispatch()
            assert order == [0, 2, 1]

    def test_a_less_urgent_one_waits(self) -> None:
        """An event of lower priority activated in a callback comes after the rest."""
        with EventBase(priorities=2) as base:
            order: list[str] = []
            later = Event(base, None, EventFlags(0), lambda event, what: order.append("later"))
            later.priority = 1
            for name in ("a", "b"):
                event = Event(
                    base, None, EventFlags(0), lambda event, what, n=name: (order.append(n), later.active())
                )
                event.priority = 0
                event.active()
            base.dispatch()
            assert order == ["a", "b", "later"]

    @pytest.mark.parametrize("priority", [-1, 3, 2**40])
    def test_out_of_range(self, priority: int) -> None:
        """A priority that the base has not is a ValueError."""
        with EventBase(priorities=3) as base, pytest.raises(ValueError, match="between 0 and 2"):
            Event(base, None, EventFlags(0), Seen()).priority = priority

    def test_not_while_firing(self) -> None:
        """An active event keeps its priority: RuntimeError."""
        with EventBase(priorities=2) as base:
            event = Event(base, None, EventFlags(0), Seen())
            event.active()
            with pytest.raises(RuntimeError, match="about to fire"):
                event.priority = 0

    def test_changed_between_firings(self) -> None:
        """In a callback the event itself is not active: it may change."""
        with EventBase(priorities=2) as base:
            order: list[str] = []

            def change(event: Event, what: EventFlags) -> None:
                order.append("changed")
                event.priority = 0

            changing = Event(base, None, EventFlags(0), change)
            changing.active()
            base.loop(LoopFlags.ONCE)
            assert order == ["changed"]
            assert changing.priority == 0
            changing.close()
