"""Signal: an event that waits for a signal (floor 4, event2/event.h)."""

from __future__ import annotations

import signal as _signal
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _convert
from ._ffi import lib
from .event import Event

if TYPE_CHECKING:
    from .base import EventBase

#: libevent delivers a process's signals to one base (``evsig_base``).
_signal_base: weakref.ref[EventBase] | None = None

_UNCATCHABLE = frozenset(
    getattr(_signal, name)
    for name in ("SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL")
    if hasattr(_signal, name)
)


class Signal(Event):
    """Calls back when the process gets a signal; waiting from its creation until :meth:`close`.

    libevent's handler stands in for Python's meanwhile: a Signal for SIGINT means no
    KeyboardInterrupt.  One base of a process may have Signals at a time.

    Args:
        base: The EventBase to fire in, which keeps it alive.
        number: The signal, ``signal.SIGTERM`` say.
        callback: Called as ``callback(signal)`` from the loop, once for each arrival.

    Raises:
        ValueError: No such signal, or one that cannot be handled in a loop.
        RuntimeError: Another base has the signals.

    Example::

        Signal(base, signal.SIGTERM, lambda _: base.loopexit())
    """

    __slots__ = ()

    def __init__(self, base: EventBase, number: int, callback: Callable[[Any], object]) -> None:
        global _signal_base
        self._begin()
        _convert.integer(number, "signal number", 1, _signal.NSIG - 1)
        if number in _UNCATCHABLE:
            raise ValueError(f"signal {number} cannot be handled in an event loop")
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        owner = _signal_base() if _signal_base is not None else None
        others = owner._delivery.table.open_handles() if owner is not None and owner is not base else []
        if any(isinstance(handle, Signal) for handle in others):
            raise RuntimeError("another EventBase has the signals of this process; close its Signals first")
        self._set_up(base, number, lib.EV_SIGNAL | lib.EV_PERSIST, callback)
        _signal_base = weakref.ref(base)
        try:
            self.add()
        except BaseException:
            self.close()
            raise

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        self._callback(self)

    def _reinited(self) -> None:
        if self._stays:
            self.add()
