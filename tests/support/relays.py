"""What tests of relays share: two streams of each kind, and the peers at their far ends."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from libevent_py import (
    BufferEvent,
    BufferEventPair,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    LoopFlags,
    RateLimit,
    Relay,
    RelayResult,
)

KINDS = ["sockets", "tcp", "bufferevents", "mixed", "limited", "filter", "pair"]


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two TCP sockets connected over 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname(), timeout=10)
        return server.accept()[0], peer


def stream(base: EventBase, kind: str, sock: socket.socket) -> Any:
    """*sock* as an end of a relay."""
    if kind in ("sockets", "tcp"):
        return sock
    bev = BufferEvent(base, sock)
    if kind == "limited":
        bev.set_rate_limit(RateLimit(read=1 << 30, write=1 << 30))
    if kind == "filter":
        return FilterBufferEvent(bev, lambda data, mode: data, lambda data, mode: data)
    if kind == "pair":
        # The far end is a bufferevent in memory, joined to the socket by another relay.
        one, other = BufferEventPair(base)
        Relay(base, bev, one)
        return other
    return bev


class Joined:
    """A relay of some kind between two peers, whose sockets do not block."""

    def __init__(self, base: EventBase, kind: str, *, tcp: bool = False, **options: Any) -> None:
        self.base = base
        self.results: list[RelayResult] = []
        make = tcp_pair if tcp or kind == "tcp" else socket.socketpair
        ours, self.client = make()
        theirs, self.server = make()
        for sock in (self.client, self.server):
            sock.setblocking(False)
        if kind == "mixed":
            one, other = stream(base, "sockets", ours), stream(base, "limited", theirs)
        else:
            one, other = stream(base, kind, ours), stream(base, kind, theirs)
        self.relay = Relay(base, one, other, self.on_end, **options)

    def on_end(self, relay: Relay, result: RelayResult) -> None:
        """Record."""
        assert relay is self.relay
        assert relay.closed
        self.results.append(result)

    def turn(self, count: int = 3) -> None:
        """Let the loop do what is to be done."""
        for _ in range(count):
            self.base.loop(LoopFlags.NONBLOCK)

    def close(self) -> None:
        """Close all."""
        self.relay.close()
        self.client.close()
        self.server.close()

    def __enter__(self) -> Joined:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def receive(sock: socket.socket) -> bytes | None:
    """All that has come; None after the end, or a reset."""
    found = bytearray()
    with contextlib.suppress(BlockingIOError):
        while True:
            try:
                piece = sock.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not piece:
                return bytes(found) if found else None
            found += piece
    return bytes(found)


READ = EventFlags.READ
