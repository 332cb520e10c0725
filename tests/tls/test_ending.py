"""How TLS ends: close_notify both ways, and what is no clean end."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bufferevents import Log, reset
from loops import run_until, settle, turn
from tls_ends import Connect

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
    TLSTruncatedError,
    TLSVersion,
)

READ = EventFlags.READ
CONNECTED = BufferEventEvents.CONNECTED
READING_EOF = BufferEventEvents.READING | BufferEventEvents.EOF
BIG = b"0123456789abcdef" * 65536  # 1 MiB


class MemoryPeer:
    """Python's ssl as the client at the other end of a socket, driven step by step in the test's thread."""

    def __init__(
        self, base: EventBase, authority: Any, server: TLSContext, *, filtered: bool = False, **options: Any
    ) -> None:
        self.base = base
        mine, self.sock = socket.socketpair()
        self.sock.setblocking(False)
        self.bev: Any
        if filtered:
            self.bev = TLSFilterBufferEvent(BufferEvent(base, mine), server, **options)
        else:
            self.bev = TLSBufferEvent(base, server, mine, **options)
        self.log = Log(self.bev)
        context = ssl.create_default_context(cafile=str(authority.ca))
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def push(self) -> None:
        """Send what OpenSSL has for the socket."""
        self.sock.setblocking(True)
        with contextlib.suppress(BrokenPipeError):
            self.sock.sendall(self.outgoing.read())
        self.sock.setblocking(False)

    def pull(self) -> None:
        """Give OpenSSL what the socket has."""
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def until(self, step: Callable[[], Any]) -> Any:
        """Take *step* until it needs nothing any more; its result."""
        result: list[Any] = []

        def tried() -> bool:
            self.pull()
            with contextlib.suppress(ssl.SSLWantReadError):
                result.append(step())
            self.push()
            return bool(result)

        run_until(self.base, tried)
        return result[0]

    def handshake(self) -> None:
        """Shake hands, and wait until the other end knows."""
        self.until(self.ssl.do_handshake)
        run_until(self.base, lambda: self.log.events)

    def cut(self) -> None:
        """End the stream as it is; a close() with something unread would reset it."""
        self.sock.shutdown(socket.SHUT_WR)


@pytest.fixture(params=[False, True], ids=["socket", "filter"])
def peer(request: pytest.FixtureRequest, base: EventBase, authority: Any, server: TLSContext) -> Any:
    """A MemoryPeer after the handshake, whose other end is of each mode."""
    peer = MemoryPeer(base, authority, server, filtered=request.param)
    peer.handshake()
    yield peer
    peer.sock.close()


def test_close_notify_is_eof(peer: MemoryPeer) -> None:
    """A clean end is EOF, behind all data, and told once."""
    peer.ssl.write(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        peer.ssl.unwrap()
    order: list[object] = []
    peer.bev.set_callbacks(
        on_data=lambda bev, data: order.append(data), on_event=lambda bev, what: order.append(what)
    )
    peer.push()  # the data and the end in one piece
    run_until(peer.base, lambda: len(order) >= 2)
    peer.sock.shutdown(socket.SHUT_WR)
    settle(peer.base)
    assert order == [b"last words", READING_EOF]
    assert peer.bev.error is None


@pytest.mark.parametrize("size", [1, 4096, 5000, 16384, 16385, 100_000, 1_000_000])
def test_no_end_before_the_last_data(peer: MemoryPeer, size: int) -> None:
    """However much comes with the end, all of it is there before on_event is called."""
    at_end: list[int] = []

    def on_event(bev: Any, what: object) -> None:
        at_end.append(len(peer.log.data))

    peer.bev.set_callbacks(on_data=peer.log.on_data, on_event=on_event)
    peer.ssl.write(b"x" * size)
    with pytest.raises(ssl.SSLWantReadError):
        peer.ssl.unwrap()
    data = memoryview(peer.outgoing.read())
    sent = 0

    def send() -> bool:
        nonlocal sent
        with contextlib.suppress(BlockingIOError):
            sent += peer.sock.send(data[sent:])
        return bool(at_end)

    run_until(peer.base, send)
    assert at_end == [size]


def test_the_low_mark_holds_nothing_back_at_the_end(peer: MemoryPeer) -> None:
    """What the low mark kept is delivered before EOF."""
    peer.bev.set_watermark(READ, low=1000)
    peer.ssl.write(b"short")
    with pytest.raises(ssl.SSLWantReadError):
        peer.ssl.unwrap()
    peer.push()
    run_until(peer.base, lambda: READING_EOF in peer.log.events)
    assert peer.log.data == b"short"


@pytest.mark.parametrize("data", [b"", b"some"])
def test_truncation(peer: MemoryPeer, data: bytes) -> None:
    """A stream that ends without close_notify is an error of its own, once, behind the data."""
    if data:
        peer.ssl.write(data)
        peer.push()
    peer.cut()
    run_until(peer.base, lambda: len(peer.log.events) > 1)
    settle(peer.base)
    assert len(peer.log.events) == 2
    assert peer.log.events[1] & BufferEventEvents.ERROR
    assert not peer.log.events[1] & BufferEventEvents.EOF
    assert isinstance(peer.log.error, TLSTruncatedError)
    assert peer.log.data == data


def test_truncation_within_a_record(peer: MemoryPeer) -> None:
    """Half a record is truncation too, and none of it is delivered."""
    peer.ssl.write(b"x" * 1000)
    record = peer.outgoing.read()
    peer.sock.sendall(record[:500])
    peer.cut()
    run_until(peer.base, lambda: len(peer.log.events) > 1)
    assert isinstance(peer.log.error, TLSTruncatedError)
    assert peer.log.data == b""


def test_truncation_of_the_handshake(base: EventBase, server: TLSContext) -> None:
    """Who leaves in the middle of the handshake has truncated it."""
    mine, other = socket.socketpair()
    log = Log(TLSBufferEvent(base, server, mine))
    other.close()
    run_until(base, lambda: log.events)
    assert len(log.events) == 1
    assert isinstance(log.error, (TLSTruncatedError, ConnectionResetError, BrokenPipeError))


def test_a_reset(base: EventBase, client: TLSContext, server: TLSContext, connect: Connect) -> None:
    """A connection that the peer resets is the system's error, as without TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        other = socket.create_connection(listening.getsockname())
        bev = TLSBufferEvent(base, server, listening.accept()[0])
    log = Log(bev)
    turn(base)
    reset(other)
    run_until(base, lambda: log.events)
    assert isinstance(log.error, ConnectionResetError)


def test_close_says_goodbye(peer: MemoryPeer) -> None:
    """close() sends close_notify where nothing is lost by it."""
    peer.bev.write(b"bye")
    turn(peer.base, 2)
    peer.bev.close()
    assert peer.until(lambda: peer.ssl.read(10)) == b"bye"
    assert peer.until(lambda: peer.ssl.read(10)) == b""


def test_close_with_output_is_a_truncation(base: EventBase, connect: Connect, way: str) -> None:
    """close() with output that is not sent looks like what it is."""
    ends = connect("tcp" if way == "pair" else way)
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    ends.server.write(BIG * 8)
    assert ends.server.output_size > 0
    ends.server.close()
    run_until(base, lambda: len(ends.at_client.events) > 1)
    assert isinstance(ends.at_client.error, (TLSTruncatedError, ConnectionResetError))
    assert len(ends.at_client.data) < 8 * len(BIG)


def test_close_when_flushed(peer: MemoryPeer) -> None:
    """All output, then close_notify, then the peer's, then it is closed; nothing more is delivered."""
    peer.bev.write(BIG)
    peer.bev.close_when_flushed()
    got = bytearray()

    def read_all() -> bool:
        while data := peer.ssl.read(1 << 20):
            got.extend(data)
        return True

    peer.ssl.write(b"too late")
    peer.until(read_all)
    assert got == BIG
    turn(peer.base, 3)
    assert not peer.bev.closed
    peer.until(peer.ssl.unwrap)
    run_until(peer.base, lambda: peer.bev.closed)
    assert peer.log.data == b""
    assert peer.log.events == [CONNECTED]


def test_close_when_flushed_after_the_peers_end(peer: MemoryPeer) -> None:
    """Where the peer has said its last already, nothing is waited for."""
    with pytest.raises(ssl.SSLWantReadError):
        peer.ssl.unwrap()
    peer.push()
    run_until(peer.base, lambda: READING_EOF in peer.log.events)
    peer.bev.write(b"bye")
    peer.bev.close_when_flushed()
    run_until(peer.base, lambda: peer.bev.closed)
    turn(peer.base, 2)
    peer.pull()
    assert peer.ssl.read(10) == b"bye"
    peer.ssl.unwrap()


def test_a_peer_that_never_answers(base: EventBase, authority: Any, server: TLSContext) -> None:
    """shutdown_timeout bounds the wait for the peer's close_notify."""
    peer = MemoryPeer(base, authority, server, shutdown_timeout=0.05)
    with peer.sock:
        peer.handshake()
        peer.bev.close_when_flushed()
        settle(base, 0.02)
        assert not peer.bev.closed
        run_until(base, lambda: peer.bev.closed)


def test_a_peer_that_reads_nothing(peer: MemoryPeer) -> None:
    """close_when_flushed()'s own timeout bounds the sending."""
    peer.bev.write(BIG)
    peer.bev.close_when_flushed(timeout=0.05)
    run_until(peer.base, lambda: peer.bev.closed)


def test_a_peer_that_goes_on_sending(peer: MemoryPeer) -> None:
    """What comes after the own end is dropped, not kept."""
    peer.bev.close_when_flushed()
    for _ in range(20):
        peer.ssl.write(BIG[:100_000])
        data = memoryview(peer.outgoing.read())
        while data:
            try:
                data = data[peer.sock.send(data) :]
            except BlockingIOError:
                turn(peer.base)
    turn(peer.base, 3)
    assert len(peer.bev.input) == 0
    peer.pull()
    assert peer.ssl.read(10) == b""
    peer.until(peer.ssl.unwrap)
    run_until(peer.base, lambda: peer.bev.closed)


def test_half_close(
    base: EventBase, connect: Connect, way: str, localhost: Path, version: TLSVersion
) -> None:
    """shutdown_write() is EOF for the peer, behind all data, and the other direction goes on."""
    ends = connect(way, server=TLSContext.server(localhost, maximum=version))
    ends.client.write(BIG)
    ends.client.shutdown_write()
    with pytest.raises(BrokenPipeError):
        ends.client.write(b"more")
    run_until(base, lambda: READING_EOF in ends.at_server.events)
    assert ends.at_server.data == BIG
    ends.server.write(BIG[::-1])
    ends.server.shutdown_write()
    run_until(base, lambda: READING_EOF in ends.at_client.events)
    assert ends.at_client.data == BIG[::-1]
    assert ends.at_client.events == ends.at_server.events == [CONNECTED, READING_EOF]


def test_output_that_waits_at_the_peers_end(base: EventBase, connect: Connect) -> None:
    """What waits to be sent when EOF comes is sent still, though libevent stops there."""
    ends = connect("tcp")
    run_until(base, lambda: ends.at_server.events and ends.at_client.events)
    ends.client.disable(READ)
    ends.server.write(BIG * 8)
    turn(base, 2)
    assert ends.server.output_size > 0
    ends.client.shutdown_write()
    run_until(base, lambda: READING_EOF in ends.at_server.events)
    ends.client.enable(READ)
    run_until(base, lambda: len(ends.at_client.data) == 8 * len(BIG))


def test_both_ends_at_once(base: EventBase, connect: Connect, way: str) -> None:
    """Both close when flushed, with data under way both ways: nobody waits for ever."""
    ends = connect(way)
    run_until(base, lambda: ends.at_server.events and ends.at_client.events)
    ends.client.write(b"x" * 1000)
    ends.server.write(b"y" * 1000)
    ends.client.close_when_flushed()
    ends.server.close_when_flushed()
    run_until(base, lambda: ends.client.closed and ends.server.closed)


def test_closing_before_the_handshake(base: EventBase, connect: Connect, way: str) -> None:
    """close_when_flushed() waits for the handshake, for what was written before it."""
    ends = connect(way)
    ends.client.write(b"hello")
    ends.client.close_when_flushed()
    run_until(base, lambda: READING_EOF in ends.at_server.events)
    assert ends.at_server.data == b"hello"
    ends.server.close_when_flushed()
    run_until(base, lambda: ends.client.closed and ends.server.closed)


@pytest.mark.parametrize("filtered", [False, True], ids=["socket", "filter"])
def test_handshake_timeout(base: EventBase, server: TLSContext, filtered: bool) -> None:
    """A peer that never shakes hands is a TimeoutError, once."""
    mine, other = socket.socketpair()
    if filtered:
        bev: Any = TLSFilterBufferEvent(BufferEvent(base, mine), server, handshake_timeout=0.05)
    else:
        bev = TLSBufferEvent(base, server, mine, handshake_timeout=0.05)
    with other:
        log = Log(bev)
        run_until(base, lambda: log.events)
        other.send(b"\x16\x03\x01")
        settle(base)
        assert log.events == [BufferEventEvents.TIMEOUT]
        assert isinstance(log.error, TimeoutError)
        assert "0.05 seconds" in str(log.error)
