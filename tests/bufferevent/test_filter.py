"""FilterBufferEvent: functions between a bufferevent and its user."""

from __future__ import annotations

import gc
import socket
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from child import check_child
from loops import run_until, settle, turn

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    BufferEventOptions,
    BufferEventPair,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    FlushMode,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
READING, WRITING, EOF, ERROR = (
    BufferEventEvents.READING,
    BufferEventEvents.WRITING,
    BufferEventEvents.EOF,
    BufferEventEvents.ERROR,
)
Pair = tuple[socket.socket, socket.socket]


def swap(data: bytes, mode: FlushMode) -> bytes:
    """Upper case to lower and back."""
    return data.swapcase()


def listen(bev: Any) -> tuple[bytearray, list[BufferEventEvents]]:
    """Read *bev*; its data and events."""
    data, events = bytearray(), []
    bev.set_callbacks(on_data=lambda _, more: data.extend(more), on_event=lambda _, what: events.append(what))
    bev.enable(READ)
    return data, events


def test_over_a_socket(base: EventBase, socket_pair: Pair) -> None:
    """Both functions see all that passes, and the peer the result."""
    bev = FilterBufferEvent(BufferEvent(base, socket_pair[0]), swap, swap)
    data, events = listen(bev)
    bev.write(b"Hello")
    socket_pair[1].send(b"World")
    run_until(base, lambda: data)
    assert data == b"wORLD"
    assert socket_pair[1].recv(9) == b"hELLO"
    socket_pair[1].close()
    run_until(base, lambda: events)
    assert events == [READING | EOF]


def test_what_was_written_while_writing_was_off(base: EventBase, socket_pair: Pair) -> None:
    """enable() sends it, each time; libevent alone waits for more to be written."""
    bev = FilterBufferEvent(BufferEvent(base, socket_pair[0]), swap, swap)
    for _ in range(3):
        bev.disable(WRITE)
        bev.write(b"Hello")
        turn(base, 2)
        assert len(bev.output) == 5
        bev.enable(WRITE)
        turn(base, 3)
        assert socket_pair[1].recv(9) == b"hELLO"


def test_a_chain(base: EventBase) -> None:
    """Filters over filters over a pair: each gets what the one before made."""
    one, other = BufferEventPair(base)
    low = FilterBufferEvent(one, lambda d, m: d[::-1], lambda d, m: d + b"|low")
    top = FilterBufferEvent(low, lambda d, m: d + b"|in", lambda d, m: d + b"|top")
    got, _ = listen(other)
    mine, events = listen(top)
    top.write(b"x")
    other.write(b"abc")
    turn(base, 4)
    assert got == b"x|top|low"
    assert mine == b"cba|in"
    assert top.underlying is low and low.underlying is one
    other.close()
    turn(base, 3)
    assert events == [READING | EOF]
    top.close()
    assert low.closed and one.closed


@pytest.mark.parametrize("size", [0, 1, 5000, 1_000_000])
def test_compression(base: EventBase, size: int) -> None:
    """What a filter keeps comes out when its output ends, and its reader sees the end."""
    one, other = BufferEventPair(base)
    pack, unpack = zlib.compressobj(), zlib.decompressobj()

    def process_out(data: bytes, mode: FlushMode) -> bytes:
        return pack.compress(data) + (pack.flush() if mode is FlushMode.FINISHED else b"")

    def process_in(data: bytes, mode: FlushMode) -> bytes:
        return unpack.decompress(data) + (unpack.flush() if mode is FlushMode.FINISHED else b"")

    writer = FilterBufferEvent(one, process_out=process_out)
    data, events = listen(FilterBufferEvent(other, process_in))
    writer.write(b"z" * size)
    writer.close_when_flushed()
    run_until(base, lambda: events)
    assert data == b"z" * size
    assert events == [READING | EOF]
    assert unpack.eof
    assert writer.closed


def test_what_is_kept_comes_at_eof(base: EventBase, socket_pair: Pair) -> None:
    """process_in is told FINISHED once, also when nothing more has come."""
    kept, modes = bytearray(), []

    def hold(data: bytes, mode: FlushMode) -> bytes:
        kept.extend(data)
        modes.append(mode)
        return bytes(kept) if mode is FlushMode.FINISHED else b""

    data, events = listen(FilterBufferEvent(BufferEvent(base, socket_pair[0]), hold))
    socket_pair[1].send(b"piece")
    run_until(base, lambda: kept)
    assert not data
    socket_pair[1].close()
    run_until(base, lambda: events)
    assert data == b"piece"
    assert modes.count(FlushMode.FINISHED) == 1


def test_flush(base: EventBase) -> None:
    """flush() calls the functions with its mode, with or without data."""
    modes = []

    def process(data: bytes, mode: FlushMode) -> bytes:
        modes.append(mode)
        return b"."

    one, other = BufferEventPair(base)
    bev = FilterBufferEvent(one, process_out=process)
    got, _ = listen(other)
    assert bev.flush(WRITE) is True
    turn(base, 2)
    assert (modes, got) == ([FlushMode.FLUSH], b".")


class TestRaising:
    """What a function raises."""

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
    def test_in_write(self, base: EventBase, socket_pair: Pair, error: type[BaseException]) -> None:
        """It comes out of write() once; on_event tells; nothing more can be written."""

        def fail(data: bytes, mode: FlushMode) -> bytes:
            raise error("broken")

        bev = FilterBufferEvent(BufferEvent(base, socket_pair[0]), process_out=fail)
        told = []
        bev.set_callbacks(on_event=lambda bev, what: told.append((what, repr(bev.error))))
        with pytest.raises(error, match="broken"):
            bev.write(b"x")
        with pytest.raises(BrokenPipeError, match="raised before"):
            bev.write(b"y")
        settle(base)
        assert told == [(WRITING | ERROR, repr(error("broken")))]

    @pytest.mark.parametrize("depth", [1, 2])
    def test_in_the_loop(self, base: EventBase, socket_pair: Pair, depth: int) -> None:
        """It comes out of dispatch() once, after the event; reading is over."""

        def fail(data: bytes, mode: FlushMode) -> bytes:
            raise ValueError("broken")

        bev: Any = FilterBufferEvent(BufferEvent(base, socket_pair[0]), fail)
        if depth == 2:
            bev = FilterBufferEvent(bev, swap, swap)
        _, events = listen(bev)
        socket_pair[1].send(b"x")
        with pytest.raises(ValueError, match="broken"):
            base.dispatch()
        assert events == [READING | ERROR]
        assert isinstance(bev.error, ValueError)
        socket_pair[1].send(b"more")
        settle(base)
        assert events == [READING | ERROR]

    def test_in_the_loop_without_callbacks(self, base: EventBase, socket_pair: Pair) -> None:
        """Also where nobody listens."""
        bev = FilterBufferEvent(BufferEvent(base, socket_pair[0]), lambda data, mode: 1 / 0)  # type: ignore
        bev.enable(READ)
        socket_pair[1].send(b"x")
        with pytest.raises(ZeroDivisionError):
            base.dispatch()

    @pytest.mark.parametrize("result", [None, "text", 3])
    def test_a_wrong_result(self, base: EventBase, socket_pair: Pair, result: Any) -> None:
        """Anything but bytes is a TypeError from write()."""
        bev = FilterBufferEvent(BufferEvent(base, socket_pair[0]), process_out=lambda data, mode: result)
        with pytest.raises(TypeError, match="bytes"):
            bev.write(b"x")

    def test_a_loop_inside(self, base: EventBase, socket_pair: Pair) -> None:
        """Running or closing the base in a function is refused, outside of the loop too."""

        def run(data: bytes, mode: FlushMode) -> bytes:
            with pytest.raises(RuntimeError, match="callback"):
                base.close()
            base.dispatch()
            return b""

        bev = FilterBufferEvent(BufferEvent(base, socket_pair[0]), process_out=run)
        with pytest.raises(RuntimeError, match="running already"):
            bev.write(b"x")


class TestCapture:
    """The bufferevent below belongs to the filter."""

    @pytest.mark.parametrize(
        "use",
        [
            lambda bev: bev.set_callbacks(),
            lambda bev: bev.enable(READ),
            lambda bev: bev.disable(WRITE),
            lambda bev: bev.set_watermark(READ, 1),
            lambda bev: bev.set_timeouts(1),
            lambda bev: bev.write(b"x"),
            lambda bev: bev.flush(WRITE),
            lambda bev: bev.trigger(READ),
            lambda bev: bev.shutdown_write(),
            lambda bev: bev.close_when_flushed(),
            lambda bev: bev.close(),
            lambda bev: FilterBufferEvent(bev),
        ],
    )
    def test_it_cannot_be_used(self, base: EventBase, socket_pair: Pair, use: Callable[[Any], Any]) -> None:
        """Every way into it is refused, and says who has it."""
        bev = BufferEvent(base, socket_pair[0])
        FilterBufferEvent(bev)
        with pytest.raises(RuntimeError, match="FilterBufferEvent"):
            use(bev)

    def test_it_can_be_given_back(self, base: EventBase, socket_pair: Pair) -> None:
        """Without CLOSE_ON_FREE it works by itself after the filter is closed."""
        bev = BufferEvent(base, socket_pair[0])
        FilterBufferEvent(bev, swap, swap, BufferEventOptions(0)).close()
        data, _ = listen(bev)
        bev.write(b"plain")
        socket_pair[1].send(b"Too")
        run_until(base, lambda: data)
        assert (data, socket_pair[1].recv(9)) == (b"Too", b"plain")

    def test_it_connects_below(self, base: EventBase) -> None:
        """A filter over an unconnected BufferEvent tells CONNECTED, and sends then."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            bev = BufferEvent(base)
            top = FilterBufferEvent(bev, process_out=swap)
            _, events = listen(top)
            top.write(b"Early")
            bev.connect(server.getsockname())
            top.shutdown_write()
            run_until(base, lambda: events)
            peer, _ = server.accept()
            with peer:
                peer.settimeout(5)
                turn(base, 3)
                assert peer.recv(9, socket.MSG_WAITALL) == b"eARLY"
        assert events[0] == BufferEventEvents.CONNECTED


@pytest.mark.parametrize("where", ["in", "out"])
@pytest.mark.parametrize("what", ["top", "low", "other", "base"])
@pytest.mark.parametrize("how", ["return", "raise"])
def test_closing_in_a_function(where: str, what: str, how: str) -> None:
    """A function may close anything it likes, or try to; nothing crashes and nothing leaks."""
    check_child(
        """
        import gc, os, sys
        from libevent_py import *
        where, what, how = sys.argv[1:]
        descriptors = os.listdir("/proc/self/fd")
        for chained in (False, True):
            base = EventBase()
            low, other = BufferEventPair(base)
            def process(data, mode):
                try:
                    dict(top=top, low=low, other=other, base=base)[what].close()
                except RuntimeError:
                    pass
                gc.collect()
                if how == "raise":
                    raise OSError("on purpose")
                return data * 2
            top = FilterBufferEvent(low, process, process)
            if chained:
                top = FilterBufferEvent(top, process, process)
            for bev in (top, other):
                bev.set_callbacks(on_data=lambda bev, data: None, on_event=lambda bev, what: None)
                bev.enable(EventFlags.READ)
            for _ in range(3):
                try:
                    (top if where == "out" else other).write(b"data")
                except (OSError, ClosedError):
                    pass
                for _ in range(3):
                    try:
                        base.loop(LoopFlags.NONBLOCK)
                    except OSError:
                        pass
            base.close()
            del top, low, other, base, process, bev
            gc.collect()
        assert os.listdir("/proc/self/fd") == descriptors
        """,
        where,
        what,
        how,
    )


def test_dropping_every_reference(base: EventBase, socket_pair: Pair) -> None:
    """The base keeps a filter and what is below."""
    data, _ = listen(FilterBufferEvent(BufferEvent(base, socket_pair[0]), swap))
    gc.collect()
    socket_pair[1].send(b"x")
    run_until(base, lambda: data)
    assert data == b"X"


def test_wrong_arguments(base: EventBase, socket_pair: Pair) -> None:
    """Refused before C."""
    bev = BufferEvent(base, socket_pair[0])
    with pytest.raises(TypeError, match="need a BufferEvent"):
        FilterBufferEvent(socket_pair[0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="process_in"):
        FilterBufferEvent(bev, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="THREADSAFE"):
        FilterBufferEvent(bev, options=BufferEventOptions.THREADSAFE)
    with pytest.raises(ValueError, match="needs DEFER"):
        FilterBufferEvent(bev, options=BufferEventOptions.UNLOCK_CALLBACKS)
