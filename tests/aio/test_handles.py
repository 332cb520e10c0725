"""Callbacks and timers: asyncio's, made in another way."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asyncio_loops import turn

from libevent_py.aio import Loop


class TestHandles:
    """What call_soon() and its kin return."""

    def test_they_are_asyncios(self, any_loop: asyncio.AbstractEventLoop) -> None:
        """Also those of a timer that is due at once."""
        handle = any_loop.call_soon(print, 1)
        timer = any_loop.call_later(0, print)
        at = any_loop.call_at(1.5, print)
        assert isinstance(handle, asyncio.Handle)
        assert isinstance(timer, asyncio.TimerHandle)
        assert at.when() == 1.5
        # From 3.13 on arguments are told in debug mode alone.
        assert repr(handle) == repr(asyncio.Handle(print, (1,), any_loop))
        assert repr(at) == "<TimerHandle when=1.5 print()>"
        for each in (handle, timer, at):
            assert not each.cancelled()
            each.cancel()
            each.cancel()
            assert each.cancelled()
        assert repr(handle) == "<Handle cancelled>"
        turn(any_loop)

    def test_cancelled_ones_do_not_run(self, any_loop: asyncio.AbstractEventLoop) -> None:
        """By one that runs before them, either."""
        seen: list[str] = []
        last = any_loop.call_later(0, seen.append, "timer")
        any_loop.call_soon(lambda: (second.cancel(), last.cancel()))
        second = any_loop.call_soon(seen.append, "second")
        any_loop.call_soon(seen.append, "third")
        turn(any_loop)
        turn(any_loop)
        assert seen == ["third"]

    def test_arguments_and_contexts(self, any_loop: asyncio.AbstractEventLoop) -> None:
        """Each gets its own, or the one that is given."""
        variable = contextvars.ContextVar("variable", default=0)
        seen: list[tuple[int, tuple[int, ...]]] = []

        def note(*args: int) -> None:
            seen.append((variable.get(), args))
            variable.set(-1)

        given = contextvars.copy_context()
        given.run(variable.set, 7)
        any_loop.call_soon(note)
        any_loop.call_soon(note, 1)
        any_loop.call_soon(note, 1, 2, context=given)
        any_loop.call_soon_threadsafe(note, 3)
        any_loop.call_soon_threadsafe(note, 4, context=given)
        any_loop.call_later(0, note, 5)
        any_loop.call_at(0, note, 6, context=given)
        turn(any_loop)
        turn(any_loop)
        assert sorted(seen, key=lambda each: each[1]) == [
            (0, ()),
            (0, (1,)),
            (7, (1, 2)),
            (0, (3,)),
            (-1, (4,)),
            (0, (5,)),
            (-1, (6,)),
        ]

    @pytest.mark.parametrize("cancels", [False, True])
    def test_what_a_raising_one_tells(self, any_loop: asyncio.AbstractEventLoop, cancels: bool) -> None:
        """The handler hears of the callback, its arguments and its handle; the next one runs."""
        told: list[dict[str, Any]] = []
        any_loop.set_exception_handler(lambda _, context: told.append(context))

        def fail(number: int) -> None:
            if cancels:
                handle.cancel()
            raise asyncio.CancelledError

        handle = any_loop.call_soon(fail, 1)
        turn(any_loop)
        (context,) = told
        assert context["handle"] is handle
        assert isinstance(context["exception"], asyncio.CancelledError)
        expected = "None()" if cancels else f"{fail.__qualname__}("
        assert context["message"].startswith("Exception in callback ")
        assert expected in context["message"]
        assert "source_traceback" not in context

    def test_debug_mode(self, any_loop: asyncio.AbstractEventLoop) -> None:
        """They know where they were made, and what they were."""
        any_loop.set_debug(True)
        made: list[Any] = [
            any_loop.call_soon(print),
            any_loop.call_soon_threadsafe(print),
            any_loop.call_later(100, print),
            any_loop.call_at(any_loop.time() + 100, print),
        ]
        for handle in made:
            assert handle._source_traceback[-1].name == "test_debug_mode"
            handle.cancel()
            assert "print()" in repr(handle)
        with pytest.raises(TypeError):
            any_loop.call_later(1, "no function")  # type: ignore[arg-type]
        any_loop.call_soon(any_loop.set_debug, False)
        turn(any_loop)

    def test_closed(self, loop: Loop) -> None:
        """A closed loop takes nothing."""
        loop.close()
        calls: list[Callable[[], object]] = [
            lambda: loop.call_soon(print),
            lambda: loop.call_soon_threadsafe(print),
            lambda: loop.call_later(1, print),
            lambda: loop.call_at(1, print),
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match="closed"):
                call()

    def test_refusing(self, loop: Loop) -> None:
        """None is no time."""
        with pytest.raises(TypeError):
            loop.call_later(None, print)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            loop.call_at(None, print)  # type: ignore[arg-type]


class TestWaiting:
    """A loop with nothing else to do waits in C from pass to pass; what ends that."""

    @pytest.fixture
    def ends(self) -> Any:
        """A pair of sockets."""
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            yield left, right

    def test_another_thread(self, loop: Loop, ends: Any) -> None:
        """Its calls run at once, one wait after the other."""
        seen: list[int] = []

        def call(number: int) -> None:
            seen.append(number)
            if number < 100:
                threading.Thread(target=loop.call_soon_threadsafe, args=(call, number + 1)).start()
            else:
                loop.stop()

        loop.add_reader(ends[0], print)
        loop.call_soon(call, 0)
        loop.run_forever()
        assert seen == list(range(101))

    @pytest.mark.parametrize("what", ["stop", "call_soon", "call_later", "call_at"])
    def test_what_a_reader_does(self, loop: Loop, ends: Any, what: str) -> None:
        """It stops the loop, or schedules what does."""
        left, right = ends

        def on_readable() -> None:
            left.recv(1)
            if what == "stop":
                loop.stop()
            elif what == "call_soon":
                loop.call_soon(loop.stop)
            elif what == "call_later":
                loop.call_later(0.001, loop.stop)
            else:
                loop.call_at(loop.time(), loop.stop)

        loop.add_reader(left, on_readable)
        right.send(b"x")
        loop.run_forever()
        assert not loop.is_running()
        right.send(b"x")
        loop.run_forever()

    def test_order(self, any_loop: asyncio.AbstractEventLoop, ends: Any) -> None:
        """A timer that is due runs behind what has happened, and before what that makes ready."""
        left, right = ends
        seen: list[str] = []

        def on_readable() -> None:
            left.recv(1)
            seen.append("event")
            any_loop.call_soon(seen.append, "made ready")
            any_loop.call_later(0, seen.append, "made due")
            any_loop.call_later(0.01, any_loop.stop)

        any_loop.add_reader(left, on_readable)
        any_loop.call_later(-1, seen.append, "timer")
        right.send(b"x")
        any_loop.run_forever()
        assert seen == ["event", "timer", "made ready", "made due"]
