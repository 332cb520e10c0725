"""``python -m libevent_py demo``: an echo server and its clients, every byte checked."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time

from .._build import build_info
from .._version import __version__
from ..base import EventBase
from ..timer import Timer
from .arguments import positive_integer, positive_seconds
from .pattern import SIZES, size_text
from .peers import HIGH_MARK, SILENCE_LIMIT, SILENT_TIMEOUT, Client, Failure, Server, SilentClient, Tally

#: The descriptors of both ends of each connection, and some to spare for the rest.
_SPARE_DESCRIPTORS = 32


class Demo:
    """One run: the server, all clients, and the end of it all."""

    def __init__(self, connections: int, seconds: float, rounds: int | None) -> None:
        self.tally = Tally()
        self.connections = connections
        self.method = ""
        self.elapsed = 0.0
        self._seconds = seconds
        self._rounds = rounds
        self._clients: set[Client] = set()

    def run(self) -> None:
        """Run until nothing is left to wait for.

        Raises:
            Failure: Something is wrong.
        """
        before = open_descriptors()
        with EventBase() as base:
            self.method = base.method
            self._run_in(base)
        leaked = open_descriptors() - before
        if leaked:
            raise Failure(f"{len(leaked)} descriptors leaked: {sorted(leaked)}")

    def _run_in(self, base: EventBase) -> None:
        self._server = Server(base, backlog=min(self.connections + 1, 4096), tally=self.tally)
        address = self._server.listener.address
        started = time.perf_counter()
        self._silent: SilentClient | None = SilentClient(base, address, self.tally, self._silent_done)
        for number in range(self.connections):
            client = Client(base, number, address, self.tally, self._client_done)
            client.rounds_left = None if self._rounds is None else self._rounds * len(SIZES)
            self._clients.add(client)
        if self._rounds is None:
            Timer(base, self._seconds, self._stop)
        self._started = started
        # Nobody stops the loop: it ends when the last connection is closed.
        if not base.dispatch():
            raise Failure("the loop was stopped before it was empty")
        self._check()

    def _stop(self, timer: Timer) -> None:
        for client in self._clients:
            client.stopping = True

    def _client_done(self, client: Client) -> None:
        self._clients.remove(client)
        if not self._clients:
            self.elapsed = time.perf_counter() - self._started
        self._close_listener_at_the_end()

    def _silent_done(self) -> None:
        self._silent = None
        self._close_listener_at_the_end()

    def _close_listener_at_the_end(self) -> None:
        if not self._clients and self._silent is None:
            self._server.listener.close()

    def _check(self) -> None:
        tally = self.tally
        if self._clients:
            raise Failure(f"{len(self._clients)} clients have not finished")
        everybody = self.connections + 1
        if not tally.accepted == tally.closed_by_server == everybody:
            raise Failure(
                f"{everybody} connections, but {tally.accepted} accepted and {tally.closed_by_server} closed"
            )
        if tally.server_timeouts != 1 or tally.silent_closed != 1 or not tally.silent_timeouts:
            raise Failure(
                f"one client was silent: the server counted {tally.server_timeouts} timeouts, the client "
                f"{tally.silent_timeouts} and {tally.silent_closed} hang-ups"
            )
        if self._rounds is not None:
            wanted = self.connections * self._rounds * len(SIZES)
            if tally.messages != wanted:
                raise Failure(f"{wanted} messages sent, {tally.messages} came back")

    def report(self) -> str:
        """The table that the user reads."""
        tally = self.tally
        sizes = ", ".join(map(size_text, SIZES))
        descriptors = len(open_descriptors())
        rows = [
            ("connections", f"{self.connections:,}", "and one that stays silent"),
            ("messages", f"{tally.messages:,}", f"of {sizes}"),
            ("bytes", f"{tally.bytes:,}", "there and back, every one compared"),
            ("seconds", f"{self.elapsed:.2f}", "one process, one thread, one loop"),
            ("messages/s", f"{tally.messages / self.elapsed:,.0f}", ""),
            ("MB/s", f"{tally.bytes / self.elapsed / 1e6:,.0f}", "each way"),
            (
                "read callbacks",
                f"{tally.reads:,}",
                f"none below its low mark, none above the high mark of {size_text(HIGH_MARK)}",
            ),
            (
                "read timeouts",
                f"{tally.silent_timeouts:,}",
                f"told the silent client of {SILENT_TIMEOUT:g} s without a byte,",
            ),
            ("", f"{tally.server_timeouts:,}", f"told the server, which hung up after {SILENCE_LIMIT:g} s"),
            ("descriptors", f"{descriptors:,}", "open before and after: none leaked"),
        ]
        return "\n".join(f"  {name:<15}{value:>17}  {remark}".rstrip() for name, value, remark in rows)


def open_descriptors() -> set[int]:
    """The descriptors that this process has open."""
    listed = {int(name) for name in os.listdir("/dev/fd")}
    return {fd for fd in listed if _is_open(fd)}


def _is_open(fd: int) -> bool:
    # Not so the one with which the directory was read.
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "demo",
        help="an echo server and many clients for some seconds, every byte checked",
        description="Run a bufferevent echo server and its clients in one loop, check every byte that comes "
        "back, the watermarks, the timeouts and that no descriptor leaks, and report how fast it was. "
        "The exit status is 0 only if all of it is right.",
        epilog="example: python -m libevent_py demo --connections 500 --seconds 10",
    )
    parser.add_argument(
        "--connections",
        type=positive_integer,
        default=100,
        metavar="N",
        help="how many (default: %(default)s)",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds", type=positive_seconds, default=3.0, metavar="S", help="how long (default: %(default)s)"
    )
    length.add_argument(
        "--rounds",
        type=positive_integer,
        metavar="N",
        help=f"instead: stop when each client has sent its {len(SIZES)} messages N times",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo and print its report."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    needed = 2 * arguments.connections + _SPARE_DESCRIPTORS
    if allowed != resource.RLIM_INFINITY and needed > allowed:
        print(
            f"demo: {arguments.connections} connections need {needed} descriptors and this process may open "
            f"{allowed}: raise the limit (ulimit -n {needed}) or take fewer connections",
            file=sys.stderr,
        )
        return 1
    demo = Demo(arguments.connections, arguments.seconds, arguments.rounds)
    try:
        demo.run()
    except Failure as failure:
        print(f"demo: FAILED: {failure}", file=sys.stderr)
        return 1
    libevent = build_info()["libevent_version"]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"libevent_py {__version__}, libevent {libevent} ({demo.method}), {python}\n")
    print(demo.report())
    print("\nEverything that was sent came back.")
    return 0
