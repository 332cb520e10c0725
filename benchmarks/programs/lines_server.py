"""A server that sends each line back, on a free port, which goes to stdout.

usage: lines_server.py KIND
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from measure import asyncio_loop


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As asyncio's documentation writes it."""
    while line := await reader.readline():
        writer.write(line)


def main(kind: str) -> None:
    """Serve until killed."""
    if not kind.startswith("libevent_py"):
        loop = asyncio_loop(kind)
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096))
        print(server.sockets[0].getsockname()[1], flush=True)
        loop.run_forever()

    from libevent_py import BufferEvent, EOLStyle, EventBase, EventFlags, LineFraming, Listener

    framing = LineFraming(EOLStyle.LF)

    def on_messages(bev: BufferEvent, lines: list[bytes]) -> None:
        bev.write(framing.join(lines))

    def on_accept(listener: Listener, sock: Any, address: Any) -> None:
        bev = BufferEvent(listener.base, sock)
        bev.set_callbacks(on_messages=on_messages, framing=framing, on_event=lambda bev, what: bev.close())
        bev.enable(EventFlags.READ)

    base = EventBase()
    listener = Listener(base, ("127.0.0.1", 0), on_accept, backlog=4096)
    print(listener.address[1], flush=True)
    base.dispatch()


if __name__ == "__main__":
    main(sys.argv[1])
