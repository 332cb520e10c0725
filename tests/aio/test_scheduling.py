"""Handles, contexts, errors, tasks and executors: the same on our loop and on asyncio's own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import logging
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from libevent_py.aio import Loop

AnyLoop = asyncio.AbstractEventLoop

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def turn(loop: AnyLoop) -> None:
    """One pass that does not wait."""
    loop.call_soon(loop.stop)
    loop.run_forever()


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


class TestRunning:
    """What holds while a loop runs."""

    def test_the_running_loop(self, any_loop: AnyLoop) -> None:
        """It is known inside, and not outside."""

        async def main() -> AnyLoop:
            return asyncio.get_running_loop()

        assert any_loop.run_until_complete(main()) is any_loop
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()

    def test_no_other_runs_inside(self, loop: Loop) -> None:
        """Neither the loop itself nor another one, of either kind; nor is it closed."""

        async def main() -> None:
            for make in (asyncio.SelectorEventLoop, Loop):
                with contextlib.closing(make()) as other, pytest.raises(RuntimeError, match="another loop"):
                    other.run_until_complete(loop.create_future())
            with pytest.raises(RuntimeError, match="already running"):
                loop.run_forever()
            with pytest.raises(RuntimeError, match="running"):
                loop.close()

        loop.run_until_complete(main())

    def test_async_generators(self, any_loop: AnyLoop) -> None:
        """The hooks are there while it runs; shutdown_asyncgens() ends what was left."""
        seen: list[str] = []
        hooks = sys.get_asyncgen_hooks()

        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                seen.append("ended")

        generator: Any = numbers()

        async def main() -> None:
            assert sys.get_asyncgen_hooks() != hooks
            async for _ in generator:
                break

        any_loop.run_until_complete(main())
        assert sys.get_asyncgen_hooks() == hooks
        any_loop.run_until_complete(any_loop.shutdown_asyncgens())
        assert seen == ["ended"]

    def test_origins_of_coroutines(self, any_loop: AnyLoop) -> None:
        """Debug mode has them tracked, while the loop runs."""

        async def main() -> int:
            return sys.get_coroutine_origin_tracking_depth()

        before = sys.get_coroutine_origin_tracking_depth()
        any_loop.set_debug(True)
        assert any_loop.run_until_complete(main()) > 0
        assert sys.get_coroutine_origin_tracking_depth() == before

    def test_a_future_that_never_ends(self, any_loop: AnyLoop) -> None:
        """Where stop() comes first, run_until_complete() says so."""
        future = any_loop.create_future()
        any_loop.call_soon(any_loop.stop)
        with pytest.raises(RuntimeError, match="stopped before Future completed"):
            any_loop.run_until_complete(future)

    def test_its_time(self, any_loop: AnyLoop) -> None:
        """Is time.monotonic()."""
        assert any_loop.time() == pytest.approx(time.monotonic(), abs=100)


class TestTasks:
    """create_task() and futures."""

    def test_names_and_contexts(self, any_loop: AnyLoop) -> None:
        """A task has the name and, from Python 3.11 on, the context that it is given."""

        async def main() -> str:
            variable.set("changed")
            return asyncio.current_task().get_name()  # type: ignore[union-attr]

        assert any_loop.run_until_complete(any_loop.create_task(main(), name="named")) == "named"
        if sys.version_info >= (3, 11):
            context = contextvars.copy_context()
            any_loop.run_until_complete(any_loop.create_task(main(), context=context))
            assert context[variable] == "changed"

    def test_factories(self, any_loop: AnyLoop) -> None:
        """Are given what the caller gave, and no more."""
        given: list[dict[str, Any]] = []

        def factory(loop: AnyLoop, coroutine: Any, **options: Any) -> Any:
            given.append(options)
            return asyncio.Task(coroutine, loop=loop, **options)

        async def main() -> None:
            await asyncio.sleep(0)

        any_loop.set_task_factory(factory)
        assert any_loop.get_task_factory() is factory
        any_loop.run_until_complete(any_loop.create_task(main()))
        assert all(value is None for value in given[0].values())
        any_loop.set_task_factory(None)
        with pytest.raises(TypeError):
            any_loop.set_task_factory(1)  # type: ignore[arg-type]

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
    def test_eager_tasks(self, any_loop: AnyLoop) -> None:
        """Run at once up to their first wait."""
        seen: list[str] = []

        async def child() -> None:
            seen.append("child")
            await asyncio.sleep(0)
            seen.append("later")

        async def main() -> None:
            task = asyncio.create_task(child())
            seen.append("main")
            await task

        any_loop.set_task_factory(asyncio.eager_task_factory)
        any_loop.run_until_complete(main())
        assert seen == ["child", "main", "later"]

    def test_futures_are_the_loops(self, any_loop: AnyLoop) -> None:
        """And wait for no other loop."""
        future = any_loop.create_future()
        assert future.get_loop() is any_loop
        other = asyncio.SelectorEventLoop()
        with pytest.raises(ValueError, match="different loop|a different"):
            other.run_until_complete(asyncio.gather(future) if sys.version_info < (3, 10) else future)
        other.close()
        future.cancel()


class TestExecutors:
    """Threads."""

    def test_the_default_one(self, any_loop: AnyLoop) -> None:
        """Runs functions in threads, until it is shut down."""

        async def main() -> None:
            assert await any_loop.run_in_executor(None, threading.get_ident) != threading.get_ident()
            await any_loop.shutdown_default_executor()
            with pytest.raises(RuntimeError, match="shutdown"):
                await any_loop.run_in_executor(None, print)

        any_loop.run_until_complete(main())

    def test_another_one(self, any_loop: AnyLoop) -> None:
        """A ThreadPoolExecutor, from Python 3.11 on no other kind."""
        pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="ours")
        any_loop.set_default_executor(pool)

        def name() -> str:
            return threading.current_thread().name

        assert any_loop.run_until_complete(any_loop.run_in_executor(None, name)).startswith("ours")
        if sys.version_info >= (3, 11):
            with pytest.raises(TypeError):
                any_loop.set_default_executor(object())  # type: ignore[arg-type]
        pool.shutdown()

    def test_calls_from_threads(self, any_loop: AnyLoop) -> None:
        """Wake the loop, are all made, and in each thread's order."""
        threads, calls = 4, 500
        seen: list[tuple[int, int]] = []

        def call(thread: int) -> None:
            for number in range(calls):
                any_loop.call_soon_threadsafe(note, thread, number)

        def note(thread: int, number: int) -> None:
            seen.append((thread, number))
            if len(seen) == threads * calls:
                any_loop.stop()

        started = [threading.Thread(target=call, args=(number,)) for number in range(threads)]
        for thread in started:
            thread.start()
        any_loop.run_forever()
        for thread in started:
            thread.join()
        for number in range(threads):
            assert [n for t, n in seen if t == number] == list(range(calls))

    def test_coroutines_from_threads(self, any_loop: AnyLoop) -> None:
        """run_coroutine_threadsafe() gets the result, or a cancellation that reaches the coroutine."""
        seen: list[str] = []

        async def work() -> str:
            await asyncio.sleep(0.001)
            return "result"

        async def wait() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                seen.append("cancelled")

        def ask() -> str:
            result = asyncio.run_coroutine_threadsafe(work(), any_loop).result(20)
            waiting = asyncio.run_coroutine_threadsafe(wait(), any_loop)
            asyncio.run_coroutine_threadsafe(work(), any_loop).result(20)
            waiting.cancel()
            asyncio.run_coroutine_threadsafe(work(), any_loop).result(20)
            return result

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            assert any_loop.run_until_complete(any_loop.run_in_executor(pool, ask)) == "result"
        assert seen == ["cancelled"]

    def test_loops_in_threads(self, make_loop: Callable[[], AnyLoop]) -> None:
        """Each thread may run one of its own."""

        async def work(number: int) -> int:
            await asyncio.sleep(0.001)
            return number

        def run(number: int) -> int:
            with contextlib.closing(make_loop()) as loop:
                return loop.run_until_complete(work(number))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert list(pool.map(run, range(16))) == list(range(16))


def test_names(any_loop: AnyLoop) -> None:
    """getaddrinfo() and getnameinfo() answer as the socket module's."""
    found = any_loop.run_until_complete(any_loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))
    assert found == socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    named = any_loop.run_until_complete(any_loop.getnameinfo(("127.0.0.1", 80), flags))
    assert named == ("127.0.0.1", "80")
