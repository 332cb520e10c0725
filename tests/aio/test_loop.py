"""The pass: order, timers, errors, Ctrl-C; descriptors; the base beside coroutines."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import threading
import time
import weakref
from typing import Any

import pytest
from asyncio_loops import turn
from child import check_child

from libevent_py import EventBase, LoopFlags, Timer
from libevent_py.aio import Loop


class TestOrder:
    """As in asyncio's own loop."""

    def test_what_was_ready_comes_before_what_happens(self, any_loop: asyncio.AbstractEventLoop) -> None:
        """And what it makes ready after that, a due timer in between."""
        seen: list[str] = []
        left, right = socket.socketpair()
        with left, right:
            right.send(b"x")

            def first() -> None:
                seen.append("ready")
                any_loop.call_soon(seen.append, "made ready")
                any_loop.call_later(0, seen.append, "timer")

            def readable() -> None:
                seen.append("readable")
                any_loop.remove_reader(left)

            any_loop.add_reader(left, readable)
            any_loop.call_later(0, seen.append, "due")
            any_loop.call_soon(first)
            turn(any_loop)
            turn(any_loop)
        assert seen == ["ready", "readable", "due", "made ready", "timer"]

    def test_stop_lets_the_pass_end(self, any_loop: asyncio.AbstractEventLoop) -> None:
        """All that was ready runs, what it makes ready waits for the next run."""
        seen: list[str] = []
        any_loop.call_soon(any_loop.stop)
        any_loop.call_soon(lambda: any_loop.call_soon(seen.append, "next run"))
        any_loop.call_soon(seen.append, "this run")
        any_loop.run_forever()
        assert seen == ["this run"]
        turn(any_loop)
        assert seen == ["this run", "next run"]

    def test_a_timer_ends_the_loop(self, any_loop: asyncio.AbstractEventLoop) -> None:
        """Timers that were due with it run in the next run."""
        seen: list[str] = []

        def leave() -> None:
            raise SystemExit

        now = any_loop.time()
        any_loop.call_at(now, leave)
        any_loop.call_at(now, seen.append, "after")
        with pytest.raises(SystemExit):
            any_loop.run_forever()
        assert seen == []
        turn(any_loop)
        assert seen == ["after"]


class TestTimers:
    """asyncio's timers, waited for by libevent."""

    def test_never_early(self, loop: Loop) -> None:
        """Not by a microsecond, and in order."""
        seen: list[float] = []

        def note(deadline: float) -> None:
            assert loop.time() >= deadline - loop._clock_resolution
            seen.append(deadline)

        start = loop.time()
        deadlines = [start + milliseconds / 1000 for milliseconds in (7, 3, 3.3, 5, 1)]
        for deadline in deadlines:
            loop.call_at(deadline, note, deadline)
        loop.call_at(start + 0.008, loop.stop)
        loop.run_forever()
        assert seen == sorted(deadlines)

    def test_cancelled_ones_do_not_stay(self, loop: Loop) -> None:
        """Timeouts that are nearly always cancelled do not fill memory."""
        kept = loop.call_later(1000, print)
        for _ in range(10_000):
            loop.call_later(1000, print).cancel()
        turn(loop)
        assert [timer for _, _, timer in loop._scheduled] == [kept]
        assert loop._timer_cancelled_count == 0
        kept.cancel()


class TestErrors:
    """Exceptions and interrupts."""

    def test_a_callback_raises(self, loop: Loop) -> None:
        """The exception handler is told, and the loop goes on."""
        told: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: told.append(context))
        loop.call_soon(lambda: 1 / 0)
        turn(loop)
        assert isinstance(told[0]["exception"], ZeroDivisionError)

    def test_a_callback_of_the_base_raises(self, loop: Loop) -> None:
        """The loop's exception handler is told of that too."""
        told: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: told.append(context))
        Timer(loop.base, 0, lambda timer: 1 / 0)
        loop.call_later(0.01, loop.stop)
        loop.run_forever()
        assert isinstance(told[0]["exception"], ZeroDivisionError)

    @pytest.mark.parametrize("when", ["idle", "handlers", "handlers were removed"])
    def test_interrupts(self, loop: Loop, when: str) -> None:
        """Ctrl-C comes out of run_forever() at once, also beside signal handlers."""
        if when != "idle":
            loop.add_signal_handler(signal.SIGUSR1, print)
        if when == "handlers were removed":
            loop.call_soon(loop.remove_signal_handler, signal.SIGUSR1)
        main = threading.main_thread().ident
        assert main is not None
        loop.call_soon(lambda: threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start())
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert time.monotonic() - started < 10
        turn(loop)

    def test_a_signal_between_two_runs(self, loop: Loop) -> None:
        """Its handler runs in the next."""
        seen: list[str] = []
        loop.add_signal_handler(signal.SIGUSR1, seen.append, "signal")
        turn(loop)
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.call_later(0.02, loop.stop)
        loop.run_forever()
        assert seen == ["signal"]
        loop.remove_signal_handler(signal.SIGUSR1)


class TestDescriptors:
    """add_reader() and its kin."""

    def test_a_number_is_used_again(self, loop: Loop) -> None:
        """Where the program has closed a descriptor and not removed it, add_reader() is for the new file."""
        seen: list[str] = []
        left, right = socket.socketpair()
        number = left.fileno()
        loop.add_reader(number, seen.append, "old")
        left.close()
        right.close()
        left, right = socket.socketpair()
        with left, right:
            assert left.fileno() == number
            loop.add_reader(number, seen.append, "new")
            right.send(b"x")
            turn(loop)
            assert seen == ["new"]
            assert loop.remove_reader(number)
            assert not loop.remove_reader(number)

    def test_watching_in_turn(self, any_loop: asyncio.AbstractEventLoop) -> None:
        """A number that was watched before, perhaps as another file; nothing of the last is left."""
        seen: list[int] = []

        class Callback:
            def __call__(self, number: int) -> None:
                seen.append(number)
                any_loop.stop()

        for number in range(3):
            left, right = socket.socketpair()
            with left, right:
                callback = Callback()
                gone = weakref.ref(callback)
                any_loop.add_reader(left, callback, number)
                right.send(b"x")
                any_loop.run_forever()
                assert any_loop.remove_reader(left)
                assert not any_loop.remove_reader(left)
                any_loop.add_writer(left, callback, -number)
                any_loop.run_forever()
                assert any_loop.remove_writer(left)
                right.send(b"x")
                turn(any_loop)
                del callback
                gc.collect()
                assert gone() is None
        assert seen == [0, 0, 1, -1, 2, -2]

    def test_what_asyncio_sees(self, loop: Loop) -> None:
        """Its own code, transports' repr say, looks into a selector for what is watched."""
        left, right = socket.socketpair()
        with left, right:
            with pytest.raises(KeyError):
                loop._selector.get_key(left)
            loop.add_writer(left, print)
            assert loop._selector.get_key(left).events == 2
            assert left.fileno() in loop._selector.get_map()
            for refused in (loop._selector.register, loop._selector.unregister, loop._selector.select):
                with pytest.raises(RuntimeError):
                    refused(*[left, 1][: refused.__code__.co_argcount - 1])
            loop.remove_writer(left)

    def test_a_closed_one(self, loop: Loop) -> None:
        """OSError, and nothing is left behind."""
        left, right = socket.socketpair()
        number = left.fileno()
        left.close()
        right.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            loop.add_reader(number, print)
        assert not loop.remove_reader(number)


class TestBase:
    """loop.base."""

    def test_beside_coroutines(self, loop: Loop) -> None:
        """Its timers and scheduled calls run in the loop, and may wake coroutines."""

        async def main() -> list[str]:
            seen: list[str] = []
            done = loop.create_future()
            loop.base.call_soon(seen.append, "soon")
            loop.base.call_later(0.002, seen.append, "later")
            Timer(loop.base, 0.01, lambda timer: done.set_result(None))
            await done
            return seen

        assert loop.run_until_complete(main()) == ["soon", "later"]

    def test_it_is_the_loops(self, loop: Loop) -> None:
        """Its own loop() is refused meanwhile, and it is closed with the loop."""
        base = loop.base
        assert isinstance(base, EventBase)

        async def main() -> None:
            with pytest.raises(RuntimeError, match="running already"):
                base.loop(LoopFlags.NONBLOCK)

        loop.run_until_complete(main())
        loop.close()
        assert base.closed


def test_a_program_ends_with_the_loop_open() -> None:
    """Quietly, but for the ResourceWarning of asyncio's own, which is off by default."""
    assert (
        check_child(
            """
        import asyncio
        from libevent_py import aio
        loop = aio.new_event_loop()
        loop.run_until_complete(asyncio.sleep(0))
        loop.call_later(100, print)
        print("end")
        """
        )
        == "end\n"
    )
