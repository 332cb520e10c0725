"""libevent's test/bench.c: each byte read from a pipe sends one into the next.

usage: cascade.py KIND PIPES ACTIVE EVENTS ROUNDS
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable

from measure import Measure, asyncio_loop


class Cascade:
    """What all ends share."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self.to_write = self.fired = self.received = 0
        self.stop = stop


class End:
    """The reading end of one pipe, which knows where to write."""

    __slots__ = ("cascade", "next", "reading")

    def __init__(self, cascade: Cascade, reading: int, following: int) -> None:
        self.cascade = cascade
        self.reading = reading
        self.next = following

    def on_readable(self, event: object = None, what: object = None) -> None:
        """Pass the byte on."""
        cascade = self.cascade
        os.read(self.reading, 1)
        cascade.received += 1
        if cascade.to_write:
            cascade.to_write -= 1
            cascade.fired += 1
            os.write(self.next, b"e")
        if cascade.received == cascade.fired:
            cascade.stop()


def main(kind: str, pipes: int, active: int, events: int, rounds: int) -> None:
    """Run the rounds with the loop that *kind* names."""
    pairs = [socket.socketpair() for _ in range(pipes)]
    run: Callable[[], object]
    if kind == "libevent_py":
        from libevent_py import Event, EventBase, EventFlags

        base = EventBase()
        cascade, run = Cascade(base.loopbreak), base.dispatch
    else:
        loop = asyncio_loop(kind)
        cascade, run = Cascade(loop.stop), loop.run_forever
    for i in range(pipes):
        end = End(cascade, pairs[i][0].fileno(), pairs[(i + 1) % pipes][1].fileno())
        if kind == "libevent_py":
            Event(base, end.reading, EventFlags.READ | EventFlags.PERSIST, end.on_readable).add()
        else:
            loop.add_reader(end.reading, end.on_readable)
    for _ in range(rounds):
        cascade.to_write = events - active
        cascade.fired = active
        cascade.received = 0
        for i in range(active):
            pairs[i * (pipes // active)][1].send(b"e")
        measure = Measure()
        run()
        measure.end("cascade", cascade.received)
    os._exit(0)  # what closing all of it costs is no part of this


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
