"""Several workers on the same ports: starting, replacing, asking and stopping them."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ...base import EventBase
from ...bufferevent import BufferEvent
from ...constants import BufferEventEvents, EventFlags
from ...signal_event import Signal
from ...timer import Timer
from ..arguments import Address, shown
from .options import FAILURES, FIXED, Options, read, reason
from .reporting import Reporter
from .serving import CHANNEL, report, tell
from .statistics import Counters, merge

log = logging.getLogger("libevent_py.proxy")

#: Seconds before a worker that has died is replaced, and for which one may be silent.
_REST = 0.5
_PATIENCE = 2.0


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    channel: BufferEvent
    is_ready: bool = False


@dataclass(eq=False)
class _Question:
    """Somebody asks for the counters, and not all workers have answered."""

    then: Callable[[Counters], None]
    missing: set[_Worker]
    timer: Timer
    answers: list[Counters] = field(default_factory=list)


class Master:
    """Runs *options.workers* processes, each a whole proxy, which the kernel shares the clients among.

    Args:
        base: The EventBase to watch them in.
        given: The command line, to read the file again.
        options: What to do.
    """

    def __init__(self, base: EventBase, given: argparse.Namespace, options: Options) -> None:
        self._base = base
        self._given = given
        self._options = options
        self._workers: list[_Worker] = []
        self._questions: dict[int, _Question] = {}
        self._asked = 0
        self._stopping = False
        self.failed = False
        # Bound, not listening: keeps a port 0's number, and tells early when an address is taken.
        self._reserved: dict[Address, socket.socket] = {}
        self._reserve(options)
        for path in (options.stats and f"unix:{options.stats}", options.metrics):
            if path:
                Reporter(base, path, self.collect)
        Signal(base, signal.SIGCHLD, self._on_child)
        Signal(base, signal.SIGHUP, self._on_reload)
        for number in signal.SIGTERM, signal.SIGINT:
            Signal(base, number, self._on_stop)
        for _ in range(options.workers):
            self._start()

    def close(self) -> None:
        """End what is left."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.wait()
        for sock in self._reserved.values():
            sock.close()

    def _reserve(self, options: Options) -> None:
        """Bind the addresses, and put the real ports into *options*."""
        for index, address in enumerate(options.listen):
            if address not in self._reserved:
                self._reserved[address] = _bind(address)
            options.listen[index] = self._reserved[address].getsockname()[:2]

    # Workers.

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        words = [sys.executable, "-m", "libevent_py", "proxy", f"--worker={theirs.fileno()}"]
        with theirs:
            process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        worker = _Worker(process, BufferEvent(self._base, ours))
        worker.channel.set_callbacks(
            on_messages=lambda bev, messages: self._on_messages(worker, messages),
            on_event=self._on_event,
            framing=CHANNEL,
        )
        worker.channel.enable(EventFlags.READ)
        self._workers.append(worker)
        self._configure(worker)

    def _configure(self, worker: _Worker) -> None:
        tell(worker.channel, {"do": "configure", "options": asdict(self._options)})

    def _on_messages(self, worker: _Worker, messages: list[bytes]) -> None:
        for message in messages:
            answer = json.loads(message)
            if "ready" in answer:
                first = not worker.is_ready
                worker.is_ready = True
                if first and all(each.is_ready for each in self._workers):
                    where = ", ".join(answer["ready"])
                    log.info("listening on %s with %d workers", where, len(self._workers))
            elif "error" in answer:
                log.error("worker %d: %s", worker.process.pid, answer["error"])
                if not worker.is_ready:
                    self.failed = True
                    self._stop()
            else:
                self._answered(worker, answer["question"], answer["counters"])

    def _on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """A worker's end; SIGCHLD tells too."""
        bev.disable(EventFlags.READ)

    def _on_child(self, _: Signal) -> None:
        for worker in list(self._workers):
            if worker.process.poll() is None:
                continue
            self._workers.remove(worker)
            worker.channel.close()
            for number in list(self._questions):
                self._answered(worker, number, None)
            if not self._stopping:
                log.error(
                    "worker %d has died (status %s) and is replaced",
                    worker.process.pid,
                    worker.process.returncode,
                )
                Timer(self._base, _REST, lambda timer: None if self._stopping else self._start())
        if self._stopping and not self._workers:
            self._base.loopexit()

    # Statistics.

    def collect(self, then: Callable[[Counters], None]) -> None:
        """Ask all workers, and call *then* with the sum."""
        self._asked += 1
        number = self._asked
        timer = Timer(self._base, _PATIENCE, lambda timer: self._finish(number))
        self._questions[number] = _Question(then, set(self._workers), timer)
        for worker in self._workers:
            tell(worker.channel, {"do": "count", "question": number})
        if not self._workers:
            self._finish(number)

    def _answered(self, worker: _Worker, number: int, counters: Counters | None) -> None:
        question = self._questions.get(number)
        if question is None or worker not in question.missing:
            return
        question.missing.discard(worker)
        if counters is not None:
            question.answers.append(counters)
        if not question.missing:
            self._finish(number)

    def _finish(self, number: int) -> None:
        question = self._questions.pop(number)
        question.timer.close()
        question.then(merge(question.answers))

    # Signals.

    def _on_reload(self, _: Signal) -> None:
        try:
            options = read(self._given)
            for name in FIXED:
                if getattr(options, name) != getattr(self._options, name):
                    log.warning("a change of %s needs a new start", name)
                    setattr(options, name, getattr(self._options, name))
            self._reserve(options)
        except FAILURES as error:
            log.error("nothing is changed: %s", reason(error))
            return
        self._options = options
        for worker in self._workers:
            self._configure(worker)
        log.info("the options were read again; listening on %s", ", ".join(map(shown, options.listen)))

    def _on_stop(self, _: Signal) -> None:
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        for worker in self._workers:
            tell(worker.channel, {"do": "stop"})
        if not self._workers:
            self._base.loopexit()


def _bind(address: Any) -> socket.socket:
    host, port = address
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sock = socket.socket(found[0][0], socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(found[0][4])
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {shown(address)}: {error.strerror}") from None
    return sock


def supervise(given: argparse.Namespace, options: Options) -> int:
    """Run the workers until a signal ends them; the exit status."""
    with EventBase(on_error=report) as base:
        master = Master(base, given, options)
        with contextlib.closing(master):
            base.dispatch()
        log.info("stopped")
        return 1 if master.failed else 0
