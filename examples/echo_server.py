"""An echo server: EventBase, Listener, and a BufferEvent for each client.

Run it, then talk to it with echo_client.py or ``nc 127.0.0.1 8888``:

    python examples/echo_server.py [HOST [PORT]]

Ctrl-C ends it. A client that is silent for 60 seconds is disconnected.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from libevent_py import BufferEvent, BufferEventEvents, EventBase, EventFlags, Listener

IDLE_SECONDS = 60.0

#: What is waiting for us in one client's input buffer at most; the rest waits in the kernel.
HIGH_WATERMARK = 64 * 1024


def on_accept(listener: Listener, sock: socket.socket, address: Any) -> None:
    """A client has connected: give its socket to a bufferevent, which the base keeps alive."""
    print(f"{address}: connected", flush=True)
    bev = BufferEvent(listener.base, sock)
    bev.set_callbacks(on_read=on_read, on_event=on_event)
    # Low 1: call on_read for any byte. A line protocol's server could ask for more.
    bev.set_watermark(EventFlags.READ, low=1, high=HIGH_WATERMARK)
    bev.set_timeouts(read=IDLE_SECONDS)
    # Writing is on from the start, reading is not.
    bev.enable(EventFlags.READ)


def on_read(bev: BufferEvent) -> None:
    """Something is in the input buffer: take it out and write it to the output buffer.

    libevent sends the output from its loop. Here nobody needs to look at the bytes;
    ``data = bev.read()`` and ``bev.write(data)`` is for those who do.
    """
    bev.write_buffer(bev.input)


def on_event(bev: BufferEvent, what: BufferEventEvents) -> None:
    """The connection has ended, one way or the other."""
    if what & BufferEventEvents.TIMEOUT:
        reason = f"silent for {IDLE_SECONDS:g} seconds"
    elif what & BufferEventEvents.ERROR:
        reason = str(bev.error)
    else:
        reason = "finished"
    print(f"descriptor {bev.fileno()}: {reason}", flush=True)
    if what & BufferEventEvents.EOF and bev.output:
        # It has said all, and still listens to what we have not sent yet.
        bev.set_callbacks(on_write=BufferEvent.close, on_event=on_event)
    else:
        bev.close()


def main() -> None:
    """Listen and serve."""
    host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8888
    with EventBase() as base:
        listener = Listener(base, (host, port), on_accept)
        print(f"listening on {listener.address}, by {base.method}", flush=True)
        try:
            base.dispatch()
        except KeyboardInterrupt:
            print("bye")


if __name__ == "__main__":
    main()
