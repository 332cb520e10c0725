"""One program in a process of its own: limits, what it prints, how it ends."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import io
import logging
import mmap
import os
import resource
import select
import signal
import sys
import tempfile
import warnings
from typing import NamedTuple, NoReturn

import program as programs
import surface
from verdict import told

#: Seconds after which a program hangs.
TIME_LIMIT = 25.0
MEMORY_LIMIT = 4 << 30
DESCRIPTOR_LIMIT = 1024
_OUTPUT_FD = 900
_TRACE_SIZE = 1 << 20
_BUG_STATUS = 3


class Result(NamedTuple):
    """How a program ended."""

    calls: int
    #: One line that says what kind of failure it is; empty where all is well.
    failure: str
    #: What it printed.
    output: str
    #: Its last calls.
    trace: list[str]
    #: The numbers of the targets (``surface.TARGETS``) that it called.
    covered: list[int]


class _Recorder:
    """Calls counted and written down in memory that outlives the process."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16 + _TRACE_SIZE)
        self._covered = mmap.mmap(-1, len(surface.TARGETS))

    def count(self, target: int | None) -> None:
        self._memory[0:8] = (int.from_bytes(self._memory[0:8], "little") + 1).to_bytes(8, "little")
        if target is not None:
            self._covered[target] = 1

    def write(self, line: str) -> None:
        position = int.from_bytes(self._memory[8:16], "little")
        text = line.encode("utf-8", "backslashreplace") + b"\n"
        if position + len(text) > _TRACE_SIZE:
            half = self._memory[16 + position - _TRACE_SIZE // 2 : 16 + position]
            self._memory[16 : 16 + len(half)] = half
            position = len(half)
        self._memory[16 + position : 16 + position + len(text)] = text
        self._memory[8:16] = (position + len(text)).to_bytes(8, "little")

    def calls(self) -> int:
        return int.from_bytes(self._memory[0:8], "little")

    def covered(self) -> list[int]:
        return [number for number, called in enumerate(self._covered[:]) if called]

    def lines(self) -> list[str]:
        position = int.from_bytes(self._memory[8:16], "little")
        return self._memory[16 : 16 + position].decode("utf-8", "replace").splitlines()


class _Bugs:
    """Reports of bugs, on the output."""

    found = 0

    def report(self, text: str) -> None:
        """Write it where the parent reads."""
        self.found += 1
        os.write(_OUTPUT_FD, f"BUG {text}\n".encode("utf-8", "backslashreplace"))


class _ForkingProgram(programs.Program):
    """A program that knows how to go on in a forked child."""

    watchdog: programs.Watchdog
    bugs: _Bugs

    def fork_child(self, path: str) -> NoReturn:
        """Some more steps in a child that was just forked; it never returns."""
        status = _BUG_STATUS
        try:
            programs.Watchdog(self).start()
            self._local.budget = 40
            self.steps_below(f"{path}f", 20)
            if self.ends_quietly:
                for base in list(self.bases):
                    self.attempt("close the base in the child", base.close)
            status = _BUG_STATUS if self.bugs.found else 0
        except BaseException as error:
            self.bugs.report("in a forked child: " + told(error))
        finally:
            os._exit(status)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "ASAN_OPTIONS" not in os.environ:  # whose shadow takes terabytes of addresses
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTOR_LIMIT, DESCRIPTOR_LIMIT))


def _inside(seed: int, only: frozenset[int] | None, recorder: _Recorder, output: int) -> NoReturn:
    os.setpgid(0, 0)
    os.dup2(output, _OUTPUT_FD)
    os.dup2(output, 1)
    os.dup2(output, 2)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    _limit()
    faulthandler.enable(file=_OUTPUT_FD, all_threads=True)
    warnings.simplefilter("ignore")
    sys.stdout = io.StringIO()  # dump_events() is meant to print
    logging.getLogger().addHandler(
        logging.NullHandler()
    )  # libevent warns of what the fuzz does to its descriptors
    bugs = _Bugs()
    programs.hooks(bugs.report)
    program = _ForkingProgram(seed, only=only, trace=recorder.write, count=recorder.count)
    program.bugs = bugs
    programs.Watchdog(program).start()
    status = 0
    try:
        program.run()
    except BaseException as error:
        bugs.report(told(error))
        del error
    recorder.write("the end" + ("" if program.ends_quietly else ", all left to the interpreter"))
    if program.ends_quietly:
        del program
        gc.collect()
    sys.stderr.flush()
    status = _BUG_STATUS if bugs.found else 0
    if seed % 3 == 0:
        os._exit(status)
    # The interpreter's own end, with whatever is left.
    sys.exit(status)


def run(seed: int, only: frozenset[int] | None = None) -> Result:
    """Run the program of *seed*, or only some of its steps."""
    recorder = _Recorder()
    with tempfile.TemporaryFile() as output:
        alive, mark = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if not child:
            os.close(alive)
            _inside(seed, only, recorder, output.fileno())
        os.close(mark)
        ended = select.select([alive], [], [], TIME_LIMIT)[0]
        if not ended:
            # faulthandler tells where each thread is.
            for number in (signal.SIGABRT, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, number)
                if select.select([alive], [], [], 2)[0]:
                    break
        _, status = os.waitpid(child, 0)
        os.close(alive)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return Result(
        recorder.calls(), _failure(bool(ended), status, text), text, recorder.lines(), recorder.covered()
    )


def _failure(ended: bool, status: int, text: str) -> str:
    if not ended:
        return "hangs"
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("[warn]")]
    bugs = [line for line in lines if line.startswith(("BUG ", "verdict.Bug"))]
    if os.WEXITSTATUS(status) not in (0, _BUG_STATUS):
        return f"exits with {os.WEXITSTATUS(status)}"
    if bugs:
        return bugs[-1][:150]
    return f"prints {lines[0][:120]}" if lines else ""
