"""Scheduled calls, and the queue of those of a base (floor 4).

Python keeps the calls, a deque of those that are next and a heap of those with a deadline;
libevent knows one event for all of them (``shim/calls.c``).  ``docs/topics/timers.md`` tells
why, and what it costs.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import inf
from threading import get_ident
from time import monotonic
from typing import Any

from ._delivery import NOT_ASKED, SCHEDULED, Delivery, ErrorHandler
from ._errors import check, raise_refused
from ._ffi import lib
from .exceptions import ClosedError

#: Cancelled calls that the heap may hold besides as many as are not cancelled.
_TOLERATED = 64

#: So many calls are taken off the heap one by one before it is asked whether most are due.
_ONE_BY_ONE = 32


class ScheduledCall:
    """A call that an EventBase is to make: what ``call_soon`` and its kin return.

    It need not be kept: the base keeps what it has to call.
    """

    # Made without a call of __init__, for speed: Scheduling sets what there is.
    __slots__ = ("_args", "_callback")

    # Waiting: _callback is there.  Made: it is None.  Cancelled: _args is None too.
    _callback: Callable[..., object] | None
    _args: Any
    _when: float | None = None
    # In whose heap it is, None in the deque or nowhere.
    _queue: CallQueue | None = None

    def __init__(self) -> None:
        raise TypeError("call_soon() and call_later() of an EventBase make a ScheduledCall")

    def cancel(self) -> None:
        """Do not call; nothing happens where it was called already."""
        if self._callback is None:
            return
        self._callback = self._args = None
        queue = self._queue
        if queue is not None:
            queue.cancelled += 1
            if queue.cancelled > queue.tolerated:
                queue.forget_cancelled()

    def cancelled(self) -> bool:
        """Whether it was cancelled before it was called, by :meth:`cancel` or by closing the base."""
        return self._args is None

    def when(self) -> float | None:
        """Its deadline on the clock of ``time.monotonic()``, None for ``call_soon``."""
        return self._when

    def __repr__(self) -> str:
        if self._callback is not None:
            state = repr(self._callback)
        else:
            state = "cancelled" if self._args is None else "called"
        return f"<ScheduledCall {state}{'' if self._when is None else f' at {self._when:.3f}'}>"


class TimedCall(ScheduledCall):
    """One with a deadline."""

    __slots__ = ("_queue", "_when")


class CallQueue:
    """The calls of one base.

    A loop of Python's *drives* the queue: it looks here between two passes, so that what is
    scheduled meanwhile costs no call of C.  For any other loop libevent's event says when.
    """

    __slots__ = (
        "_delivery",
        "_generation",
        "asked",
        "cancelled",
        "driven",
        "heap",
        "is_direct",
        "number",
        "owner",
        "ready",
        "tolerated",
    )

    def __init__(self, delivery: Delivery, priorities: int) -> None:
        self._delivery = delivery
        self._generation = 0  # of slot 0, where C's event reports
        #: Of the next call with a deadline: which comes first of the same.
        self.number = itertools.count()
        #: What loop() makes next, in order.
        self.ready: deque[ScheduledCall] = deque()
        #: Deadline, number, call.
        self.heap: list[tuple[float, int, TimedCall]] = []
        #: How many in the heap are cancelled, and how many may be before somebody looks.
        self.cancelled = 0
        self.tolerated = 0
        #: The deadline that libevent waits for; 0.0 the next pass, NOT_ASKED while a loop() of Python's
        #: is awake, which looks for itself: otherwise another thread has to wake whoever runs the loop.
        self.asked = inf
        #: The thread that alone may schedule; None: whichever, 0: none, the base is closed or a parent's.
        self.owner: int | None = None
        #: loop() runs, and makes the calls itself: with one priority nothing else has to come first.
        self.driven = False
        self.is_direct = priorities == 1
        delivery.table.kept[0] = delivery.calls = self
        delivery.on_fork = self._forked

    def _forked(self) -> None:
        self.owner = 0
        self.driven = False
        self.asked = inf

    def reinited(self) -> None:
        """The base is this process's own again."""
        running = self._delivery.running
        self.owner = get_ident() if running else None
        self.driven = running
        if running:
            self.asked = NOT_ASKED
        else:
            self.ask()

    @property
    def is_asleep(self) -> bool:
        """Whether loop(), which runs, is in C, where it hears only what libevent is told."""
        return self.asked > NOT_ASKED

    def enter(self) -> None:
        """loop() begins."""
        with self._delivery.lock:  # behind what another thread adds just now
            self.owner = get_ident()
        self.asked = NOT_ASKED
        self.tolerated = _TOLERATED
        self.driven = True

    def leave(self) -> None:
        """loop() ends; what is left is for whoever runs the loop next."""
        if self._delivery.inherited:
            return
        # In this order: what a thread adds after that is its own to tell libevent.
        self.driven = False
        self.owner = None
        self.tolerated = 0
        self.asked = inf
        self.ask()

    def outside(self) -> bool:
        """Whether a thread that schedules has to claim the base first."""
        delivery = self._delivery
        if self.owner == 0:
            delivery.check_process()
            delivery.refuse_closing()
        return not delivery.is_mine()

    def add(self, when: float, call: TimedCall) -> None:
        """Put *call* into the heap; for the thread that has claimed the base."""
        with self._delivery.lock:
            heappush(self.heap, (when, next(self.number), call))
        if when < self.asked:
            self.wait(when)

    def add_from_outside(self, when: float, call: TimedCall) -> None:
        """As add(), where no loop() of this thread's runs.

        Most deadlines are not the first: libevent hears nothing of them, so that no claim is needed,
        which takes ten times as long.
        """
        delivery = self._delivery
        with delivery.lock:  # whoever takes the heap apart has claimed the base, and then had the lock
            if self.owner is None and delivery.thread is None and when >= self.asked:
                heappush(self.heap, (when, next(self.number), call))
                return
        if self.outside():
            delivery.claimed(self.add, when, call)
        else:
            self.add(when, call)

    def ask(self) -> None:
        """Let libevent wait for what is next; for a loop that is not ours."""
        with self._delivery.lock:  # else it might take back what wake() asks
            if self.owner != 0:
                when = 0.0 if self.ready else self.deadline()
                if when < self.asked or when == inf:
                    self.wait(when)
        self.tolerated = 0

    def wait(self, when: float) -> None:
        """Let libevent's event fire at *when*."""
        try:
            self.asked = when
            check(lib.lepy_calls_wait(self._delivery.pointer, when), "cannot wait for scheduled calls")
        except BaseException:
            self.asked = inf
            raise

    def deadline(self) -> float:
        """When libevent's event has to fire; inf for never."""
        if self.ready and not self.is_direct:
            return 0.0
        heap = self.heap
        while heap:
            when, _, call = heap[0]
            if call._callback is not None:
                return when
            if call._queue is not None:
                self.cancelled -= 1
            heappop(heap)
        return inf

    def forget_cancelled(self) -> None:
        """Drop what is cancelled where it is more than half; all, and libevent is told."""
        heap = self.heap
        size = len(heap)
        if self.cancelled >= size or (self.cancelled * 2 > size and size > _TOLERATED):
            left = [entry for entry in heap if entry[2]._callback is not None]
            heapify(left)
            with self._delivery.lock:
                if len(heap) == size:  # else a finalizer has scheduled something, or another thread
                    heap[:] = left
                    self.cancelled = 0
        size = len(heap)
        self.tolerated = max(_TOLERATED, size // 2)
        if not self.driven:
            if not size:
                self.ask()
            self.tolerated = min(self.tolerated, size - 1)

    def collect_due(self) -> None:
        """Move the calls whose deadline is past to those that are next."""
        heap = self.heap
        now = monotonic()
        taken = 0
        while heap:
            when, _, call = heap[0]
            if when > now:
                return
            # In this order, so that an exception of a signal handler in between loses none;
            # one that is then here twice is made once.
            if call._callback is not None:
                call._queue = None
                self.ready.append(call)
            elif call._queue is not None:
                self.cancelled -= 1  # and not where it is here a second time
            heappop(heap)
            taken += 1
            if taken == _ONE_BY_ONE and self._most_are_due(now):
                self._collect_most(now)
                return

    def _most_are_due(self, now: float) -> bool:
        heap = self.heap
        sample = heap[:: len(heap) // _ONE_BY_ONE + 1]
        return sum(entry[0] <= now for entry in sample) * 4 > len(sample)

    def _collect_most(self, now: float) -> None:
        """As collect_due, at once: sorting is less work than to take a heap apart."""
        heap = self.heap
        due = [entry for entry in heap if entry[0] <= now]
        left = [entry for entry in heap if entry[0] > now]
        due.sort()
        heapify(left)
        calls = [entry[2] for entry in due if entry[2]._callback is not None]
        if len(heap) != len(due) + len(left):
            return  # a finalizer has scheduled something; the next pass takes the rest
        for call in calls:
            call._queue = None
        self.ready.extend(calls)
        heap[:] = left
        self.cancelled -= len(due) - len(calls)

    def turn(self) -> int:
        """For loop(), before it goes to libevent: make what is next, and give how many it made."""
        if self._delivery.inherited:
            raise_refused(lib.LEPY_FORKED)  # they are the parent's
        if self.heap:
            self.collect_due()
        if not self.is_direct:
            return 0
        delivery = self._delivery
        delivery.stopping = delivery.interrupted
        delivery.delivering = SCHEDULED
        made = self._make(delivery.on_error)
        delivery.delivering = False
        return made

    def _make(self, on_error: ErrorHandler | None) -> int:
        """Make the calls that are next, not those that they schedule; how many it made."""
        ready = self.ready
        delivery = self._delivery
        made = len(ready)
        for _ in range(made):
            call = ready.popleft()
            callback = call._callback
            if callback is None:
                made -= 1
                continue
            args = call._args
            call._callback = None
            call._args = ()
            try:
                callback(*args)
            except Exception as error:
                if on_error is None:
                    raise
                on_error(error)
            if delivery.stopping:
                break
        return made

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        """libevent's event has fired, where loop() does not make the calls itself."""
        if not self.driven:
            with self._delivery.lock:  # behind what another thread adds just now
                self.asked = inf
        self.collect_due()
        if self.driven and self.is_direct:
            return
        try:
            self._make(None)  # the delivery has its own way with exceptions
        finally:
            if not self.driven:
                self.ask()

    def wake(self, call: ScheduledCall) -> None:
        """Let the loop see *call*, which another thread has appended while it may sleep."""
        with self._delivery.lock:  # close() in the meantime would free what this uses
            pointer = self._delivery.pointer
            if pointer is None or self.owner == 0:
                call.cancel()
                if pointer is not None and self._delivery.inherited:
                    raise_refused(lib.LEPY_FORKED)
                raise ClosedError("this EventBase is closed")
            if self.driven:
                lib.lepy_delivery_wake(pointer)
            else:
                lib.lepy_calls_activate(pointer)

    def close(self) -> None:
        """Cancel all; the base is about to be closed."""
        with self._delivery.lock:
            self.owner = 0
            self.driven = False
            self.asked = inf
            left = [*self.ready, *(entry[2] for entry in self.heap)]
            self.ready.clear()
            self.heap.clear()
        self._delivery.table.kept[0] = None
        for call in left:
            if call._callback is not None:
                call._callback = call._args = None
