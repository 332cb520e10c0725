"""Subprocesses with real pipes, and signals, on our loop as on asyncio's own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from asyncio_loops import AnyLoop


@pytest.fixture(autouse=True)
def _current(any_loop: AnyLoop) -> Iterator[None]:
    """The child watcher of Python 3.9 to 3.11 asks for the current loop."""
    asyncio.set_event_loop(any_loop)
    yield
    asyncio.set_event_loop(None)


async def output(*command: str, data: bytes | None = None, **options: Any) -> tuple[int, bytes]:
    """Exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, **options
    )
    printed, _ = await process.communicate(data)
    assert process.returncode is not None
    return process.returncode, printed


class TestPipes:
    """stdin, stdout and stderr."""

    @pytest.mark.skipif(sys.version_info < (3, 10), reason="asyncio's stdin was a socket until 3.10")
    def test_they_can_be_opened_again(self, any_loop: AnyLoop) -> None:
        """/dev/stdin and /proc/self/fd/1, which a socket does not allow."""
        command = "cat < /dev/stdin; echo again > /proc/self/fd/1"
        code, printed = any_loop.run_until_complete(output("sh", "-c", command, data=b"first\n"))
        assert (code, printed) == (0, b"first\nagain\n")

    def test_much_both_ways(self, any_loop: AnyLoop) -> None:
        """More than pipes hold, without a deadlock."""
        data = os.urandom(1_000_000)
        assert any_loop.run_until_complete(output("cat", data=data)) == (0, data)

    def test_a_shell(self, any_loop: AnyLoop) -> None:
        """create_subprocess_shell(), with stderr apart."""

        async def main() -> tuple[bytes, bytes, int | None]:
            process = await asyncio.create_subprocess_shell(
                "echo out; echo err >&2; exit 3",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            return (*await process.communicate(), process.returncode)

        assert any_loop.run_until_complete(main()) == (b"out\n", b"err\n", 3)

    def test_a_reader_that_is_gone(self, any_loop: AnyLoop) -> None:
        """A process that ends without reading: BrokenPipeError or silence, and no hang."""

        async def main() -> int:
            process = await asyncio.create_subprocess_exec("true", stdin=asyncio.subprocess.PIPE)
            assert process.stdin is not None
            try:
                while True:
                    process.stdin.write(b"x" * 65536)
                    await process.stdin.drain()
                    await asyncio.sleep(0)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return await process.wait()

        assert any_loop.run_until_complete(main()) == 0

    def test_many_at_once(self, any_loop: AnyLoop) -> None:
        """Each gets its own output and exit code."""

        async def main() -> list[tuple[int, bytes]]:
            return await asyncio.gather(*(output("sh", "-c", f"echo {n}; exit {n}") for n in range(8)))

        assert any_loop.run_until_complete(main()) == [(n, b"%d\n" % n) for n in range(8)]


class TestProcesses:
    """Starting and ending."""

    def test_ends(self, any_loop: AnyLoop) -> None:
        """terminate(), kill(), send_signal(); the negative number of the signal is the code."""

        async def main(method: str, *arguments: int) -> int:
            process = await asyncio.create_subprocess_exec("sleep", "1000")
            getattr(process, method)(*arguments)
            code = await process.wait()
            with pytest.raises(ProcessLookupError):
                process.kill()
            return code

        assert any_loop.run_until_complete(main("terminate")) == -signal.SIGTERM
        assert any_loop.run_until_complete(main("kill")) == -signal.SIGKILL
        assert any_loop.run_until_complete(main("send_signal", signal.SIGINT)) == -signal.SIGINT

    def test_what_cannot_start(self, any_loop: AnyLoop) -> None:
        """Popen's errors, and nothing left behind."""
        with pytest.raises(FileNotFoundError):
            any_loop.run_until_complete(output("/nowhere/at-all"))
        with pytest.raises(ValueError, match="universal_newlines must be False"):
            any_loop.run_until_complete(output("true", universal_newlines=True))
        with pytest.raises(ValueError, match="bufsize must be 0"):
            any_loop.run_until_complete(output("true", bufsize=100))

    def test_a_cancelled_wait(self, any_loop: AnyLoop) -> None:
        """Leaves the process; another wait gets its end."""

        async def main() -> int:
            process = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), 0.01)
            assert process.stdin is not None
            process.stdin.close()
            return await process.wait()

        assert any_loop.run_until_complete(main()) == 0

    def test_beside_a_thread(self, any_loop: AnyLoop) -> None:
        """Threads' own processes are not taken away."""
        import subprocess

        async def main() -> list[Any]:
            ours = [output("sh", "-c", "exit 4") for _ in range(3)]
            theirs = [
                any_loop.run_in_executor(None, subprocess.call, ["sh", "-c", "exit 5"]) for _ in range(3)
            ]
            return await asyncio.gather(*ours, *theirs)

        assert any_loop.run_until_complete(main()) == [(4, b"")] * 3 + [5] * 3


class TestSignals:
    """add_signal_handler()."""

    def test_each_is_handled(self, any_loop: AnyLoop) -> None:
        """In the loop, with its arguments; the last handler counts; removing restores the default."""
        seen: list[Any] = []

        async def main() -> None:
            any_loop.add_signal_handler(signal.SIGUSR1, seen.append, "replaced")
            any_loop.add_signal_handler(signal.SIGUSR1, seen.append, 1)
            any_loop.add_signal_handler(signal.SIGUSR2, seen.append, 2)
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGUSR2)
            while len(seen) < 2:
                await asyncio.sleep(0)

        any_loop.run_until_complete(main())
        assert sorted(seen) == [1, 2]
        assert any_loop.remove_signal_handler(signal.SIGUSR1)
        assert any_loop.remove_signal_handler(signal.SIGUSR2)
        assert not any_loop.remove_signal_handler(signal.SIGUSR2)
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL

    def test_what_is_refused(self, any_loop: AnyLoop) -> None:
        """Numbers that are no signals, those that cannot be caught, other threads, coroutines."""
        with pytest.raises(ValueError, match="invalid signal number|out of range"):
            any_loop.add_signal_handler(1000, print)
        with pytest.raises(TypeError):
            any_loop.add_signal_handler("x", print)  # type: ignore[arg-type]
        with pytest.raises(RuntimeError, match="cannot be caught"):
            any_loop.add_signal_handler(signal.SIGKILL, print)

        async def coroutine() -> None:
            """Never run."""

        with pytest.raises(TypeError, match="coroutines cannot be used"):
            any_loop.add_signal_handler(signal.SIGUSR1, coroutine)
        with pytest.raises((ValueError, RuntimeError)):
            any_loop.run_until_complete(
                any_loop.run_in_executor(None, any_loop.add_signal_handler, signal.SIGUSR1, print)
            )

    def test_an_idle_loop_wakes(self, any_loop: AnyLoop) -> None:
        """A signal that comes while it waits for nothing else."""
        any_loop.add_signal_handler(signal.SIGALRM, any_loop.stop)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        any_loop.run_forever()
        any_loop.remove_signal_handler(signal.SIGALRM)

    def test_sigint_as_a_handler(self, any_loop: AnyLoop) -> None:
        """SIGINT may have one too; removed, Ctrl-C interrupts again."""
        seen: list[str] = []

        async def main() -> None:
            any_loop.add_signal_handler(signal.SIGINT, seen.append, "handled")
            os.kill(os.getpid(), signal.SIGINT)
            while not seen:
                await asyncio.sleep(0)
            any_loop.remove_signal_handler(signal.SIGINT)

        any_loop.run_until_complete(main())
        assert seen == ["handled"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.Runner came with 3.11")
    def test_a_runner_cancels(self, any_loop: AnyLoop) -> None:
        """Ctrl-C cancels the main task first, then KeyboardInterrupt comes out of run()."""
        seen: list[str] = []
        kind = type(any_loop)

        async def main() -> None:
            asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGINT)
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        with asyncio.Runner(loop_factory=kind) as runner, pytest.raises(KeyboardInterrupt):
            runner.run(main())
        assert seen == ["cancelled"]
