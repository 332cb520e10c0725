"""What `tests/churn` makes and closes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventPair,
    Event,
    EventBase,
    EventFlags,
    FileSegment,
    FilterBufferEvent,
    Listener,
    LoopFlags,
    RateLimit,
    RateLimitGroup,
    Timer,
)

READ = EventFlags.READ


class Work:
    """One kind of work on a base; called with how often to do it."""

    def __init__(self, base: EventBase) -> None:
        self.base = base

    def __call__(self, count: int) -> None:
        """Do it so many times, and to the end."""
        raise NotImplementedError

    def close(self) -> None:
        """End it."""


class Connections(Work):
    """TCP connections that are accepted, echo a message and are closed; the clients are a process."""

    def __init__(self, base: EventBase) -> None:
        super().__init__(base)
        self.left = 0
        self.listener = Listener(base, ("127.0.0.1", 0), self.on_accept)
        client = [sys.executable, str(Path(__file__).parent / "client.py"), str(self.listener.address[1])]
        self.client = subprocess.Popen(client, stdin=subprocess.PIPE, text=True)

    def on_accept(self, listener: Listener, sock: socket.socket, address: object) -> None:
        """Serve one client."""
        bev = BufferEvent(self.base, sock)
        bev.set_callbacks(on_data=lambda bev, data: bev.write(data), on_event=self.on_end)
        bev.enable(READ)

    def on_end(self, bev: BufferEvent, what: object) -> None:
        """Its client has closed."""
        bev.close()
        self.left -= 1
        if not self.left:
            self.base.loopexit()

    def __call__(self, count: int) -> None:
        """Have that many clients come."""
        assert self.client.stdin is not None
        self.left = count
        self.client.stdin.write(f"{count}\n")
        self.client.stdin.flush()
        self.base.dispatch()
        self.base.loop(LoopFlags.NONBLOCK)
        assert self.left == 0

    def close(self) -> None:
        """Let the client end."""
        assert self.client.stdin is not None
        self.client.stdin.close()
        assert self.client.wait(10) == 0


class Timers(Work):
    """Timers that fire, a thousand at a time."""

    def __call__(self, count: int) -> None:
        """Make them, and wait for them."""
        fired: list[Timer] = []
        for first in range(0, count, 1000):
            some = min(1000, count - first)
            for number in range(some):
                Timer(self.base, number * 1e-6, fired.append)
            self.base.dispatch()
            assert len(fired) == some
            fired.clear()


class Calls(Work):
    """Scheduled calls, of which every other is cancelled."""

    def __call__(self, count: int) -> None:
        """Schedule them, and wait for them."""
        made: list[int] = []
        for first in range(0, count, 1000):
            some = min(1000, count - first)
            for number in range(some):
                call = self.base.call_later(number * 1e-6, made.append, number)
                if number % 2:
                    call.cancel()
            self.base.dispatch()
            assert made == list(range(0, some, 2))
            made.clear()


class Events(Work):
    """Events that are added, removed, added again and closed or dropped."""

    def __init__(self, base: EventBase) -> None:
        super().__init__(base)
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)

    def __call__(self, count: int) -> None:
        """Make them."""
        for number in range(count):
            event = Event(self.base, self.near, READ, print)
            event.add(30)
            event.remove()
            event.add()
            if number % 2:
                event.close()
            else:
                event.remove()

    def close(self) -> None:
        """Close the sockets."""
        self.near.close()
        self.far.close()


class BufferEvents(Work):
    """Pairs with filters and limits around sockets, through which something goes before they are closed."""

    def __call__(self, count: int) -> None:
        """Make them, and have a message go through each."""
        base = self.base
        got: list[bytes] = []
        with RateLimitGroup(base, RateLimit(read=1 << 30)) as group:
            for number in range(count):
                if number % 2:
                    one, other = BufferEventPair(base)
                else:
                    one, other = (BufferEvent(base, sock) for sock in socket.socketpair())
                    one.join_group(group)
                top = FilterBufferEvent(one, lambda data, mode: data, lambda data, mode: data)
                other.set_callbacks(on_data=lambda bev, data: got.append(data))
                other.enable(READ)
                top.write(b"message")
                for _ in range(3):
                    base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
                other.close()
                top.close()
            base.loop(LoopFlags.NONBLOCK)
        assert got == [b"message"] * count


class Buffers(Work):
    """Buffers with references, file segments, callbacks and views."""

    def __call__(self, count: int) -> None:
        """Make them."""
        told: list[int] = []
        data = os.urandom(5000)
        with open(__file__, "rb") as file:
            for _ in range(count):
                buffer = Buffer(b"some")
                buffer.add_callback(lambda buffer, *sizes: told.append(1))
                buffer.add_reference(data, lambda: told.append(2))
                with FileSegment(file, 0, 100, on_release=lambda: told.append(3)) as segment:
                    buffer.add_file_segment(segment)
                other = Buffer(b"more")
                buffer.add_buffer_reference(other)
                with buffer.peek()[0]:
                    pass
                other.add_buffer(buffer)
                assert len(other.remove()) == 4 + 4 + 5000 + 100 + 4
                assert told.count(2) == told.count(3) == 1
                told.clear()


class Bases(Work):
    """Whole bases, with something in them."""

    def __call__(self, count: int) -> None:
        """Make them."""
        for _ in range(count):
            with EventBase(priorities=3) as base:
                Timer(base, 30, print)
                near, far = socket.socketpair()
                bev = BufferEvent(base, near)
                bev.enable(READ)
                with far:
                    far.send(b"x")
                    base.loop(LoopFlags.NONBLOCK)


class Item(NamedTuple):
    """What there is to do, and how often."""

    start: Callable[[EventBase], Any]
    full_size: int


#: The full sizes are those of `make churn`.
WORK = {
    "connections": Item(Connections, 200_000),
    "timers": Item(Timers, 1_000_000),
    "calls": Item(Calls, 1_000_000),
    "events": Item(Events, 1_000_000),
    "bufferevents": Item(BufferEvents, 50_000),
    "buffers": Item(Buffers, 100_000),
    "bases": Item(Bases, 10_000),
}
