"""What a BufferEvent reads, and how it comes."""

from __future__ import annotations

import contextlib
import random
import socket

import pytest
from bufferevents import Log
from loops import run_until, turn

from libevent_py import (
    Buffer,
    BufferEvent,
    EventBase,
    EventFlags,
    lib,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE

Pair = tuple[socket.socket, socket.socket]


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
