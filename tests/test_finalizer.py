"""Event.finalize(): the finalizer in the callback's stead, once."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import weakref
from typing import Any

import pytest
from forking import in_child
from loops import turn
from raw_events import RawEvents

from libevent_py import (
    ClosedError,
    Event,
    EventBase,
    EventCount,
    EventFlags,
    ForkError,
    Signal,
    Timer,
    WrongThreadError,
    lib,
)

NONE = EventFlags(0)
Pair = tuple[socket.socket, socket.socket]


def never(*arguments: Any) -> None:
    """A callback that must not be called."""
    pytest.fail("it was finalized")


class TestOnce:
    """From the loop, or by the base's close()."""

    def test_from_the_loop(self, base: EventBase) -> None:
        """It gets its event, which was closed at once, and the loop does not end before."""
        got: list[Any] = []
        event = Event(base, None, NONE, never)
        event.finalize(lambda event: got.append((event, event.closed)))
        assert event.closed
        assert got == []
        assert base.num_events(EventCount.ACTIVE) == 1
        assert base.dispatch() is True
        assert got == [(event, True)]

    def test_when_the_base_closes(self) -> None:
        """Where the loop has not run since; nothing comes twice."""
        got: list[Event] = []
        base = EventBase()
        event = Event(base, None, NONE, never)
        event.finalize(got.append)
        base.close()
        assert got == [event]
        base.close()
        assert len(got) == 1

    def test_when_the_base_closes_between(self) -> None:
        """Also where libevent is done with it, and Python has not been told yet."""
        got: list[Event] = []
        base = EventBase()
        first = Event(base, None, NONE, lambda event, what: base.close())
        first.active()
        event = Event(base, None, NONE, never)
        event.finalize(got.append)
        assert base.dispatch() is False
        assert got == [event]

    def test_when_the_base_is_dropped(self) -> None:
        """Also of a base that the collector takes; nothing else keeps the event."""
        got: list[bool] = []
        base = EventBase()
        Event(base, None, NONE, never).finalize(lambda event: got.append(event.closed))
        with pytest.warns(ResourceWarning, match="unclosed <EventBase"):
            del base
            gc.collect()
        assert got == [True]

    def test_in_a_loop_that_native_code_runs(self, base: EventBase) -> None:
        """And where native code frees the base: see test_a_borrowed_base."""
        got: list[Event] = []
        event = Event(base, None, NONE, never)
        event.finalize(got.append)
        lib.event_base_dispatch(base.pointer)
        assert got == [event]

    def test_a_borrowed_base(self) -> None:
        """Its close() calls the finalizer; libevent's own has still to come, and finds nobody."""
        pointer = lib.event_base_new()
        got: list[Event] = []
        base = EventBase.from_pointer(pointer)
        event = Event(base, None, NONE, never)
        event.finalize(got.append)
        base.close()
        assert got == [event]
        lib.event_base_dispatch(pointer)
        lib.event_base_free(pointer)
        assert got == [event]


class TestInsteadOfTheCallback:
    """From the call on, the callback is not called."""

    def test_what_is_on_its_way_is_dropped(self, base: EventBase, socket_pair: Pair) -> None:
        """A callback of the pass finalizes an event that has fired in it."""
        ours, peer = socket_pair
        order: list[str] = []
        reader = Event(base, ours, EventFlags.READ | EventFlags.PERSIST, never)

        def on_first(event: Event, what: EventFlags) -> None:
            order.append("first")
            reader.finalize(lambda event: order.append("finalizer"))

        first = Event(base, None, NONE, on_first)
        reader.add()
        peer.send(b"x")
        first.active()
        turn(base, 3)
        assert order == ["first", "finalizer"]

    def test_behind_what_is_ready(self, base: EventBase) -> None:
        """All that was ready is called first: whoever still uses the resource is done with it."""
        order: list[str] = []
        event = Event(base, None, NONE, never)
        others = [Event(base, None, NONE, lambda event, what: order.append("other")) for _ in range(2)]
        for each in others:
            each.active()
        event.finalize(lambda event: order.append("finalizer"))
        turn(base)
        assert order == ["other", "other", "finalizer"]

    def test_in_its_own_callback(self, base: EventBase) -> None:
        """It is called after that, and a persistent event does not fire again."""
        order: list[str] = []

        def on_event(event: Event, what: EventFlags) -> None:
            order.append("callback")
            event.finalize(lambda event: order.append("finalizer"))
            order.append("end")

        event = Event(base, None, EventFlags.PERSIST, on_event)
        event.active()
        base.dispatch()
        assert order == ["callback", "end", "finalizer"]

    @pytest.mark.parametrize("repeat", [False, True])
    def test_a_timer(self, base: EventBase, repeat: bool) -> None:
        """A running Timer stops."""
        got: list[Timer] = []
        timer = Timer(base, 0.001, never, repeat=repeat)
        timer.finalize(got.append)
        assert base.dispatch() is True
        assert got == [timer]

    def test_a_signal(self, base: EventBase) -> None:
        """A Signal gives the handler back at once, and another base may have the signals."""
        before = signal.getsignal(signal.SIGUSR1)
        got: list[Signal] = []
        number = Signal(base, signal.SIGUSR1, never)
        number.finalize(got.append)
        with EventBase() as other:
            Signal(other, signal.SIGUSR2, never)
        base.dispatch()
        assert got == [number]
        assert signal.getsignal(signal.SIGUSR1) is before

    def test_what_the_event_was_made_with_is_kept(self, base: EventBase, socket_pair: Pair) -> None:
        """The socket stays until the finalizer was called: it may close it."""
        ours, _ = socket_pair
        copy = ours.dup()
        alive = weakref.ref(copy)
        event = Event(base, copy, EventFlags.READ, never)
        event.add()
        del copy
        got: list[int] = []

        def finalizer(event: Event) -> None:
            sock = alive()
            assert sock is not None
            got.append(sock.fileno())
            sock.close()

        event.finalize(finalizer)
        gc.collect()
        base.dispatch()
        assert got[0] >= 0
        gc.collect()
        assert alive() is None


class TestAfterwards:
    """It is closed."""

    def test_every_method_refuses(self, base: EventBase) -> None:
        """ClosedError, and close() does nothing."""
        got: list[Event] = []
        event = Event(base, None, NONE, never)
        event.finalize(got.append)
        for call in (event.add, event.remove, event.active, event.fileno, lambda: event.finalize(never)):
            with pytest.raises(ClosedError):
                call()
        event.close()
        base.dispatch()
        assert got == [event]

    def test_not_with_a_closed_one(self, base: EventBase) -> None:
        """ClosedError."""
        event = Event(base, None, NONE, never)
        event.close()
        with pytest.raises(ClosedError):
            event.finalize(never)

    def test_not_without_a_function(self, base: EventBase) -> None:
        """TypeError, and the event is as it was."""
        event = Event(base, None, NONE, never)
        with pytest.raises(TypeError, match="finalizer must be callable"):
            event.finalize(None)  # type: ignore[arg-type]
        assert not event.closed

    def test_not_a_borrowed_one(self, base: EventBase) -> None:
        """Native code's events are native code's to finalize."""
        events = RawEvents(base.pointer)
        event = Event.from_pointer(base, events.make(never))
        with pytest.raises(RuntimeError, match="native code's"):
            event.finalize(never)
        event.close()
        events.free()

    def test_from_another_thread(self, base: EventBase) -> None:
        """WrongThreadError while the loop runs; call_soon_threadsafe() is the way."""
        got: list[Any] = []
        event = Event(base, None, NONE, never)

        def other() -> None:
            try:
                event.finalize(never)
            except WrongThreadError as error:
                got.append(type(error))
            base.call_soon_threadsafe(event.finalize, got.append)

        def start(timer: Timer) -> None:
            thread.start()
            thread.join()

        thread = threading.Thread(target=other)
        Timer(base, 0, start)
        base.dispatch()
        assert got == [WrongThreadError, event]

    def test_in_a_forked_child(self, base: EventBase) -> None:
        """ForkError, until the base is the child's own; then each process calls it."""
        read, write = os.pipe()
        event = Event(base, None, NONE, never)
        event.finalize(lambda event: os.write(write, b"x"))
        other = Event(base, None, NONE, never)

        def child() -> None:
            with pytest.raises(ForkError):
                other.finalize(never)
            base.reinit()
            base.dispatch()

        assert in_child(child) == "None"
        base.dispatch()
        os.close(write)
        with open(read, "rb") as pipe:
            assert pipe.read() == b"xx"


class TestRaising:
    """A finalizer is a callback, and its exceptions go the same way."""

    def test_from_the_loop(self, base: EventBase) -> None:
        """dispatch() raises it, once."""
        event = Event(base, None, NONE, never)
        event.finalize(lambda event: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            base.dispatch()
        assert base.dispatch() is True

    def test_when_the_base_closes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """close() raises the first, tells sys.excepthook of the others, and all is closed."""
        told: list[type[BaseException]] = []
        monkeypatch.setattr("sys.excepthook", lambda kind, error, traceback: told.append(kind))
        base = EventBase()
        timer = Timer(base, 60, never)
        for error in (KeyError(), SystemExit(), ZeroDivisionError()):
            Event(base, None, NONE, never).finalize(_raiser(error))
        with pytest.raises(ZeroDivisionError):
            base.close()
        assert told == [SystemExit, KeyError]
        assert base.closed
        assert timer.closed

    def test_on_error_when_the_base_closes(self) -> None:
        """on_error takes it, as from the loop."""
        taken: list[Exception] = []
        base = EventBase(on_error=taken.append)
        Event(base, None, NONE, never).finalize(_raiser(KeyError()))
        base.close()
        assert [type(error) for error in taken] == [KeyError]


class TestWhileTheBaseCloses:
    """What a finalizer may do in the middle of its base's close()."""

    def test_finalize_another(self) -> None:
        """That one's finalizer is called too."""
        order: list[str] = []
        base = EventBase()
        older = Event(base, None, NONE, never)
        younger = Event(base, None, NONE, never)

        def finalize_older(event: Event) -> None:
            order.append("younger")
            older.finalize(lambda event: order.append("older"))

        younger.finalize(finalize_older)
        base.close()
        assert order == ["younger", "older"]

    def test_nothing_new(self) -> None:
        """New events, calls and loops are refused; close() in it does nothing."""
        refused: list[type[Exception]] = []
        base = EventBase()

        def try_all(event: Event) -> None:
            base.close()
            for call in (
                lambda: Timer(base, 1, never),
                lambda: base.call_soon(never),
                lambda: base.call_later(1, never),
                lambda: base.call_soon_threadsafe(never),
                base.dispatch,
            ):
                try:
                    call()
                except ClosedError as error:
                    refused.append(type(error))

        Event(base, None, NONE, never).finalize(try_all)
        base.close()
        assert refused == [ClosedError] * 5
        assert base.closed


def _raiser(error: BaseException) -> Any:
    def finalizer(event: Event) -> None:
        raise error

    return finalizer
