"""One random program over the public API: what it does follows from its seed alone.

Each step draws from a generator of its own, seeded by the program's seed and the step's
path, and finds objects by slot.  So a step does the same thing when others are left out,
which lets a failing program be cut down.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from random import Random
from typing import Any

import operations
import steps
import surface
import values
from verdict import Bug, judge, one_line

from libevent_py import EventBase

#: Objects of each kind that a program has at a time.
SLOTS = 6
#: Top-level steps of a program.
STEPS = 500
SOFT_LIMIT = 6.0
MAX_DEPTH = 3
#: Steps that one top-level step may lead to.
MAX_NESTED = 30
BACKENDS = (
    {},
    {},
    {"EVENT_NOEPOLL": "1"},
    {"EVENT_NOEPOLL": "1", "EVENT_NOPOLL": "1"},
    {"EVENT_EPOLL_USE_CHANGELIST": "1"},
    {"EVENT_PRECISE_TIMER": "1"},
)


class Callback:
    """A callable that does as its path says: calls the API, closes, raises, or nothing."""

    def __init__(self, program: Program, path: str) -> None:
        self._program = weakref.ref(program)
        self._path = path
        self._count = 0

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Do it."""
        program = self._program()
        if program is None:
            return None
        self._count += 1
        return program.called_back(f"{self._path}.{self._count}", arguments)


class Program:
    """The objects and the course of one program."""

    def __init__(
        self,
        seed: int,
        steps: int = STEPS,
        only: frozenset[int] | None = None,
        trace: Callable[[str], None] = lambda line: None,
        count: Callable[[int | None], None] = lambda target: None,
    ) -> None:
        self.seed = seed
        self.steps = steps
        self.only = only
        self.calls = 0
        self._trace = trace
        self._count = count
        self._local = threading.local()
        rng = Random(f"{seed}")
        self.nastiness = rng.choice((0.02, 0.1, 0.3))
        self.raising = rng.choice((0.0, 0.05, 0.3))
        self.threads = rng.random() < 0.4
        self.forks = rng.random() < 0.25
        self.ends_quietly = rng.random() < 0.5
        os.environ.update(rng.choice(BACKENDS))
        self.weights = {name: rng.choice((0.2, 1, 1, 4)) for name in surface.KINDS}
        self.weights["EventBase"] = 1.0
        self.slots: dict[str, list[Any]] = {name: [None] * SLOTS for name in surface.KINDS}
        self.others: list[Any] = [None] * SLOTS  # views, iterators: what methods gave
        self.sockets: list[Any] = [None] * SLOTS
        self.bases: weakref.WeakSet[EventBase] = weakref.WeakSet()
        self.threads_running = 0
        self.started = time.monotonic()
        self.process = os.getpid()
        self.directory = tempfile.mkdtemp(prefix="fuzz", dir="/tmp")
        os.chdir(self.directory)  # whatever is given a name makes its file there

    # What arguments are made of.

    def object_of(self, rng: Random, kind: str) -> Any:
        """The object in some slot of *kind*, which may be empty."""
        filled = self.slots[kind]
        index = rng.randrange(SLOTS if rng.random() < 0.3 else 2)
        wants_open = rng.random() < 0.9
        for found in (*filled[index:], *filled[:index]):
            if found is not None and not (wants_open and getattr(found, "closed", False)):
                return found
        return filled[index]

    def some_object(self, rng: Random) -> Any:
        """Any object at all."""
        choice = rng.random()
        if choice < 0.1:
            return rng.choice(self.others)
        if choice < 0.2:
            return self.socket(rng)
        return self.object_of(rng, rng.choice(list(self.slots)))

    def callback(self, rng: Random) -> Any:
        """Something to be called."""
        return Callback(self, f"{rng.randrange(1 << 40)}")

    def socket(self, rng: Random) -> socket.socket:
        """One of the program's sockets; its peer is another."""
        index = rng.randrange(SLOTS) // 2 * 2
        pair = self.sockets[index : index + 2]
        if rng.random() < 0.3 or not all(each is not None and values.is_open(each) for each in pair):
            self.sockets[index], self.sockets[index + 1] = values.socket_pair()
        return self.sockets[index + rng.randrange(2)]

    def descriptor(self, rng: Random, name: str) -> Any:
        """A descriptor, or what has one."""
        choice = rng.random()
        if choice < 0.5 or name == "fd":
            return self.socket(rng)
        if choice < 0.52:
            try:
                return os.dup(self.socket(rng).fileno())
            except OSError:  # another thread has just closed it
                return values.closed_fd()
        if choice < 0.6:
            return self.socket(rng).fileno()
        if choice < 0.7:
            return values.closed_fd()
        if choice < 0.75:
            closed, _ = values.socket_pair()
            closed.close()
            return closed
        return values.a_file()

    def listening_socket(self) -> socket.socket:
        """A bound socket."""
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        return sock

    def address(self, rng: Random) -> Any:
        """Where to listen or connect."""
        choice = rng.random()
        if choice < 0.4:
            return f"unix:{self.directory}/{rng.randrange(3)}"
        if choice < 0.5:
            return f"unix:@fuzz{os.getpid()}.{rng.randrange(3)}"
        if choice < 0.7:
            for listener in self.slots["Listener"]:
                try:
                    return listener.address
                except Exception:
                    continue
        return rng.choice(values.ADDRESSES)

    # Running.

    def run(self) -> None:
        """All steps; raises Bug."""
        for number in range(self.steps):
            if self.only is None or number in self.only:
                self._local.budget = MAX_NESTED
                self.step(str(number))
            if time.monotonic() - self.started > SOFT_LIMIT:
                break
        self.finish()

    def finish(self) -> None:
        """Close all, or leave that to the interpreter's end."""
        if self.ends_quietly:
            for base in list(self.bases):
                self.attempt("close the base", base.close)
        if os.getpid() == self.process:
            for name in os.listdir(self.directory):
                os.unlink(f"{self.directory}/{name}")
            os.rmdir(self.directory)

    @property
    def depth(self) -> int:
        """How many callbacks of the fuzz are on this thread's stack."""
        return getattr(self._local, "depth", 0)

    def step(self, path: str) -> None:
        """One step of what the operations offer."""
        rng = Random(f"{self.seed}/{path}")
        if not self.depth and self.object_of(rng, "EventBase") in (None, *self._closed_bases()):
            operations.make_kind(self, rng, path, "EventBase")
        steps.choose(rng)(self, rng, path)

    def _closed_bases(self) -> list[EventBase]:
        return [base for base in self.slots["EventBase"] if base is not None and base.closed]

    def steps_below(self, path: str, count: int) -> None:
        """Some steps within another, as far as the budget goes."""
        for number in range(count):
            if self._local.__dict__.setdefault("budget", MAX_NESTED) <= 0:
                return
            self._local.budget -= 1
            self.step(f"{path}:{number}")

    def attempt(
        self, what: str, call: Callable[[], Any], operation: bool = False, target: str | None = None
    ) -> Any:
        """Make one *call* of the API, of that *target*; None where it raised what it may."""
        self.calls += 1
        self._count(None if target is None else surface.TARGETS[target])
        self._trace(f"{threading.current_thread().name[:8]}{'  ' * self.depth} {what}")
        try:
            return call()
        except BaseException as error:
            judge(error, operation)
            self._trace(f"{'  ' * self.depth}   -> {type(error).__name__}: {str(error)[:80]!a}")
            return None

    def called_back(self, path: str, arguments: tuple[Any, ...]) -> Any:
        """What a callback does."""
        if self.depth >= MAX_DEPTH or time.monotonic() - self.started > SOFT_LIMIT:
            return b""
        rng = Random(f"{self.seed}/cb{path}")
        self._trace(f"{'  ' * self.depth} callback {path}({', '.join(map(one_line, arguments))})")
        for argument in arguments:
            operations.keep(self, rng, argument)
        self._local.depth = self.depth + 1
        try:
            choice = rng.random()
            if choice < 0.15 and arguments and hasattr(arguments[0], "close"):
                self.attempt("close the callback's first argument", arguments[0].close)
            elif choice < 0.5:
                self.steps_below(path, rng.randrange(1, 4))
            elif choice < 0.55:
                self.attempt("gc.collect", gc.collect)
            if rng.random() < self.raising:
                raise values.injected(rng)
            if rng.random() < self.nastiness / 3:
                return values.anything(self, rng)
            return values.data(rng) if rng.random() < 0.7 else None
        finally:
            self._local.depth -= 1


class Watchdog(threading.Thread):
    """Breaks loops that nothing else would end: there is nothing wrong with one that waits."""

    def __init__(self, program: Program) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._program = program

    def run(self) -> None:
        """Look every few milliseconds."""
        waiting: dict[int, int] = {}
        while True:
            time.sleep(0.005)
            for base in list(self._program.bases):
                rounds = waiting.get(id(base), 0) + 1 if base.running else 0
                waiting[id(base)] = rounds
                if rounds > 4:
                    try:
                        base.loopbreak()
                    except Exception as error:
                        judge(error)


def hooks(report: Callable[[str], None]) -> None:
    """Have whatever Python would only print be judged, and reported where it is a bug."""

    def excepthook(kind: Any, error: Any, trace: Any) -> None:
        try:
            judge(error)
        except Bug as bug:
            report(f"sys.excepthook was given {bug!r}")

    def unraisable(unraisable: Any) -> None:
        report(f"unraisable: {unraisable.exc_value!r} in {unraisable.object!r} ({unraisable.err_msg})")

    sys.excepthook = excepthook
    sys.unraisablehook = unraisable
    threading.excepthook = lambda found: excepthook(found.exc_type, found.exc_value, found.exc_traceback)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda number, frame: None)
