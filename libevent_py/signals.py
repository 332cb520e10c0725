"""Ctrl-C: while the loop is idle, and without losing what is on its way (floor 4).

Python's signal handlers run between bytecodes, and an idle loop executes none.
While loop() runs in the main thread, the byte that Python's C handler writes to
the wake-up descriptor makes the loop return to Python for a moment.

And a KeyboardInterrupt that strikes in the loop's own code would lose what it has
in hand: a record that was taken and is not delivered yet, or its own state.  While
loop() runs, Python's own SIGINT handler is replaced by one that lets that code
finish; loop() raises at its end.  It raises at once in a callback.  A handler that
the program has set is left alone, and so is libevent's (a Signal), of which
``signal.getsignal`` knows nothing.
"""

from __future__ import annotations

import errno
import heapq
import os
import signal
import socket
import threading
from pathlib import Path
from types import FrameType, TracebackType

from ._delivery import Delivery, deliveries
from ._errors import check
from ._ffi import lib

#: This package's code, and what it calls where a KeyboardInterrupt would do harm.
_OURS = (str(Path(__file__).parent), str(socket.__file__), str(heapq.__file__))

#: Functions that must not be left halfway: Delivery.work here, EventBase.loop adds itself.
uninterruptible = {Delivery.work.__code__}

#: The bases whose loop() is on the main thread's stack, the innermost last.
_loops: list[Delivery] = []
_loops_thread = 0

# The C function that Python handles every signal with; known once SIGINT has a Python handler.
_python_handler = lib.lepy_signal_handler(signal.SIGINT) if callable(signal.getsignal(signal.SIGINT)) else 0


def _is_pythons() -> bool:
    return bool(lib.lepy_signal_handler(signal.SIGINT) == _python_handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or let loop() raise it when the code that it strikes has finished."""
    above = frame
    while above is not None and above.f_code.co_filename.startswith(_OURS):
        if above.f_code in uninterruptible and _loops:
            _loops[-1].interrupted = _loops[-1].stopping = True
            return
        above = above.f_back
    signal.default_int_handler(number, frame)


class MainThreadSignals:
    """Context manager of one loop() call; does nothing outside the main thread.

    Signals wake the loop by *wakeup_fd*, which is then watched by who gives it, else by
    the delivery's own.
    """

    __slots__ = ("_delivery", "_is_main", "_previous", "_replaced", "_wakeup_fd")

    def __init__(self, delivery: Delivery, wakeup_fd: int = -1) -> None:
        self._delivery = delivery
        self._wakeup_fd = wakeup_fd
        self._is_main = threading.current_thread() is threading.main_thread()
        self._previous = -1
        self._replaced = False

    def __enter__(self) -> None:
        global _loops_thread
        if not self._is_main:
            return
        fd = self._wakeup_fd
        if fd < 0:
            fd = check(lib.lepy_delivery_wakeup_fd(self._delivery.live()), "cannot make the wake-up socket")
        self._delivery.wakeup_fd = fd
        try:
            previous = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
        except ValueError:  # PyPy's word for what is an OSError in CPython
            raise OSError(errno.EBADF, "somebody closed the wake-up socket of this EventBase") from None
        if previous != fd:  # else it is our own: a KeyboardInterrupt hit the last __exit__
            self._previous = previous
        # Nor did the last __exit__ reach this, then.
        _loops[:] = [outer for outer in _loops if outer.running and outer is not self._delivery]
        handler = signal.getsignal(signal.SIGINT)
        ours = handler is signal.default_int_handler or (handler is _interrupt and not _loops)
        self._replaced = ours and _is_pythons()
        _loops_thread = threading.get_ident()
        _loops.append(self._delivery)
        if self._replaced:
            signal.signal(signal.SIGINT, _interrupt)
        # An interrupt that struck in here, below a callback, was left to the loop around this one.
        for outer in _loops[:-1]:
            if outer.interrupted:
                self._delivery.interrupted, outer.interrupted = True, False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_main:
            return
        if self._replaced and signal.getsignal(signal.SIGINT) is _interrupt and _is_pythons():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        _loops.remove(self._delivery)
        signal.set_wakeup_fd(self._previous, warn_on_full_buffer=False)
        if self._delivery.interrupted:
            self._delivery.interrupted = False
            raise KeyboardInterrupt


def set_wakeup(delivery: Delivery) -> None:
    """In a forked child whose base was reinited: let its own descriptor wake a loop that goes on."""
    delivery.wakeup_fd = -1
    if delivery in _loops:
        delivery.wakeup_fd = check(lib.lepy_delivery_wakeup_fd(delivery.live()), "no wake-up socket")
        signal.set_wakeup_fd(delivery.wakeup_fd, warn_on_full_buffer=False)


def _forked() -> None:
    """In a child: its signals shall not wake the parent; the loops of a thread that is not here are over."""
    if _loops and _loops_thread != threading.get_ident():
        _loops.clear()
        if signal.getsignal(signal.SIGINT) is _interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    fd = signal.set_wakeup_fd(-1)
    if fd >= 0 and all(delivery.wakeup_fd != fd for delivery in deliveries):
        signal.set_wakeup_fd(fd, warn_on_full_buffer=False)


def forget_wakeup(delivery: Delivery) -> None:
    """Before the wake-up descriptor is closed: take it off where an interrupt kept loop() from that."""
    if delivery.wakeup_fd >= 0 and threading.current_thread() is threading.main_thread():
        left = signal.set_wakeup_fd(-1)
        if left not in (-1, delivery.wakeup_fd):
            signal.set_wakeup_fd(left, warn_on_full_buffer=False)


os.register_at_fork(after_in_child=_forked)
