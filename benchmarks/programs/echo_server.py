"""An echo server on a free port, which goes to stdout.

usage: echo_server.py KIND
"""

from __future__ import annotations

import asyncio
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


def main(kind: str) -> None:
    """Serve until killed."""
    if kind == "libevent_py-asyncio" or not kind.startswith("libevent_py"):
        loop = asyncio_loop(kind)
        server = loop.run_until_complete(loop.create_server(Echo, "127.0.0.1", 0, backlog=4096))
        print(server.sockets[0].getsockname()[1], flush=True)
        loop.run_forever()

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
    main(sys.argv[1])
