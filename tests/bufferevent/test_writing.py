"""What a BufferEvent writes, and how either direction ends."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from bufferevents import Log, reset
from loops import run_until, settle, turn

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
READING, WRITING = BufferEventEvents.READING, BufferEventEvents.WRITING
EOF, ERROR = BufferEventEvents.EOF, BufferEventEvents.ERROR

Pair = tuple[socket.socket, socket.socket]


class TestWriting:
    """write and its callback."""

    @pytest.mark.parametrize("data", [b"x", bytearray(b"abc"), memoryview(b"abcd")[1:3]])
    def test_what_is_written_arrives(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair, data: Any
    ) -> None:
        """Anything bytes-like."""
        bev.write(data)
        turn(base, 2)
        assert socket_pair[1].recv(100) == bytes(data)

    def test_nothing(self, base: EventBase, bev: BufferEvent) -> None:
        """Writing b"" is nothing."""
        bev.write(b"")
        turn(base)
        assert len(bev.output) == 0

    @pytest.mark.parametrize("kind", ["socket_pair", "tcp_pair"])
    def test_large_data_out(self, base: EventBase, request: pytest.FixtureRequest, kind: str) -> None:
        """Three megabytes go out as the peer reads, and on_write comes at the end."""
        ours, peer = request.getfixturevalue(kind)
        peer.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        bev = BufferEvent(base, ours)
        log = Log(bev)
        data = random.Random(2).randbytes(3_000_000)
        bev.write(data[:1_500_000])
        bev.write(data[1_500_000:])
        assert len(bev.output) > 0
        got = bytearray()

        def step() -> bool:
            with contextlib.suppress(BlockingIOError):
                got.extend(peer.recv(1 << 20))
            return len(got) == len(data)

        run_until(base, step)
        assert got == data
        turn(base, 2)
        assert len(bev.output) == 0
        assert log.writes >= 1

    def test_the_callback_comes_from_the_loop(self, base: EventBase, bev: BufferEvent) -> None:
        """Never inside write(), and once the output has drained."""
        log = Log(bev)
        bev.write(b"x")
        assert log.writes == 0
        run_until(base, lambda: log.writes)
        assert len(bev.output) == 0

    def test_several_writes_need_not_have_several_callbacks(self, base: EventBase, bev: BufferEvent) -> None:
        """Between one and as many as there were writes."""
        log = Log(bev)
        turn(base, 2)
        log.writes = 0
        for _ in range(5):
            bev.write(b"x")
        turn(base, 5)
        assert 1 <= log.writes <= 5

    def test_not_while_the_output_waits(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair, fill: Callable[[socket.socket], int]
    ) -> None:
        """With a full socket there is no callback until the output is at its low mark."""
        _ours, peer = socket_pair
        log = Log(bev)
        turn(base, 2)
        log.writes = 0
        with socket.socket(fileno=os.dup(bev.fileno())) as same:
            same.setblocking(False)  # PyPy has made it block
            queued = fill(same)
        bev.write(b"y" * 1000)
        turn(base, 3)
        assert log.writes == 0
        assert len(bev.output) == 1000
        while queued > 0:
            queued -= len(peer.recv(1 << 20))
        run_until(base, lambda: log.writes)
        assert len(bev.output) == 0

    def test_low_watermark(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair, fill: Callable[[socket.socket], int]
    ) -> None:
        """With a low mark on_write comes while that much still waits."""
        _ours, peer = socket_pair
        waiting: list[int] = []
        bev.set_callbacks(on_write=lambda bev: waiting.append(len(bev.output)))
        bev.set_watermark(WRITE, low=1_000_000)
        peer.setblocking(False)
        bev.write(b"y" * 1_500_000)

        def step() -> bool:
            with contextlib.suppress(BlockingIOError):
                peer.recv(65536)
            return bool(waiting)

        run_until(base, step)
        assert 0 < waiting[0] <= 1_000_000

    def test_write_buffer(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """A Buffer goes out and is empty afterwards."""
        log = Log(bev)
        buffer = Buffer(b"hello ")
        buffer.add(b"world")
        bev.write_buffer(buffer)
        assert len(buffer) == 0
        run_until(base, lambda: log.writes)
        assert socket_pair[1].recv(100) == b"hello world"

    def test_write_buffer_of_the_input(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """The input moved to the output is an echo."""
        bev.set_callbacks(on_read=lambda bev: bev.write_buffer(bev.input))
        bev.enable(READ)
        socket_pair[1].send(b"echo")
        turn(base, 3)
        assert socket_pair[1].recv(100) == b"echo"

    def test_writing_while_off(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """disable(WRITE) holds the output back until enable(WRITE)."""
        socket_pair[1].setblocking(False)
        bev.disable(WRITE)
        assert bev.enabled == EventFlags(0)
        bev.write(b"later")
        turn(base, 3)
        assert len(bev.output) == 5
        with pytest.raises(BlockingIOError):
            socket_pair[1].recv(100)
        bev.enable(WRITE)
        turn(base, 2)
        assert socket_pair[1].recv(100) == b"later"

    def test_order_is_kept_when_the_socket_fills(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair
    ) -> None:
        """Small writes behind a big one never overtake it."""
        peer = socket_pair[1]
        peer.setblocking(False)
        expected = bytearray()
        for number in range(200):
            part = b"%d," % number * (5000 if number % 10 == 0 else 1)
            expected += part
            bev.write(part)
        got = bytearray()

        def step() -> bool:
            with contextlib.suppress(BlockingIOError):
                got.extend(peer.recv(65536))
            return len(got) >= len(expected)

        run_until(base, step)
        assert got == expected

    def test_a_peer_that_is_gone(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """Writing raises nothing; EPIPE comes to on_event."""
        log = Log(bev, enable=False)
        socket_pair[1].close()
        bev.write(b"x")
        run_until(base, lambda: log.events)
        assert log.events[0] & WRITING
        assert log.events[0] & ERROR
        assert isinstance(log.error, BrokenPipeError)


class TestTheEnd:
    """End of stream, errors, half close."""

    @pytest.mark.parametrize("by_read", [False, True], ids=["on_data", "on_read"])
    def test_end_of_stream(self, base: EventBase, bev: BufferEvent, socket_pair: Pair, by_read: bool) -> None:
        """READING|EOF, once, after the data."""
        log = Log(bev, by_read=by_read)
        socket_pair[1].send(b"last")
        socket_pair[1].close()
        run_until(base, lambda: log.events)
        settle(base, 0.005)
        assert log.data == b"last"
        assert log.events == [READING | EOF]
        assert log.error is None
        assert not bev.enabled & READ

    def test_a_rest_under_the_low_mark_is_delivered_at_the_end(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair
    ) -> None:
        """on_data gets it before on_event, though libevent's read callback never would."""
        order: list[object] = []
        bev.set_callbacks(
            on_data=lambda bev, data: order.append(data), on_event=lambda bev, what: order.append(what)
        )
        bev.set_watermark(READ, low=100)
        bev.enable(READ)
        socket_pair[1].send(b"rest")
        turn(base, 2)
        assert order == []
        socket_pair[1].close()
        run_until(base, lambda: len(order) == 2)
        assert order == [b"rest", READING | EOF]

    def test_a_rest_with_on_read_is_left_in_the_input(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair
    ) -> None:
        """With on_read the event callback finds it there."""
        rest: list[bytes] = []
        bev.set_callbacks(
            on_read=lambda bev: pytest.fail("called"), on_event=lambda bev, what: rest.append(bev.read())
        )
        bev.set_watermark(READ, low=100)
        bev.enable(READ)
        socket_pair[1].send(b"rest")
        socket_pair[1].close()
        run_until(base, lambda: rest)
        assert rest == [b"rest"]

    def test_half_close(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """After the peer's SHUT_WR writing still works."""
        log = Log(bev)
        socket_pair[1].shutdown(socket.SHUT_WR)
        run_until(base, lambda: log.events)
        assert log.events == [READING | EOF]
        bev.write(b"still")
        turn(base, 2)
        assert socket_pair[1].recv(100) == b"still"

    def test_a_reset(self, base: EventBase, tcp_pair: Pair) -> None:
        """RST is READING|ERROR with ConnectionResetError."""
        log = Log(BufferEvent(base, tcp_pair[0]))
        reset(tcp_pair[1])
        run_until(base, lambda: log.events)
        assert log.events == [READING | ERROR]
        assert isinstance(log.error, ConnectionResetError)

    def test_no_event_callback(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """Without on_event the end is silent, and the loop does not spin."""
        bev.set_callbacks(on_data=lambda bev, data: None)
        bev.enable(READ)
        socket_pair[1].close()
        started = time.process_time()
        settle(base, 0.05)
        assert time.process_time() - started < 0.04
