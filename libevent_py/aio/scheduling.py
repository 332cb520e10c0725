"""Callbacks and timers of the asyncio event loop (floor 8).

asyncio's own, made with fewer steps: a handle without its ``__init__`` and a look at debug mode for
each, the heap of timers compared in C.  In debug mode asyncio's own way is taken.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

#: As asyncio does: the heap is cleared of cancelled timers when it has more than so many handles, half of
#: them cancelled.
_MOST_CANCELLED_HANDLES = 100
_MOST_CANCELLED_FRACTION = 0.5

logger = logging.getLogger("asyncio")


class Handle(asyncio.Handle):
    """asyncio's handle, for a loop that is not in debug mode.

    It is made without a call of ``__init__``: the loop sets what there is.
    """

    __slots__ = ()
    __init__: Any = object.__init__

    # Only debug mode has these.
    _repr = None
    _source_traceback = None

    def cancel(self) -> None:
        """Do not call; nothing happens where it was called already."""
        self._cancelled = True
        self._callback: Any = None
        self._args: Any = None


class TimerHandle(asyncio.TimerHandle):
    """The same for a timer; most are timeouts that do not happen, so it is cheap to cancel."""

    __slots__ = ()
    __init__: Any = object.__init__

    _repr = None
    _source_traceback = None

    def cancel(self) -> None:
        """Do not call; nothing happens where it was called already."""
        if not self._cancelled:
            self._cancelled = True
            self._callback: Any = None
            self._args: Any = None
            if self._scheduled:  # type: ignore[attr-defined]
                self._loop._timer_cancelled_count += 1  # type: ignore[attr-defined]


# What handles have, and the type checker does not know of.
_new_handle: Callable[[], Any] = Handle
_new_timer: Callable[[], Any] = TimerHandle
_repr_info: Callable[[Any], list[str]] = asyncio.Handle._repr_info  # type: ignore[attr-defined]


def without_this_frame(handle: asyncio.Handle) -> asyncio.Handle:
    """In debug mode *handle* tells where it was made: that is not the function that calls this."""
    frames = handle._source_traceback  # type: ignore[attr-defined]
    if frames:
        del frames[-1]
    return handle


class SchedulingLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with its ``call_*`` methods and what runs the handles exchanged."""

    if TYPE_CHECKING:  # what asyncio's own loop keeps, in every version from 3.9 on
        _ready: deque[asyncio.Handle]
        _timer_cancelled_count: int
        _stopping: bool
        _closed: bool
        _debug: bool
        _current_handle: asyncio.Handle | None
        _clock_resolution: float
        _check_closed: Callable[[], None]
        _check_thread: Callable[[], None]
        _check_callback: Callable[[Any, str], None]

    # Deadline, which comes first of the same, timer.
    _scheduled: list[tuple[float, int, Any]]
    _timers_made = 0

    #: The clock of the timers.
    time = staticmethod(monotonic)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Call *callback* in the next pass."""
        if self._debug or self._closed:
            return without_this_frame(super().call_soon(callback, *args, context=context))
        handle = _new_handle()
        handle._callback = callback
        handle._args = args
        handle._context = copy_context() if context is None else context
        handle._loop = self
        handle._cancelled = False
        self._ready.append(handle)
        return cast(asyncio.Handle, handle)

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call *callback* in *delay* seconds, never early."""
        if delay is None:
            raise TypeError("delay must not be None")
        return self._call_at(self.time() + delay, callback, args, context, "call_later")

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call *callback* when :meth:`time` is *when*, never early."""
        if when is None:
            raise TypeError("when cannot be None")
        return self._call_at(when, callback, args, context, "call_at")

    def _call_at(
        self, when: float, callback: Callable[..., object], args: Any, context: Context | None, method: str
    ) -> asyncio.TimerHandle:
        timer: Any
        if self._debug or self._closed:
            self._check_closed()
            self._check_thread()
            self._check_callback(callback, method)
            timer = asyncio.TimerHandle(when, callback, args, self, context)
            without_this_frame(without_this_frame(timer))
        else:
            timer = _new_timer()
            timer._when = when
            timer._callback = callback
            timer._args = args
            timer._context = copy_context() if context is None else context
            timer._loop = self
            timer._cancelled = False
        timer._scheduled = True
        self._timers_made += 1
        if not when >= 0:  # NaN has no place in the heap, and C no time before its clock's beginning
            when = 0.0
        heappush(self._scheduled, (when, self._timers_made, timer))
        return cast(asyncio.TimerHandle, timer)

    # Running them.

    def _run_ready(self, count: int) -> None:
        """Run the first *count* handles, and not what they make ready."""
        popleft = self._ready.popleft
        if self._debug:
            for _ in range(count):
                self._run_watched(popleft())
            return
        handle: Any = None
        callback: Any = None
        args: Any = None
        try:
            for _ in range(count):
                # As asyncio.Handle._run does, without a call of it.
                handle = popleft()
                callback = handle._callback
                if callback is not None:  # else it is cancelled
                    args = handle._args
                    try:
                        if not args:
                            handle._context.run(callback)
                        elif len(args) == 1:  # a future's, without a list and a tuple for the call
                            handle._context.run(callback, args[0])
                        else:
                            handle._context.run(callback, *args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:
                        self._callback_raised(handle, error)
        finally:
            del handle, callback, args  # an exception's traceback keeps this frame, and with it a task

    def _callback_raised(self, handle: asyncio.Handle, error: BaseException) -> None:
        source = "None()" if handle._cancelled else _repr_info(handle)[1]
        self.call_exception_handler(
            {"message": f"Exception in callback {source}", "exception": error, "handle": handle}
        )

    def _run_watched(self, handle: asyncio.Handle) -> None:
        """Run *handle* as asyncio's debug mode does."""
        if handle._cancelled:
            return
        self._current_handle = handle
        try:
            started = monotonic()
            handle._run()
            seconds = monotonic() - started
            if seconds >= self.slow_callback_duration:
                logger.warning("Executing %r took %.3f seconds", handle, seconds)
        finally:
            self._current_handle = None
            del handle  # an exception's traceback keeps this frame, and with it a task

    def _make_ready(self) -> int:
        """Put the timers whose time has come behind all that is ready; how many."""
        scheduled, ready = self._scheduled, self._ready
        end = self.time() + self._clock_resolution
        before = len(ready)
        while scheduled and scheduled[0][0] < end:
            ready.append(self._pop_timer())
        return len(ready) - before

    def _pop_timer(self) -> asyncio.TimerHandle:
        timer: Any = heappop(self._scheduled)[2]
        timer._scheduled = False
        if timer._cancelled:
            self._timer_cancelled_count -= 1
        return cast(asyncio.TimerHandle, timer)

    def _deadline(self) -> float:
        """When the first timer is due that is not cancelled; cancelled ones do not stay for ever."""
        scheduled = self._scheduled
        if self._timer_cancelled_count:
            count = len(scheduled)
            most = self._timer_cancelled_count > _MOST_CANCELLED_FRACTION * count
            if most and count > _MOST_CANCELLED_HANDLES:
                scheduled[:] = [entry for entry in scheduled if not entry[2]._cancelled]
                heapify(scheduled)
                self._timer_cancelled_count = 0
            while scheduled and scheduled[0][2]._cancelled:
                self._pop_timer()
        return scheduled[0][0] if scheduled else inf
