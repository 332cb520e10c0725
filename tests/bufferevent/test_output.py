"""The output's limit and its end."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from loops import run_until, settle

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    BufferEventPair,
    BufferEventTriggers,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    FlushMode,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
ERROR = BufferEventEvents.ERROR
Pair = tuple[socket.socket, socket.socket]
MEGABYTE = 1 << 20


def receive(base: EventBase, peer: socket.socket) -> bytearray:
    """All that *peer* gets until EOF."""
    got = bytearray()
    peer.setblocking(False)

    def step() -> bool:
        try:
            while data := peer.recv(1 << 16):
                got.extend(data)
            return True
        except BlockingIOError:
            return False

    run_until(base, step)
    return got


class TestLimit:
    """set_output_limit."""

    @pytest.mark.parametrize("filtered", [False, True])
    def test_pause_and_resume(self, base: EventBase, socket_pair: Pair, filtered: bool) -> None:
        """on_pause comes from the write beyond the mark, once; on_resume when it is down again."""
        bev: Any = BufferEvent(base, socket_pair[0])
        if filtered:
            bev = FilterBufferEvent(bev, process_out=lambda data, mode: data)
        told: list[str] = []
        bev.set_output_limit(
            MEGABYTE, on_pause=lambda _: told.append("pause"), on_resume=lambda _: told.append("resume")
        )
        while not bev.write_paused:
            assert not told
            bev.write(b"x" * 65536)
        assert told == ["pause"]
        assert bev.output_size > MEGABYTE
        bev.write(b"still taken")
        assert told == ["pause"]
        socket_pair[1].setblocking(False)

        def step() -> bool:
            with contextlib.suppress(BlockingIOError):
                socket_pair[1].recv(1 << 16)
            return len(told) > 1

        run_until(base, step)
        assert told == ["pause", "resume"]
        assert bev.output_size <= MEGABYTE // 4 + 65536
        assert not bev.write_paused

    def test_bytes_added_to_the_output_count(self, base: EventBase, socket_pair: Pair) -> None:
        """Those that go round write() are told from the loop."""
        bev = BufferEvent(base, socket_pair[0])
        bev.disable(WRITE)
        told: list[bool] = []
        bev.set_output_limit(10, on_pause=lambda bev: told.append(bev.write_paused))
        bev.output.add(b"x" * 11)
        settle(base)
        assert told == [True]

    def test_a_limit_set_late(self, base: EventBase, socket_pair: Pair) -> None:
        """What waits already counts; taking the limit off resumes."""
        bev = BufferEvent(base, socket_pair[0])
        bev.disable(WRITE)
        bev.write(b"x" * 100)
        bev.set_output_limit(10)
        assert bev.write_paused
        bev.set_output_limit(200, 150)
        assert not bev.write_paused
        bev.set_output_limit(10)
        bev.set_output_limit(None)
        assert not bev.write_paused

    @pytest.mark.parametrize("arguments", [(-1,), (1, 2), (None, 1), ("1",)])
    def test_wrong_marks(self, base: EventBase, arguments: tuple[Any, ...]) -> None:
        """Refused."""
        with pytest.raises((ValueError, TypeError)):
            BufferEvent(base).set_output_limit(*arguments)


class TestHalfClose:
    """shutdown_write."""

    @pytest.mark.parametrize("size", [0, 10, 3 * MEGABYTE])
    def test_all_is_sent_first(self, base: EventBase, tcp_pair: Pair, size: int) -> None:
        """The peer gets everything and then EOF, and can still answer."""
        bev = BufferEvent(base, tcp_pair[0])
        got: list[bytes] = []
        bev.set_callbacks(on_data=lambda _, data: got.append(data))
        bev.enable(READ)
        bev.write(b"x" * size)
        bev.shutdown_write()
        with pytest.raises(BrokenPipeError, match="ended"):
            bev.write(b"y")
        assert len(receive(base, tcp_pair[1])) == size
        tcp_pair[1].setblocking(True)
        tcp_pair[1].sendall(b"answer")
        run_until(base, lambda: got)
        assert got == [b"answer"]

    def test_before_it_is_connected(self, base: EventBase) -> None:
        """It waits for the connection."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            bev = BufferEvent(base)
            bev.connect(server.getsockname(), local=("127.0.0.1", 0))
            bev.shutdown_write()
            peer, _ = server.accept()
            with peer:
                assert receive(base, peer) == b""

    def test_without_a_socket(self, base: EventBase) -> None:
        """There is nothing to end."""
        with pytest.raises(OSError, match="cannot end writing"):
            BufferEvent(base).shutdown_write()


class TestCloseWhenFlushed:
    """close_when_flushed."""

    @pytest.mark.parametrize("size", [0, 10, 3 * MEGABYTE])
    def test_all_is_sent_first(self, base: EventBase, tcp_pair: Pair, size: int) -> None:
        """The peer gets everything, and the bufferevent is closed."""
        bev = BufferEvent(base, tcp_pair[0])
        bev.write(b"x" * size)
        bev.close_when_flushed(30)
        assert bev.closed or size > 10
        assert len(receive(base, tcp_pair[1])) == size
        assert bev.closed

    def test_nothing_is_read_any_more(self, base: EventBase, socket_pair: Pair) -> None:
        """Data that comes meanwhile is nobody's."""
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_data=lambda _, data: pytest.fail("read"))
        bev.enable(READ)
        socket_pair[1].send(b"late")
        bev.write(b"x" * 3 * MEGABYTE)
        bev.close_when_flushed()
        settle(base)
        assert not bev.closed
        bev.close()

    def test_a_peer_that_takes_nothing(self, base: EventBase, socket_pair: Pair) -> None:
        """The time limit ends it."""
        bev = BufferEvent(base, socket_pair[0])
        bev.write(b"x" * 3 * MEGABYTE)
        bev.close_when_flushed(0.05)
        begin = time.monotonic()
        run_until(base, lambda: bev.closed)
        assert 0.04 <= time.monotonic() - begin < 2

    def test_a_peer_that_goes(self, base: EventBase, socket_pair: Pair) -> None:
        """on_event tells of the error, then it is closed."""
        bev = BufferEvent(base, socket_pair[0])
        told: list[tuple[BufferEventEvents, bool]] = []
        bev.set_callbacks(on_event=lambda bev, what: told.append((what, bev.closed)))
        bev.write(b"x" * 3 * MEGABYTE)
        bev.close_when_flushed()
        socket_pair[1].close()
        run_until(base, lambda: bev.closed)
        assert len(told) == 1 and told[0][0] & ERROR and not told[0][1]


def test_trigger(base: EventBase) -> None:
    """A trigger delivers input that the low mark holds back, if it is told to."""
    one, other = BufferEventPair(base)
    got: list[bytes] = []
    events: list[BufferEventEvents] = []
    other.set_callbacks(
        on_data=lambda _, data: got.append(data), on_event=lambda _, what: events.append(what)
    )
    other.set_watermark(READ, 100)
    other.enable(READ)
    one.write(b"short")
    settle(base)
    other.trigger(READ)
    settle(base)
    assert got == []
    other.trigger(READ, BufferEventTriggers.IGNORE_WATERMARKS)
    other.trigger_event(BufferEventEvents.TIMEOUT)
    settle(base)
    assert (got, events) == ([b"short"], [BufferEventEvents.TIMEOUT])


@pytest.mark.parametrize(
    "use",
    [
        lambda bev: bev.flush(EventFlags.TIMEOUT),
        lambda bev: bev.flush(READ, 7),
        lambda bev: bev.trigger(0),
        lambda bev: bev.trigger(READ, 1),
        lambda bev: bev.trigger_event(1 << 20),
        lambda bev: bev.trigger_event(-1),
        lambda bev: bev.close_when_flushed(-1),
    ],
)
def test_wrong_arguments(base: EventBase, socket_pair: Pair, use: Callable[[Any], Any]) -> None:
    """Refused before C."""
    with pytest.raises(ValueError):
        use(BufferEvent(base, socket_pair[0]))


def test_flush_of_a_socket_does_nothing(base: EventBase, socket_pair: Pair) -> None:
    """It sends as fast as it can anyway."""
    assert BufferEvent(base, socket_pair[0]).flush(WRITE, FlushMode.FINISHED) is False
