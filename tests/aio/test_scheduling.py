"""Handles, contexts and errors: the same on our loop and on asyncio's own."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asyncio_loops import AnyLoop, turn

from libevent_py.aio import Loop

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class TestHandles:
    """What call_soon() and its kin return."""

    def test_kinds(self, any_loop: AnyLoop) -> None:
        """A timer is a TimerHandle also where it is due at once; they are ordered by their times."""
        soon = any_loop.call_soon(print)
        due = any_loop.call_later(0, print)
        late = any_loop.call_at(any_loop.time() + 1000, print)
        safe = any_loop.call_soon_threadsafe(print)
        assert isinstance(soon, asyncio.Handle)
        assert isinstance(safe, asyncio.Handle)
        assert isinstance(due, asyncio.TimerHandle)
        assert isinstance(late, asyncio.TimerHandle)
        assert due < late
        assert late.when() == pytest.approx(any_loop.time() + 1000, abs=900)
        for handle in (soon, due, late, safe):
            assert not handle.cancelled()
            handle.cancel()
            assert handle.cancelled()
        turn(any_loop)

    @pytest.mark.parametrize("seconds", [float("nan"), float("-inf")])
    def test_no_number_of_seconds(self, loop: Loop, seconds: float) -> None:
        """What is due at no time is called at once, and keeps no other timer from its time."""
        seen: list[str] = []
        loop.call_later(seconds, seen.append, "odd")
        loop.call_later(0.01, loop.stop)
        loop.call_later(0, seen.append, "now")
        loop.run_forever()
        assert sorted(seen) == ["now", "odd"]

    def test_cancelled_ones_do_not_run(self, any_loop: AnyLoop) -> None:
        """Not even where another callback of the same pass cancels."""
        seen: list[str] = []
        later: list[asyncio.Handle] = []
        any_loop.call_soon(lambda: [handle.cancel() for handle in later])
        later.append(any_loop.call_soon(seen.append, "soon"))
        later.append(any_loop.call_later(0, seen.append, "timer"))
        turn(any_loop)
        turn(any_loop)
        assert seen == []

    def test_they_say_in_debug_mode_where_they_were_made(self, any_loop: AnyLoop) -> None:
        """With file and line."""
        any_loop.set_debug(True)
        assert "created at" in repr(any_loop.call_soon(int))
        assert "test_scheduling.py" in repr(any_loop.call_later(0, int))
        turn(any_loop)

    def test_a_closed_loop_schedules_nothing(self, any_loop: AnyLoop) -> None:
        """RuntimeError."""
        any_loop.close()
        calls: list[Callable[[], object]] = [
            lambda: any_loop.call_soon(print),
            lambda: any_loop.call_later(1, print),
            lambda: any_loop.call_soon_threadsafe(print),
            lambda: any_loop.add_reader(0, print),
            lambda: any_loop.add_writer(0, print),
            lambda: any_loop.run_in_executor(None, print),
            any_loop.run_forever,
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match="closed"):
                call()
        any_loop.close()

    def test_debug_mode_knows_the_thread(self, any_loop: AnyLoop) -> None:
        """call_soon() of another thread is refused there."""
        any_loop.set_debug(True)
        errors: list[BaseException] = []

        def other() -> None:
            try:
                any_loop.call_soon(print)
            except RuntimeError as error:
                errors.append(error)

        async def main() -> None:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()

        any_loop.run_until_complete(main())
        assert "Non-thread-safe" in str(errors[0])


class TestContexts:
    """contextvars."""

    def test_each_callback_has_its_own(self, any_loop: AnyLoop) -> None:
        """What one sets no other sees, nor does the caller."""
        seen: list[str] = []

        def change(value: str) -> None:
            seen.append(variable.get())
            variable.set(value)

        for schedule in (
            any_loop.call_soon,
            any_loop.call_soon_threadsafe,
            lambda *a: any_loop.call_later(0, *a),
        ):
            schedule(change, "changed")
        turn(any_loop)
        turn(any_loop)
        assert seen == ["unset"] * 3
        assert variable.get() == "unset"

    def test_one_may_be_given(self, any_loop: AnyLoop) -> None:
        """And is entered itself, not a copy."""
        context = contextvars.copy_context()
        any_loop.call_soon(variable.set, "soon", context=context)
        turn(any_loop)
        assert context[variable] == "soon"
        any_loop.call_soon_threadsafe(variable.set, "safe", context=context)
        turn(any_loop)
        assert context[variable] == "safe"
        any_loop.call_at(any_loop.time(), variable.set, "at", context=context)
        turn(any_loop)
        assert context[variable] == "at"

    def test_of_a_reader(self, any_loop: AnyLoop) -> None:
        """add_reader()'s is that of its caller, each time the same."""
        seen: list[str] = []
        left, right = socket.socketpair()

        def read() -> None:
            left.recv(1)
            seen.append(variable.get())
            variable.set("changed")

        def watch() -> None:
            variable.set("watcher's")
            any_loop.add_reader(left, read)

        with left, right:
            any_loop.call_soon(watch)
            right.send(b"ab")
            turn(any_loop)
            turn(any_loop)
            turn(any_loop)
            any_loop.remove_reader(left)
        assert seen == ["watcher's", "changed"]


class TestErrors:
    """What callbacks raise."""

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    @pytest.mark.parametrize("where", ["reader", "protocol", "datagram", "task"])
    def test_what_ends_the_loop(self, any_loop: AnyLoop, error: type[BaseException], where: str) -> None:
        """KeyboardInterrupt and SystemExit come out of run_forever(), wherever; it may be run again."""
        left, right = socket.socketpair(type=socket.SOCK_DGRAM if where == "datagram" else socket.SOCK_STREAM)

        def leave(*_: Any) -> None:
            any_loop.remove_reader(left) if where == "reader" else None
            raise error

        class Protocol(asyncio.Protocol, asyncio.DatagramProtocol):
            data_received = datagram_received = leave  # type: ignore[assignment]

        async def main() -> None:
            leave()

        transport: Any = None
        task: Any = None
        if where == "reader":
            any_loop.add_reader(left, leave)
        elif where == "protocol":
            transport, _ = any_loop.run_until_complete(any_loop.create_connection(Protocol, sock=left))
        elif where == "datagram":
            left.setblocking(False)
            transport, _ = any_loop.run_until_complete(any_loop.create_datagram_endpoint(Protocol, sock=left))
        else:
            task = any_loop.create_task(main())
        right.send(b"x")
        with pytest.raises(error):
            any_loop.run_forever()
        assert not any_loop.is_running()
        assert asyncio._get_running_loop() is None
        if transport is not None:
            transport.close()
        if task is not None:
            with pytest.raises(error):
                task.result()
        turn(any_loop)
        turn(any_loop)
        left.close()
        right.close()

    def test_the_handler_raises(self, any_loop: AnyLoop, caplog: pytest.LogCaptureFixture) -> None:
        """That is logged, and the loop goes on; what ends a loop ends this one."""

        def fail(loop: AnyLoop, context: dict[str, Any]) -> None:
            raise context["exception"] if isinstance(context["exception"], OSError) else SystemExit

        any_loop.set_exception_handler(fail)
        assert any_loop.get_exception_handler() is fail

        def fail_first() -> None:
            raise OSError("first")

        any_loop.call_soon(fail_first)
        turn(any_loop)
        assert "Unhandled error in exception handler" in caplog.text
        any_loop.call_soon(lambda: 1 / 0)
        with pytest.raises(SystemExit):
            any_loop.run_forever()
        any_loop.set_exception_handler(None)

    def test_without_a_handler(self, any_loop: AnyLoop, caplog: pytest.LogCaptureFixture) -> None:
        """It is logged with its traceback."""
        any_loop.call_soon(lambda: 1 / 0)
        turn(any_loop)
        assert "Exception in callback" in caplog.text
        assert "ZeroDivisionError" in caplog.text

    @pytest.mark.parametrize("where", ["handle", "reader", "protocol"])
    def test_slow_callbacks(self, any_loop: AnyLoop, caplog: pytest.LogCaptureFixture, where: str) -> None:
        """Debug mode tells of each that takes longer than slow_callback_duration."""
        any_loop.set_debug(True)
        any_loop.slow_callback_duration = 0.0  # type: ignore[attr-defined]
        caplog.set_level(logging.WARNING, "asyncio")
        left, right = socket.socketpair()

        class Protocol(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                """Take no time."""

        transport: Any = None
        if where == "protocol":
            transport, _ = any_loop.run_until_complete(any_loop.create_connection(Protocol, sock=left))
            turn(any_loop)
        elif where == "reader":
            any_loop.add_reader(left, left.recv, 1)
        else:
            any_loop.call_soon(int)
        caplog.clear()
        right.send(b"x")
        turn(any_loop)
        assert any("took 0." in record.message for record in caplog.records)
        if transport is not None:
            transport.close()
        any_loop.remove_reader(left) if where == "reader" else None
        turn(any_loop)
        left.close()
        right.close()
