"""The running loop, tasks, executors and threads: the same on our loop and on asyncio's own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asyncio_loops import AnyLoop

from libevent_py.aio import Loop

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


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
                with (
                    contextlib.closing(make()) as other,
                    pytest.raises(RuntimeError, match="another loop"),
                ):
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
