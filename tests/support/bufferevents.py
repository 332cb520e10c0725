"""What tests of bufferevents share."""

from __future__ import annotations

import random
import socket
import struct
from typing import Any

from loops import run_until

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
)

READ = EventFlags.READ

MUCH = 64 * 1024  #: what makes a bufferevent be read by itself


class Log:
    """All four callbacks, recording."""

    def __init__(self, bev: BufferEvent, *, by_read: bool = False, enable: bool = True) -> None:
        self.data = bytearray()
        self.chunks: list[bytes] = []
        self.writes = 0
        self.events: list[BufferEventEvents] = []
        self.error: OSError | None = None
        how: dict[str, Any] = {"on_read": self.on_read} if by_read else {"on_data": self.on_data}
        bev.set_callbacks(on_write=self.on_write, on_event=self.on_event, **how)
        if enable:
            bev.enable(READ)

    def on_data(self, bev: BufferEvent, data: bytes) -> None:
        """Take what rode along."""
        self.chunks.append(data)
        self.data += data

    def on_read(self, bev: BufferEvent) -> None:
        """Take all there is."""
        self.on_data(bev, bev.read())

    def on_write(self, bev: BufferEvent) -> None:
        """Count."""
        self.writes += 1

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Record, with the error of that moment."""
        self.events.append(what)
        self.error = bev.error


def reset(sock: socket.socket) -> None:
    """Close *sock* with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def much(number: int, size: int = MUCH) -> bytes:
    """Bytes that tell *number*."""
    return random.Random(number).randbytes(size)


def warm(
    base: EventBase, pair: tuple[socket.socket, socket.socket], *, by_read: bool = False
) -> tuple[BufferEvent, Log]:
    """A bufferevent that has had a large message: its next record says "readable"."""
    bev = BufferEvent(base, pair[0])
    log = Log(bev, by_read=by_read)
    pair[1].send(much(0))
    run_until(base, lambda: len(log.data) == MUCH)
    log.data.clear()
    log.chunks.clear()
    return bev, log
