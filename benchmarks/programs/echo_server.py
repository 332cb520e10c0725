"""An echo server on a free port, which goes to stdout.

usage: echo_server.py KIND [HOW]  (HOW, with asyncio: protocol, buffered, streams, sockets)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Any

from measure import asyncio_loop


class Echo(asyncio.Protocol):
    """asyncio's fastest way to echo."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    """The same with a buffer of its own."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(64 * 1024))

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read into."""
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        """Send it back."""
        self.transport.write(self.buffer[:count])


async def echo_by_streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Echo in a coroutine."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(64 * 1024):
            writer.write(data)
            await writer.drain()
    writer.close()


async def accept_by_sockets(loop: Any, listening: socket.socket) -> None:
    """Echo by the loop's ``sock_*`` methods."""
    tasks = set()

    async def echo(sock: socket.socket) -> None:
        with sock, contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(sock, 64 * 1024):
                await loop.sock_sendall(sock, data)

    while True:
        sock, _ = await loop.sock_accept(listening)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tasks.add(loop.create_task(echo(sock)))


def serve_by_asyncio(kind: str, how: str) -> None:
    """Serve with a loop of *kind* until killed."""
    loop = asyncio_loop(kind)
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listening.setblocking(False)
    print(listening.getsockname()[1], flush=True)
    if how == "sockets":
        loop.run_until_complete(accept_by_sockets(loop, listening))
    elif how == "streams":
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(echo_by_streams, sock=listening, backlog=4096))
    else:
        factory = BufferedEcho if how == "buffered" else Echo
        server = loop.run_until_complete(loop.create_server(factory, sock=listening, backlog=4096))
    loop.run_until_complete(server.serve_forever())


def main(kind: str, how: str = "protocol") -> None:
    """Serve until killed."""
    if kind == "libevent_py-asyncio" or not kind.startswith("libevent_py"):
        serve_by_asyncio(kind, how)

    from libevent_py import BufferEvent, BufferEventEvents, EventBase, EventFlags, Listener

    def on_data(bev: BufferEvent, data: bytes) -> None:
        bev.write(data)

    def on_read(bev: BufferEvent) -> None:
        bev.write_buffer(bev.input)

    def on_event(bev: BufferEvent, what: BufferEventEvents) -> None:
        bev.close()

    wants: dict[str, Any] = {"on_event": on_event}
    if kind == "libevent_py-buffer":
        wants["on_read"] = on_read
    else:
        wants["on_data"] = on_data

    def on_accept(listener: Listener, sock: Any, address: Any) -> None:
        bev = BufferEvent(listener.base, sock)
        bev.set_callbacks(**wants)
        bev.enable(EventFlags.READ)

    base = EventBase()
    listener = Listener(base, ("127.0.0.1", 0), on_accept, backlog=4096)
    print(listener.address[1], flush=True)
    base.dispatch()


if __name__ == "__main__":
    main(*sys.argv[1:])
