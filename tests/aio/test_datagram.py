"""Datagram transports, on our loop as on asyncio's own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asyncio_loops import AnyLoop

from libevent_py.aio import Loop


class Recorder(asyncio.DatagramProtocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []
        self.lost: list[Exception | None] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Keep it."""
        self.received.append((data, addr))

    def error_received(self, exc: Exception) -> None:
        """Keep it."""
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep it."""
        self.lost.append(exc)


class Endpoints:
    """Transports and sockets in a loop, closed at the end."""

    def __init__(self, loop: AnyLoop) -> None:
        self.loop = loop
        self._stack = contextlib.ExitStack()
        self._transports: list[Any] = []

    def make(self, factory: Any = Recorder, **options: Any) -> Any:
        """A protocol that is connected; by itself it is bound to 127.0.0.1."""
        if not options:
            options = {"local_addr": ("127.0.0.1", 0)}
        transport, protocol = self.loop.run_until_complete(
            self.loop.create_datagram_endpoint(factory, **options)
        )
        self._transports.append(transport)
        self.turn()
        return protocol

    def sock(self, host: str = "127.0.0.1") -> socket.socket:
        """A plain socket that is bound."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = self._stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        sock.bind((host, 0))
        sock.settimeout(10)
        return sock

    def turn(self, count: int = 1) -> None:
        """So many passes that do not wait."""
        for _ in range(count):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def until(self, done: Any) -> None:
        """Passes until *done()*; datagrams on loopback are not lost while there is room."""
        for _ in range(100_000):
            if done():
                return
            self.turn()
        raise AssertionError("it does not come")

    def close(self) -> None:
        """Everything."""
        for transport in self._transports:
            transport.abort()
        self.turn(2)
        self._stack.close()


@pytest.fixture
def endpoints(any_loop: AnyLoop) -> Iterator[Endpoints]:
    """Closed at the end."""
    endpoints = Endpoints(any_loop)
    yield endpoints
    endpoints.close()


def address(protocol: Any) -> Any:
    """Where it listens."""
    return protocol.transport.get_extra_info("sockname")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_many_from_many(endpoints: Endpoints, host: str) -> None:
    """Each with its sender's address as socket shows it, in each sender's order, more than one batch."""
    try:
        socks = [endpoints.sock(host) for _ in range(3)]
    except OSError:
        pytest.skip(f"no {host} here")
    protocol = endpoints.make(local_addr=(host, 0))
    sent: list[tuple[bytes, Any]] = []
    for number in range(40):
        for sock in socks:
            data = f"{number}".encode() * (number + 1)
            sock.sendto(data, address(protocol))
            sent.append((data, sock.getsockname()))
    endpoints.until(lambda: len(protocol.received) == len(sent))
    assert protocol.received == sent


def test_echo(endpoints: Endpoints) -> None:
    """What datagram_received() sends arrives, all of it, whatever kind of bytes, in order."""

    class Echo(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.received.append((data, addr))
            self.transport.sendto(data, addr)
            self.transport.sendto(bytearray(data), addr)
            self.transport.sendto(memoryview(data + b"."), addr)

    protocol = endpoints.make(Echo)
    sock = endpoints.sock()
    for number in range(70):
        sock.sendto(b"%d" % number, address(protocol))
    endpoints.until(lambda: len(protocol.received) == 70)
    for number in range(70):
        assert [sock.recv(100) for _ in range(3)] == [b"%d" % number] * 2 + [b"%d." % number]


def test_sizes(endpoints: Endpoints) -> None:
    """Empty ones, which are data too, and the largest that UDP has."""
    protocol = endpoints.make()
    sock = endpoints.sock()
    for size in (0, 1, 65507, 0, 1400):
        sock.sendto(b"x" * size, address(protocol))
        endpoints.until(lambda: protocol.received)
        assert protocol.received.pop() == (b"x" * size, sock.getsockname())


def test_connected(endpoints: Endpoints) -> None:
    """Only the peer's arrive, and answers need no address; another is refused."""
    server, stranger = endpoints.sock(), endpoints.sock()

    class Answering(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.sendto(b"answer")
            self.transport.sendto(b"answer", server.getsockname())

    protocol = endpoints.make(Answering, remote_addr=server.getsockname())
    assert protocol.transport.get_extra_info("peername") == server.getsockname()
    stranger.sendto(b"stranger", address(protocol))
    server.sendto(b"server", address(protocol))
    endpoints.until(lambda: protocol.received)
    assert protocol.received == [(b"server", server.getsockname())]
    assert [server.recv(100) for _ in range(2)] == [b"answer"] * 2
    with pytest.raises(ValueError, match="Invalid address"):
        protocol.transport.sendto(b"x", stranger.getsockname())


def test_a_connected_socket(endpoints: Endpoints) -> None:
    """What is sent with an address and what is without go to the peer, and are not sent together."""
    server, sock = endpoints.sock(), endpoints.sock()
    sock.connect(server.getsockname())
    together = []

    class Answering(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            for number in range(4):
                self.transport.sendto(b"%d" % number, addr if number % 2 == 0 else None)
                together.append({len(raw) for raw in getattr(self.transport, "_to", ())})

    protocol = endpoints.make(Answering, sock=sock)
    server.sendto(b"server", address(protocol))
    endpoints.until(lambda: protocol.received)
    assert [server.recv(100) for _ in range(4)] == [b"0", b"1", b"2", b"3"]
    assert all(len(lengths) <= 1 for lengths in together)  # C reads as many of each as of the first


def test_nobody_listens(endpoints: Endpoints) -> None:
    """A connected one is told by error_received(), and goes on."""
    sock = endpoints.sock()
    protocol = endpoints.make(remote_addr=sock.getsockname())
    sock.close()
    endpoints.until(lambda: protocol.errors or protocol.transport.sendto(b"x"))
    assert isinstance(protocol.errors[0], ConnectionRefusedError)
    assert protocol.lost == []


@pytest.mark.parametrize("when", ["outside", "while receiving"])
def test_what_cannot_be_sent(endpoints: Endpoints, when: str) -> None:
    """error_received() tells of it; what comes behind it is sent all the same."""
    sock = endpoints.sock()

    class Sending(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.send(addr)

        def send(self, addr: Any) -> None:
            self.transport.sendto(b"before", addr)
            self.transport.sendto(b"x" * 70_000, addr)
            self.transport.sendto(b"after", addr)

    protocol = endpoints.make(Sending)
    if when == "outside":
        protocol.send(sock.getsockname())
    else:
        sock.sendto(b"x", address(protocol))
        endpoints.until(lambda: protocol.received)
    assert [sock.recv(100) for _ in range(2)] == [b"before", b"after"]
    (error,) = protocol.errors
    assert isinstance(error, OSError)


def test_broadcast(endpoints: Endpoints) -> None:
    """Is refused unless it was allowed."""
    protocol = endpoints.make()
    protocol.transport.sendto(b"x", ("255.255.255.255", 9))
    assert isinstance(protocol.errors[0], PermissionError)
    allowed = endpoints.make(local_addr=("127.0.0.1", 0), allow_broadcast=True)
    sock = allowed.transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)


def test_unix(endpoints: Endpoints, tmp_path: Path) -> None:
    """Datagrams of unix sockets, larger than UDP's; an unnamed sender has no address."""
    path = str(tmp_path / "socket")
    protocol = endpoints.make(local_addr=path, family=socket.AF_UNIX)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(path)
        sock.send(b"x" * 100_000)
        endpoints.until(lambda: protocol.received)
    assert protocol.received == [(b"x" * 100_000, None)]


def test_back_pressure(endpoints: Endpoints, tmp_path: Path) -> None:
    """What the socket does not take waits, pauses the protocol, and leaves in order."""
    seen: list[str] = []
    path = str(tmp_path / "socket")
    theirs = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.bind(path)
    theirs.setblocking(False)

    class Protocol(Recorder):
        def pause_writing(self) -> None:
            seen.append("pause")

        def resume_writing(self) -> None:
            seen.append("resume")

    protocol = endpoints.make(Protocol, remote_addr=path, family=socket.AF_UNIX)
    protocol.transport.set_write_buffer_limits(high=1000)
    count = 0
    while not seen:
        protocol.transport.sendto(b"%d" % count + b" " * 400)
        count += 1
    assert protocol.transport.get_write_buffer_size() > 1000
    received: list[int] = []
    while len(received) < count:
        try:
            received.append(int(theirs.recv(1000)))
        except BlockingIOError:
            endpoints.turn()
    endpoints.turn(2)
    assert received == list(range(count))
    assert seen == ["pause", "resume"]
    theirs.close()


def test_wrong_data(endpoints: Endpoints) -> None:
    """TypeError."""
    protocol = endpoints.make()
    for data in ("text", 1, None):
        with pytest.raises(TypeError, match="bytes-like"):
            protocol.transport.sendto(data, address(protocol))


def test_raising(endpoints: Endpoints) -> None:
    """The exception handler is told of what datagram_received() raises, and the others arrive."""
    told: list[Any] = []
    endpoints.loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    class Raising(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.sendto(data, addr)
            raise ValueError(data)

    protocol = endpoints.make(Raising)
    sock = endpoints.sock()
    for number in range(5):
        sock.sendto(b"%d" % number, address(protocol))
    endpoints.until(lambda: len(told) == 5)
    assert [error.args[0] for error in told] == [b"%d" % number for number in range(5)]
    assert [sock.recv(10) for _ in range(5)] == [b"%d" % number for number in range(5)]
    assert protocol.lost == []


def test_an_interrupt(endpoints: Endpoints) -> None:
    """Ctrl-C in datagram_received() comes out of the loop; the next run has the rest."""

    class Interrupted(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"1":
                raise KeyboardInterrupt

    protocol = endpoints.make(Interrupted)
    sock = endpoints.sock()
    for number in range(4):
        sock.sendto(b"%d" % number, address(protocol))
    with pytest.raises(KeyboardInterrupt):
        endpoints.until(lambda: len(protocol.received) == 4)
    endpoints.until(lambda: len(protocol.received) == 4)
    assert [data for data, _ in protocol.received] == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("how", ["close", "abort"])
def test_closing_in_the_middle(endpoints: Endpoints, how: str) -> None:
    """Nothing is delivered any more; what was sent before has left."""

    class Closing(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.sendto(b"last", addr)
            getattr(self.transport, how)()

    protocol = endpoints.make(Closing)
    sock = endpoints.sock()
    for _ in range(5):
        sock.sendto(b"x", address(protocol))
    endpoints.until(lambda: protocol.lost)
    assert len(protocol.received) == 1
    assert protocol.lost == [None]
    assert sock.recv(10) == b"last"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="they can be paused from 3.11 on")
def test_pausing_in_the_middle(endpoints: Endpoints) -> None:
    """The rest comes when it resumes, in order."""

    class Pausing(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.pause_reading()

    protocol = endpoints.make(Pausing)
    sock = endpoints.sock()
    for number in range(5):
        sock.sendto(b"%d" % number, address(protocol))
    for count in range(1, 6):
        endpoints.until(lambda count=count: len(protocol.received) == count)
        endpoints.turn(3)
        assert len(protocol.received) == count
        protocol.transport.resume_reading()
    assert [data for data, _ in protocol.received] == [b"%d" % number for number in range(5)]


def test_the_context_is_the_transports(loop: Loop) -> None:
    """The protocol is called in the context in which its transport was made."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    class Protocol(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            seen.append(variable.get())

        def connection_lost(self, exc: Exception | None) -> None:
            seen.append(variable.get())

    async def make() -> Any:
        variable.set("maker's")
        return await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))

    endpoints = Endpoints(loop)
    transport, _ = loop.run_until_complete(make())
    endpoints.sock().sendto(b"x", transport.get_extra_info("sockname"))
    endpoints.until(lambda: seen)
    transport.close()
    endpoints.turn(2)
    endpoints.close()
    assert seen == ["maker's", "maker's"]


def test_more_senders_than_are_remembered(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their addresses are made anew."""
    monkeypatch.setattr("libevent_py.aio.datagram._MOST_ADDRESSES", 2)
    endpoints = Endpoints(loop)

    class Echo(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.received.append((data, addr))
            self.transport.sendto(data, addr)

    protocol = endpoints.make(Echo)
    socks = [endpoints.sock() for _ in range(5)]
    for _ in range(3):
        for sock in socks:
            sock.sendto(b"x", address(protocol))
    endpoints.until(lambda: len(protocol.received) == 15)
    for sock in socks:
        assert [sock.recv(10) for _ in range(3)] == [b"x"] * 3
    assert len(protocol.transport._shown) <= 2
    endpoints.close()
