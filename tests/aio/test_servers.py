"""Servers, on our loop as on asyncio's own."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import sys
from asyncio.trsock import TransportSocket
from pathlib import Path
from typing import Any

import pytest
from asyncio_loops import AnyLoop
from child import check_child


class Kept(asyncio.Protocol):
    """A protocol that is kept in a list."""

    made: list[Kept]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport: Any = transport
        self.made.append(self)


def keeping() -> type[Kept]:
    """A class of its own with an empty list."""
    return type("Kept", (Kept,), {"made": []})


class TestServer:
    """What create_server() gives."""

    def test_its_life(self, any_loop: AnyLoop) -> None:
        """Serving begins when told, sockets are asyncio's, and there are none once it is closed."""

        async def main() -> None:
            server = await any_loop.create_server(asyncio.Protocol, "127.0.0.1", 0, start_serving=False)
            assert server.get_loop() is any_loop
            assert not server.is_serving()
            assert isinstance(server.sockets, tuple)
            assert type(server.sockets[0]) is TransportSocket
            await server.start_serving()
            await server.start_serving()
            assert server.is_serving()
            server.close()
            assert server.sockets == ()
            assert not server.is_serving()
            await server.wait_closed()

        any_loop.run_until_complete(main())

    def test_serve_forever(self, any_loop: AnyLoop) -> None:
        """Until it is cancelled, which closes; once at a time; ``async with`` closes too."""

        async def main() -> None:
            server = await any_loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
            task = any_loop.create_task(server.serve_forever())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="already being awaited"):
                await server.serve_forever()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not server.is_serving()
            async with await any_loop.create_server(asyncio.Protocol, "127.0.0.1", 0) as server:
                assert server.is_serving()
            assert not server.is_serving()

        any_loop.run_until_complete(main())

    def test_several_hosts(self, any_loop: AnyLoop) -> None:
        """A socket for each; an address in use is refused, and the others are closed."""

        async def main() -> None:
            server = await any_loop.create_server(asyncio.Protocol, ["127.0.0.1", "127.0.0.2"], 0)
            hosts = {sock.getsockname()[0] for sock in server.sockets}
            assert hosts == {"127.0.0.1", "127.0.0.2"}
            with pytest.raises(OSError, match="in use|address") as caught:
                await any_loop.create_server(
                    asyncio.Protocol, *server.sockets[0].getsockname(), reuse_address=False
                )
            assert caught.value.errno == errno.EADDRINUSE
            server.close()
            await server.wait_closed()

        any_loop.run_until_complete(main())

    def test_reuse_port(self, any_loop: AnyLoop) -> None:
        """Two may listen on one port then."""

        async def main() -> None:
            first = await any_loop.create_server(asyncio.Protocol, "127.0.0.1", 0, reuse_port=True)
            address = first.sockets[0].getsockname()
            second = await any_loop.create_server(asyncio.Protocol, *address, reuse_port=True)
            assert second.sockets[0].getsockname() == address
            for server in (first, second):
                server.close()
                await server.wait_closed()

        any_loop.run_until_complete(main())

    def test_open_connections_outlive_it(self, any_loop: AnyLoop) -> None:
        """Closing it only ends accepting."""

        async def main() -> None:
            protocol = keeping()
            server = await any_loop.create_server(protocol, "127.0.0.1", 0)
            address = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address)
            while not protocol.made:
                await asyncio.sleep(0)
            server.close()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            protocol.made[0].transport.write(b"still here\n")
            assert await reader.readline() == b"still here\n"
            writer.close()
            await server.wait_closed()
            await writer.wait_closed()
            protocol.made[0].transport.abort()
            await asyncio.sleep(0)

        any_loop.run_until_complete(main())

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="close_clients() came with 3.13")
    @pytest.mark.parametrize("method", ["close_clients", "abort_clients"])
    def test_ending_its_connections(self, any_loop: AnyLoop, method: str) -> None:
        """close_clients() and abort_clients(); wait_closed() waits for all to be lost."""

        async def main() -> None:
            protocol = keeping()
            server = await any_loop.create_server(protocol, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            while not protocol.made:
                await asyncio.sleep(0)
            server.close()
            getattr(server, method)()
            await server.wait_closed()
            assert protocol.made[0].transport.is_closing()
            try:
                assert await reader.read() == b""
            except ConnectionResetError:
                assert method == "abort_clients"
            writer.close()

        any_loop.run_until_complete(main())

    @pytest.mark.parametrize("kind", ["path", "abstract"])
    def test_unix(self, any_loop: AnyLoop, kind: str, tmp_path: Path) -> None:
        """A path, as str or Path, or an abstract name; a path that is left from before is taken over."""
        name = tmp_path / "socket" if kind == "path" else f"\0libevent_py.{tmp_path}"

        async def main() -> None:
            for _ in range(2):
                protocol = keeping()
                server = await any_loop.create_unix_server(protocol, name)
                reader, writer = await asyncio.open_unix_connection(name)
                while not protocol.made:
                    await asyncio.sleep(0)
                protocol.made[0].transport.write(b"unix\n")
                assert await reader.readline() == b"unix\n"
                writer.close()
                server.close()
                protocol.made[0].transport.abort()
                await server.wait_closed()

        any_loop.run_until_complete(main())

    def test_an_accepted_socket(self, any_loop: AnyLoop) -> None:
        """connect_accepted_socket() serves what another server has accepted."""

        async def main() -> None:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                client = socket.create_connection(listening.getsockname())
                accepted, _ = listening.accept()
            transport, _ = await any_loop.connect_accepted_socket(keeping(), accepted)
            transport.write(b"x")
            assert client.recv(1) == b"x"
            transport.close()
            await asyncio.sleep(0)
            client.close()

        any_loop.run_until_complete(main())

    def test_wrong_arguments(self, any_loop: AnyLoop) -> None:
        """As asyncio says."""

        async def main() -> None:
            with socket.socket() as sock, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
                with pytest.raises(ValueError, match="can not be specified at the same time"):
                    await any_loop.create_server(asyncio.Protocol, "127.0.0.1", 0, sock=sock)
                with pytest.raises(ValueError, match="Stream Socket was expected"):
                    await any_loop.create_server(asyncio.Protocol, sock=datagrams)
                with pytest.raises(ValueError, match="Neither host/port nor sock"):
                    await any_loop.create_server(asyncio.Protocol)
                with pytest.raises(ValueError, match="server_hostname is only meaningful with ssl"):
                    await any_loop.create_connection(asyncio.Protocol, "127.0.0.1", 1, server_hostname="name")
                with pytest.raises(TypeError):
                    await any_loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=True)  # type: ignore[arg-type]

        any_loop.run_until_complete(main())


class TestConnecting:
    """create_connection()."""

    def test_happy_eyeballs(self, any_loop: AnyLoop) -> None:
        """The address that answers is taken, in whatever order the names' addresses come."""

        async def main() -> str:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                port = listening.getsockname()[1]

                async def resolve(*_: Any, **__: Any) -> list[Any]:
                    refusing = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.9", port))]
                    return refusing * 2 + [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

                any_loop.getaddrinfo = resolve  # type: ignore[method-assign]
                transport, _ = await any_loop.create_connection(
                    asyncio.Protocol, "host", port, happy_eyeballs_delay=0.01, interleave=1
                )
                found = transport.get_extra_info("peername")[0]
                transport.abort()
                await asyncio.sleep(0)
                return str(found)

        assert any_loop.run_until_complete(main()) == "127.0.0.1"

    def test_all_fail(self, any_loop: AnyLoop) -> None:
        """The error is the one of the address, or with all_errors (3.12) a group of them."""

        async def main() -> None:
            with socket.socket() as sock:
                sock.bind(("127.0.0.1", 0))
                with pytest.raises(ConnectionRefusedError):
                    await any_loop.create_connection(asyncio.Protocol, *sock.getsockname())
                if sys.version_info >= (3, 12):
                    with pytest.raises(ExceptionGroup):  # noqa: F821
                        await any_loop.create_connection(
                            asyncio.Protocol, *sock.getsockname(), all_errors=True
                        )

        any_loop.run_until_complete(main())

    def test_from_an_address(self, any_loop: AnyLoop) -> None:
        """local_addr is bound."""

        async def main() -> None:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                transport, _ = await any_loop.create_connection(
                    asyncio.Protocol, *listening.getsockname(), local_addr=("127.0.0.2", 0)
                )
                assert transport.get_extra_info("sockname")[0] == "127.0.0.2"
                transport.abort()
                await asyncio.sleep(0)

        any_loop.run_until_complete(main())

    def test_cancelled(self, any_loop: AnyLoop) -> None:
        """Leaves no socket and no watcher behind: the leak guard looks."""

        async def main() -> None:
            with socket.socket() as full:
                full.bind(("127.0.0.1", 0))
                full.listen(0)
                peers = []
                for _ in range(4):
                    sock = socket.socket()
                    sock.setblocking(False)
                    sock.connect_ex(full.getsockname())
                    peers.append(sock)
                task = any_loop.create_task(any_loop.create_connection(asyncio.Protocol, *full.getsockname()))
                await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                for sock in peers:
                    sock.close()

        any_loop.run_until_complete(main())


@pytest.mark.parametrize("factory", ["libevent_py.aio.new_event_loop", "asyncio.SelectorEventLoop"])
def test_out_of_descriptors(factory: str) -> None:
    """Accepting rests where there are none, tells the exception handler, and goes on a second later.

    asyncio tells it once for each connection that the backlog might hold.
    """
    printed = check_child(
        f"""
        import asyncio, resource, socket, sys
        import libevent_py.aio
        told = []

        async def main(loop):
            loop.set_exception_handler(lambda _, context: told.append(context["exception"].errno))
            connected = loop.create_future()

            class Protocol(asyncio.Protocol):
                def connection_made(self, transport):
                    connected.set_result(transport)

            server = await loop.create_server(Protocol, "127.0.0.1", 0)
            client = socket.socket()
            client.setblocking(False)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
            client.connect_ex(server.sockets[0].getsockname())
            while not told:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.1)
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            transport = await asyncio.wait_for(connected, 15)
            transport.close()
            client.close()
            server.close()
            await server.wait_closed()

        loop = {factory}()
        loop.run_until_complete(main(loop))
        loop.close()
        print(set(told), len(told) <= 100)
        """
    )
    assert printed == f"{{{errno.EMFILE}}} True\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 16
