"""What programs and libraries find out about transports, on our loop as on asyncio's own."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import struct
import sys
import tempfile
from asyncio.trsock import TransportSocket
from pathlib import Path
from typing import Any

import pytest

from libevent_py.aio import Loop

AnyLoop = asyncio.AbstractEventLoop
Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


def turn(loop: AnyLoop, count: int = 1) -> None:
    """So many passes that do not wait."""
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


def make(loop: AnyLoop, protocol: Any = asyncio.Protocol) -> tuple[Any, Any, socket.socket]:
    """A transport over a socket pair, its protocol, and the peer."""
    ours, theirs = socket.socketpair()
    transport, made = loop.run_until_complete(loop.create_connection(protocol, sock=ours))
    turn(loop)
    return transport, made, theirs


def end(loop: AnyLoop, transport: Any, peer: socket.socket) -> None:
    """Both."""
    transport.abort()
    turn(loop, 2)
    peer.close()


def received_until_the_end(loop: AnyLoop, peer: socket.socket) -> int:
    """How many bytes, while the loop runs."""
    received = 0
    while True:
        try:
            data = peer.recv(1 << 20)
        except BlockingIOError:
            turn(loop)
            continue
        if not data:
            return received
        received += len(data)


class TestClasses:
    """What they are instances of: libraries ask."""

    def test_streams(self, any_loop: AnyLoop) -> None:
        """asyncio.Transport, which takes start_tls() and sendfile()."""
        transport, _, peer = make(any_loop)
        assert isinstance(transport, asyncio.Transport)
        assert transport._start_tls_compatible
        assert transport._sendfile_compatible is not None
        end(any_loop, transport, peer)

    def test_datagrams(self, any_loop: AnyLoop) -> None:
        """asyncio.DatagramTransport, from Python 3.12 on."""

        async def main() -> None:
            transport, _ = await any_loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
            )
            if sys.version_info >= (3, 12):
                assert isinstance(transport, asyncio.DatagramTransport)
            transport.close()
            await asyncio.sleep(0)

        any_loop.run_until_complete(main())

    def test_pipes_and_processes(self, any_loop: AnyLoop) -> None:
        """ReadTransport, WriteTransport, SubprocessTransport."""

        async def main() -> None:
            transport, _ = await any_loop.subprocess_exec(asyncio.SubprocessProtocol, "cat")
            assert isinstance(transport, asyncio.SubprocessTransport)
            assert isinstance(transport.get_pipe_transport(0), asyncio.WriteTransport)
            assert isinstance(transport.get_pipe_transport(1), asyncio.ReadTransport)
            assert transport.get_extra_info("subprocess").pid == transport.get_pid()
            transport.kill()
            await transport._wait()  # type: ignore[attr-defined]
            transport.close()
            await asyncio.sleep(0)

        asyncio.set_event_loop(any_loop)
        any_loop.run_until_complete(main())
        turn(any_loop, 3)
        asyncio.set_event_loop(None)


class TestExtraInfo:
    """get_extra_info()."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_tcp(self, any_loop: AnyLoop, host: str) -> None:
        """Addresses are getsockname()'s, whole: IPv6 with flow and scope; the socket is asyncio's."""
        try:
            listening = socket.create_server(
                (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            )
        except OSError:
            pytest.skip(f"no {host} here")

        async def main() -> None:
            transport, _ = await any_loop.create_connection(asyncio.Protocol, *listening.getsockname()[:2])
            peer, address = listening.accept()
            sock = transport.get_extra_info("socket")
            assert type(sock) is TransportSocket
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert transport.get_extra_info("peername") == listening.getsockname() == sock.getpeername()
            assert transport.get_extra_info("sockname") == address == sock.getsockname()
            assert transport.get_extra_info("sslcontext") is None
            assert transport.get_extra_info("unknown", "default") == "default"
            transport.close()
            await asyncio.sleep(0)
            peer.close()

        with listening:
            any_loop.run_until_complete(main())
        turn(any_loop)

    def test_pipes(self, any_loop: AnyLoop) -> None:
        """The pipe as it was given; no file may stand for one."""
        reading, writing = os.pipe()

        async def main() -> None:
            with tempfile.TemporaryFile() as file, pytest.raises(ValueError, match=r"[Pp]ipe transport is"):
                await any_loop.connect_read_pipe(asyncio.Protocol, file)
            pipe = open(reading, "rb", buffering=0)  # noqa: SIM115 - the transport's
            transport, _ = await any_loop.connect_read_pipe(asyncio.Protocol, pipe)
            assert transport.get_extra_info("pipe") is pipe
            assert "fd=" in repr(transport)
            transport.close()
            await asyncio.sleep(0)

        any_loop.run_until_complete(main())
        os.close(writing)

    @pytest.mark.parametrize("family", ["tcp", "unix"])
    def test_tls(self, any_loop: AnyLoop, family: str, tls_contexts: Contexts, tmp_path: Path) -> None:
        """Everything about the connection, over TCP and unix sockets; both ends end cleanly."""
        server_context, client_context = tls_contexts

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        async def main() -> bytes:
            path = str(tmp_path / "socket")
            names: dict[str, Any] = {"ssl": client_context, "server_hostname": "localhost"}
            if family == "unix":
                server = await asyncio.start_unix_server(echo, path, ssl=server_context)
                reader, writer = await asyncio.open_unix_connection(path, **names)
            else:
                server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_context)
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), **names)
            found = {name: writer.get_extra_info(name) for name in ("peercert", "cipher", "sslcontext")}
            assert found["sslcontext"] is client_context
            assert found["peercert"]["subject"]
            assert len(found["cipher"]) == 3
            assert writer.get_extra_info("compression") is None
            assert isinstance(writer.get_extra_info("ssl_object"), ssl.SSLObject)
            assert type(writer.get_extra_info("socket")) is TransportSocket
            writer.write(b"hello\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()
            return answer

        assert any_loop.run_until_complete(main()) == b"hello\n"


class TestFlow:
    """Pausing, limits, buffers."""

    def test_pausing_twice(self, any_loop: AnyLoop) -> None:
        """Is as pausing once; is_reading() tells, and nothing of it matters after close()."""
        transport, _, peer = make(any_loop)
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        transport.close()
        assert transport.is_closing()
        assert not transport.is_reading()
        transport.pause_reading()
        transport.resume_reading()
        turn(any_loop, 2)
        peer.close()

    def test_limits(self, any_loop: AnyLoop) -> None:
        """64 KiB and a quarter of it, unless told; pause over high, resume at low, in turn."""
        seen: list[tuple[str, int]] = []

        class Protocol(asyncio.Protocol):
            def pause_writing(self) -> None:
                seen.append(("pause", transport.get_write_buffer_size()))

            def resume_writing(self) -> None:
                seen.append(("resume", transport.get_write_buffer_size()))

        transport, _, peer = make(any_loop, Protocol)
        peer.setblocking(False)
        assert transport.get_write_buffer_limits() == (16384, 65536)
        transport.set_write_buffer_limits(high=1000)
        assert transport.get_write_buffer_limits() == (250, 1000)
        transport.set_write_buffer_limits(low=10)
        assert transport.get_write_buffer_limits() == (10, 40)
        with pytest.raises(ValueError, match="must be >= low"):
            transport.set_write_buffer_limits(high=1, low=2)
        transport.set_write_buffer_limits(high=100_000, low=50_000)
        while not seen:
            transport.write(b"x" * 10_000)
        assert seen[0][0] == "pause"
        assert seen[0][1] > 100_000
        while len(seen) < 2:
            try:
                peer.recv(1 << 16)
            except BlockingIOError:
                turn(any_loop)
        assert seen[1][0] == "resume"
        assert seen[1][1] <= 50_000
        end(any_loop, transport, peer)

    def test_mutable_buffers_are_copied(self, loop: Loop) -> None:
        """What is written is what the buffer held then, also where it waits; asyncio keeps views of some."""
        transport, _, peer = make(loop)
        peer.setblocking(False)
        first = bytearray(b"x" * 1_000_000)
        transport.write(first)
        assert transport.get_write_buffer_size()
        first[:] = b"z" * 1_000_000
        data = bytearray(b"y" * 10)
        transport.write(data)
        transport.write(memoryview(data))
        transport.writelines([memoryview(data), data, b"y" * 10])
        data[:] = b"z" * 10
        transport.close()
        received = bytearray()
        while not received.endswith(b"y" * 50):
            try:
                received += peer.recv(1 << 20)
            except BlockingIOError:
                turn(loop)
        assert received == b"x" * 1_000_000 + b"y" * 50
        peer.close()

    def test_writelines_pauses(self, loop: Loop) -> None:
        """As write() does; asyncio's own forgets it, from Python 3.12 on."""
        paused: list[bool] = []

        class Protocol(asyncio.Protocol):
            def pause_writing(self) -> None:
                paused.append(True)

        transport, _, peer = make(loop, Protocol)
        transport.writelines([b"x" * 500_000] * 2)
        assert paused
        end(loop, transport, peer)

    def test_writing_after_the_loss(self, any_loop: AnyLoop, caplog: pytest.LogCaptureFixture) -> None:
        """Is ignored, and logged from the fifth on; abort() counts as one."""
        transport, _, peer = make(any_loop)
        transport.abort()
        caplog.set_level(logging.WARNING, "asyncio")
        for _ in range(4):
            transport.write(b"x")
        before = len(caplog.records)
        transport.write(b"x")
        assert before == 0
        assert [record.message for record in caplog.records] == ["socket.send() raised exception."]
        turn(any_loop, 2)
        peer.close()

    def test_wrong_data(self, any_loop: AnyLoop) -> None:
        """TypeError; after write_eof() RuntimeError; no data is no write."""
        transport, _, peer = make(any_loop)
        for data in ("text", 1, None, [b"x"]):
            with pytest.raises(TypeError, match="bytes-like"):
                transport.write(data)
        transport.write(b"")
        assert transport.can_write_eof()
        transport.write_eof()
        transport.write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            transport.write(b"x")
        end(any_loop, transport, peer)

    @pytest.mark.parametrize("kept", [True, False])
    def test_half_close(self, any_loop: AnyLoop, kept: bool) -> None:
        """Where eof_received() says so the other half stays open, and all waiting is sent; else it closes."""
        seen: list[Any] = []

        class Protocol(asyncio.Protocol):
            def eof_received(self) -> bool:
                seen.append("eof")
                return kept

            def connection_lost(self, exc: Exception | None) -> None:
                seen.append(exc)

        transport, _, peer = make(any_loop, Protocol)
        peer.shutdown(socket.SHUT_WR)
        turn(any_loop, 3)
        assert seen == (["eof"] if kept else ["eof", None])
        if kept:
            peer.setblocking(False)
            transport.write(b"x" * 500_000)
            transport.write_eof()
            assert received_until_the_end(any_loop, peer) == 500_000
            transport.close()
            turn(any_loop, 2)
        assert seen == ["eof", None]
        peer.close()

    def test_data_behind_write_eof(self, any_loop: AnyLoop) -> None:
        """The half that was not closed goes on being read."""

        async def main() -> bytes:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                data = await reader.read()
                writer.write(data * 2)
                writer.close()
                await writer.wait_closed()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"half")
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()
            return answer

        assert any_loop.run_until_complete(main()) == b"halfhalf"


class TestEnds:
    """connection_lost(), protocols that change, what is forgotten."""

    def test_it_comes_once(self, any_loop: AnyLoop) -> None:
        """Whatever closes, aborts and fails meanwhile."""
        lost: list[Any] = []

        class Protocol(asyncio.Protocol):
            def connection_lost(self, exc: Exception | None) -> None:
                lost.append(exc)
                transport.close()
                transport.abort()

        transport, _, peer = make(any_loop, Protocol)
        peer.close()
        transport.write(b"x")
        transport.write(b"x")
        transport.close()
        transport.abort()
        transport.close()
        turn(any_loop, 4)
        assert len(lost) == 1

    def test_a_reset(self, any_loop: AnyLoop) -> None:
        """Is connection_lost()'s error."""
        lost: list[Any] = []

        class Protocol(asyncio.Protocol):
            def connection_lost(self, exc: Exception | None) -> None:
                lost.append(exc)
                any_loop.stop()

        with socket.create_server(("127.0.0.1", 0)) as listening:
            any_loop.run_until_complete(any_loop.create_connection(Protocol, *listening.getsockname()))
            peer, _ = listening.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        any_loop.run_forever()
        assert isinstance(lost[0], ConnectionResetError)

    def test_what_is_written_is_sent_before_the_end(self, any_loop: AnyLoop) -> None:
        """close() sends what waits; abort() does not."""
        transport, _, peer = make(any_loop)
        peer.setblocking(False)
        transport.write(b"x" * 1_000_000)
        transport.close()
        assert received_until_the_end(any_loop, peer) == 1_000_000
        peer.close()

    def test_another_protocol(self, any_loop: AnyLoop) -> None:
        """set_protocol() is from now on, for data on its way too."""

        class Protocol(asyncio.Protocol):
            def __init__(self) -> None:
                self.received = b""

            def data_received(self, data: bytes) -> None:
                self.received += data

        transport, first, peer = make(any_loop, Protocol)
        peer.send(b"first")
        turn(any_loop)
        second = Protocol()
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        peer.send(b"second")
        turn(any_loop)
        assert (first.received, second.received) == (b"first", b"second")
        end(any_loop, transport, peer)

    def test_no_room_in_a_buffer(self, any_loop: AnyLoop) -> None:
        """A get_buffer() that gives none ends the connection, as one that raises does."""
        lost: list[Any] = []
        told: list[Any] = []
        any_loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

        class Protocol(asyncio.BufferedProtocol):
            def get_buffer(self, sizehint: int) -> bytearray:
                return bytearray()

            def buffer_updated(self, nbytes: int) -> None:
                raise AssertionError("there is no room")

            def connection_lost(self, exc: Exception | None) -> None:
                lost.append(exc)

        _, _, peer = make(any_loop, Protocol)
        peer.send(b"x")
        turn(any_loop, 3)
        assert isinstance(lost[0], RuntimeError)
        assert told == lost
        peer.close()

    def test_its_repr(self, any_loop: AnyLoop) -> None:
        """Says whether it reads, writes and is open."""
        transport, _, peer = make(any_loop)
        assert "read=polling" in repr(transport)
        assert "write=<idle, bufsize=0>" in repr(transport)
        transport.pause_reading()
        assert "read=idle" in repr(transport)
        transport.write(b"x" * 1_000_000)
        assert "write=<polling" in repr(transport)
        transport.abort()
        assert "closing" in repr(transport)
        turn(any_loop, 2)
        assert "closed" in repr(transport)
        peer.close()


def test_tls_in_the_middle_and_inside(any_loop: AnyLoop, tls_contexts: Contexts) -> None:
    """start_tls() on both sides of a plain connection, and once more inside."""
    server_context, client_context = tls_contexts

    async def upgraded(transport: Any, protocol: asyncio.Protocol, server_side: bool) -> Any:
        context = server_context if server_side else client_context
        return await any_loop.start_tls(
            transport,
            protocol,
            context,
            server_side=server_side,
            server_hostname=None if server_side else "localhost",
        )

    class Echo(asyncio.Protocol):
        transport: Any

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    class Client(asyncio.Protocol):
        def __init__(self) -> None:
            self.received = any_loop.create_future()

        def data_received(self, data: bytes) -> None:
            self.received.set_result(data)

    async def main() -> None:
        left, right = socket.socketpair()
        server, echo = await any_loop.create_connection(Echo, sock=left)
        client, protocol = await any_loop.create_connection(Client, sock=right)
        depth = 2 if sys.version_info >= (3, 11) else 1
        for _ in range(depth):
            server, client = await asyncio.gather(
                upgraded(server, echo, True), upgraded(client, protocol, False)
            )
        echo.transport = server
        client.write(b"inside")
        assert await protocol.received == b"inside"
        client.abort()
        server.abort()
        await asyncio.sleep(0.001)

    any_loop.run_until_complete(main())
    turn(any_loop, 3)
