"""Timer: an event that only waits (floor 4, event2/event.h)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _convert
from ._claim import unguarded
from ._delivery import delivery_of
from ._ffi import ffi, lib
from .event import Event
from .inspection import CommonTimeout

if TYPE_CHECKING:
    from .base import EventBase

_pending = lib.event_pending


class Timer(Event):
    """Calls back after some seconds, once or again and again; running from its creation.

    Args:
        base: The EventBase to fire in, which keeps a running timer alive.
        seconds: How long to wait; or one of :meth:`EventBase.common_timeout`.
        callback: Called as ``callback(timer)`` from the loop.
        repeat: Fire every *seconds*, without drift; ticks that were missed are not made up for.

    Example::

        Timer(base, 0.5, lambda timer: print("half a second later"))
    """

    __slots__ = ("_interval",)

    def __init__(
        self,
        base: EventBase,
        seconds: float | CommonTimeout,
        callback: Callable[[Any], object],
        *,
        repeat: bool = False,
    ) -> None:
        self._begin()
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        if seconds is None:
            raise TypeError("a Timer needs its seconds")
        if isinstance(seconds, CommonTimeout):
            seconds._in(delivery_of(base))
        else:
            seconds = _convert.seconds(seconds, "seconds")
        self._interval = seconds
        if repeat and not self.seconds:
            raise ValueError("a repeating Timer needs more than 0 seconds")
        self._set_up(base, -1, lib.EV_PERSIST if repeat else 0, callback)
        self._add(seconds)

    @property
    @unguarded
    def seconds(self) -> float:
        """The interval it was made with."""
        interval = self._interval
        return interval.seconds if isinstance(interval, CommonTimeout) else interval

    def add(self, timeout: float | CommonTimeout | None = None) -> None:
        """Begin anew (``event_add``).

        Args:
            timeout: Seconds to wait this time; None for those it was made with.
        """
        self._add(self._interval if timeout is None else timeout)

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        if not self._stays and not _pending(self._event, 0xFF, ffi.NULL):
            self._let_go()
        self._callback(self)
