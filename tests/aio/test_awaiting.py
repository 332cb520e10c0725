"""What of libevent_py's own objects a coroutine can await, and how they run beside coroutines."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from nameserver import NameServer, name_server, silent, zone

from libevent_py import (
    BufferEvent,
    DNSBase,
    DNSError,
    EventBase,
    EventFlags,
    HTTPClient,
    HTTPConnection,
    HTTPServer,
    Listener,
    Relay,
    aio,
)
from libevent_py.aio import Loop


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def names(loop: Loop) -> Iterator[NameServer]:
    """A name server in the loop."""
    with name_server(loop.base, zone({"host.example.com": ["127.0.0.1"]})) as server:
        yield server


async def received(bev: BufferEvent) -> bytes:
    """The next that comes."""
    future = asyncio.get_running_loop().create_future()
    bev.set_callbacks(on_data=lambda bev, data: future.done() or future.set_result(data))
    bev.enable(EventFlags.READ)
    return bytes(await future)


class TestConnecting:
    """connect() and connect_hostname()."""

    def test_an_address(self, loop: Loop, listening: socket.socket) -> None:
        """The bufferevent is connected, and takes callbacks."""

        async def main() -> bytes:
            with BufferEvent(loop.base) as bev:
                assert await aio.connect(bev, listening.getsockname(), local=("127.0.0.2", 0)) is bev
                peer, address = listening.accept()
                with peer:
                    assert address[0] == "127.0.0.2"
                    peer.send(b"hello")
                    return await received(bev)

        assert loop.run_until_complete(main()) == b"hello"

    def test_a_name(self, loop: Loop, listening: socket.socket, names: NameServer) -> None:
        """Looked up by evdns."""

        async def main() -> int:
            dns = DNSBase(loop.base, [names.address])
            port = listening.getsockname()[1]
            with BufferEvent(loop.base) as bev:
                await aio.connect_hostname(bev, "host.example.com", port, socket.AF_INET, dns=dns, timeout=20)
                listening.accept()[0].close()
                return bev.fileno()

        assert loop.run_until_complete(main()) >= 0

    def test_refused(self, loop: Loop) -> None:
        """The error is raised, and the bufferevent closed."""

        async def main() -> None:
            with socket.socket() as sock:
                sock.bind(("127.0.0.1", 0))
                bev = BufferEvent(loop.base)
                with pytest.raises(ConnectionRefusedError):
                    await aio.connect(bev, sock.getsockname())
                assert bev.closed

        loop.run_until_complete(main())

    def test_cancelled(self, loop: Loop) -> None:
        """The bufferevent is closed, the question given up."""

        async def main() -> None:
            with name_server(loop.base, silent) as server:
                dns = DNSBase(loop.base, [server.address])
                bev = BufferEvent(loop.base)
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(aio.connect_hostname(bev, "a.example.com", 80, dns=dns), 0.02)
                assert bev.closed

        loop.run_until_complete(main())

    def test_what_is_refused(self, loop: Loop) -> None:
        """Callbacks that would be lost, and another loop's base."""

        async def main(base: EventBase) -> None:
            with BufferEvent(loop.base) as bev:
                bev.set_callbacks(on_event=print)
                with pytest.raises(RuntimeError, match="has callbacks"):
                    await aio.connect(bev, ("127.0.0.1", 9))
                assert not bev.closed
            with BufferEvent(base) as bev, pytest.raises(ValueError, match="another loop"):
                await aio.connect(bev, ("127.0.0.1", 9))

        with EventBase() as base:
            loop.run_until_complete(main(base))


class TestNames:
    """resolve(), and evdns as the loop's getaddrinfo()."""

    def test_resolve(self, loop: Loop, names: NameServer) -> None:
        """A DNSBase's questions are awaited; an error is raised."""

        async def main() -> None:
            dns = DNSBase(loop.base, [names.address])
            answer = await aio.resolve(dns.resolve_ipv4, "host.example.com")
            assert answer.records == ["127.0.0.1"]
            with pytest.raises(DNSError, match="nowhere"):
                await aio.resolve(dns.resolve_ipv4, "nowhere.example.com", deadline=20)

        loop.run_until_complete(main())

    def test_getaddrinfo(self, loop: Loop, names: NameServer, listening: socket.socket) -> None:
        """Whatever asyncio connects by name then asks evdns; None is the system's resolver again."""

        async def main() -> None:
            loop.dns = DNSBase(loop.base, [names.address])
            assert loop.dns is not None
            port = listening.getsockname()[1]
            _, writer = await asyncio.open_connection("host.example.com", port)
            assert writer.get_extra_info("peername") == listening.getsockname()
            assert any(name == "host.example.com" for name in names.names)
            writer.close()
            await writer.wait_closed()
            with pytest.raises(socket.gaierror):
                await asyncio.open_connection("nowhere.example.com", port)
            loop.dns = None
            found = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
            assert found[0][4] == ("127.0.0.1", 80)
            with EventBase() as base, pytest.raises(ValueError, match="this loop's base"):
                loop.dns = DNSBase(base, [])

        loop.run_until_complete(main())

    def test_a_cancelled_question(self, loop: Loop) -> None:
        """Is given up."""

        async def main() -> None:
            with name_server(loop.base, silent) as server:
                dns = DNSBase(loop.base, [server.address])
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(aio.resolve(dns.resolve_ipv4, "a.example.com"), 0.02)

        loop.run_until_complete(main())


class TestRequesting:
    """request()."""

    def test_a_response(self, loop: Loop) -> None:
        """Of a client and of a connection."""

        async def main() -> list[bytes]:
            with HTTPServer(loop.base, lambda request: request.reply(200, body=b"hello")) as server:
                address = server.listen(("127.0.0.1", 0)).address
                with HTTPClient(loop.base) as client, HTTPConnection(loop.base, address) as connection:
                    first = await aio.request(client.request, "GET", f"http://127.0.0.1:{address[1]}/")
                    second = await aio.request(connection.request, "GET", "/")
                    return [first.body, second.body]

        assert loop.run_until_complete(main()) == [b"hello", b"hello"]

    def test_refused(self, loop: Loop) -> None:
        """The error is raised."""

        async def main() -> None:
            with socket.socket() as sock, HTTPClient(loop.base) as client:
                sock.bind(("127.0.0.1", 0))
                with pytest.raises(ConnectionRefusedError):
                    await aio.request(client.request, "GET", f"http://127.0.0.1:{sock.getsockname()[1]}/")

        loop.run_until_complete(main())

    def test_cancelled(self, loop: Loop, listening: socket.socket) -> None:
        """The request is given up, and its connection closed."""

        async def main() -> bytes:
            with HTTPClient(loop.base) as client:
                url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
                task = loop.create_task(aio.request(client.request, "GET", url))
                listening.setblocking(False)
                peer, _ = await loop.sock_accept(listening)
                with peer:
                    peer.setblocking(False)
                    assert (await loop.sock_recv(peer, 1000)).startswith(b"GET / ")
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    return await loop.sock_recv(peer, 1000)

        assert loop.run_until_complete(main()) == b""

    def test_of_another_loops_base(self, loop: Loop, base: EventBase) -> None:
        """Refused, for nobody would ever tell."""

        async def main() -> None:
            with HTTPClient(base) as client, pytest.raises(ValueError, match=r"loop\.base"):
                await aio.request(client.request, "GET", "http://127.0.0.1:1/")

        loop.run_until_complete(main())


class TestBesideCoroutines:
    """Objects of loop.base work while coroutines do."""

    def test_an_echo_server(self, loop: Loop) -> None:
        """Listener and BufferEvents answer asyncio's streams."""

        def on_accept(listener: Listener, sock: socket.socket, address: Any) -> None:
            bev = BufferEvent(listener.base, sock)
            bev.set_callbacks(
                on_data=lambda bev, data: bev.write(data), on_event=lambda bev, what: bev.close()
            )
            bev.enable(EventFlags.READ)

        async def client(address: tuple[str, int], number: int) -> None:
            reader, writer = await asyncio.open_connection(*address)
            data = b"%d" % number * 10_000
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
            writer.close()
            await writer.wait_closed()

        async def main() -> None:
            with Listener(loop.base, ("127.0.0.1", 0), on_accept) as listener:
                await asyncio.gather(*(client(listener.address, number) for number in range(10)))

        loop.run_until_complete(main())

    def test_a_relay(self, loop: Loop) -> None:
        """Joins a client's and a server's coroutine in C; its end is awaited by a future."""

        async def main() -> None:
            left, ours = socket.socketpair()
            right, theirs = socket.socketpair()
            ended = loop.create_future()
            Relay(loop.base, ours, theirs, lambda relay, result: ended.set_result(result))
            left_reader, left_writer = await asyncio.open_connection(sock=left)
            right_reader, right_writer = await asyncio.open_connection(sock=right)
            data = bytes(range(256)) * 4000
            left_writer.write(data)
            left_writer.write_eof()
            assert await right_reader.read() == data
            right_writer.write(b"answer")
            right_writer.close()
            assert await left_reader.read() == b"answer"
            left_writer.close()
            await ended
            await asyncio.gather(left_writer.wait_closed(), right_writer.wait_closed())

        loop.run_until_complete(main())

    def test_an_http_server(self, loop: Loop) -> None:
        """HTTPServer answers a coroutine's request."""

        async def main() -> bytes:
            server = HTTPServer(loop.base, lambda request: request.reply(200, body=b"hello"))
            listener = server.listen(("127.0.0.1", 0))
            reader, writer = await asyncio.open_connection(*listener.address)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            server.close()
            return answer

        assert loop.run_until_complete(main()).endswith(b"\r\n\r\nhello")
