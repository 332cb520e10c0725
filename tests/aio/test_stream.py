"""Stream transports: nothing is lost, told twice or told too late, on our loop as on asyncio's own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from libevent_py.aio import Loop


class Recorder(asyncio.Protocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.transport: Any = None
        self.lost = asyncio.get_event_loop_policy().get_event_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self.told.append(data)

    def eof_received(self) -> None:
        """Keep it."""
        self.told.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep it."""
        self.told.append(exc)
        self.lost.set_result(None)


class Buffered(asyncio.BufferedProtocol):
    """The same with memory of its own."""

    def __init__(self, told: list[Any]) -> None:
        self.told = told
        self.memory = bytearray(7)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Little, so that it is asked often."""
        return self.memory

    def buffer_updated(self, nbytes: int) -> None:
        """Keep it."""
        self.told.append(bytes(self.memory[:nbytes]))


class Streams:
    """Transports over socket pairs in a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.peers: list[socket.socket] = []
        self.protocols: list[Recorder] = []

    def make(self, make_protocol: Any = Recorder) -> tuple[Any, socket.socket]:
        """A protocol that is connected, and its peer."""
        ours, theirs = socket.socketpair()
        self.peers.append(theirs)
        _, protocol = self.loop.run_until_complete(self.loop.create_connection(make_protocol, sock=ours))
        self.protocols.append(protocol)
        self.turn()
        return protocol, theirs

    def turn(self, count: int = 1) -> None:
        """So many passes that do not wait."""
        for _ in range(count):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def close(self) -> None:
        """Everything."""
        for protocol in self.protocols:
            protocol.transport.abort()
        self.turn(2)
        for peer in self.peers:
            peer.close()


@pytest.fixture
def streams(any_loop: asyncio.AbstractEventLoop) -> Iterator[Streams]:
    """Closed at the end."""
    asyncio.set_event_loop(any_loop)
    streams = Streams(any_loop)
    yield streams
    streams.close()
    asyncio.set_event_loop(None)


def test_pausing_another(streams: Streams) -> None:
    """What was on its way to a transport that another one pauses comes when it resumes, in order."""
    first, first_peer = streams.make()
    second, second_peer = streams.make()
    pair = {first: second, second: first}

    def pause(protocol: Recorder, data: bytes) -> None:
        protocol.told.append(data)
        pair[protocol].transport.pause_reading()

    for protocol in pair:
        protocol.data_received = lambda data, protocol=protocol: pause(protocol, data)
        protocol.transport.pause_reading()
        protocol.transport.resume_reading()
    first_peer.send(b"one")
    second_peer.send(b"one")
    streams.turn(3)
    (told,) = [protocol for protocol in pair if protocol.told]
    (waiting,) = [protocol for protocol in pair if not protocol.told]
    for peer in first_peer, second_peer:
        peer.send(b"two")
    streams.turn(2)
    assert waiting.told == []
    told.transport.pause_reading()
    waiting.transport.resume_reading()
    streams.turn(3)
    assert b"".join(waiting.told) == b"onetwo"


def test_closing_another(streams: Streams) -> None:
    """A transport that is aborted in the same pass gets nothing any more."""
    first, first_peer = streams.make()
    second, second_peer = streams.make()
    first.data_received = lambda data: second.transport.abort()
    second.data_received = lambda data: first.transport.abort()
    for protocol in first, second:
        protocol.transport.pause_reading()
        protocol.transport.resume_reading()
    first_peer.send(b"x")
    second_peer.send(b"x")
    streams.turn(3)
    assert sorted(len(protocol.told) for protocol in (first, second)) == [0, 1]


@pytest.mark.parametrize("end", ["eof", "reset"])
def test_the_end_while_paused(streams: Streams, end: str) -> None:
    """It comes behind the data, when reading resumes."""
    protocol, peer = streams.make()
    protocol.transport.pause_reading()
    streams.turn()
    peer.send(b"last")
    if end == "reset":
        listener = socket.create_server(("127.0.0.1", 0))
        peer.close()
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
        listener.close()
        _, protocol = streams.loop.run_until_complete(streams.loop.create_connection(Recorder, sock=ours))
        streams.protocols.append(protocol)
        streams.turn(2)
        protocol.transport.pause_reading()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    streams.turn(3)
    assert protocol.told == []
    protocol.transport.resume_reading()
    streams.loop.run_until_complete(protocol.lost)
    if end == "reset":
        (error,) = protocol.told
        assert isinstance(error, ConnectionResetError)
    else:
        assert protocol.told == [b"last", "eof", None]


def test_a_buffered_protocol(streams: Streams) -> None:
    """Its own memory is filled, and it may take over in the middle."""
    protocol, peer = streams.make()
    told: list[Any] = protocol.told
    peer.send(b"first")
    streams.turn(2)
    protocol.transport.set_protocol(Buffered(told))
    peer.send(b"0123456789")
    streams.turn(4)
    protocol.transport.set_protocol(protocol)
    peer.send(b"last")
    streams.turn(2)
    assert told == [b"first", b"0123456", b"789", b"last"]


def test_large_messages(streams: Streams) -> None:
    """Through as many passes as they need, whole and in order, beside small ones."""
    large, large_peer = streams.make()
    small, small_peer = streams.make()
    message = bytes(range(256)) * 4096
    large_peer.setblocking(False)
    left = memoryview(message)
    for number in range(10_000):
        if not left:
            break
        with contextlib.suppress(BlockingIOError):
            left = left[large_peer.send(left) :]
        if number < 50:
            small_peer.send(b"s")
        streams.turn()
    streams.turn(3)
    assert b"".join(large.told) == message
    assert b"".join(small.told) == b"s" * min(number, 50)


def test_a_raising_protocol(streams: Streams) -> None:
    """The exception handler is told, and the connection is lost by that exception."""
    told: list[dict[str, Any]] = []
    streams.loop.set_exception_handler(lambda _, context: told.append(context))
    protocol, peer = streams.make()
    error = ZeroDivisionError()

    def fail(data: bytes) -> None:
        raise error

    protocol.data_received = fail
    protocol.transport.pause_reading()
    protocol.transport.resume_reading()
    peer.send(b"x")
    streams.loop.run_until_complete(protocol.lost)
    assert protocol.told == [error]
    assert "data_received() call failed" in told[0]["message"]


def test_writing(streams: Streams) -> None:
    """What the socket does not take waits, and comes behind it in order; kinds of bytes, errors."""
    protocol, peer = streams.make()
    peer.setblocking(False)
    chunks = [b"a" * 300_000, bytearray(b"b" * 300_000), memoryview(b"c" * 300_000), b"", b"d"]
    for chunk in chunks:
        protocol.transport.write(chunk)
    assert protocol.transport.get_write_buffer_size() > 0
    received = bytearray()
    while len(received) < 900_001:
        streams.turn()
        with contextlib.suppress(BlockingIOError):
            received += peer.recv(1 << 20)
    assert received == b"".join(bytes(chunk) for chunk in chunks)
    with pytest.raises(TypeError):
        protocol.transport.write("text")
    peer.close()
    for _ in range(3):
        protocol.transport.write(b"x")
        streams.turn()
    assert isinstance(protocol.told[-1], BrokenPipeError)
    protocol.transport.write(b"x")


def test_the_context_is_the_transports(loop: Loop) -> None:
    """The protocol is called in the context in which the transport was made, to the last."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen: list[tuple[str, str]] = []

    class Protocol(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            seen.append(("data", variable.get()))
            variable.set("changed by data_received")

        def eof_received(self) -> None:
            seen.append(("eof", variable.get()))

        def connection_lost(self, exc: Exception | None) -> None:
            seen.append(("lost", variable.get()))
            loop.stop()

    async def connect(sock: socket.socket) -> None:
        variable.set("maker's")
        await loop.create_connection(Protocol, sock=sock)

    ours, theirs = socket.socketpair()
    loop.run_until_complete(connect(ours))
    theirs.send(b"x")
    theirs.close()
    loop.run_forever()
    assert seen == [
        ("data", "maker's"),
        ("eof", "changed by data_received"),
        ("lost", "changed by data_received"),
    ]
