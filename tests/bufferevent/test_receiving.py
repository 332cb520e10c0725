"""How a BufferEvent reads its socket: along with the record, when Python gets there, or by libevent."""

from __future__ import annotations

import contextlib
import os
import random
import socket

import pytest
from bufferevents import MUCH, Log, much, reset, warm
from loops import run_until, turn

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    BufferEventOptions,
    Event,
    EventBase,
    EventFlags,
    lib,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
END = BufferEventEvents.READING | BufferEventEvents.EOF
ERROR = BufferEventEvents.READING | BufferEventEvents.ERROR


Pair = tuple[socket.socket, socket.socket]

by_both = pytest.mark.parametrize("by_read", [False, True], ids=["on_data", "on_read"])


class TestLargeMessages:
    """Large messages, more of them than the arena holds."""

    @by_both
    def test_come_whole_in_one_pass(self, base: EventBase, pairs: list[Pair], by_read: bool) -> None:
        """64 KiB on each of ten connections: one callback each."""
        logs = [Log(BufferEvent(base, ours), by_read=by_read) for ours, _ in pairs]
        for number in range(3):
            for _, peer in pairs:
                assert peer.send(much(number)) == MUCH
            turn(base)
            for log in logs:
                assert [len(chunk) for chunk in log.chunks] == [MUCH]
                assert log.chunks.pop() == much(number)

    @by_both
    def test_of_all_sizes_are_mixed(self, base: EventBase, pairs: list[Pair], by_read: bool) -> None:
        """Each byte comes once and in order, whatever sizes follow each other."""
        logs = [Log(BufferEvent(base, ours), by_read=by_read) for ours, _ in pairs]
        sent = [bytearray() for _ in pairs]
        chance = random.Random(7)

        def step() -> bool:
            for (_, peer), done in zip(pairs, sent):
                if len(done) < 600_000 and chance.random() < 0.7:
                    part = much(len(done), chance.choice([1, 100, 4096, 5000, 16384, 20000, 65536, 100_000]))
                    with contextlib.suppress(BlockingIOError):
                        done += part[: peer.send(part)]
            return all(len(done) >= 600_000 and len(log.data) == len(done) for done, log in zip(sent, logs))

        run_until(base, step)
        for done, log in zip(sent, logs):
            assert log.data == done

    def test_of_one_do_not_starve_another(self, base: EventBase, pairs: list[Pair]) -> None:
        """A sender that is never done gets one read a pass, and between two the other one's turn comes."""
        order: list[str] = []
        (ours, greedy), (theirs, modest) = pairs[:2]
        for sock, name in ((ours, "greedy"), (theirs, "modest")):
            bev = BufferEvent(base, sock)
            bev.max_single_read = 10_000
            bev.set_callbacks(on_data=lambda bev, data, name=name: order.append(f"{name} {len(data)}"))
            bev.enable(READ)
        for number in range(10):
            with contextlib.suppress(BlockingIOError):
                while True:
                    greedy.send(much(number))
            modest.send(b"x")
            turn(base)
            assert sorted(order) == ["greedy 10000", "modest 1"]
            order.clear()

    @by_both
    def test_max_single_read(self, base: EventBase, socket_pair: Pair, by_read: bool) -> None:
        """It bounds each read, of those who send much too."""
        bev, log = warm(base, socket_pair, by_read=by_read)
        bev.max_single_read = 20_000
        socket_pair[1].send(much(1, 50_000))
        run_until(base, lambda: len(log.data) == 50_000)
        assert [len(chunk) for chunk in log.chunks] == [20_000, 20_000, 10_000]
        assert log.data == much(1, 50_000)

    def test_below_the_low_mark(self, base: EventBase, socket_pair: Pair) -> None:
        """They wait in the input until the mark is reached."""
        ours, peer = socket_pair
        bev = BufferEvent(base, ours)
        log = Log(bev)
        bev.set_watermark(READ, low=150_000)
        peer.send(much(1, 100_000))
        turn(base, 3)
        assert len(bev.input) == 100_000
        assert not log.chunks
        peer.send(much(2, 60_000))
        turn(base, 2)
        assert log.chunks == [much(1, 100_000) + much(2, 60_000)]

    def test_high_mark(self, base: EventBase, socket_pair: Pair) -> None:
        """No more than that comes at a time."""
        bev, log = warm(base, socket_pair)
        bev.set_watermark(READ, high=10_000)
        socket_pair[1].send(much(1, 35_000))
        run_until(base, lambda: len(log.data) == 35_000)
        assert [len(chunk) for chunk in log.chunks] == [10_000, 10_000, 10_000, 5_000]
        assert log.data == much(1, 35_000)

    def test_what_on_read_leaves_is_added_to(self, base: EventBase, socket_pair: Pair) -> None:
        """A callback that waits for more finds all of it in the input, one read further each time."""
        ours, peer = socket_pair
        lengths: list[int] = []
        bev = BufferEvent(base, ours)
        bev.max_single_read = MUCH
        bev.set_callbacks(on_read=lambda bev: lengths.append(len(bev.input)))
        bev.enable(READ)
        peer.send(much(1, 3 * MUCH))
        turn(base, 4)
        assert lengths == [MUCH, 2 * MUCH, 3 * MUCH]
        assert bev.read() == much(1, 3 * MUCH)


def connected(base: EventBase, pair: Pair, *, has_read_much: bool, by_read: bool) -> Log:
    """A bufferevent on *pair* that reads either way."""
    return (
        warm(base, pair, by_read=by_read)[1]
        if has_read_much
        else Log(BufferEvent(base, pair[0]), by_read=by_read)
    )


before = pytest.mark.parametrize("has_read_much", [False, True], ids=["fresh", "has-read-much"])


class TestEnds:
    """The end of the stream, and errors, behind data."""

    @by_both
    @before
    @pytest.mark.parametrize("size", [0, 1, 4096, 16384, MUCH, 3 * MUCH + 1])
    def test_end(
        self, base: EventBase, socket_pair: Pair, size: int, has_read_much: bool, by_read: bool
    ) -> None:
        """All the data first, then EOF, once."""
        log = connected(base, socket_pair, has_read_much=has_read_much, by_read=by_read)
        socket_pair[1].send(much(1, size))
        socket_pair[1].close()
        run_until(base, lambda: log.events)
        assert log.data == much(1, size)
        turn(base, 2)
        assert log.events == [END]

    @by_both
    @before
    @pytest.mark.parametrize("size", [0, 1, 4032, 4096, 16384, 30_000])  # the window takes it
    def test_reset(
        self, base: EventBase, tcp_pair: Pair, size: int, has_read_much: bool, by_read: bool
    ) -> None:
        """A reset behind data is an error, not an end, and the data comes first."""
        log = connected(base, tcp_pair, has_read_much=has_read_much, by_read=by_read)
        tcp_pair[1].send(much(1, size))
        reset(tcp_pair[1])
        run_until(base, lambda: log.events)
        assert log.data == much(1, size)
        assert log.events == [ERROR]
        assert isinstance(log.error, ConnectionResetError)


class TestByLibevent:
    """Where libevent reads itself."""

    def test_a_pipe(self, base: EventBase) -> None:
        """What is no socket is read all the same."""
        reader, writer = os.pipe()
        bev = BufferEvent(base, reader)
        log = Log(bev)
        os.write(writer, b"one")
        run_until(base, lambda: log.data == b"one")
        os.write(writer, b"two")
        os.close(writer)
        run_until(base, lambda: log.events)
        assert log.data == b"onetwo"
        assert log.events == [END]

    def test_threadsafe(self, base: EventBase, socket_pair: Pair) -> None:
        """What native code in other threads may use goes through libevent's locks, and no byte is lost."""
        ours, peer = socket_pair
        bev = BufferEvent(base, ours, BufferEventOptions.CLOSE_ON_FREE | BufferEventOptions.THREADSAFE)
        log = Log(bev)
        peer.send(much(1))
        turn(base)
        assert len(log.data) <= lib.bufferevent_get_max_single_read(bev.pointer)
        run_until(base, lambda: len(log.data) == MUCH)
        bev.write(b"answer")
        run_until(base, lambda: not len(bev.output))
        assert log.data == much(1)
        assert peer.recv(100) == b"answer"

    def test_timeout_runs_from_the_last_byte(self, base: EventBase, socket_pair: Pair) -> None:
        """Reading past libevent puts the read timeout off as its own does."""
        bev, log = warm(base, socket_pair)
        bev.set_timeouts(read=0.1)
        ticks = 0

        def tick(event: Event, what: EventFlags) -> None:
            nonlocal ticks
            ticks += 1
            if ticks < 8:
                socket_pair[1].send(much(ticks, 20_000 if ticks % 2 else 10))

        ticker = Event(base, None, EventFlags.PERSIST, tick)
        ticker.add(0.03)
        run_until(base, lambda: log.events or ticks > 30)
        ticker.close()
        assert log.events == [BufferEventEvents.READING | BufferEventEvents.TIMEOUT]
        assert ticks >= 8
        assert len(log.chunks) == 7

    def test_bufferevent_that_outlives_its_wrapper(self, base: EventBase, socket_pair: Pair) -> None:
        """A reference of native code's keeps the bufferevent, and reading is libevent's again."""
        ours, peer = socket_pair
        bev = BufferEvent(base, ours)
        Log(bev)
        pointer = bev.pointer
        lib.bufferevent_incref(pointer)
        bev.close()
        lib.bufferevent_enable(pointer, lib.EV_READ)
        peer.send(b"for native code")
        turn(base, 2)
        assert lib.evbuffer_get_length(lib.bufferevent_get_input(pointer)) == 15
        lib.bufferevent_disable(pointer, lib.EV_READ)
        lib.bufferevent_decref(pointer)
        turn(base)

    def test_connected_by_connect(self, base: EventBase) -> None:
        """A socket that connect() has made is read like one that was given."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            bev = BufferEvent(base)
            log = Log(bev)
            bev.connect(server.getsockname())
            with server.accept()[0] as peer:
                run_until(base, lambda: log.events == [BufferEventEvents.CONNECTED])
                peer.sendall(much(1, 30_000))
                run_until(base, lambda: len(log.data) == 30_000)
        assert log.data == much(1, 30_000)
        assert max(len(chunk) for chunk in log.chunks) > 4096
