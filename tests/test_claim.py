"""Which thread has a base: claims, and what two threads without a loop can do to each other."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest
from child import check_child

import libevent_py
from libevent_py import (
    BufferEvent,
    ClosedError,
    Event,
    EventBase,
    EventFlags,
    Timer,
    WrongThreadError,
    ffi,
    lib,
)
from libevent_py._claim import Claimable
from libevent_py._handles import Handle


def in_thread(function: Callable[[], object]) -> Any:
    """What *function* returns or raises in another thread."""
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(function())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    return found[0]


class Asking(int):
    """A number that calls a function when it is asked for its value, in the middle of a call."""

    ask: Callable[[], object]

    def __le__(self, other: Any) -> bool:
        self.ask()
        return int(self) <= other


class TestClaim:
    """One thread at a time has a base, loop or not."""

    def test_nothing_stays_of_a_call(self, base: EventBase) -> None:
        """Without a loop each call claims the base only for as long as it takes."""
        timer = Timer(base, 30, print)
        assert in_thread(lambda: timer.remaining) > 0
        assert in_thread(timer.close) is None
        assert timer.closed

    def test_a_call_that_fails_lets_go(self, base: EventBase) -> None:
        """Also where it raises."""
        with pytest.raises(ValueError, match="0 seconds"):
            Timer(base, 0, print, repeat=True)
        assert in_thread(base.events) == []

    def test_during_a_call(self, base: EventBase) -> None:
        """While a thread is in a call, others are refused: loop, close, objects and their making."""
        event = Event(base, None, EventFlags(0), print)
        refused: list[Any] = []

        def others(*_: object) -> None:
            refused.extend(
                map(
                    in_thread,
                    (base.loop, base.close, event.close, lambda: Timer(base, 1, print), base.events),
                )
            )
            refused.append(in_thread(lambda: base.call_soon(print)))

        class Out:
            write = others

        base.dump_events(Out())  # type: ignore[arg-type]
        assert [type(error) for error in refused] == [WrongThreadError] * 6
        assert not event.closed

    def test_nested_in_the_same_thread(self, base: EventBase) -> None:
        """A call within a call is free to use the base, to run the loop and to close it."""
        fired: list[Any] = []

        class Out:
            def write(self, _: str) -> None:
                Timer(base, 0, fired.append)
                base.dispatch()
                base.close()

        base.dump_events(Out())  # type: ignore[arg-type]
        assert len(fired) == 1
        assert base.closed

    def test_closed_in_a_callback(self, base: EventBase) -> None:
        """The rest of the callback finds the base closed, not claimed."""
        found: list[Any] = []

        def callback(timer: Timer) -> None:
            base.close()
            with pytest.raises(ClosedError):
                base.events()
            with pytest.raises(ClosedError):
                base.call_soon(print)
            found.append(in_thread(base.events))

        Timer(base, 0, callback)
        base.dispatch()
        assert isinstance(found[0], ClosedError)

    def test_two_loops_at_once(self, base: EventBase) -> None:
        """Of two threads in loop() one has it, and the other RuntimeError, which WrongThreadError is too."""
        barrier = threading.Barrier(2)
        results: list[Any] = []
        base.call_later(30, print)

        def work() -> None:
            barrier.wait()
            try:
                results.append(base.loop())
            except RuntimeError as error:
                results.append(error)
                base.call_soon_threadsafe(base.loopbreak)

        for _ in range(20):
            threads = [threading.Thread(target=work) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        assert sum(isinstance(result, RuntimeError) for result in results) == 20
        assert results.count(False) == 20

    def test_write_from_two_threads(self, base: EventBase, socket_pair: Any) -> None:
        """write() claims in C, where it is quickest: it is refused too, and lets go."""
        bev = BufferEvent(base, socket_pair[0])
        refused: list[Any] = []

        class Out:
            def write(self, _: str) -> None:
                refused.append(in_thread(lambda: bev.write(b"x")))
                bev.write(b"y")

        base.dump_events(Out())  # type: ignore[arg-type]
        assert isinstance(refused[0], WrongThreadError)
        assert in_thread(lambda: bev.write(b"z")) is None
        assert socket_pair[1].recv(10) == b"yz"

    def test_a_buffer_of_a_bufferevent(self, base: EventBase, socket_pair: Any) -> None:
        """It is the bufferevent's, and lock() keeps the base for the whole block."""
        bev = BufferEvent(base, socket_pair[0])
        with bev.output.lock():
            assert isinstance(in_thread(lambda: len(bev.output)), WrongThreadError)
            bev.output.add(b"x")
        assert in_thread(lambda: len(bev.output)) == 1
        other = libevent_py.Buffer(b"abc")
        with bev.output.lock():
            assert isinstance(in_thread(lambda: bev.output.add_buffer(other)), WrongThreadError)
        with bev.input.lock():
            assert isinstance(in_thread(lambda: other.add_buffer(bev.input)), WrongThreadError)

    def test_repr_is_for_everybody(self, base: EventBase, socket_pair: Any) -> None:
        """It never raises, and enters C only where it may."""
        bev = BufferEvent(base, socket_pair[0])
        with bev.output.lock():
            assert in_thread(lambda: repr(bev)) == "<BufferEvent in use elsewhere>"
        assert in_thread(lambda: repr(bev)).startswith("<BufferEvent fd=")
        base.close()
        assert repr(bev) == "<BufferEvent closed>"

    def test_a_native_loop_delivers_to_the_thread_that_runs_it(self) -> None:
        """Its callbacks have the base, and other threads have not."""
        native = lib.event_base_new()
        refused: list[Any] = []
        base = EventBase.from_pointer(native)
        Timer(base, 0, lambda timer: refused.append(in_thread(base.events)))
        lib.event_base_dispatch(native)
        base.close()
        lib.event_base_free(native)
        assert isinstance(refused[0], WrongThreadError)


def test_every_public_method_claims() -> None:
    """A method or property of a handle claims the base, or says that it need not."""
    kinds = [kind for kind in vars(libevent_py).values() if inspect.isclass(kind)]
    unclaimed = [
        f"{kind.__name__}.{name}"
        for kind in kinds
        if issubclass(kind, (Handle, EventBase))
        for name in dir(kind)
        if not name.startswith("_")
        for member in [inspect.getattr_static(kind, name)]
        for function in [getattr(member, "fget", None) or getattr(member, "__func__", member)]
        if callable(function) and not hasattr(function, "_unguarded")
    ]
    assert unclaimed == []


def test_the_structure_outlives_close() -> None:
    """Whoever still asks a closed base whose it is gets an answer: it is closed."""
    base = EventBase()
    pointer = ffi.cast("struct lepy_delivery *", base._delivery.pointer)  # which keeps nothing alive
    base.close()
    assert lib.lepy_delivery_claim(pointer, False) == lib.LEPY_CLOSED
    assert isinstance(base._delivery, Claimable)
    assert ffi.typeof(pointer).cname == "struct lepy_delivery *"


#: One thread closes what the other two use, with no loop running.
RACES = {
    "event": ("thing = Event(base, None, EventFlags(0), ignore)", "thing.add(30); thing.remove()"),
    "bufferevent": (
        "thing = BufferEvent(base)",
        "thing.write(b'x'); thing.read(); thing.enable(EventFlags.READ)",
    ),
    "buffers": (
        "thing = BufferEvent(base); into = Buffer(b'x')",
        "into.add_buffer(thing.input); thing.output.add(b'y')",
    ),
    "listener": ("thing = Listener(base, ('127.0.0.1', 0), ignore)", "thing.disable(); thing.enable()"),
    "making": ("thing = base", "Timer(base, 30, ignore).close()"),
    "scheduling": ("thing = base", "base.call_soon(ignore); base.call_later(30, ignore).cancel()"),
    "looking": ("thing = base", "base.events(); base.method; base.num_events(); repr(base)"),
    "loop": ("thing = base; base.call_later(30, ignore)", "base.loop(LoopFlags.NONBLOCK)"),
}

PROGRAM = """
import sys, threading
from libevent_py import *
sys.setswitchinterval(1e-6)
ignore = lambda *arguments: None
for number in range(12):
    base = EventBase()
    {make}
    ready = threading.Event()

    def others():
        ready.set()
        while True:
            try:
                {call}
            except ClosedError:
                return
            except RuntimeError:
                pass

    threads = [threading.Thread(target=others) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready.wait()
    for closed in (thing, base):
        while not closed.closed:
            try:
                closed.close()
            except WrongThreadError:
                pass
    for thread in threads:
        thread.join()
"""


@pytest.mark.parametrize("race", RACES)
def test_closing_against_others(race: str) -> None:
    """What is used while another thread closes it works, or says that it is closed or used elsewhere."""
    make, call = RACES[race]
    check_child(PROGRAM.format(make=make, call=call), timeout=60)
