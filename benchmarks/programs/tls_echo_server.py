"""echo_server.py with TLS.

usage: tls_echo_server.py KIND PEM
"""

from __future__ import annotations

import ssl
import sys
from typing import Any

from echo_server import Echo
from measure import asyncio_loop


def main(kind: str, pem: str) -> None:
    """Serve until killed."""
    if kind != "libevent_py":
        loop = asyncio_loop(kind)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server = loop.run_until_complete(loop.create_server(Echo, "127.0.0.1", 0, ssl=context, backlog=4096))
        print(server.sockets[0].getsockname()[1], flush=True)
        loop.run_forever()

    from libevent_py import (
        BufferEventEvents,
        EventBase,
        EventFlags,
        Listener,
        TLSBufferEvent,
        TLSContext,
    )

    ends = BufferEventEvents.EOF | BufferEventEvents.ERROR | BufferEventEvents.TIMEOUT

    def on_event(bev: TLSBufferEvent, what: BufferEventEvents) -> None:
        if what & ends:
            bev.close()

    tls = TLSContext.server(pem)

    def on_accept(listener: Listener, sock: Any, address: Any) -> None:
        bev = TLSBufferEvent(listener.base, tls, sock)
        bev.set_callbacks(on_data=lambda bev, data: bev.write(data), on_event=on_event)
        bev.enable(EventFlags.READ)

    base = EventBase()
    listener = Listener(base, ("127.0.0.1", 0), on_accept, backlog=4096)
    print(listener.address[1], flush=True)
    base.dispatch()


if __name__ == "__main__":
    main(*sys.argv[1:])
