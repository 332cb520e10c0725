"""Several processes that accept on the same sockets: starting, replacing and stopping them.

The master binds, forks, and waits: it has no event base, so that the children inherit none. The kernel
gives each connection to one of those that wait for it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

log = logging.getLogger("libevent_py.http")

#: A worker that cannot begin ends with this, and is not tried again.
CANNOT_BEGIN = 3
#: Seconds before a worker that has died is replaced.
_REST = 0.5
_STOPS = (signal.SIGTERM, signal.SIGINT)


class CannotBegin(Exception):
    """Another try would fail as well; the text says why."""


class Workers:
    """Keeps processes running, each of which does the same.

    Args:
        count: How many.
        work: What each does, until SIGTERM or until the descriptor that it is called with can be
            read: then the master is gone. A second SIGTERM is to end it at once.
        on_stop: Called when no worker will be started any more; twice does no harm.
    """

    def __init__(self, count: int, work: Callable[[int], None], on_stop: Callable[[], None]) -> None:
        self._count = count
        self._work = work
        self._tell_stop = on_stop
        self._processes: set[int] = set()
        self._is_stopping = False
        self._failed = False
        # Nobody writes into it: that its other end is closed says that the master is gone.
        self._alive, self._kept_open = os.pipe()

    def run(self) -> int:
        """Start them, replace what dies, and end when a signal says so; the exit status."""
        before = {number: signal.signal(number, self._on_stop) for number in _STOPS}
        try:
            while not self._is_stopping or self._processes:
                while len(self._processes) < self._count and not self._is_stopping:
                    self._start()
                self._wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._alive)
            os.close(self._kept_open)
        return 1 if self._failed else 0

    def _start(self) -> None:
        # A signal must find the process in the set, or not yet there.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            process = os.fork()
            if process == 0:
                self._be_worker()
            self._processes.add(process)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)

    def _be_worker(self) -> NoReturn:
        status = 1
        try:
            os.close(self._kept_open)
            # A terminal's Ctrl-C is for the master, who tells.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
            self._work(self._alive)
            status = 0
        except CannotBegin as error:
            log.error("%s", error)
            status = CANNOT_BEGIN
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in sys.stdout, sys.stderr:
                stream.flush()
            os._exit(status)

    def _wait(self) -> None:
        process, ended = os.waitpid(-1, 0)
        if process not in self._processes:
            return
        self._processes.remove(process)
        if self._is_stopping:
            return
        status = os.waitstatus_to_exitcode(ended)
        if status == CANNOT_BEGIN:
            self._failed = True
            self._stop()
            return
        log.error("worker %d has died (status %d) and is replaced", process, status)
        time.sleep(_REST)

    def _on_stop(self, number: int, frame: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._is_stopping = True
        self._tell_stop()
        for process in self._processes:
            os.kill(process, signal.SIGTERM)
