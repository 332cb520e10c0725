"""Protocols are called in the context in which their transport was made, whoever pauses, writes or closes.

uvloop does so, asyncio for some calls only: so these run on our loop alone.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import socket
from typing import Any

import pytest

from libevent_py.aio import Loop

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


class Recorder(asyncio.Protocol, asyncio.SubprocessProtocol, asyncio.DatagramProtocol):
    """Notes what it is told, with the context's variable."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self.transport: Any = None
        self.news = asyncio.Event()
        self._ended = False

    def _note(self, what: str) -> None:
        self.seen[what] = variable.get()
        self.news.set()

    async def until(self, what: str) -> None:
        """Wait for that to be told."""
        while what not in self.seen:
            self.news.clear()
            await self.news.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport = transport
        self._note("connection_made")

    def data_received(self, data: bytes) -> None:
        """Note."""
        self._note("data_received")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Note."""
        self._note("datagram_received")

    def error_received(self, exc: Exception) -> None:
        """Note."""
        self._note("error_received")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Note."""
        self._note("pipe_data_received")

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note."""
        self._note("pipe_connection_lost")

    def process_exited(self) -> None:
        """Note."""
        self._note("process_exited")

    def eof_received(self) -> None:
        """Note."""
        self._note("eof_received")

    def pause_writing(self) -> None:
        """Note."""
        self._note("pause_writing")

    def resume_writing(self) -> None:
        """Note."""
        self._note("resume_writing")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note."""
        self._note("connection_lost")


class Buffered(Recorder, asyncio.BufferedProtocol):
    """The same with memory of its own."""

    def get_buffer(self, sizehint: int) -> bytearray:
        """Note."""
        self._note("get_buffer")
        return bytearray(100)

    def buffer_updated(self, nbytes: int) -> None:
        """Note."""
        self._note("data_received")


def check(protocol: Recorder, *names: str) -> None:
    """All was told in the maker's context, and nothing else than *names*."""
    assert protocol.seen == dict.fromkeys(names, "maker's")


async def made(coroutine: Any) -> Any:
    """What *coroutine* makes, in a context of its own."""
    variable.set("maker's")
    return await coroutine


@pytest.mark.parametrize("kind", ["protocol", "buffered"])
def test_a_stream(loop: Loop, kind: str) -> None:
    """Each of its calls, where another task pauses, resumes, writes and closes."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)

    async def main() -> None:
        protocol = Recorder() if kind == "protocol" else Buffered()
        await loop.create_task(made(loop.create_connection(lambda: protocol, sock=ours)))
        transport = protocol.transport
        transport.pause_reading()
        await asyncio.sleep(0)
        transport.resume_reading()
        theirs.send(b"x")
        await protocol.until("data_received")
        transport.set_write_buffer_limits(high=10)
        transport.write(b"x" * 3_000_000)
        await protocol.until("pause_writing")
        left = 3_000_000
        while left:
            left -= len(await loop.run_in_executor(None, theirs.recv, 1 << 20))
        await protocol.until("resume_writing")
        theirs.shutdown(socket.SHUT_WR)
        await protocol.until("eof_received")
        transport.close()
        await protocol.until("connection_lost")
        names = ["connection_made", "data_received", "pause_writing", "resume_writing", "eof_received"]
        check(protocol, *names, "connection_lost", *["get_buffer"] * (kind == "buffered"))

    loop.run_until_complete(main())
    theirs.close()


def test_a_write_of_the_protocols_own(loop: Loop) -> None:
    """That it is paused by its own write, in the context already, is no difference."""
    ours, theirs = socket.socketpair()

    async def main() -> None:
        class Writer(Recorder):
            def data_received(self, data: bytes) -> None:
                self._note("data_received")
                variable.set("protocol's")
                self.transport.write(b"x" * 3_000_000)

        protocol = Writer()
        await loop.create_task(made(loop.create_connection(lambda: protocol, sock=ours)))
        theirs.send(b"x")
        await protocol.until("pause_writing")
        assert protocol.seen["data_received"] == "maker's"
        assert protocol.seen["pause_writing"] == "protocol's"
        protocol.transport.abort()
        await protocol.until("connection_lost")
        assert protocol.seen["connection_lost"] == "protocol's"

    loop.run_until_complete(main())
    theirs.close()


def test_a_server(loop: Loop) -> None:
    """The protocols of its connections have the context in which it was made."""

    async def main() -> None:
        protocols: list[Recorder] = []

        def factory() -> Recorder:
            assert variable.get() == "maker's"
            protocols.append(Recorder())
            return protocols[0]

        server = await loop.create_task(made(loop.create_server(factory, "127.0.0.1", 0)))
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x")
        while not protocols:
            await asyncio.sleep(0.001)
        await protocols[0].until("data_received")
        writer.close()
        await protocols[0].until("connection_lost")
        check(protocols[0], "connection_made", "data_received", "eof_received", "connection_lost")
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


@pytest.mark.parametrize("direction", ["read", "write"])
def test_pipes(loop: Loop, direction: str) -> None:
    """Those of connect_read_pipe() and connect_write_pipe()."""
    reading, writing = os.pipe()

    async def main() -> None:
        protocol = Recorder()
        if direction == "read":
            pipe = open(reading, "rb", buffering=0)  # noqa: SIM115 - the transport's
            await loop.create_task(made(loop.connect_read_pipe(lambda: protocol, pipe)))
            protocol.transport.pause_reading()
            protocol.transport.resume_reading()
            os.write(writing, b"x")
            await protocol.until("data_received")
            os.close(writing)
            await protocol.until("connection_lost")
            check(protocol, "connection_made", "data_received", "eof_received", "connection_lost")
            return
        pipe = open(writing, "wb", buffering=0)  # noqa: SIM115
        await loop.create_task(made(loop.connect_write_pipe(lambda: protocol, pipe)))
        protocol.transport.write(b"x" * 200_000)
        await protocol.until("pause_writing")
        left = 200_000
        while left:
            left -= len(await loop.run_in_executor(None, os.read, reading, 1 << 20))
        await protocol.until("resume_writing")
        protocol.transport.close()
        await protocol.until("connection_lost")
        check(protocol, "connection_made", "pause_writing", "resume_writing", "connection_lost")
        os.close(reading)

    loop.run_until_complete(main())


def test_a_process(loop: Loop) -> None:
    """Its output's and its end's."""

    async def main() -> None:
        protocol = Recorder()
        await loop.create_task(made(loop.subprocess_exec(lambda: protocol, "cat", stderr=None)))
        stdin = protocol.transport.get_pipe_transport(0)
        stdin.write(b"x")
        await protocol.until("pipe_data_received")
        stdin.close()
        await protocol.until("connection_lost")
        names = ["connection_made", "pipe_data_received", "pipe_connection_lost", "process_exited"]
        check(protocol, *names, "connection_lost")
        protocol.transport.close()

    asyncio.set_event_loop(loop)  # the child watcher of Python 3.9 to 3.11 asks for it
    loop.run_until_complete(main())
    asyncio.set_event_loop(None)
