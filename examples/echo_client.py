"""A client: a BufferEvent that connects, sends lines and prints what comes back.

    python examples/echo_client.py HOST PORT [LINE ...]

Without lines it sends those of its standard input. It ends with status 0 once each
line has come back, and with 1 when the connection fails or no answer comes for
five seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from libevent_py import BufferEvent, BufferEventEvents, EventBase, EventFlags

ANSWER_SECONDS = 5.0


class Client:
    """Sends a line, waits until it is back, sends the next."""

    def __init__(self, base: EventBase, host: str, port: int, lines: Iterable[str]) -> None:
        self.problem: str | None = None
        self._lines: Iterator[bytes] = (line.rstrip("\n").encode() + b"\n" for line in lines)
        # No socket yet: connect_hostname makes it. connect() is for numeric addresses.
        self._bev = BufferEvent(base)
        self._bev.set_callbacks(on_read=self.on_read, on_event=self.on_event)
        self._bev.connect_hostname(host, port)

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Connected, or something went wrong."""
        if what & BufferEventEvents.CONNECTED:
            bev.set_timeouts(read=ANSWER_SECONDS, write=ANSWER_SECONDS)
            bev.enable(EventFlags.READ)
            self.send_next_line()
        elif what & BufferEventEvents.TIMEOUT:
            self.end(f"no answer for {ANSWER_SECONDS:g} seconds")
        elif what & BufferEventEvents.ERROR:
            self.end(str(bev.error))
        else:
            self.end("the server hung up")

    def send_next_line(self) -> None:
        """Send one line, and ask to be called when as many bytes have come back."""
        line = next(self._lines, None)
        if line is None:
            return self.end()
        # The low watermark: on_read is not called for less. What is above it stays in
        # the input until the next read().
        self._bev.set_watermark(EventFlags.READ, low=len(line))
        self._bev.write(line)

    def on_read(self, bev: BufferEvent) -> None:
        """The whole line is back."""
        sys.stdout.write(bev.read().decode())
        self.send_next_line()

    def end(self, problem: str | None = None) -> None:
        """Close the connection. Nothing is left to wait for then, and dispatch() returns."""
        self.problem = problem
        self._bev.close()


def main() -> int:
    """Connect, and run until the client has finished."""
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    host, port, lines = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    with EventBase() as base:
        client = Client(base, host, port, lines or sys.stdin)
        base.dispatch()
    if client.problem:
        print(f"{host}:{port}: {client.problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
