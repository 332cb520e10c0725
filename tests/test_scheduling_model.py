"""Scheduled calls against a model in plain Python, in each kind of loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedules import check_bookkeeping, drives

from libevent_py import EventBase, LoopFlags, ScheduledCall, lib

#: What a call does: nothing, schedule, cancel one of all calls, break the loop.
Action = Union[None, tuple[str, int], tuple[str, int, "Action"]]

#: call_at times, in seconds from the test's beginning: long past, or far away.
PAST, FUTURE = -1000, 1000

actions: Any = st.recursive(
    st.one_of(
        st.none(),
        st.tuples(st.just("cancel"), st.integers(0, 40)),
        st.tuples(st.just("break"), st.just(0)),
    ),
    lambda inner: st.one_of(
        st.tuples(st.just("soon"), st.just(0), inner),
        st.tuples(st.just("safe"), st.just(0), inner),
        st.tuples(st.just("at"), st.integers(PAST, PAST + 5), inner),
        st.tuples(st.just("at"), st.integers(FUTURE, FUTURE + 5), inner),
    ),
    max_leaves=4,
)
steps = st.lists(st.one_of(actions, st.just(("run", 0))), max_size=60)


@dataclass
class Model:
    """What an EventBase promises of its calls, without an EventBase."""

    made: list[int] = field(default_factory=list)
    calls: list[Action] = field(default_factory=list)
    waiting: list[bool] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    timed: list[tuple[int, int]] = field(default_factory=list)
    broken: bool = False

    def do(self, action: Action) -> None:
        """Act as a call, or as the program outside."""
        if action is None:
            return
        name, argument = action[:2]
        if name == "cancel" and self.calls:
            self.waiting[argument % len(self.calls)] = False
        elif name == "break":
            self.broken = True
        elif len(action) == 3:
            number = len(self.calls)
            self.calls.append(action[2])
            self.waiting.append(True)
            if name == "at":
                self.timed.append((argument, number))
            else:
                self.ready.append(number)

    def run(self) -> None:
        """Make all that is ready: of each pass what was scheduled before it, then what is due."""
        self.broken = False
        while not self.broken:
            due = sorted(entry for entry in self.timed if entry[0] < 0)
            self.timed = [entry for entry in self.timed if entry[0] >= 0]
            now, self.ready = self.ready + [number for _, number in due], []
            if not now:
                return
            while now and not self.broken:
                number = now.pop(0)
                if self.waiting[number]:
                    self.waiting[number] = False
                    self.made.append(number)
                    self.do(self.calls[number])
            self.ready = now + self.ready


class Real:
    """The same with an EventBase."""

    def __init__(self, base: EventBase, run: Callable[[], object]) -> None:
        self.base = base
        self.run = run
        self.made: list[int] = []
        self.calls: list[ScheduledCall] = []
        self.start = time.monotonic()

    def do(self, action: Action) -> None:
        """As the model's."""
        if action is None:
            return
        name, argument = action[:2]
        if name == "cancel" and self.calls:
            self.calls[argument % len(self.calls)].cancel()
        elif name == "break":
            self.base.loopbreak()
        elif len(action) == 3:
            call = (len(self.calls), action[2])
            if name == "at":
                self.calls.append(self.base.call_at(self.start + argument, self.make, *call))
            else:
                schedule = self.base.call_soon if name == "soon" else self.base.call_soon_threadsafe
                self.calls.append(schedule(self.make, *call))

    def make(self, number: int, action: Action) -> None:
        """The callback of all calls."""
        self.made.append(number)
        self.do(action)


@pytest.mark.parametrize("kind", list(drives))
def test_as_the_model(kind: str) -> None:
    """Whatever calls schedule, cancel and break: the same calls in the same order."""

    @settings(max_examples=150, deadline=None)
    @given(steps)
    def check(steps: list[Any]) -> None:
        with drives[kind]() as (base, _):
            if kind == "native":
                run: Callable[[], object] = lambda: lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)  # noqa: E731
            else:
                run = lambda: base.loop(LoopFlags.NONBLOCK)  # noqa: E731
            model, real = Model(), Real(base, run)
            for step in [*steps, ("run", 0), ("run", 0)]:
                if step == ("run", 0):
                    model.run()
                    real.run()
                    assert real.made == model.made
                elif step != ("break", 0):  # before the loop it does nothing
                    model.do(step)
                    real.do(step)
                check_bookkeeping(base)

    check()
