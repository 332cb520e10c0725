"""What a test may leave behind: nothing."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from libevent_py import _callbacks, _delivery

#: Every queue that was ever made; one is open as long as its base is.
deliveries: weakref.WeakSet[_delivery.Delivery] = weakref.WeakSet()

_DESCRIPTORS = "/proc/self/fd"
_IS_PYPY = sys.implementation.name == "pypy"
_COLLECTIONS = 3 if _IS_PYPY else 1


def watch_deliveries() -> None:
    """Record each Delivery as it is made; what it does stays as it is."""
    make = _delivery.Delivery.__init__

    def recording(self: _delivery.Delivery, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        deliveries.add(self)

    _delivery.Delivery.__init__ = recording  # type: ignore[method-assign]


def collect() -> None:
    """Garbage-collect until nothing more goes: PyPy needs some rounds for finalizers."""
    for _ in range(_COLLECTIONS):
        gc.collect()


def open_descriptors() -> dict[int, str]:
    """What is open, by number; empty where the system has no /proc."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(_DESCRIPTORS):
            with contextlib.suppress(FileNotFoundError):  # listdir's own
                found[int(name)] = os.readlink(f"{_DESCRIPTORS}/{name}")
    return found


def changed(descriptors: dict[int, str]) -> dict[int, str]:
    """What is open now and was not among *descriptors*."""
    return {fd: name for fd, name in sorted(open_descriptors().items()) if name != descriptors.get(fd)}


def wakeup_fd() -> int:
    """The descriptor that Python's signal handler writes to now."""
    fd = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
    return fd


def open_bases() -> list[_delivery.Delivery]:
    """The queues of the bases that nobody closed."""
    return [delivery for delivery in deliveries if delivery.pointer is not None]


def open_handles() -> list[int]:
    """How many handles are open, of each base that has some."""
    return [each.table.open_count for each in deliveries if each.table.open_count]


def leaks(descriptors: dict[int, str], threads: set[threading.Thread], wakeup: int) -> list[str]:
    """Say what is there now and was not before."""
    found = []
    for thread in set(threading.enumerate()) - threads:
        thread.join(2)
        if thread.is_alive():
            found.append(f"a thread is left: {thread!r}")
    if not _IS_PYPY or open_bases() or open_handles() or _callbacks.pinned or changed(descriptors):
        collect()  # takes PyPy the most of a second: only where something is left, garbage or not
    found += [f"a base is open, with {each.table.open_count} handles" for each in open_bases()]
    found += [f"a closed base counts {count} handles" for count in open_handles()]
    found += [f"descriptor {fd} is open: {name}" for fd, name in changed(descriptors).items()]
    if wakeup_fd() != wakeup:
        found.append("signal.set_wakeup_fd was not restored")
    return found


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """Fail the test that leaves a base, handle, descriptor or thread behind.

    Exceptions in ``__del__`` and in threads are pytest's own business: it warns of them,
    and warnings are errors here.
    """
    descriptors, threads, wakeup = open_descriptors(), set(threading.enumerate()), wakeup_fd()
    yield
    found = leaks(descriptors, threads, wakeup)
    for delivery in deliveries:  # the next test shall not be blamed for it too
        delivery.table.open_count = 0
    deliveries.clear()
    assert not found, "; ".join(found)
