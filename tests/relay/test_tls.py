"""Relays with TLS on either side: termination, origination, both, and how they end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from bufferevents import Log, reset
from relays import receive, tcp_pair

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    LoopFlags,
    Relay,
    RelayReason,
    RelayResult,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
    TLSTruncatedError,
    lib,
)

pytestmark = pytest.mark.skipif(
    not hasattr(lib, "bufferevent_openssl_socket_new"), reason="this build has no OpenSSL"
)

WAYS = ["terminated", "originated", "both", "filtered"]
EOF = BufferEventEvents.EOF


class Joined:
    """A far client, a relay, and a far server, with TLS on one hop or both."""

    def __init__(self, base: EventBase, authority: Any, certificate: Any, way: str) -> None:
        self.base = base
        self.results: list[RelayResult] = []
        server, client = TLSContext.server(certificate), TLSContext.client(authority.ca)
        near_client, far_client = tcp_pair()
        near_server, far_server = tcp_pair()
        self.sockets = far_client, far_server

        def secured(context: TLSContext, sock: socket.socket) -> Any:
            name = None if context.is_server else "localhost"
            if way == "filtered":
                return TLSFilterBufferEvent(BufferEvent(base, sock), context, server_hostname=name)
            return TLSBufferEvent(base, context, sock, server_hostname=name)

        first = way in ("terminated", "both", "filtered")
        second = way in ("originated", "both", "filtered")
        self.client = secured(client, far_client) if first else BufferEvent(base, far_client)
        self.server = secured(server, far_server) if second else BufferEvent(base, far_server)
        one = secured(server, near_client) if first else near_client
        other = secured(client, near_server) if second else near_server
        self.at_client, self.at_server = Log(self.client), Log(self.server)
        self.relay = Relay(base, one, other, lambda relay, result: self.results.append(result))

    def until(self, true: Callable[[], object]) -> None:
        """Run until it is."""
        limit = time.monotonic() + 15
        while not true() and time.monotonic() < limit:
            self.base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
        assert true()


@pytest.fixture(params=WAYS)
def joined(request: pytest.FixtureRequest, base: EventBase, authority: Any, localhost: Any) -> Joined:
    """Each way."""
    return Joined(base, authority, localhost, request.param)


def test_bytes_go_both_ways(joined: Joined) -> None:
    """Much, in both directions, unchanged; what is sent before the handshakes too."""
    question, answer = os.urandom(1_500_000), os.urandom(1_000_000)
    joined.client.write(question)
    joined.server.write(answer)
    joined.until(
        lambda: len(joined.at_server.data) == len(question) and len(joined.at_client.data) == len(answer)
    )
    assert joined.at_server.data == question
    assert joined.at_client.data == answer
    assert (joined.relay.from_client, joined.relay.from_server) == (len(question), len(answer))


def test_half_close(joined: Joined) -> None:
    """A close_notify becomes the other hop's end, and the answer still comes."""
    joined.client.write(b"all I say")
    joined.client.shutdown_write()
    joined.until(lambda: any(what & EOF for what in joined.at_server.events))
    assert joined.at_server.data == b"all I say"
    joined.server.write(b"x" * 300_000)
    joined.server.shutdown_write()
    joined.until(lambda: joined.results)
    joined.until(lambda: any(what & EOF for what in joined.at_client.events))
    assert joined.at_client.data == b"x" * 300_000
    assert joined.results == [(RelayReason.EOF, 9, 300_000, None)]


@pytest.mark.parametrize("way", ["terminated", "filtered"])
def test_a_truncated_stream_is_an_error(base: EventBase, authority: Any, localhost: Any, way: str) -> None:
    """And told as one, not as an end like any other."""
    joined = Joined(base, authority, localhost, way)
    joined.client.write(b"half of what")
    joined.until(lambda: joined.at_server.data == b"half of what")
    with socket.socket(
        fileno=os.dup(joined.client.fileno() if way == "terminated" else _below(joined))
    ) as raw:
        raw.shutdown(socket.SHUT_WR)
    joined.until(lambda: joined.results)
    assert joined.results[0].reason is RelayReason.CLIENT_ERROR
    assert isinstance(joined.results[0].error, TLSTruncatedError)


def _below(joined: Joined) -> int:
    fd: int = joined.client.underlying.fileno()
    return fd


def test_a_client_that_speaks_no_tls(base: EventBase, authority: Any, localhost: Any) -> None:
    """Is told as the client's error."""
    results: list[RelayResult] = []
    ours, client = tcp_pair()
    theirs, server = tcp_pair()
    with client, server:
        end = TLSBufferEvent(base, TLSContext.server(localhost), ours)
        Relay(base, end, theirs, lambda relay, result: results.append(result))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while not results:
            base.loop(LoopFlags.ONCE)
    assert results[0].reason is RelayReason.CLIENT_ERROR
    assert results[0].from_client == 0


def test_a_reset_of_the_plain_side(base: EventBase, authority: Any, localhost: Any) -> None:
    """Ends the TLS side without close_notify: its peer knows that something is missing."""
    results: list[RelayResult] = []
    near_client, far_client = tcp_pair()
    near_server, far_server = tcp_pair()
    client = TLSBufferEvent(base, TLSContext.client(authority.ca), far_client, server_hostname="localhost")
    log = Log(client)
    end = TLSBufferEvent(base, TLSContext.server(localhost), near_client)
    Relay(base, end, near_server, lambda relay, result: results.append(result))
    client.write(b"x")
    far_server.setblocking(False)
    while receive(far_server) != b"x":
        base.loop(LoopFlags.ONCE)
    reset(far_server)
    while not results:
        base.loop(LoopFlags.ONCE)
    assert results[0].reason is RelayReason.SERVER_ERROR
    assert isinstance(results[0].error, ConnectionResetError)
    while not any(what & (EOF | BufferEventEvents.ERROR) for what in log.events):
        base.loop(LoopFlags.ONCE)
