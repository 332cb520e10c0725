"""The two kinds of loops: Python's own, and one that native code runs on a base of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from libevent_py import EventBase, LoopFlags, lib

#: How long to wait for what has to come.
SECONDS = 10

ONE_PASS = lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK


class Drive:
    """A base, and one pass of its loop."""

    def __init__(self, base: EventBase, one_pass: Callable[[], object], *, is_native: bool) -> None:
        self.base = base
        self.one_pass = one_pass
        self.is_native = is_native

    def until(self, done: Callable[[], object]) -> None:
        """Run until *done()*, some seconds at most."""
        deadline = time.monotonic() + SECONDS
        while not done():
            assert time.monotonic() < deadline, "the callback never came"
            self.one_pass()


@contextmanager
def _python(on_error: Any) -> Iterator[Drive]:
    with EventBase(on_error=on_error) as base:
        yield Drive(base, lambda: base.loop(LoopFlags(ONE_PASS)), is_native=False)


@contextmanager
def _native(on_error: Any) -> Iterator[Drive]:
    native = lib.event_base_new()
    try:
        with EventBase.from_pointer(native, on_error=on_error) as base:
            yield Drive(base, lambda: lib.event_base_loop(native, ONE_PASS), is_native=True)
    finally:
        lib.event_base_loop(native, ONE_PASS)  # or it leaks bufferevents whose callbacks are under way
        lib.event_base_free(native)


DRIVES = {"python": _python, "native": _native}
