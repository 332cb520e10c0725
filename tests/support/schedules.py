"""The kinds of loops that make scheduled calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from libevent_py import EventBase, lib


class Drive(NamedTuple):
    """A base, and a function that runs it until nothing is left or it is told to stop."""

    base: EventBase
    #: True where nothing was left, as EventBase.dispatch().
    dispatch: Callable[[], bool]


@contextmanager
def _python(priorities: int) -> Iterator[Drive]:
    with EventBase(priorities=priorities) as base:
        yield Drive(base, base.dispatch)


@contextmanager
def _native() -> Iterator[Drive]:
    native = lib.event_base_new()
    try:
        with EventBase.from_pointer(native) as base:
            yield Drive(base, lambda: lib.event_base_dispatch(native) == 1)
    finally:
        lib.event_base_free(native)


drives: dict[str, Callable[[], AbstractContextManager[Drive]]] = {
    "python": lambda: _python(1),
    "priorities": lambda: _python(3),
    "native": _native,
}


def check_bookkeeping(base: EventBase) -> None:
    """The heap is one, and the cancelled calls in it are counted."""
    calls = base._calls
    heap = calls.heap
    assert all(heap[(n - 1) // 2] < heap[n] for n in range(1, len(heap)))
    assert calls.cancelled == sum(entry[2].cancelled() for entry in heap)
