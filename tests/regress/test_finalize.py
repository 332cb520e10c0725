"""Port of libevent's regress_finalize.c: docs/regress.md has the table."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from child import check_child

from libevent_py import ClosedError, Event, EventBase, EventFlags, Timer, ffi, lib

NONE, PERSIST = EventFlags(0), EventFlags.PERSIST


class Counted:
    """An event whose callback counts 1 and whose finalizer counts 100."""

    def __init__(self, base: EventBase) -> None:
        self.count = 0
        self.event = Event(base, None, NONE, self._count)

    def _count(self, event: Event, what: EventFlags) -> None:
        self.count += 1

    def finalize(self) -> None:
        """Finalize it."""
        self.event.finalize(self._finalized)

    def _finalized(self, event: Event) -> None:
        self.count += 100


def test_cb_invoked(backend_base: EventBase) -> None:
    """The finalizer is called whatever the event was doing, and alone."""
    base = backend_base
    idle = Counted(base)
    idle.finalize()
    base.dispatch()
    assert idle.count == 100

    left_alone = Counted(base)
    left_alone.event.active()
    base.dispatch()
    assert left_alone.count == 1
    left_alone.event.active()
    left_alone.finalize()
    base.dispatch()
    assert left_alone.count == 101

    waiting = Counted(base)
    waiting.event.add(10)
    waiting.finalize()
    base.dispatch()
    assert waiting.count == 100

    touched = Counted(base)
    touched.finalize()
    for call in (lambda: touched.event.add(10), touched.event.remove, touched.event.active):
        with pytest.raises(ClosedError):
            call()
    base.dispatch()
    assert touched.count == 100


def test_free_finalize() -> None:
    """libevent frees what event_free_finalize finalized, once, and not what event_finalize did."""
    program = """
    from libevent_py import Event, EventBase, EventFlags, ffi, lib

    memory, freed = {}, []

    @ffi.callback("void *(size_t)")
    def allocate(size):
        block = ffi.new("char[]", size)
        memory[int(ffi.cast("uintptr_t", block))] = block
        return ffi.cast("void *", block)

    @ffi.callback("void *(void *, size_t)")
    def reallocate(old, size):
        new = allocate(size)
        if old:
            block = memory.pop(int(ffi.cast("uintptr_t", old)))
            ffi.memmove(new, block, min(size, len(block)))
        return new

    @ffi.callback("void(void *)")
    def free(block):
        if block:
            freed.append(int(ffi.cast("uintptr_t", block)))
            del memory[freed[-1]]

    lib.event_set_mem_functions(allocate, reallocate, free)
    called = []

    @ffi.callback("event_finalize_callback_fn")
    def finalized(event, argument):
        called.append(event)

    base = EventBase()
    event = Event(base, None, EventFlags(0), lambda event, what: called.append("callback"))
    address = int(ffi.cast("uintptr_t", event.pointer))
    raw = lib.event_new(base.pointer, -1, 0, ffi.NULL, ffi.NULL)
    event.finalize(called.append)
    lib.event_finalize(0, raw, finalized)
    base.dispatch()
    assert called == [raw, event], called
    assert freed.count(address) == 1
    assert int(ffi.cast("uintptr_t", raw)) not in freed
    lib.event_free(raw)
    base.close()
    assert freed.count(address) == 1
    """
    check_child(program)


@pytest.mark.parametrize("flags", [NONE, PERSIST], ids=["once", "persist"])
def test_within_cb(backend_base: EventBase, flags: EventFlags) -> None:
    """The first of two active events finalizes both: the second one's callback never comes."""
    counts = {"one": 0, "other": 0}

    def finalizer(name: str) -> Any:
        def finalize(event: Event) -> None:
            counts[name] += 100

        return finalize

    def callback(name: str) -> Any:
        def on_event(event: Event, what: EventFlags) -> None:
            one.finalize(finalizer("one"))
            other.finalize(finalizer("other"))
            counts[name] += 1

        return on_event

    one = Event(backend_base, None, flags, callback("one"))
    other = Event(backend_base, None, flags, callback("other"))
    one.active()
    other.active()
    assert backend_base.dispatch() is True
    assert counts == {"one": 101, "other": 100}


def test_debug_use_after_free(base: EventBase) -> None:
    """The memory of a finalized event is another event's soon: in debug mode libevent knows them apart.

    Upstream assigns the event anew in its finalizer, which a Python program does by making another.
    """
    count = 0

    def again(event: Event) -> None:
        nonlocal count
        count += 1
        if count < 50:
            fresh = Timer(base, 60, lambda timer: None)
            fresh.finalize(again)

    first = Event(base, None, EventFlags.TIMEOUT, lambda event, what: None)
    first.add()
    first.finalize(again)
    base.dispatch()
    gc.collect()
    assert count == 50


def test_debug_use_after_free_raw(base: EventBase) -> None:
    """Upstream's own program: event_assign in the finalizer, add, finalize again."""
    called = 0

    @ffi.callback("event_finalize_callback_fn")
    def finalized(event: Any, argument: Any) -> None:
        nonlocal called
        called += 1
        if called == 1:
            assert lib.event_assign(event, pointer, -1, lib.EV_TIMEOUT, ffi.NULL, ffi.NULL) == 0

    pointer = base.pointer
    event = lib.event_new(pointer, -1, lib.EV_TIMEOUT, ffi.NULL, ffi.NULL)
    assert lib.event_add(event, ffi.NULL) == 0
    assert lib.event_finalize(0, event, finalized) == 0
    lib.event_base_dispatch(pointer)
    assert called == 1
    assert lib.event_add(event, ffi.NULL) == 0
    assert lib.event_finalize(0, event, finalized) == 0
    lib.event_base_dispatch(pointer)
    assert called == 2
    lib.event_free(event)
