"""Watermarks and timeouts of a BufferEvent."""

from __future__ import annotations

import socket
import time

import pytest
from bufferevents import Log
from loops import run_until, settle, turn

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
READING, WRITING = BufferEventEvents.READING, BufferEventEvents.WRITING
TIMEOUT = BufferEventEvents.TIMEOUT

Pair = tuple[socket.socket, socket.socket]


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
