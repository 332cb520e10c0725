"""What tests of bufferevents share."""

from __future__ import annotations

import socket
import struct
from typing import Any

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventFlags,
)

READ = EventFlags.READ


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
