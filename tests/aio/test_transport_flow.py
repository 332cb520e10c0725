"""What transports promise about pausing, writing and ends, on our loop as on asyncio's own."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import Any

import pytest
from asyncio_loops import AnyLoop, end, make_transport, turn

from libevent_py.aio import Loop


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


class TestFlow:
    """Pausing, limits, buffers."""

    def test_pausing_twice(self, any_loop: AnyLoop) -> None:
        """Is as pausing once; is_reading() tells, and nothing of it matters after close()."""
        transport, _, peer = make_transport(any_loop)
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

        transport, _, peer = make_transport(any_loop, Protocol)
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
        transport, _, peer = make_transport(loop)
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

        transport, _, peer = make_transport(loop, Protocol)
        transport.writelines([b"x" * 500_000] * 2)
        assert paused
        end(loop, transport, peer)

    def test_writing_after_the_loss(self, any_loop: AnyLoop, caplog: pytest.LogCaptureFixture) -> None:
        """Is ignored, and logged from the fifth on; abort() counts as one."""
        transport, _, peer = make_transport(any_loop)
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
        transport, _, peer = make_transport(any_loop)
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

        transport, _, peer = make_transport(any_loop, Protocol)
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

        transport, _, peer = make_transport(any_loop, Protocol)
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
        transport, _, peer = make_transport(any_loop)
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

        transport, first, peer = make_transport(any_loop, Protocol)
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

        _, _, peer = make_transport(any_loop, Protocol)
        peer.send(b"x")
        turn(any_loop, 3)
        assert isinstance(lost[0], RuntimeError)
        assert told == lost
        peer.close()

    def test_its_repr(self, any_loop: AnyLoop) -> None:
        """Says whether it reads, writes and is open."""
        transport, _, peer = make_transport(any_loop)
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
