"""BufferEvent over sockets."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loops import run_until, settle, turn

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    BufferEventOptions,
    EventBase,
    EventFlags,
    Listener,
    lib,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
READING, WRITING = BufferEventEvents.READING, BufferEventEvents.WRITING
EOF, ERROR, TIMEOUT, CONNECTED = (
    BufferEventEvents.EOF,
    BufferEventEvents.ERROR,
    BufferEventEvents.TIMEOUT,
    BufferEventEvents.CONNECTED,
)
Pair = tuple[socket.socket, socket.socket]


class Log:
    """All four callbacks, recording."""

    def __init__(self, bev: BufferEvent, *, by_read: bool = False, enable: bool = True) -> None:
        self.data = bytearray()
        self.chunks: list[bytes] = []
        self.writes = 0
        self.events: list[BufferEventEvents] = []
        self.error: OSError | None = None
        how: dict[str, Any] = {"on_read": self.on_read} if by_read else {"on_data": self.on_data}
        bev.set_callbacks(on_write=self.on_write, on_event=self.on_event, **how)
        if enable:
            bev.enable(READ)

    def on_data(self, bev: BufferEvent, data: bytes) -> None:
        """Take what rode along."""
        self.chunks.append(data)
        self.data += data

    def on_read(self, bev: BufferEvent) -> None:
        """Take all there is."""
        self.on_data(bev, bev.read())

    def on_write(self, bev: BufferEvent) -> None:
        """Count."""
        self.writes += 1

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Record, with the error of that moment."""
        self.events.append(what)
        self.error = bev.error


@pytest.fixture
def bev(base: EventBase, socket_pair: Pair) -> BufferEvent:
    """A bufferevent on our end of socket_pair, closed with the base."""
    return BufferEvent(base, socket_pair[0])


def reset(sock: socket.socket) -> None:
    """Close *sock* with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class TestReading:
    """on_data and on_read."""

    @pytest.mark.parametrize("by_read", [False, True], ids=["on_data", "on_read"])
    def test_what_the_peer_sends_arrives(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair, by_read: bool
    ) -> None:
        """In order, whichever callback fetches it."""
        log = Log(bev, by_read=by_read)
        for part in (b"one", b"two", b"three"):
            socket_pair[1].send(part)
            run_until(base, lambda p=part: log.data.endswith(p))
        assert log.data == b"onetwothree"
        assert b"" not in log.chunks

    @pytest.mark.parametrize("by_read", [False, True], ids=["on_data", "on_read"])
    @pytest.mark.parametrize("kind", ["socket_pair", "tcp_pair"])
    def test_large_data_in(
        self, base: EventBase, request: pytest.FixtureRequest, kind: str, by_read: bool
    ) -> None:
        """Three megabytes, byte for byte."""
        ours, peer = request.getfixturevalue(kind)
        peer.setblocking(False)
        log = Log(BufferEvent(base, ours), by_read=by_read)
        data = random.Random(1).randbytes(3_000_000)
        sent = 0

        def step() -> bool:
            nonlocal sent
            while sent < len(data):
                try:
                    sent += peer.send(data[sent : sent + 65536])
                except BlockingIOError:
                    break
            return len(log.data) >= len(data)

        run_until(base, step)
        assert log.data == data

    def test_reading_is_off_at_first(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """Nothing is delivered before enable(READ), and then all of it."""
        log = Log(bev, enable=False)
        assert bev.enabled == WRITE
        socket_pair[1].send(b"early")
        turn(base, 3)
        assert log.data == b""
        bev.enable(READ)
        assert bev.enabled == READ | WRITE
        run_until(base, lambda: log.data)
        assert log.data == b"early"

    def test_read_takes_from_the_front(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """read(n) takes n bytes, read() the rest, and then there is none."""
        bev.set_callbacks(on_read=lambda bev: None)
        bev.enable(READ)
        socket_pair[1].send(b"abcdef")
        run_until(base, lambda: len(bev.input) == 6)
        assert bev.read(2) == b"ab"
        assert bev.read(0) == b""
        assert bytes(bev.input) == b"cdef"
        assert bev.read(100) == b"cdef"
        assert bev.read() == b""

    def test_read_of_more_than_the_scratch(self, base: EventBase, bev: BufferEvent) -> None:
        """read() takes more than one C call can carry."""
        from libevent_py._delivery import SCRATCH_SIZE

        other = Buffer(b"x" * (SCRATCH_SIZE + 10) + b"end")
        lib.evbuffer_unfreeze(bev.input.pointer, 0)
        bev.input.add_buffer(other)
        assert bev.read(SCRATCH_SIZE + 5) == b"x" * (SCRATCH_SIZE + 5)
        assert bev.read() == b"x" * 5 + b"end"

    def test_both_read_callbacks(self, bev: BufferEvent) -> None:
        """on_data and on_read together are a ValueError."""
        with pytest.raises(ValueError, match="exclude"):
            bev.set_callbacks(on_data=lambda bev, data: None, on_read=lambda bev: None)

    def test_changing_the_callbacks_in_a_callback(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair
    ) -> None:
        """What comes later goes to the new ones."""
        got: list[str] = []

        def first(bev: BufferEvent, data: bytes) -> None:
            got.append("first")
            bev.set_callbacks(on_read=lambda bev: got.append(bev.read().decode()))

        bev.set_callbacks(on_data=first)
        bev.enable(READ)
        socket_pair[1].send(b"1")
        run_until(base, lambda: got)
        socket_pair[1].send(b"2")
        run_until(base, lambda: len(got) > 1)
        assert got == ["first", "2"]

    def test_disable_in_a_callback_loses_nothing(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair
    ) -> None:
        """With reading turned off and on in every callback all bytes come, in order."""
        _ours, peer = socket_pair
        got = bytearray()
        data = bytes(range(256)) * 400

        def take(bev: BufferEvent, chunk: bytes) -> None:
            got.extend(chunk)
            bev.disable(READ)

        bev.set_callbacks(on_data=take)
        bev.enable(READ)
        peer.setblocking(False)
        sent = 0

        def step() -> bool:
            nonlocal sent
            if sent < len(data):
                with contextlib.suppress(BlockingIOError):
                    sent += peer.send(data[sent : sent + 3000])
            if not bev.enabled & READ:
                before = len(got)
                turn(base)
                assert len(got) == before, "delivered while off"
                bev.enable(READ)
            return len(got) == len(data)

        run_until(base, step)
        assert got == data

    def test_disabled_by_another_of_the_same_pass(self, base: EventBase) -> None:
        """Bytes on their way to a bufferevent that an earlier callback turned off come after enable()."""
        pairs = [socket.socketpair() for _ in range(3)]
        bevs = [BufferEvent(base, ours) for ours, _ in pairs]
        got: dict[BufferEvent, bytes] = dict.fromkeys(bevs, b"")

        def take(bev: BufferEvent, data: bytes) -> None:
            got[bev] += data
            for other in bevs:
                if other is not bev:
                    other.disable(READ)

        for bev, (_, peer) in zip(bevs, pairs):
            bev.set_callbacks(on_data=take)
            bev.enable(READ)
            peer.send(b"first.")
        turn(base, 3)
        assert sorted(got.values()) == [b"", b"", b"first."]
        for bev, (_, peer) in zip(bevs, pairs):
            if not got[bev]:
                peer.send(b"second.")
                bev.set_callbacks(on_data=lambda bev, data: got.__setitem__(bev, got[bev] + data))
                bev.enable(READ)
        run_until(base, lambda: sum(value == b"first.second." for value in got.values()) == 2)
        for _, peer in pairs:
            peer.close()


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


class TestWatermarks:
    """The study notes' table: low 5, high 10."""

    @pytest.mark.parametrize(
        ("sent", "chunks", "rest"),
        [
            (b"1234", [], b"1234"),
            (b"12345", [b"12345"], b""),
            (b"1234567890", [b"1234567890"], b""),
            (b"1234567890abcde", [b"1234567890", b"abcde"], b""),
            (b"1234567890abc", [b"1234567890"], b"abc"),
            (b"1234567890abcdefghijklmno", [b"1234567890", b"abcdefghij", b"klmno"], b""),
            (b"1234567890abcdefghijkl", [b"1234567890", b"abcdefghij"], b"kl"),
        ],
        ids=["below", "low", "high", "above", "above-rest", "two-and-low", "two-and-rest"],
    )
    def test_the_table(
        self,
        base: EventBase,
        bev: BufferEvent,
        socket_pair: Pair,
        sent: bytes,
        chunks: list[bytes],
        rest: bytes,
    ) -> None:
        """Under 5 nothing, 5 to 10 at once, above in tens, and a rest under 5 stays."""
        got: list[bytes] = []
        bev.set_callbacks(on_read=lambda bev: got.append(bev.read()))
        bev.set_watermark(READ, low=5, high=10)
        bev.enable(READ)
        socket_pair[1].send(sent)
        run_until(base, lambda: got == chunks and bytes(bev.input) == rest)
        settle(base, 0.01)
        assert got == chunks
        assert bytes(bev.input) == rest

    def test_on_data_keeps_to_the_marks(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """The bytes that ride along come in the same portions."""
        log = Log(bev)
        bev.set_watermark(READ, low=5, high=10)
        socket_pair[1].send(b"1234567890abcdefghijkl")
        settle(base, 0.01)
        assert log.chunks == [b"1234567890", b"abcdefghij"]
        socket_pair[1].close()
        run_until(base, lambda: log.events)
        assert log.chunks[2:] == [b"kl"]

    def test_high_mark_not_drained_does_not_spin(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair
    ) -> None:
        """A callback that leaves the input full is called once, and the loop sleeps (issue 891)."""
        calls: list[int] = []
        bev.set_callbacks(on_read=lambda bev: calls.append(len(bev.input)))
        bev.set_watermark(READ, high=100)
        bev.enable(READ)
        socket_pair[1].send(b"x" * 1000)
        started = time.process_time()
        settle(base, 0.1)
        assert time.process_time() - started < 0.05
        assert calls == [100]
        assert bev.enabled & READ

    def test_draining_resumes(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """Reading goes on once some was taken, also outside of the callback."""
        bev.set_callbacks(on_read=lambda bev: None)
        bev.set_watermark(READ, high=100)
        bev.enable(READ)
        socket_pair[1].send(bytes(range(250)))
        run_until(base, lambda: len(bev.input) == 100)
        got = bev.read(60)
        run_until(base, lambda: len(bev.input) == 100)
        got += bev.input.remove(100)
        run_until(base, lambda: len(bev.input) == 90)
        assert got + bev.read() == bytes(range(250))

    @pytest.mark.parametrize("high", [0, 500])
    def test_raising_the_mark_resumes(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair, high: int
    ) -> None:
        """A higher mark, or none, lets reading go on."""
        bev.set_callbacks(on_read=lambda bev: None)
        bev.set_watermark(READ, high=100)
        bev.enable(READ)
        socket_pair[1].send(b"x" * 300)
        run_until(base, lambda: len(bev.input) == 100)
        bev.set_watermark(READ, high=high)
        run_until(base, lambda: len(bev.input) == 300)

    def test_low_above_high(self, bev: BufferEvent) -> None:
        """It would stand still for ever: ValueError."""
        with pytest.raises(ValueError, match="must not be above"):
            bev.set_watermark(READ, low=10, high=5)

    def test_get(self, bev: BufferEvent) -> None:
        """What was set, for each direction."""
        bev.set_watermark(READ, 5, 10)
        bev.set_watermark(WRITE, 7)
        assert bev.get_watermark(READ) == (5, 10)
        assert bev.get_watermark(WRITE) == (7, 0)
        bev.set_watermark(READ | WRITE)
        assert bev.get_watermark(READ) == bev.get_watermark(WRITE) == (0, 0)

    def test_write_high_mark_has_no_effect(self, base: EventBase, bev: BufferEvent) -> None:
        """The output takes any amount: its size is the application's business."""
        bev.set_watermark(WRITE, high=100)
        bev.write(b"x" * 5_000_000)
        assert len(bev.output) > 100


class TestTimeouts:
    """set_timeouts."""

    def test_read(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """READING|TIMEOUT once, reading is off; after enable() it goes on."""
        log = Log(bev)
        bev.set_timeouts(read=0.02)
        run_until(base, lambda: log.events)
        assert log.events == [READING | TIMEOUT]
        assert bev.enabled == WRITE
        settle(base, 0.05)
        assert len(log.events) == 1
        socket_pair[1].send(b"x")
        turn(base, 2)
        assert log.data == b""
        bev.enable(READ)
        run_until(base, lambda: log.data)
        run_until(base, lambda: len(log.events) == 2)
        assert log.events == [READING | TIMEOUT] * 2

    def test_bytes_begin_it_anew(self, base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
        """While data comes in time there is no timeout."""
        log = Log(bev)
        bev.set_timeouts(read=0.1)
        until = time.monotonic() + 0.25

        def step() -> bool:
            socket_pair[1].send(b"x")
            return time.monotonic() > until

        run_until(base, step)
        assert log.events == []

    def test_write(self, base: EventBase, bev: BufferEvent) -> None:
        """WRITING|TIMEOUT only while output waits."""
        log = Log(bev, enable=False)
        bev.set_timeouts(write=0.02)
        settle(base, 0.05)
        assert log.events == []
        bev.write(b"x" * 5_000_000)
        run_until(base, lambda: log.events)
        assert log.events == [WRITING | TIMEOUT]
        assert not bev.enabled & WRITE

    def test_none_takes_it_off(self, base: EventBase, bev: BufferEvent) -> None:
        """set_timeouts() without arguments is no limit."""
        log = Log(bev)
        bev.set_timeouts(read=0.02)
        bev.set_timeouts()
        settle(base, 0.05)
        assert log.events == []

    def test_a_slow_callback_is_no_timeout(self, base: EventBase, socket_pair: Pair) -> None:
        """Data that arrived while a callback held the loop up is data, not a timeout (issue 1530)."""
        ours, peer = socket_pair
        log = Log(BufferEvent(base, ours))
        bev = base._delivery.table.open_handles()[0]
        bev.set_timeouts(read=0.03)
        from libevent_py import Timer

        def slow(timer: Timer) -> None:
            peer.send(b"in time")
            until = time.monotonic() + 0.06
            while time.monotonic() < until:
                pass

        Timer(base, 0.01, slow)
        run_until(base, lambda: log.data or log.events)
        assert log.data == b"in time"
        assert log.events == []

    @pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
    def test_impossible(self, bev: BufferEvent, seconds: float) -> None:
        """A ValueError."""
        with pytest.raises(ValueError):
            bev.set_timeouts(read=seconds)
        with pytest.raises(ValueError):
            bev.set_timeouts(write=seconds)


class TestConnecting:
    """connect()."""

    def test_to_a_listener(self, base: EventBase) -> None:
        """CONNECTED, and what was written before is sent."""
        got: list[bytes] = []

        def accept(listener: Listener, sock: socket.socket, address: Any) -> None:
            server = BufferEvent(base, sock)
            server.set_callbacks(on_data=lambda bev, data: got.append(data))
            server.enable(READ)

        listener = Listener(base, ("127.0.0.1", 0), accept)
        bev = BufferEvent(base)
        assert bev.fileno() == -1
        log = Log(bev)
        bev.connect(listener.address)
        bev.write(b"early")
        assert bev.fileno() >= 0
        run_until(base, lambda: got)
        assert got == [b"early"]
        assert log.events == [CONNECTED]

    def test_ipv6(self, base: EventBase) -> None:
        """Over ::1."""
        try:
            listener = Listener(base, ("::1", 0), lambda listener, sock, address: sock.close())
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
        bev = BufferEvent(base)
        log = Log(bev)
        bev.connect(listener.address)
        run_until(base, lambda: EOF | READING in log.events)
        assert log.events == [CONNECTED, READING | EOF]

    def test_a_path(self, base: EventBase, tmp_path: Path) -> None:
        """A UNIX socket."""
        address = f"unix:{tmp_path}/socket"
        got: list[socket.socket] = []
        Listener(base, address, lambda listener, sock, peer: got.append(sock))
        bev = BufferEvent(base)
        log = Log(bev)
        bev.connect(address)
        bev.write(b"hello")
        run_until(base, lambda: got and log.events)
        assert log.events == [CONNECTED]
        got[0].setblocking(True)
        assert got[0].recv(10) == b"hello"
        got[0].close()

    def test_refused(self, base: EventBase) -> None:
        """ERROR comes to on_event, with ConnectionRefusedError."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            address = closed.getsockname()
            bev = BufferEvent(base)
            log = Log(bev)
            try:
                bev.connect(address)
            except ConnectionRefusedError:
                return  # at once, on some systems
            run_until(base, lambda: log.events)
        assert log.events == [ERROR]
        assert isinstance(log.error, ConnectionRefusedError)

    def test_a_missing_path(self, base: EventBase, tmp_path: Path) -> None:
        """FileNotFoundError at once; another attempt may follow."""
        bev = BufferEvent(base)
        with pytest.raises(FileNotFoundError, match="cannot connect to"):
            bev.connect(f"unix:{tmp_path}/nothing")
        assert bev.fileno() == -1
        listener = Listener(base, ("127.0.0.1", 0), lambda listener, sock, address: sock.close())
        log = Log(bev)
        bev.connect(listener.address)
        run_until(base, lambda: CONNECTED in log.events)

    def test_twice(self, base: EventBase, bev: BufferEvent) -> None:
        """With a socket there is nothing to connect: RuntimeError."""
        with pytest.raises(RuntimeError, match="socket already"):
            bev.connect(("127.0.0.1", 1))
        with pytest.raises(RuntimeError, match="socket already"):
            bev.connect_hostname("localhost", 1)

    @pytest.mark.parametrize("address", [("localhost", 80), "127.0.0.1:80", ("127.0.0.1", 70000), "unix:"])
    def test_no_numeric_address(self, base: EventBase, address: Any) -> None:
        """A ValueError, and no socket is made."""
        bev = BufferEvent(base)
        with pytest.raises(ValueError):
            bev.connect(address)
        assert bev.fileno() == -1

    def test_closed_while_connecting(self, base: EventBase) -> None:
        """Nothing is reported."""
        listener = Listener(base, ("127.0.0.1", 0), lambda listener, sock, address: sock.close())
        bev = BufferEvent(base)
        log = Log(bev)
        bev.connect(listener.address)
        bev.close()
        settle(base, 0.01)
        assert log.events == []


class TestClosing:
    """close() and the socket."""

    @pytest.mark.parametrize("where", ["on_data", "on_read", "on_write", "on_event"])
    def test_in_every_callback(
        self, base: EventBase, bev: BufferEvent, socket_pair: Pair, where: str
    ) -> None:
        """It is closed there, nothing else is delivered, and the descriptor goes."""
        fd = bev.fileno()
        calls: list[str] = []

        def close(bev: BufferEvent, *rest: object) -> None:
            calls.append(where)
            bev.close()

        bev.set_callbacks(**{where: close})
        bev.enable(READ)
        bev.write(b"x")
        socket_pair[1].send(b"y")
        socket_pair[1].shutdown(socket.SHUT_WR)
        run_until(base, lambda: calls)
        settle(base, 0.005)
        assert calls == [where]
        assert bev.closed
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)

    def test_the_descriptor_is_closed_by_the_loop(self, base: EventBase, socket_pair: Pair) -> None:
        """libevent closes it in the next pass; the peer sees the end."""
        bev = BufferEvent(base, socket_pair[0])
        assert socket_pair[0].fileno() == -1  # it was detached
        bev.close()
        turn(base)
        assert socket_pair[1].recv(1) == b""

    def test_without_close_on_free_the_socket_stays(self, base: EventBase, socket_pair: Pair) -> None:
        """It is the caller's, before and after."""
        ours, peer = socket_pair
        bev = BufferEvent(base, ours, BufferEventOptions(0))
        log = Log(bev)
        peer.send(b"1")
        run_until(base, lambda: log.data)
        bev.close()
        turn(base, 2)
        peer.send(b"2")
        ours.setblocking(True)
        assert ours.recv(1) == b"2"

    def test_a_number_is_taken_over_too(self, base: EventBase, socket_pair: Pair) -> None:
        """CLOSE_ON_FREE closes a descriptor given as int."""
        fd = socket_pair[0].detach()
        BufferEvent(base, fd).close()
        turn(base)
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)

    def test_input_and_output_die_with_it(self, base: EventBase, bev: BufferEvent) -> None:
        """Its buffers raise ClosedError afterwards."""
        buffers = bev.input, bev.output
        bev.close()
        for buffer in buffers:
            assert buffer.closed
            with pytest.raises(ValueError, match="closed"):
                len(buffer)

    def test_unsent_output_is_dropped(self, base: EventBase, socket_pair: Pair) -> None:
        """close() does not wait for the peer to read."""
        bev = BufferEvent(base, socket_pair[0])
        bev.write(b"x" * 5_000_000)
        bev.close()
        turn(base)
        total = 0
        while chunk := socket_pair[1].recv(1 << 20):
            total += len(chunk)
        assert total < 5_000_000


class TestOptions:
    """BufferEventOptions."""

    @pytest.mark.parametrize("extra", [0, 2, 4, 6, 12, 14])
    def test_every_combination_echoes(self, base: EventBase, socket_pair: Pair, extra: int) -> None:
        """THREADSAFE, DEFER and UNLOCK change no result."""
        bev = BufferEvent(base, socket_pair[0], BufferEventOptions(extra) | BufferEventOptions.CLOSE_ON_FREE)
        assert bev.options == extra | 1
        bev.set_callbacks(on_data=lambda bev, data: bev.write(data))
        bev.enable(READ)
        socket_pair[1].send(b"hello")
        turn(base, 4)
        assert socket_pair[1].recv(100) == b"hello"

    @pytest.mark.parametrize("options", [8, 9, 10])
    def test_unlock_needs_defer(self, base: EventBase, socket_pair: Pair, options: int) -> None:
        """A ValueError before C; the socket stays open."""
        with pytest.raises(ValueError, match="UNLOCK_CALLBACKS needs DEFER_CALLBACKS"):
            BufferEvent(base, socket_pair[0], BufferEventOptions(options))
        assert socket_pair[0].fileno() >= 0

    @pytest.mark.parametrize("options", [16, 1 << 20, -(1 << 30)])
    def test_unknown(self, base: EventBase, options: int) -> None:
        """A ValueError."""
        with pytest.raises(ValueError):
            BufferEvent(base, None, options)  # type: ignore[arg-type]


class TestFromPointer:
    """A bufferevent of native code's."""

    def test_it_is_borrowed(self, base: EventBase, socket_pair: Pair) -> None:
        """Python's callbacks work; close() takes them off and frees nothing."""
        native = lib.bufferevent_socket_new(base.pointer, socket_pair[0].fileno(), 0)
        bev = BufferEvent.from_pointer(base, native)
        log = Log(bev)
        socket_pair[1].send(b"x")
        run_until(base, lambda: log.data)
        bev.close()
        socket_pair[1].send(b"y")
        turn(base, 2)
        assert log.data == b"x"
        assert lib.bufferevent_getfd(native) == socket_pair[0].fileno()
        lib.bufferevent_free(native)
        turn(base, 2)

    def test_another_base(self, base: EventBase, bev: BufferEvent) -> None:
        """A ValueError."""
        with EventBase() as other, pytest.raises(ValueError, match="another event_base"):
            BufferEvent.from_pointer(other, bev.pointer)


def test_echo_on_each_backend(backend_base: EventBase, socket_pair: Pair) -> None:
    """An echo of many messages works on epoll, poll and select alike."""
    ours, peer = socket_pair
    bev = BufferEvent(backend_base, ours)
    bev.set_callbacks(on_data=lambda bev, data: bev.write(data))
    bev.enable(READ)
    peer.setblocking(False)
    got = bytearray()
    for number in range(50):
        peer.send(b"%d;" % number)

        def step(n: int = number) -> bool:
            with contextlib.suppress(BlockingIOError):
                got.extend(peer.recv(1000))
            return got.endswith(b"%d;" % n)

        run_until(backend_base, step)
    assert got == b"".join(b"%d;" % number for number in range(50))


def test_priority() -> None:
    """A bufferevent's priority is set and read, out of range refused."""
    with EventBase(priorities=3) as base:
        ours, peer = socket.socketpair()
        bev = BufferEvent(base, ours)
        assert bev.priority == 1
        bev.priority = 0
        assert bev.priority == 0
        with pytest.raises(ValueError, match="priority must be between 0 and 2"):
            bev.priority = 3
        log = Log(bev)
        peer.send(b"x")
        run_until(base, lambda: log.data)
        peer.close()


def test_error_says_why(base: EventBase, tcp_pair: Pair) -> None:
    """The error attribute is None until there was one, and keeps errno."""
    bev = BufferEvent(base, tcp_pair[0])
    log = Log(bev)
    assert bev.error is None
    reset(tcp_pair[1])
    run_until(base, lambda: log.events)
    assert bev.error is not None
    assert bev.error.errno == errno.ECONNRESET


def test_repr(base: EventBase, bev: BufferEvent) -> None:
    """It tells the descriptor, then that it is closed."""
    assert repr(bev) == f"<BufferEvent fd={bev.fileno()}>"
    bev.close()
    assert repr(bev) == "<BufferEvent closed>"


def test_connect_to_a_path_too_long_for_an_address(base: EventBase, tmp_path: Path) -> None:
    """Python has no errno for it; we say which limit it is."""
    bev = BufferEvent(base)
    with pytest.raises(OSError, match="cannot connect to .*: File name too long") as caught:
        bev.connect(f"unix:{tmp_path / ('x' * 200)}")
    assert caught.value.errno == errno.ENAMETOOLONG
