"""Ctrl-C while the loop is idle (floor 4).

Python's signal handlers run between bytecodes, and an idle loop executes none.
While loop() runs in the main thread, the byte that Python's C handler writes to
the wake-up descriptor makes the loop return to Python for a moment.
"""

from __future__ import annotations

import signal
import threading
from types import TracebackType

from ._delivery import Delivery
from ._errors import check
from ._ffi import lib


class WakeOnSignal:
    """Context manager of one loop() call; does nothing outside the main thread."""

    __slots__ = ("_delivery", "_previous")

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._previous: int | None = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            fd = check(lib.lepy_delivery_wakeup_fd(self._delivery.live()), "cannot make the wake-up socket")
            self._delivery.wakeup_fd = fd
            previous = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
            # Our own: a KeyboardInterrupt hit the last __exit__.
            self._previous = -1 if previous == fd else previous

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.set_wakeup_fd(self._previous, warn_on_full_buffer=False)


def forget_wakeup(delivery: Delivery) -> None:
    """Before the wake-up descriptor is closed: take it off where an interrupt kept loop() from that."""
    if delivery.wakeup_fd >= 0 and threading.current_thread() is threading.main_thread():
        left = signal.set_wakeup_fd(-1)
        if left not in (-1, delivery.wakeup_fd):
            signal.set_wakeup_fd(left, warn_on_full_buffer=False)
