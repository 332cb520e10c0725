"""call_soon_threadsafe: from other threads, signal handlers, finalizers, and against close()."""

from __future__ import annotations

import gc
import itertools
import signal
import threading
import time
from typing import Any

import pytest
from child import check_child
from schedules import drives

from libevent_py import ClosedError, EventBase, LoopFlags, WrongThreadError, lib


@pytest.mark.parametrize("kind", list(drives))
def test_it_wakes_an_idle_loop(kind: str) -> None:
    """Ten times, from a thread that waits until the loop has slept for a while."""
    with drives[kind]() as (base, dispatch):
        made: list[float] = []
        keep = base.call_later(60, print)

        def waker() -> None:
            for _ in range(10):
                time.sleep(0.005)
                sent = time.monotonic()
                base.call_soon_threadsafe(lambda sent=sent: made.append(time.monotonic() - sent))
            base.call_soon_threadsafe(keep.cancel)

        thread = threading.Thread(target=waker)
        thread.start()
        assert dispatch() is True
        thread.join()
        assert len(made) == 10
        assert min(made) < 0.1, made


@pytest.mark.parametrize("kind", list(drives))
def test_before_the_loop_runs(kind: str) -> None:
    """A call that another thread has left is made by the next loop, which does not return without it."""
    with drives[kind]() as (base, dispatch):
        made: list[int] = []
        thread = threading.Thread(target=base.call_soon_threadsafe, args=(made.append, 1))
        thread.start()
        thread.join()
        base.call_soon(made.append, 2)
        assert dispatch() is True
        assert made == [1, 2]
        assert dispatch() is True
        base.call_soon_threadsafe(made.append, 3)
        assert dispatch() is True
        assert made == [1, 2, 3]


@pytest.mark.parametrize("kind", list(drives))
def test_many_threads(kind: str) -> None:
    """Each call of each thread is made once, a thread's own in order, in the loop's thread."""
    with drives[kind]() as (base, dispatch):
        made: dict[int, list[int]] = {n: [] for n in range(4)}
        keep = base.call_later(60, print)
        loop_thread = threading.get_ident()
        threads: list[threading.Thread] = []

        def make(thread: int, n: int) -> None:
            assert threading.get_ident() == loop_thread
            made[thread].append(n)
            if sum(map(len, made.values())) == 4 * 2000:
                keep.cancel()

        def work(thread: int) -> None:
            for n in range(2000):
                base.call_soon_threadsafe(make, thread, n)

        for n in range(4):
            threads.append(threading.Thread(target=work, args=(n,)))
            threads[-1].start()
        assert dispatch() is True
        for each in threads:
            each.join()
        assert all(numbers == list(range(2000)) for numbers in made.values())


def test_the_other_methods_refuse_another_thread(base: EventBase) -> None:
    """While the loop runs, call_soon, call_later and call_at raise WrongThreadError elsewhere."""
    refused: list[str] = []

    def try_all() -> None:
        for name, time_ in (("call_soon", ()), ("call_later", (1,)), ("call_at", (1,))):
            try:
                getattr(base, name)(*time_, print)
            except WrongThreadError:
                refused.append(name)
        base.call_soon_threadsafe(keep.cancel)

    keep = base.call_later(60, print)
    thread = threading.Thread(target=try_all)
    base.call_soon(thread.start)
    assert base.dispatch() is True
    thread.join()
    assert refused == ["call_soon", "call_later", "call_at"]


def test_call_later_in_several_threads_before_the_loop_runs(base: EventBase) -> None:
    """None is lost, whichever the threads claim the base for and whichever not."""
    made: list[tuple[int, int]] = []
    refused: list[WrongThreadError] = []

    def schedule(thread: int) -> None:
        for number in range(500):
            while True:
                try:
                    base.call_later(0.0002 * (number % 7), made.append, (thread, number))
                    break
                except WrongThreadError as error:  # another thread is telling libevent of a new first one
                    refused.append(error)

    threads = [threading.Thread(target=schedule, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    base.dispatch()
    assert sorted(made) == [(thread, number) for thread in range(4) for number in range(500)]


def test_a_native_loop_in_another_thread(base: EventBase) -> None:
    """Calls are made in the thread that runs it."""
    made: list[int] = []
    keep = base.call_later(60, print)
    thread = threading.Thread(target=lib.event_base_dispatch, args=(base.pointer,))
    thread.start()
    base.call_soon_threadsafe(lambda: made.append(threading.get_ident()))
    base.call_soon_threadsafe(keep.cancel)
    thread.join(10)
    assert made == [thread.ident]


def test_from_a_signal_handler(base: EventBase) -> None:
    """Also where it strikes another call_soon_threadsafe of the same thread."""
    made: list[int] = []
    numbers = itertools.count(1)  # one handler may interrupt another: of each number there is one

    def handler(number: int, frame: object) -> None:
        base.call_soon_threadsafe(made.append, next(numbers))

    previous = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        own = 0
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            base.call_soon_threadsafe(made.append, -1)
            own += 1
        sleeper = base.call_later(60, print)
        base.loop(LoopFlags.NONBLOCK)
        base.loop(LoopFlags.ONCE)  # idle: the handler wakes it
        sleeper.cancel()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    base.dispatch()
    assert made.count(-1) == own
    count = next(numbers) - 1
    assert sorted(n for n in made if n > 0) == list(range(1, count + 1))
    assert count > 10


def test_from_a_finalizer(base: EventBase) -> None:
    """The garbage collector strikes in the middle of anything, call_soon_threadsafe included."""
    made: list[int] = []

    class Cycle:
        """Collected some time later."""

        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            base.call_soon_threadsafe(made.append, 1)

    before = gc.get_threshold() if hasattr(gc, "get_threshold") else None
    if before:
        gc.set_threshold(10)
    try:
        for _ in range(2000):
            Cycle()
            base.call_soon_threadsafe(made.append, 0)
            base.call_later(0, made.append, 2)
            base.call_later(60, made.append, 3).cancel()
    finally:
        if before:
            gc.set_threshold(*before)
    for _ in range(3):
        gc.collect()
    base.dispatch()
    assert [made.count(n) for n in range(4)] == [2000, 2000, 2000, 0]


def test_against_close() -> None:
    """A thread that goes on while the base is closed gets ClosedError, and writes to nobody's descriptor."""
    printed = check_child(
        """
        import os, threading
        from libevent_py import ClosedError, EventBase

        ended = []

        def hammer(base, started):
            try:
                while True:
                    base.call_soon_threadsafe(int)
                    started.set()
            except ClosedError:
                ended.append(1)

        for n in range(100):
            base = EventBase()
            started = threading.Event()
            thread = threading.Thread(target=hammer, args=(base, started))
            thread.start()
            started.wait()
            if n % 2:
                base.call_later(0.001, base.close)
                base.dispatch()
            base.close()
            pipes = [os.pipe() for _ in range(10)]  # with the numbers that the base had
            thread.join()
            for reader, writer in pipes:
                os.set_blocking(reader, False)
                try:
                    assert not os.read(reader, 1)
                except BlockingIOError:
                    pass
                os.close(reader)
                os.close(writer)
        assert len(ended) == 100
        print("ok")
        """,
        timeout=60,
    )
    assert printed == "ok\n"


def test_closed(base: EventBase) -> None:
    """After close() it is a ClosedError in any thread."""
    base.close()
    errors: list[Any] = []

    def call() -> None:
        try:
            base.call_soon_threadsafe(print)
        except ClosedError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert len(errors) == 1
