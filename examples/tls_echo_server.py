r"""An echo server by TLS: TLSContext, and a TLSBufferEvent for each client.

Make a certificate, run it, then talk to it with tls_echo_client.py or the openssl command:

    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost
    python examples/tls_echo_server.py cert.pem key.pem [HOST [PORT]]
    openssl s_client -connect 127.0.0.1:8443 -CAfile cert.pem -quiet

Ctrl-C ends it. A client that is silent for 60 seconds is disconnected.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from libevent_py import (
    BufferEventEvents,
    EventBase,
    EventFlags,
    Listener,
    TLSBufferEvent,
    TLSContext,
)

IDLE_SECONDS = 60.0


class Server:
    """Echoes to everybody who shakes hands."""

    def __init__(self, base: EventBase, context: TLSContext, address: tuple[str, int]) -> None:
        self._context = context
        self.listener = Listener(base, address, self.on_accept)

    def on_accept(self, listener: Listener, sock: socket.socket, address: Any) -> None:
        """A client has connected: the handshake begins by itself, and may take 10 seconds."""
        bev = TLSBufferEvent(listener.base, self._context, sock, handshake_timeout=10)
        bev.set_callbacks(on_data=self.on_data, on_event=self.on_event)
        bev.set_timeouts(read=IDLE_SECONDS)
        bev.enable(EventFlags.READ)

    def on_data(self, bev: TLSBufferEvent, data: bytes) -> None:
        """Decrypted bytes go back, and are encrypted again."""
        bev.write(data)

    def on_event(self, bev: TLSBufferEvent, what: BufferEventEvents) -> None:
        """The handshake is done, or the connection has ended, one way or the other."""
        if what & BufferEventEvents.CONNECTED:
            print(f"{bev.version}, {bev.cipher and bev.cipher.name}", flush=True)
        elif what & BufferEventEvents.EOF:
            # close_notify: the client has said all. It gets the rest of its echo, and ours.
            print("finished", flush=True)
            bev.close_when_flushed(timeout=10)
        else:
            print(bev.error or "silent for too long", flush=True)
            bev.close()


def main() -> int:
    """Listen and serve."""
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    context = TLSContext.server(sys.argv[1], sys.argv[2])
    host = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
    port = int(sys.argv[4]) if len(sys.argv) > 4 else 8443
    with EventBase() as base:
        server = Server(base, context, (host, port))
        print(f"listening on {server.listener.address}", flush=True)
        try:
            base.dispatch()
        except KeyboardInterrupt:
            print("bye")
    return 0


if __name__ == "__main__":
    sys.exit(main())
