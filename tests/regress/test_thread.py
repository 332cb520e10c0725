"""Ports of libevent's regress_thread.c, and of del_wait and del_notify: docs/regress.md has the table."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest
from loops import clock_tick

from libevent_py import (
    Event,
    EventBase,
    EventConfig,
    EventFlags,
    LoopFlags,
    Timer,
    WrongThreadError,
    ffi,
    lib,
)

Pair = tuple[socket.socket, socket.socket]

READ, PERSIST, NONE = EventFlags.READ, EventFlags.PERSIST, EventFlags(0)


def in_thread(function: Callable[[], object]) -> threading.Thread:
    """Start *function* in a thread; the leak guard demands that it ends."""
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def test_basic(backend_base: EventBase) -> None:
    """Twenty threads have the loop answer each fifty times: no wake-up is lost."""
    threads, times = 20, 50
    count = 0
    count_lock = threading.Lock()

    def work(event: Event, answered: threading.Event) -> None:
        nonlocal count
        for _ in range(times):
            answered.clear()
            event.active()
            assert answered.wait(20)
            with count_lock:
                count += 1
        with count_lock:
            if count == threads * times:
                backend_base.loopexit()

    workers = []
    for _ in range(threads):
        answered = threading.Event()
        event = Event(backend_base, None, NONE, lambda event, what, answered=answered: answered.set())
        workers.append((work, event, answered))
    running = [in_thread(lambda work=work, one=one, two=two: work(one, two)) for work, one, two in workers]
    backend_base.loop(LoopFlags.NO_EXIT_ON_EMPTY)
    for thread in running:
        thread.join(20)
    assert count == threads * times


def test_no_events(backend_base: EventBase) -> None:
    """With NO_EXIT_ON_EMPTY a loop without events is woken from another thread, each time on time."""
    pause = 0.03
    fired: list[tuple[str, float]] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *_: fired.append((name, time.monotonic()))

    def last(event: Event, what: EventFlags) -> None:
        note("last")()
        backend_base.loopbreak()

    def start_timers(event: Event, what: EventFlags) -> None:
        # Adding is for the loop's own thread; another one asks for it by active().
        Timer(backend_base, pause, note("timer"))
        Timer(backend_base, pause * 2, note("later timer"))

    one, two = (Event(backend_base, None, NONE, note(name)) for name in ("one", "two"))
    three, four = Event(backend_base, None, NONE, start_timers), Event(backend_base, None, NONE, last)

    def other() -> None:
        for event in one, two, three:
            time.sleep(pause)
            event.active()
        time.sleep(pause * 4)
        four.active()

    begin = time.monotonic()
    thread = in_thread(other)
    assert backend_base.loop(LoopFlags.NO_EXIT_ON_EMPTY) is False
    thread.join(10)
    names = [name for name, _ in fired]
    times = dict(fired)
    assert names[:2] == ["one", "two"] and names[-1] == "last"
    assert times["one"] - begin >= pause
    assert times["two"] - begin >= 2 * pause
    assert times["timer"] - begin >= 4 * pause - clock_tick()
    assert times["later timer"] - begin >= 5 * pause - clock_tick()
    assert times["last"] - begin >= 7 * pause


def test_deferred_cb_skew() -> None:
    """Threads that keep the loop busy with slow callbacks do not hold a timer up for good."""
    fired: list[float] = []
    busy = 0
    stopped = threading.Event()

    def on_event(event: Event, what: EventFlags) -> None:
        nonlocal busy
        busy += 1
        time.sleep(0.001)

    def load(events: list[Event]) -> None:
        while not stopped.is_set():
            for event in events:
                event.active()

    def on_timer(timer: Timer) -> None:
        fired.append(time.monotonic())
        base.loopbreak()

    with EventBase(config=EventConfig(max_interval=0.016, min_priority=0)) as base:
        loads = [[Event(base, None, NONE, on_event) for _ in range(16)] for _ in range(4)]
        running = [in_thread(lambda events=events: load(events)) for events in loads]
        begin = time.monotonic()
        Timer(base, 0.1, on_timer)
        base.dispatch()
        stopped.set()
        for thread in running:
            thread.join(20)
    assert fired and fired[0] - begin >= 0.1 - clock_tick()
    assert busy > 16


def test_del_wait(backend_base: EventBase, pair: Pair) -> None:
    """In C event_del waits for a callback that runs in another thread; remove() raises, and harms nothing."""
    in_callback, go_on = threading.Event(), threading.Event()
    fired = 0

    def on_read(event: Event, what: EventFlags) -> None:
        nonlocal fired
        fired += 1
        in_callback.set()
        assert go_on.wait(20)
        event.remove()

    event = Event(backend_base, pair[1], READ | PERSIST, on_read)
    event.add()
    pair[0].send(b"this is a test\0")
    thread = in_thread(backend_base.dispatch)
    assert in_callback.wait(20)
    for refused in event.remove, event.close, event.add, backend_base.close:
        with pytest.raises(WrongThreadError):
            refused()
    go_on.set()
    thread.join(20)
    assert fired == 1
    event.close()


def test_del_notify(backend_base: EventBase, pair: Pair) -> None:
    """An event that native code deletes in another thread ends the loop that had nothing else to wait for."""
    event = Event(backend_base, pair[0], READ, lambda event, what: pytest.fail("it was deleted"))
    event.add()
    begun = threading.Event()
    Timer(backend_base, 0, lambda timer: begun.set())
    ended = []
    pointer = event.pointer
    thread = in_thread(lambda: ended.append(backend_base.dispatch()))
    assert begun.wait(20)
    assert lib.event_del(pointer) == 0
    thread.join(20)
    assert ended == [True]
    assert lib.event_pending(pointer, lib.EV_READ, ffi.NULL) == 0
