"""add_reader(), add_writer() and sock_*(), on our loop as on asyncio's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from asyncio_loops import AnyLoop


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets that do not block."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


def turn(loop: AnyLoop, count: int = 1) -> None:
    """So many passes that do not wait."""
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


class TestWatching:
    """add_reader() and its kin."""

    def test_what_removing_tells(self, any_loop: AnyLoop, pair: tuple[socket.socket, socket.socket]) -> None:
        """True where there was a watcher, for numbers and for what has fileno()."""
        left, _ = pair
        assert any_loop.remove_reader(left) is False
        assert any_loop.remove_writer(left.fileno()) is False
        any_loop.add_reader(left, print)
        any_loop.add_writer(left.fileno(), print)
        assert any_loop.remove_reader(left.fileno()) is True
        assert any_loop.remove_writer(left) is True
        assert any_loop.remove_reader(left) is False
        for wrong in (-1, "text", None):
            with pytest.raises((ValueError, TypeError)):
                any_loop.add_reader(wrong, print)

    def test_another_callback(self, any_loop: AnyLoop, pair: tuple[socket.socket, socket.socket]) -> None:
        """Replaces the one before; the other direction keeps its own."""
        left, right = pair
        seen: list[str] = []
        any_loop.add_reader(left, seen.append, "first")
        any_loop.add_writer(left, seen.append, "writable")
        right.send(b"x")
        any_loop.add_reader(left, seen.append, "second")
        turn(any_loop)
        assert sorted(seen) == ["second", "writable"]
        any_loop.remove_writer(left)
        turn(any_loop)
        assert sorted(seen) == ["second", "second", "writable"]
        any_loop.remove_reader(left)

    def test_removed_in_the_same_pass(self, any_loop: AnyLoop) -> None:
        """A callback that another one removes does not run."""
        pairs = [socket.socketpair() for _ in range(3)]
        seen: list[int] = []

        def read(number: int) -> None:
            seen.append(number)
            for left, _ in pairs:
                any_loop.remove_reader(left)

        for number, (left, right) in enumerate(pairs):
            any_loop.add_reader(left, read, number)
            right.send(b"x")
        turn(any_loop, 2)
        assert len(seen) == 1
        for left, right in pairs:
            left.close()
            right.close()

    def test_a_transports_descriptor(self, any_loop: AnyLoop) -> None:
        """Is refused as long as the transport is open."""
        ours, theirs = socket.socketpair()
        number = ours.fileno()
        transport, _ = any_loop.run_until_complete(any_loop.create_connection(asyncio.Protocol, sock=ours))
        calls = [
            lambda: any_loop.add_reader(number, print),
            lambda: any_loop.add_writer(number, print),
            lambda: any_loop.remove_reader(number),
            lambda: any_loop.remove_writer(number),
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match="is used by transport"):
                call()
        transport.abort()
        turn(any_loop, 2)
        theirs.close()

    def test_a_pipe_and_a_terminal(self, any_loop: AnyLoop) -> None:
        """Whatever epoll takes; a regular file it does not."""
        reading, writing = os.pipe()
        master, slave = os.openpty()
        seen: list[bytes] = []
        any_loop.add_reader(reading, lambda: seen.append(os.read(reading, 10)))
        any_loop.add_reader(master, lambda: seen.append(os.read(master, 10)))
        os.write(writing, b"pipe")
        os.write(slave, b"terminal")
        while len(seen) < 2:
            turn(any_loop)
        assert sorted(seen) == [b"pipe", b"terminal"]
        with open(__file__, "rb") as file, pytest.raises(PermissionError):
            any_loop.add_reader(file, print)
        for number in (reading, master):
            any_loop.remove_reader(number)
        for number in (reading, writing, master, slave):
            os.close(number)

    def test_a_peer_that_is_gone(self, any_loop: AnyLoop, pair: tuple[socket.socket, socket.socket]) -> None:
        """Makes both directions ready."""
        left, right = pair
        seen: list[str] = []
        right.close()
        any_loop.add_reader(left, seen.append, "reader")
        any_loop.add_writer(left, seen.append, "writer")
        turn(any_loop)
        assert sorted(seen) == ["reader", "writer"]
        any_loop.remove_reader(left)
        any_loop.remove_writer(left)


class TestSockets:
    """sock_*()."""

    def test_what_they_refuse(self, any_loop: AnyLoop, tls_contexts: Any) -> None:
        """TLS sockets always, blocking ones in debug mode."""

        async def main(sock: Any, error: type[Exception], text: str) -> None:
            calls = [
                any_loop.sock_recv(sock, 1),
                any_loop.sock_recv_into(sock, bytearray(1)),
                any_loop.sock_sendall(sock, b"x"),
                any_loop.sock_accept(sock),
                any_loop.sock_connect(sock, ("127.0.0.1", 1)),
            ]
            if sys.version_info >= (3, 11):
                calls.append(any_loop.sock_recvfrom(sock, 1))
                calls.append(any_loop.sock_recvfrom_into(sock, bytearray(1)))
                calls.append(any_loop.sock_sendto(sock, b"x", ("127.0.0.1", 1)))
            for call in calls:
                with pytest.raises(error, match=text):
                    await call

        with tls_contexts[1].wrap_socket(socket.socket(), server_hostname="localhost") as tls:
            assert isinstance(tls, ssl.SSLSocket)
            any_loop.run_until_complete(main(tls, TypeError, "SSLSocket"))
        any_loop.set_debug(True)
        with socket.socket() as blocking:
            any_loop.run_until_complete(main(blocking, ValueError, "non-blocking"))

    @pytest.mark.parametrize("what", ["recv", "sendall", "accept"])
    def test_a_cancelled_one_watches_no_more(
        self, any_loop: AnyLoop, pair: tuple[socket.socket, socket.socket], what: str
    ) -> None:
        """As soon as the future is cancelled, and the next one gets what comes."""
        left, right = pair
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)

        async def main() -> None:
            if what == "recv":
                task = any_loop.create_task(any_loop.sock_recv(left, 10))
                number, watched = left.fileno(), any_loop.remove_reader
            elif what == "sendall":
                with contextlib.suppress(BlockingIOError):
                    while True:
                        left.send(b"x" * 65536)
                task = any_loop.create_task(any_loop.sock_sendall(left, b"x"))
                number, watched = left.fileno(), any_loop.remove_writer
            else:
                task = any_loop.create_task(any_loop.sock_accept(listening))  # type: ignore[arg-type]
                number, watched = listening.fileno(), any_loop.remove_reader
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert watched(number) is False
            if what == "recv":
                right.send(b"next")
                assert await any_loop.sock_recv(left, 10) == b"next"

        any_loop.run_until_complete(main())
        listening.close()

    def test_a_conversation(self, any_loop: AnyLoop) -> None:
        """Connecting, accepting, large messages both ways, the end."""

        async def main() -> None:
            with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
                listening.setblocking(False)
                client.setblocking(False)
                accepting = any_loop.create_task(any_loop.sock_accept(listening))
                await any_loop.sock_connect(client, listening.getsockname())
                server, address = await accepting
                assert address == client.getsockname()
                message = os.urandom(3_000_000)
                sending = any_loop.create_task(any_loop.sock_sendall(client, message))
                received = bytearray()
                memory = bytearray(100_000)
                while len(received) < len(message):
                    count = await any_loop.sock_recv_into(server, memory)
                    received += memory[:count]
                await sending
                assert received == message
                client.close()
                assert await any_loop.sock_recv(server, 1) == b""
                server.close()

        any_loop.run_until_complete(main())

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="sock_sendto() came with 3.11")
    def test_datagrams(self, any_loop: AnyLoop) -> None:
        """sock_sendto(), sock_recvfrom(), sock_recvfrom_into()."""

        async def main() -> None:
            with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
                for sock in (one, other):
                    sock.bind(("127.0.0.1", 0))
                    sock.setblocking(False)
                assert await any_loop.sock_sendto(one, b"one", other.getsockname()) == 3
                assert await any_loop.sock_recvfrom(other, 10) == (b"one", one.getsockname())
                memory = bytearray(10)
                receiving = any_loop.create_task(any_loop.sock_recvfrom_into(one, memory))
                await asyncio.sleep(0)
                await any_loop.sock_sendto(other, b"two", one.getsockname())
                assert await receiving == (3, other.getsockname())

        any_loop.run_until_complete(main())

    def test_files(self, any_loop: AnyLoop, tmp_path: Any) -> None:
        """sendfile() through a transport and sock_sendfile(), with an offset and a count."""
        path = tmp_path / "file"
        path.write_bytes(bytes(range(256)) * 8000)

        async def main() -> None:
            left, right = socket.socketpair()
            left.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=right)
            with open(path, "rb") as file:
                sending = any_loop.create_task(any_loop.sock_sendfile(left, file, 256, 1_000_000))
                assert await reader.readexactly(1_000_000) == path.read_bytes()[256:1_000_256]
                assert await sending == 1_000_000
                transport, _ = await any_loop.create_connection(asyncio.Protocol, sock=left)
                transport.write(b"before")
                sending = any_loop.create_task(any_loop.sendfile(transport, file))
                assert await reader.readexactly(6) == b"before"
                assert await reader.readexactly(256 * 8000) == path.read_bytes()
                assert await sending == 256 * 8000
                transport.write(b"after")
                assert await reader.readexactly(5) == b"after"
            transport.close()
            writer.close()
            await asyncio.sleep(0)

        any_loop.run_until_complete(main())
        turn(any_loop)
