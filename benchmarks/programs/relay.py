"""A proxy to 127.0.0.1:BACKEND, on a free port, which goes to stdout.

usage: relay.py KIND BACKEND
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from measure import asyncio_loop


class Side(asyncio.Protocol):
    """One side of asyncio's proxy: gives what comes to the other, and stops where that is full."""

    other: Any = None

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self.other.transport.write(data)

    def pause_writing(self) -> None:
        """Too much waits here: the other is not to be read."""
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """It has gone."""
        self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Both end."""
        self.other.transport.close()


class Client(Side):
    """The side of who connects; what it sends too early waits."""

    def __init__(self, loop: Any, backend: int) -> None:
        self.loop, self.backend = loop, backend
        self.early: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        """Connect to the backend."""
        self.transport = transport
        self.loop.create_task(self.connect())

    async def connect(self) -> None:
        """Join the two."""
        _, other = await self.loop.create_connection(Side, "127.0.0.1", self.backend)
        other.other = self
        other.transport.writelines(self.early)
        self.other = other

    def data_received(self, data: bytes) -> None:
        """Keep it, until there is somebody to pass it on to."""
        if self.other is None:
            self.early.append(data)
        else:
            super().data_received(data)


def main(kind: str, backend: int) -> None:
    """Serve until killed."""
    if not kind.startswith("libevent_py"):
        loop = asyncio_loop(kind)
        server = loop.run_until_complete(
            loop.create_server(lambda: Client(loop, backend), "127.0.0.1", 0, backlog=4096)
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        loop.run_forever()

    from libevent_py import BufferEvent, BufferEventEvents, EventBase, Listener, Relay

    def on_accept(listener: Listener, sock: Any, address: Any) -> None:
        server = BufferEvent(base)
        server.set_callbacks(on_event=lambda bev, what: on_event(sock, bev, what))
        server.connect(("127.0.0.1", backend))

    def on_event(sock: Any, server: BufferEvent, what: BufferEventEvents) -> None:
        assert what & BufferEventEvents.CONNECTED
        Relay(base, sock, server)

    base = EventBase()
    listener = Listener(base, ("127.0.0.1", 0), on_accept, backlog=4096)
    print(listener.address[1], flush=True)
    base.dispatch()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
