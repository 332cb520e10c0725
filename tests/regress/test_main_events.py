"""Ports of libevent's regress group main: the event itself (docs/regress.md has the table)."""

from __future__ import annotations

import gc
import resource
import signal
import socket
import time
import weakref
from typing import Any

import pytest
from child import check_child
from loops import clock_tick, turn

from libevent_py import Event, EventBase, EventFlags, Signal, Timer, _features, ffi, lib

Pair = tuple[socket.socket, socket.socket]

READ, WRITE, TIMEOUT = EventFlags.READ, EventFlags.WRITE, EventFlags.TIMEOUT
PERSIST, NONE = EventFlags.PERSIST, EventFlags(0)


def ignore(*arguments: Any) -> None:
    """A callback that does nothing."""


def test_manipulate_active_events(base: EventBase) -> None:
    """An event that is active already takes more flags, and fires once with all."""
    fired = []
    event = Event(base, None, NONE, lambda event, what: fired.append(what))
    event.active(READ)
    assert event.pending == READ
    event.active(WRITE)
    assert event.pending == READ | WRITE
    base.loop()
    assert fired == [READ | WRITE]


def test_event_new_selfarg(base: EventBase) -> None:
    """The callback is given its own event."""
    got = []

    def on_event(event: Event, what: EventFlags) -> None:
        got.append((event, event.base, what))
        base.loopexit()

    event = Event(base, None, NONE, on_event)
    event.active(READ)
    assert base.dispatch() is False
    assert got == [(event, base, READ)]


def test_free_active_base(backend: str, pair: Pair) -> None:
    """A base closes with an event that waits, or is about to fire; nothing is called."""
    for make_ready in (lambda event: event.add(), lambda event: event.active(READ)):
        with EventBase() as base:
            event = Event(base, pair[0], READ, lambda event, what: pytest.fail("it was closed"))
            make_ready(event)
        assert event.closed


def test_bad_assign(base: EventBase) -> None:
    """READ|SIGNAL cannot be: in C event_assign fails, here signals have their own class."""
    with pytest.raises(ValueError, match="Signal"):
        Event(base, None, EventFlags.SIGNAL | READ, ignore)
    storage = ffi.new("char[]", lib.event_get_struct_event_size())
    event = ffi.cast("struct event *", storage)
    assert lib.event_assign(event, base.pointer, -1, lib.EV_SIGNAL | lib.EV_READ, ffi.NULL, ffi.NULL) == -1


@pytest.mark.parametrize("number", [-1, signal.NSIG])
def test_evmap_invalid_slots_signals(base: EventBase, number: int) -> None:
    """No such signal: ValueError."""
    with pytest.raises(ValueError, match="signal number"):
        Signal(base, number, ignore)


@pytest.mark.parametrize("fd", [(1 << 31) - 1, (1 << 30) - 1])
def test_evmap_invalid_slots_descriptors(base: EventBase, fd: int) -> None:
    """Descriptors that no table has room for: ValueError, and C, asked directly, refuses too."""
    with pytest.raises(ValueError, match="no file descriptor"):
        Event(base, fd, READ, ignore)
    event = lib.event_new(base.pointer, fd, lib.EV_READ, ffi.NULL, ffi.NULL)
    assert lib.event_add(event, ffi.NULL) == -1
    lib.event_free(event)


def test_evmap_invalid_slots_closed(base: EventBase) -> None:
    """A number below the limit that is not open: OSError."""
    with pytest.raises(OSError, match="Bad file descriptor"):
        Event(base, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1, READ, ignore)


def test_event_once(backend_base: EventBase, pair: Pair) -> None:
    """One-shot events of which no reference is kept fire all the same: READ, a timer, two at once."""
    fired = []
    Event(backend_base, pair[0], READ, lambda event, what: fired.append(what)).add()
    Timer(backend_base, 0.02, lambda timer: fired.append("timer"))
    with pytest.raises(TypeError, match="callable"):
        Event(backend_base, None, NONE, None)  # type: ignore[arg-type]
    Event(backend_base, None, NONE, lambda event, what: fired.append(what)).active(TIMEOUT)
    Timer(backend_base, 0, lambda timer: fired.append("at once"))
    gc.collect()
    pair[1].send(b"this is a test\0")
    pair[1].shutdown(socket.SHUT_WR)
    assert backend_base.dispatch() is True
    assert fired[-1] == "timer" and len(fired) == 4
    assert {READ, TIMEOUT, "at once"} < set(fired)


def test_event_once_never() -> None:
    """A timer of ten seconds does not outlive its base, nor does what its callback holds."""

    class Held:
        pass

    held = Held()
    gone = weakref.ref(held)
    with EventBase() as base:
        Timer(base, 10, lambda timer, held=held: pytest.fail("it fired"))
        del held
        base.loopexit(0.02)
        assert base.dispatch() is False
        assert gone() is not None
    for _ in range(3):  # PyPy's collector needs its rounds
        gc.collect()
    assert gone() is None


def test_event_pending(base: EventBase, pair: Pair) -> None:
    """pending tells what an event waits for, and nothing of one that was not added."""
    reading = Event(base, pair[0], READ, ignore)
    writing = Event(base, pair[1], WRITE, ignore)
    timer = Event(base, None, NONE, ignore)
    reading.add()
    timer.add(0.5)
    assert (reading.pending, writing.pending, timer.pending) == (READ, NONE, TIMEOUT)


def test_event_remove_timeout_by_removing(base: EventBase, pair: Pair) -> None:
    """Where a timeout has been taken away the event goes on waiting for its descriptor."""
    fired = []
    reading = Event(base, pair[0], READ | PERSIST, lambda event, what: fired.append(what))
    reading.add(0.03)
    timer = Timer(base, 0.03, lambda timer: fired.append("timer"))
    timer.remove()
    assert lib.event_remove_timer(reading.pointer) == 0
    Timer(base, 0.06, lambda timer: pair[1].send(b"A"))
    Timer(base, 0.06, lambda timer: base.loopexit())
    base.dispatch()
    turn(base)
    assert set(fired) == {READ}


def test_get_assignment(base: EventBase, pair: Pair) -> None:
    """An Event tells what it was made with, as C does; NULL for what is not asked is fine."""
    event = Event(base, pair[1], READ, ignore)
    assert (event.base, event.fileno(), event.flags) == (base, pair[1].fileno(), READ)
    base_out, fd_out = ffi.new("struct event_base **"), ffi.new("evutil_socket_t *")
    events_out = ffi.new("short *")
    callback_out, argument_out = ffi.new("event_callback_fn *"), ffi.new("void **")
    lib.event_get_assignment(event.pointer, base_out, fd_out, events_out, callback_out, argument_out)
    assert base_out[0] == base.pointer == lib.event_get_base(event.pointer)
    assert fd_out[0] == pair[1].fileno() == lib.event_get_fd(event.pointer)
    assert events_out[0] == int(READ) == lib.event_get_events(event.pointer)
    assert callback_out[0] == lib.event_get_callback(event.pointer) != ffi.NULL
    assert argument_out[0] == lib.event_get_callback_arg(event.pointer) != ffi.NULL
    lib.event_get_assignment(event.pointer, *[ffi.NULL] * 5)


def test_struct_event_size() -> None:
    """What the library says of its struct event is what an own one must have room for."""
    assert 0 < lib.event_get_struct_event_size() <= 256


def test_simpletimeout(backend_base: EventBase) -> None:
    """200 ms are 200 ms or more."""
    begin = time.monotonic()
    fired = []
    Event(backend_base, None, TIMEOUT, lambda event, what: fired.append((what, time.monotonic()))).add(0.2)
    assert backend_base.dispatch() is True
    ((what, when),) = fired
    assert what == TIMEOUT
    assert 0.2 - clock_tick() <= when - begin < 5


def test_persistent_timeout(backend_base: EventBase) -> None:
    """A persistent timeout fires again and again, until the loop ends."""
    fired = []

    def on_timeout(event: Event, what: EventFlags) -> None:
        fired.append(what)
        if len(fired) == 6:
            backend_base.loopexit()

    begin = time.monotonic()
    event = Event(backend_base, None, TIMEOUT | PERSIST, on_timeout)
    event.add(0.01)
    assert backend_base.dispatch() is False
    assert fired == [TIMEOUT] * 6
    assert time.monotonic() - begin >= 0.06 - clock_tick()
    assert event.pending == TIMEOUT


def test_persistent_timeout_jump(base: EventBase) -> None:
    """Intervals that passed while nobody ran the loop are one firing, not many."""
    interval = 0.1
    fired = []
    event = Event(base, None, PERSIST, lambda event, what: fired.append(what))
    event.add(interval)
    time.sleep(3 * interval)
    begin = time.monotonic()
    turn(base, 3)
    assert 1 <= len(fired) <= 1 + (time.monotonic() - begin) / interval


def test_persistent_active_timeout(base: EventBase) -> None:
    """active() starts a persistent event's interval anew."""
    fired: list[tuple[EventFlags, float]] = []
    activated = 0.0

    def on_event(event: Event, what: EventFlags) -> None:
        fired.append((what, time.monotonic()))
        if len(fired) == 3:
            base.loopexit()

    def activate(timer: Timer) -> None:
        nonlocal activated
        activated = time.monotonic()
        event.active(READ)

    event = Event(base, None, TIMEOUT | PERSIST, on_event)
    event.add(0.2)
    Timer(base, 0.1, activate)
    base.dispatch()
    assert [what for what, _ in fired] == [READ, TIMEOUT, TIMEOUT]
    assert fired[1][1] >= activated + 0.2 - clock_tick()
    assert fired[2][1] >= activated + 0.4 - clock_tick()


# A program that gives libevent its own allocator.  It should be C, says docs/raw.md: Python's callbacks
# do in a process with one thread.
ALLOCATORS = """
    import ctypes, os
    from libevent_py import EventBase, Timer, ffi, lib

    C = ctypes.CDLL(None)
    C.malloc.restype = C.realloc.restype = ctypes.c_void_p
    C.malloc.argtypes = [ctypes.c_size_t]
    C.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    C.free.argtypes = [ctypes.c_void_p]
    GUARD = b"{[<guardedram>]}"
    held = set()

    def guarded(start):
        ctypes.memmove(start, GUARD, 16)
        held.add(start + 16)
        return ffi.cast("void *", start + 16)

    def unguarded(pointer):
        address = int(ffi.cast("uintptr_t", pointer))
        held.remove(address)
        if ctypes.string_at(address - 16, 16) != GUARD:
            print("overwritten")
        return address - 16

    @ffi.callback("void *(size_t)")
    def allocate(size):
        return guarded(C.malloc(size + 16))

    @ffi.callback("void *(void *, size_t)")
    def reallocate(pointer, size):
        return guarded(C.realloc(unguarded(pointer), size + 16)) if pointer else allocate(size)

    @ffi.callback("void(void *)")
    def release(pointer):
        if pointer:
            C.free(unguarded(pointer))

    lib.event_set_mem_functions(allocate, reallocate, release)
    with EventBase() as base:
        print(int(ffi.cast("uintptr_t", base.pointer)) in held)
        Timer(base, 0, lambda timer: print("fired"))
        base.dispatch()
    print(len(held), flush=True)
    os._exit(0)
    """


def test_mm_functions() -> None:
    """libevent takes all memory of a base from functions that are given to it, and gives all back."""
    if not _features.has("event_set_mem_functions"):
        pytest.skip("this libevent has no event_set_mem_functions")
    env = {"LIBEVENT_PY_DEBUG": ""}  # whose tables stay
    assert check_child(ALLOCATORS, env=env) == "True\nfired\n0\n"
