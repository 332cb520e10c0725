"""A client by TLS, which believes only whom it should: sends a line, prints what comes back.

    python examples/tls_echo_client.py HOST PORT CA LINE

CA is a PEM file with the certificates to trust; "system" is for those of the system. It ends
with status 1 when the connection fails, or the server is not HOST.
"""

from __future__ import annotations

import sys

from libevent_py import (
    BufferEventEvents,
    EventBase,
    EventFlags,
    TLSBufferEvent,
    TLSCertificateError,
    TLSContext,
)


class Client:
    """Sends one line, and ends cleanly when it is back."""

    def __init__(self, base: EventBase, context: TLSContext, host: str, port: int, line: bytes) -> None:
        self.problem: str | None = None
        self._line = line
        self._got = b""
        bev = TLSBufferEvent(base, context, handshake_timeout=10, shutdown_timeout=2)
        bev.set_callbacks(on_data=self.on_data, on_event=self.on_event)
        bev.enable(EventFlags.READ)
        # The name that is looked up is the one that the certificate must have.
        bev.connect_hostname(host, port)
        bev.write(line)

    def on_data(self, bev: TLSBufferEvent, data: bytes) -> None:
        """Some of the line is back."""
        self._got += data
        if len(self._got) >= len(self._line):
            sys.stdout.write(self._got.decode())
            bev.close_when_flushed()

    def on_event(self, bev: TLSBufferEvent, what: BufferEventEvents) -> None:
        """Connected, or something went wrong."""
        if what & BufferEventEvents.CONNECTED:
            return
        if isinstance(bev.error, TLSCertificateError):
            self.problem = f"not to be trusted: {bev.error.verify_message}"
        else:
            self.problem = str(bev.error or "the server hung up")
        bev.close()


def main() -> int:
    """Connect, and run until the client has finished."""
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    host, port, ca, line = sys.argv[1:]
    context = TLSContext.client(None if ca == "system" else ca)
    with EventBase() as base:
        client = Client(base, context, host, int(port), line.encode() + b"\n")
        base.dispatch()
    if client.problem:
        print(f"{host}:{port}: {client.problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
