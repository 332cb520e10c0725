"""What programs and libraries find out about transports, on our loop as on asyncio's own."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
import tempfile
from asyncio.trsock import TransportSocket
from pathlib import Path
from typing import Any

import pytest
from asyncio_loops import AnyLoop, end, make_transport, turn

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


class TestClasses:
    """What they are instances of: libraries ask."""

    def test_streams(self, any_loop: AnyLoop) -> None:
        """asyncio.Transport, which takes start_tls() and sendfile()."""
        transport, _, peer = make_transport(any_loop)
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
