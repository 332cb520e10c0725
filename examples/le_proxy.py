"""libevent's sample le-proxy: everything that comes to one address goes to another, and back.

With -s the other address speaks TLS; with -W too, by a filter over the socket, as the sample has it.

usage: python examples/le_proxy.py [-s] [-W] LISTEN CONNECT
       python examples/le_proxy.py 127.0.0.1:8888 example.org:80
"""

from __future__ import annotations

import argparse
import signal
from typing import Any

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    Listener,
    Relay,
    RelayResult,
    Signal,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-s", action="store_true", help="speak TLS to CONNECT")
    parser.add_argument("-W", action="store_true", help="with -s, by a filter over the socket")
    parser.add_argument("--ca", help="the CAs to trust (default: the system's)")
    parser.add_argument("listen", metavar="LISTEN", help="HOST:PORT to accept connections on")
    parser.add_argument("connect", metavar="CONNECT", help="HOST:PORT to connect them to")
    options = parser.parse_args()
    host, port = options.connect.rsplit(":", 1)
    context = TLSContext.client(options.ca) if options.s else None

    def on_accept(listener: Listener, sock: Any, address: Any) -> None:
        server: Any
        if context is None or options.W:
            server = plain = BufferEvent(base)
            if context is not None:
                server = TLSFilterBufferEvent(plain, context, server_hostname=host)
        else:
            server = plain = TLSBufferEvent(base, context)

        def on_event(bev: BufferEvent, what: BufferEventEvents) -> None:
            if what & BufferEventEvents.CONNECTED:
                Relay(base, sock, bev, on_end)
            else:
                print(f"{options.connect}: {bev.error}", flush=True)
                bev.close()
                sock.close()

        server.set_callbacks(on_event=on_event)
        plain.connect_hostname(host, int(port))

    def on_end(relay: Relay, result: RelayResult) -> None:
        print(
            f"{result.reason.name}: {result.from_client} bytes there, {result.from_server} back",
            result.error or "",
            flush=True,
        )

    with EventBase() as base:
        Signal(base, signal.SIGINT, lambda _: base.loopexit())
        own_host, own_port = options.listen.rsplit(":", 1)
        listener = Listener(base, (own_host, int(own_port)), on_accept)
        print("listening on", listener.address, flush=True)
        base.dispatch()


if __name__ == "__main__":
    main()
