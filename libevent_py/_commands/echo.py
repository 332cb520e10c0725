"""``python -m libevent_py echo``: an echo server until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import time
from typing import Any

from ..base import EventBase
from ..bufferevent import BufferEvent
from ..constants import BufferEventEvents, EventFlags
from ..exceptions import TLSError, UnsupportedError
from ..listener import Listener
from ..signal_event import Signal
from ..tls import TLSBufferEvent, TLSContext
from .arguments import path, port

#: Echoed bytes that one client may leave unread before the server stops reading from it.
OUTPUT_LIMIT = 1024 * 1024


class EchoServer:
    """Echoes to everybody, and counts.

    Args:
        base: The EventBase to serve in.
        address: Where to listen, as for Listener.
        context: Whose TLS to speak; None for plain bytes.
    """

    def __init__(
        self, base: EventBase, address: tuple[str, int] | str, context: TLSContext | None = None
    ) -> None:
        self.connections = 0
        self.bytes = 0
        self._base = base
        self._context = context
        self.listener = Listener(base, address, self.on_accept, backlog=1024)

    def on_accept(self, listener: Listener, sock: socket.socket, address: Any) -> None:
        """Serve a new connection."""
        self.connections += 1
        if self._context is None:
            self._serve(BufferEvent(self._base, sock))
        else:
            self._serve(TLSBufferEvent(self._base, self._context, sock))

    def _serve(self, bev: BufferEvent) -> None:
        bev.set_callbacks(on_read=self.on_read, on_event=self.on_event)
        bev.enable(EventFlags.READ)

    def on_read(self, bev: BufferEvent) -> None:
        """Echo, and stop reading from a client that does not read itself."""
        # The bytes go from the input to the socket and are never a Python object.
        self.bytes += len(bev.input)
        bev.write_buffer(bev.input)
        if len(bev.output) > OUTPUT_LIMIT:
            bev.disable(EventFlags.READ)
            # on_write comes when the client has read all; then it goes on.
            bev.set_callbacks(on_write=self._serve, on_event=self.on_event)

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """The client has gone, or has said all and still waits for the rest of its echo."""
        if what & BufferEventEvents.CONNECTED:
            return  # TLS has shaken hands
        if what & BufferEventEvents.EOF:
            bev.close_when_flushed()
        else:
            bev.close()


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "echo",
        help="an echo server until Ctrl-C",
        description="Send back whatever comes, until Ctrl-C or SIGTERM. A client that does not read is not "
        f"read from either once {OUTPUT_LIMIT // 1024} KiB wait for it.",
        epilog="example: python -m libevent_py echo --port 7777, and in another terminal: nc 127.0.0.1 7777",
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="default: %(default)s")
    parser.add_argument(
        "--port", type=port, default=7777, metavar="N", help="0 for any free one (default: %(default)s)"
    )
    parser.add_argument("--unix", type=path, metavar="PATH", help="listen on this path instead")
    parser.add_argument(
        "--tls", nargs=2, type=path, metavar=("CERT", "KEY"), help="speak TLS, with these PEM files"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    try:
        context = TLSContext.server(*arguments.tls) if arguments.tls else None
    except (TLSError, UnsupportedError, OSError) as error:
        print(f"echo: {error}", file=sys.stderr)
        return 1
    address = f"unix:{arguments.unix}" if arguments.unix else (arguments.host, arguments.port)
    with EventBase() as base:
        for number in signal.SIGINT, signal.SIGTERM:
            Signal(base, number, lambda _: base.loopexit())
        try:
            server = EchoServer(base, address, context)
        except OSError as error:
            other = "--unix PATH" if arguments.unix else "--port N (0: any free one)"
            print(f"echo: {error.strerror or error}; choose another with {other}", file=sys.stderr)
            return 1
        print(f"echo: listening on {shown(server.listener.address)}; Ctrl-C ends it", flush=True)
        started = time.monotonic()
        base.dispatch()
        seconds = time.monotonic() - started
    print(f"echo: {server.connections:,} connections, {server.bytes:,} bytes echoed in {seconds:.1f} s")
    return 0


def shown(address: Any) -> str:
    """A socket's address as people write it: 127.0.0.1:7777, [::1]:7777, a path."""
    if isinstance(address, tuple):
        host, number = address[:2]
        return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
    return str(address)
