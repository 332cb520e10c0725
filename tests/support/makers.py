"""How to make each kind of handle."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import Any

from libevent_py import (
    BufferEvent,
    BufferEventPair,
    DNSBase,
    DNSServer,
    DNSServerRequest,
    Event,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    HTTPConnection,
    HTTPServer,
    Listener,
    LoopFlags,
    RateLimit,
    RateLimitGroup,
    Relay,
    Signal,
    Timer,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
    lib,
)


def ignore(*arguments: object) -> None:
    """A callback for whoever needs one."""


def asked(base: EventBase, kind: socket.SocketKind) -> DNSServerRequest:
    """A question to a DNSServer."""
    requests: list[DNSServerRequest] = []
    server = DNSServer(base, ("127.0.0.1", 0), requests.append, tcp=kind == socket.SOCK_STREAM)
    question = b"\0\7\1\0\0\1\0\0\0\0\0\0\1a\3com\0\0\1\0\1"
    with socket.socket(socket.AF_INET, kind) as client:
        client.connect(server.address)
        client.send(question if kind == socket.SOCK_DGRAM else bytes((0, len(question))) + question)
        while not requests:
            base.loop(LoopFlags.ONCE)
    return requests[0]


MAKERS: dict[str, Callable[[EventBase], Any]] = {
    "Event": lambda base: Event(base, None, EventFlags(0), ignore),
    "Timer": lambda base: Timer(base, 30, ignore),
    "Signal": lambda base: Signal(base, signal.SIGUSR1, ignore),
    "Listener": lambda base: Listener(base, ("127.0.0.1", 0), ignore),
    "BufferEvent": lambda base: BufferEvent(base),
    "DNSBase": lambda base: DNSBase(base, ["127.0.0.1"]),
    "DNSServer": lambda base: DNSServer(base, ("127.0.0.1", 0), ignore),
    "HTTPServer": lambda base: HTTPServer(base),
    "HTTPConnection": lambda base: HTTPConnection(base, ("127.0.0.1", 80)),
}
#: Those that bring others with them, or are kept by nobody.
MORE_MAKERS: dict[str, Callable[[EventBase], Any]] = {
    "PairedBufferEvent": lambda base: next(iter(BufferEventPair(base))),
    "FilterBufferEvent": lambda base: FilterBufferEvent(BufferEvent(base)),
    "Question": lambda base: DNSBase(base, []).resolve_ipv4("a.com", ignore),
    "Lookup": lambda base: DNSBase(base, []).getaddrinfo("a.com", 80, ignore),
    "DatagramRequest": lambda base: asked(base, socket.SOCK_DGRAM),
    "StreamRequest": lambda base: asked(base, socket.SOCK_STREAM),
    "RateLimitGroup": lambda base: RateLimitGroup(base, RateLimit(1)),
    "HTTPListener": lambda base: HTTPServer(base).listen(("127.0.0.1", 0)),
    "Relay": lambda base: Relay(base, BufferEvent(base), BufferEvent(base)),
}
if hasattr(lib, "bufferevent_openssl_socket_new"):
    MAKERS["TLSBufferEvent"] = lambda base: TLSBufferEvent(base, TLSContext.client(verify=False))
    MORE_MAKERS["TLSFilterBufferEvent"] = lambda base: TLSFilterBufferEvent(
        BufferEvent(base), TLSContext.client(verify=False)
    )
#: Each kind of handle.
ALL_MAKERS = {**MAKERS, **MORE_MAKERS}
