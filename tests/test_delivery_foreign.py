"""Delivery where native code drives the loop."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

import pytest

from libevent_py import BufferEvent, Event, EventBase, EventFlags, LoopFlags, Timer, ffi, lib

Pair = tuple[socket.socket, socket.socket]
BATCH = lib.real.LEPY_BATCH_RECORDS


def events(base: EventBase, number: int, callback: Callable[[int], object]) -> list[Event]:
    """That many active events, which call ``callback(index)``."""
    made = [Event(base, None, EventFlags(0), lambda event, what, n=n: callback(n)) for n in range(number)]
    for event in made:
        event.active()
    return made


class Boom(Exception):
    """What the callbacks here raise."""


class TestForeignLoop:
    """Somebody else calls event_base_loop: C, or the raw layer."""

    def test_records_are_delivered_inside(self, base: EventBase) -> None:
        """A loop that the raw layer runs delivers to Python's handles, in order."""
        order: list[int] = []
        made = events(base, 3, order.append)
        Timer(base, 0.001, lambda timer: order.append(3))
        assert lib.event_base_dispatch(base.pointer) == 1
        assert order == [0, 1, 2, 3]
        assert len(made) == 3

    def test_more_than_a_batch(self, base: EventBase) -> None:
        """Also more than a batch holds."""
        order: list[int] = []
        made = events(base, 2 * BATCH + 5, order.append)
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert order == list(range(2 * BATCH + 5))
        assert len(made) == len(order)

    def test_echo(self, base: EventBase, socket_pair: Pair) -> None:
        """A bufferevent answers inside somebody else's loop."""
        ours, peer = socket_pair
        bev = BufferEvent(base, ours)
        bev.set_callbacks(on_data=lambda bev, data: bev.write(data.upper()))
        bev.enable(EventFlags.READ)
        peer.send(b"hello")
        for _ in range(3):
            lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)
        assert peer.recv(100) == b"HELLO"

    def test_exceptions_go_to_the_excepthook(self, base: EventBase, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is no caller to raise to; the loop goes on."""
        reported: list[type[BaseException]] = []

        def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
            reported.append(kind)

        monkeypatch.setattr(sys, "excepthook", hook)
        order: list[int] = []

        def fail(number: int) -> None:
            order.append(number)
            raise (Boom, KeyboardInterrupt, SystemExit)[number]

        made = events(base, 3, fail)
        assert lib.event_base_dispatch(base.pointer) == 1
        assert order == [0, 1, 2]
        assert reported == [Boom, KeyboardInterrupt, SystemExit]
        assert len(made) == 3

    def test_on_error_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A base with a handler gives it the exceptions here too."""
        monkeypatch.setattr(sys, "excepthook", lambda *error: pytest.fail("reported"))
        errors: list[Exception] = []

        def fail(timer: Timer) -> None:
            raise Boom

        with EventBase(on_error=errors.append) as base:
            Timer(base, 0, fail)
            lib.event_base_dispatch(base.pointer)
        assert [type(error) for error in errors] == [Boom]

    def test_loopbreak(self, base: EventBase) -> None:
        """It ends somebody else's loop after the callback; the rest waits."""
        order: list[int] = []

        def stop(number: int) -> None:
            order.append(number)
            base.loopbreak()

        made = events(base, 3, stop)
        Timer(base, 30, lambda timer: None)
        assert lib.event_base_dispatch(base.pointer) == 0
        assert order == [0]
        lib.event_base_dispatch(base.pointer)
        assert order == [0, 1]
        base.loop(LoopFlags.ONCE)
        assert order == [0, 1, 2]
        assert len(made) == 3

    def test_loopexit(self, base: EventBase) -> None:
        """It ends somebody else's loop after the pass."""
        order: list[int] = []

        def stop(number: int) -> None:
            order.append(number)
            base.loopexit()

        made = events(base, 3, stop)
        Timer(base, 30, lambda timer: None)
        assert lib.event_base_dispatch(base.pointer) == 0
        assert order == [0, 1, 2]
        assert len(made) == 3

    def test_inversion(self) -> None:
        """Priorities hold there too: 0, 2, 1."""
        with EventBase(priorities=8) as base:
            order: list[int] = []

            def fire(event: Event, what: EventFlags) -> None:
                order.append(made.index(event))
                if made.index(event) == 0:
                    made[2].active()

            made = [Event(base, None, EventFlags(0), fire) for _ in range(3)]
            for event, priority in zip(made, (4, 4, 0)):
                event.priority = priority
            made[0].active()
            made[1].active()
            lib.event_base_dispatch(base.pointer)
            assert order == [0, 2, 1]

    def test_python_takes_over(self, base: EventBase) -> None:
        """The same base in turn under C's loop and Python's."""
        order: list[int] = []
        for number in range(6):
            made = events(base, 1, lambda _, n=number: order.append(n))
            if number % 2:
                base.dispatch()
            else:
                lib.event_base_dispatch(base.pointer)
            assert len(made) == 1
        assert order == list(range(6))

    def test_pythons_loop_inside_is_refused(self, base: EventBase) -> None:
        """base.loop() in a callback of C's loop is a RuntimeError."""
        errors: list[str] = []

        def nested(timer: Timer) -> None:
            try:
                base.dispatch()
            except RuntimeError as error:
                errors.append(str(error))

        Timer(base, 0, nested)
        lib.event_base_dispatch(base.pointer)
        assert errors == ["the loop of this EventBase is running already"]

    def test_a_raw_loop_inside_pythons_is_harmless(self, base: EventBase) -> None:
        """event_base_loop in a callback of Python's own loop neither loses nor repeats a record."""
        order: list[int] = []

        def nested(number: int) -> None:
            order.append(number)
            if number == 1:
                lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)

        made = events(base, 4, nested)
        base.dispatch()
        assert order == [0, 1, 2, 3]
        assert len(made) == 4

    def test_a_foreign_loop_in_another_thread(self, base: EventBase) -> None:
        """Callbacks come in the thread that runs the loop."""
        threads: list[int] = []
        Timer(base, 0, lambda timer: threads.append(threading.get_ident()))
        thread = threading.Thread(target=lib.event_base_dispatch, args=(base.pointer,))
        thread.start()
        thread.join()
        assert threads == [thread.ident]

    @pytest.mark.parametrize("function", ["lepy_deliver", "work_for_foreign_loop", "_begin", "work"])
    def test_an_interrupt_between_the_callbacks(
        self, base: EventBase, function: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An exception that strikes the delivery itself is told, and loses no record."""
        if sys.implementation.name == "pypy" and function == "lepy_deliver":
            pytest.skip("its profiler raises before there is a frame, as no signal does")
        order: list[int] = []
        made = events(base, 3, order.append)
        told: list[type[BaseException]] = []
        monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: told.append(kind))

        def strike(frame: FrameType, what: str, argument: object) -> None:
            if frame.f_code.co_name == function and what == "call":
                raise KeyboardInterrupt  # which also ends the profiling

        sys.setprofile(strike)
        try:
            lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        finally:
            sys.setprofile(None)
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert told == [KeyboardInterrupt]
        assert order == [0, 1, 2]
        assert len(made) == 3
        assert not base._delivery.delivering

    def test_a_raising_log_handler(self, base: EventBase, monkeypatch: pytest.MonkeyPatch) -> None:
        """What libevent said is told before the callbacks: a handler that raises loses none of them."""
        told: list[type[BaseException]] = []
        monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: told.append(kind))

        def fail(record: object) -> bool:
            raise Boom

        order: list[int] = []
        made = events(base, 3, order.append)
        logger = logging.getLogger("libevent")
        logger.addFilter(fail)
        try:
            memory = ffi.new("char[]", 512)  # an event that belongs to no base
            lib.event_del(ffi.cast("struct event *", memory))
            lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        finally:
            logger.removeFilter(fail)
        assert (told, order) == ([Boom], [0, 1, 2])
        assert len(made) == 3
