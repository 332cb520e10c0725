"""The demo's server and its clients: each is a few callbacks of a bufferevent."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from ..base import EventBase
from ..bufferevent import BufferEvent
from ..constants import BufferEventEvents, EventFlags
from ..listener import Listener
from .pattern import SIZES, Pattern

if TYPE_CHECKING:
    from collections.abc import Callable

#: Input at which a client's reading pauses; the largest message is several times as long.
HIGH_MARK = 32 * 1024

#: How long the server waits for a connection's first byte.
SILENCE_LIMIT = 1.0

#: How long the silent client waits before it is told that nothing came.
SILENT_TIMEOUT = 0.2

#: Between two bytes of a connection that has work: more means that something hangs.
WORK_TIMEOUT = 20.0


class Failure(Exception):
    """The demo found something wrong; the text says what."""


class Tally:
    """What happened so far, counted by both sides."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.reads = 0
        self.fullest = 0
        self.server_timeouts = 0
        self.silent_timeouts = 0
        self.silent_closed = 0
        self.accepted = 0
        self.closed_by_server = 0


class Server:
    """Echoes on a free loopback port, and hangs up on who says nothing."""

    def __init__(self, base: EventBase, backlog: int, tally: Tally) -> None:
        self._tally = tally
        self._base = base
        self.listener = Listener(base, ("127.0.0.1", 0), self.on_accept, backlog=backlog)

    def on_accept(self, listener: Listener, sock: socket.socket, address: Any) -> None:
        """Serve a new connection."""
        self._tally.accepted += 1
        bev = BufferEvent(self._base, sock)
        bev.set_callbacks(on_data=self.on_first_data, on_event=self.on_event)
        bev.set_timeouts(read=SILENCE_LIMIT)
        bev.enable(EventFlags.READ)

    def on_first_data(self, bev: BufferEvent, data: bytes) -> None:
        """Not a silent one: from now on it has all the time that it needs."""
        bev.set_timeouts()
        bev.set_callbacks(on_data=self.on_data, on_event=self.on_event)
        self.on_data(bev, data)

    def on_data(self, bev: BufferEvent, data: bytes) -> None:
        """Echo."""
        bev.write(data)

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Hang up: the client has finished, or has been silent for too long."""
        if what & BufferEventEvents.TIMEOUT:
            self._tally.server_timeouts += 1
        elif not what & BufferEventEvents.EOF:
            raise Failure(f"the server lost a connection: {bev.error or what!r}")
        self._tally.closed_by_server += 1
        bev.close()


class Client:
    """Sends one message after the other and compares every byte that comes back."""

    def __init__(
        self, base: EventBase, number: int, address: Any, tally: Tally, on_done: Callable[[Client], object]
    ) -> None:
        self.stopping = False
        self.rounds_left: int | None = None
        self._number = number
        self._tally = tally
        self._on_done = on_done
        self._pattern = Pattern(number)
        self._turn = number  # so that at any moment all sizes are under way
        self._missing = 0
        self._low = 0
        self._bev = bev = BufferEvent(base)
        bev.set_callbacks(on_read=self.on_read, on_event=self.on_event)
        bev.set_timeouts(read=WORK_TIMEOUT, write=WORK_TIMEOUT)
        bev.enable(EventFlags.READ)
        bev.connect(address)

    def send(self) -> None:
        """Send the next message, or hang up if there is none."""
        if self.stopping or self.rounds_left == 0:
            self._bev.close()
            self._on_done(self)
            return
        if self.rounds_left is not None:
            self.rounds_left -= 1
        self._missing = SIZES[self._turn % len(SIZES)]
        self._turn += 1
        self.set_mark()
        self._bev.write(self._pattern.next_message(self._missing))

    def set_mark(self) -> None:
        """Ask to be called when a good part, or all, of what is missing has come."""
        low = min(self._missing, HIGH_MARK // 2)
        if low != self._low:
            self._bev.set_watermark(EventFlags.READ, low=low, high=HIGH_MARK)
            self._low = low

    def on_read(self, bev: BufferEvent) -> None:
        """Compare what has come."""
        data = bev.read()
        length = len(data)
        tally = self._tally
        tally.reads += 1
        tally.fullest = max(tally.fullest, length)
        if not self._low <= length <= HIGH_MARK:
            raise Failure(f"watermarks {self._low} to {HIGH_MARK}: told of {length} bytes of input")
        wrong = self._pattern.first_difference(data)
        if wrong is not None:
            raise Failure(f"client {self._number}: byte {wrong} came back wrong")
        if length > self._missing:
            raise Failure(f"client {self._number}: {length - self._missing} bytes that nobody sent")
        self._missing -= length
        tally.bytes += length
        if self._missing:
            self.set_mark()
        else:
            tally.messages += 1
            self.send()

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Start when connected; anything else is wrong as long as there is work."""
        if what & BufferEventEvents.CONNECTED:
            self.send()
        elif what & BufferEventEvents.TIMEOUT:
            raise Failure(
                f"client {self._number}: {self._missing} bytes missing for {WORK_TIMEOUT:g} seconds"
            )
        else:
            raise Failure(f"client {self._number}: {self._missing} bytes missing: {bev.error or what!r}")


class SilentClient:
    """Says nothing, is told of it by its own read timeout, and hung up on by the server."""

    def __init__(self, base: EventBase, address: Any, tally: Tally, on_done: Callable[[], object]) -> None:
        self._tally = tally
        self._on_done = on_done
        self._bev = bev = BufferEvent(base)
        bev.set_callbacks(on_event=self.on_event)
        bev.set_timeouts(read=SILENT_TIMEOUT)
        bev.enable(EventFlags.READ)
        bev.connect(address)

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Count the timeouts until the server has enough."""
        if what & BufferEventEvents.TIMEOUT:
            self._tally.silent_timeouts += 1
            bev.enable(EventFlags.READ)  # the timeout has turned it off
        elif what & BufferEventEvents.EOF:
            self._tally.silent_closed += 1
            bev.close()
            self._on_done()
        elif not what & BufferEventEvents.CONNECTED:
            raise Failure(f"the silent client lost its connection: {bev.error or what!r}")
