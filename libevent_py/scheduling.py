"""EventBase's call_soon, call_later, call_at and call_soon_threadsafe (floor 4)."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from math import inf
from threading import get_ident
from time import monotonic
from typing import Any

from . import _convert
from ._claim import unguarded
from ._delivery import NOT_ASKED, Delivery
from .calls import CallQueue, ScheduledCall, TimedCall
from .signals import uninterruptible

_LONGEST = _convert.MAX_SECONDS

_new = object.__new__


class Scheduling:
    """The part of EventBase that schedules calls."""

    _delivery: Delivery
    _calls: CallQueue

    @unguarded
    def call_soon(self, callback: Callable[..., object], *args: Any) -> ScheduledCall:
        """Call *callback* in the next pass of the loop, in the order of these calls.

        Args:
            callback: What to call, at the base's middle priority.
            args: What to call it with.

        Returns:
            A handle that can cancel it.

        Raises:
            WrongThreadError: Another thread runs the loop; call_soon_threadsafe() is for that.
        """
        calls = self._calls
        if calls.owner != get_ident() and calls.outside():
            return self._delivery.claimed(self.call_soon, callback, *args)  # type: ignore[no-any-return]
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        call = _new(ScheduledCall)
        call._callback = callback
        call._args = args
        calls.ready.append(call)
        if calls.asked > 0.0:
            calls.wait(0.0)
        return call

    @unguarded
    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> ScheduledCall:
        """Call *callback* after some seconds, never earlier; of the same deadline in this order.

        The seconds count from now, not from the loop's cached time.

        Args:
            seconds: How long to wait.
            callback: What to call, at the base's middle priority.
            args: What to call it with.

        Returns:
            A handle that can cancel it.

        Raises:
            WrongThreadError: Another thread runs the loop.
        """
        kind = seconds.__class__
        if (kind is not float and kind is not int) or not 0 <= seconds <= _LONGEST:
            seconds = _convert.seconds(_convert.number(seconds, "seconds"), "seconds")
        return self._call_at(monotonic() + seconds, callback, args)

    @unguarded
    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> ScheduledCall:
        """Call *callback* at some time, or in the next pass where that is past.

        Args:
            when: The time, on the clock of ``time.monotonic()``.
            callback: What to call, at the base's middle priority.
            args: What to call it with.

        Returns:
            A handle that can cancel it.

        Raises:
            WrongThreadError: Another thread runs the loop.
        """
        _convert.number(when, "when")
        if not -inf < when - monotonic() <= _LONGEST:
            raise ValueError(f"when must be a time.monotonic() time, not {when!r}")
        return self._call_at(float(when), callback, args)

    def _call_at(self, when: float, callback: Callable[..., object], args: tuple[Any, ...]) -> ScheduledCall:
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        call = _new(TimedCall)
        call._callback = callback
        call._args = args
        call._when = when
        calls = self._calls
        call._queue = calls
        if calls.owner != get_ident():
            calls.add_from_outside(when, call)
            return call
        heappush(calls.heap, (when, next(calls.number), call))
        if when < calls.asked:
            calls.wait(when)
        return call

    @unguarded
    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> ScheduledCall:
        """Do as :meth:`call_soon` does, and wake the loop; from any thread, at any moment.

        Also from a signal handler or a finalizer.

        Args:
            callback: What to call in the loop's thread, at the base's middle priority.
            args: What to call it with.

        Returns:
            A handle that can cancel it, in the loop's thread.

        Raises:
            ClosedError: The base is closed.
        """
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        call = _new(ScheduledCall)
        call._callback = callback
        call._args = args
        calls = self._calls
        calls.ready.append(call)
        # loop() looks at ready after it has said that it sleeps, or that it ends; so does close().
        if calls.asked > NOT_ASKED:
            calls.wake(call)
        return call


if hasattr(heappush, "__code__"):
    # heapq is written in Python here (PyPy): a KeyboardInterrupt would leave it halfway.
    functions = (Scheduling._call_at, ScheduledCall.cancel, CallQueue.add, CallQueue.add_from_outside)
    uninterruptible.update(function.__code__ for function in functions)
