"""The study notes, row by row: watermarks and timeouts; each call as C has it, and as Python has it.

Where the notes are wrong the test shows what libevent does.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest
from loops import run_until, settle
from seeds import Raw, take, timeval

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
    ffi,
    lib,
)

NULL = ffi.NULL
READ, WRITE = EventFlags.READ, EventFlags.WRITE
Pair = tuple[socket.socket, socket.socket]
#: What is sent, what the read callback gets in turn, and what stays in the input.
WATERMARK_TABLE = [
    (b"1234", [], 4),
    (b"12345", [5], 0),
    (b"1234567890", [10], 0),
    (b"1234567890abc", [10], 3),
    (b"1234567890abcdefgh", [10, 8], 0),
]


class TestSetwatermark:
    """The notes' bufferevent_setwatermark(bev, EV_READ, 5, 10)."""

    @pytest.mark.parametrize(("sent", "portions", "rest"), WATERMARK_TABLE)
    def test_raw(self, raw: Raw, socket_pair: Pair, sent: bytes, portions: list[int], rest: int) -> None:
        """Below 5 no callback, 5 to 10 at once, more in tens, a rest under 5 stays."""
        got: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=lambda bev: got.append(take(bev)))
        lib.bufferevent_setwatermark(bev, lib.EV_READ, 5, 10)
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(sent)
        raw.turn(6)
        assert [len(each) for each in got] == portions
        assert lib.evbuffer_get_length(lib.bufferevent_get_input(bev)) == rest

    @pytest.mark.parametrize(("sent", "portions", "rest"), WATERMARK_TABLE)
    @pytest.mark.parametrize("how", ["on_read", "on_data"])
    def test_pythonic(
        self, base: EventBase, socket_pair: Pair, how: str, sent: bytes, portions: list[int], rest: int
    ) -> None:
        """The same with set_watermark(), for both ways to read."""
        got: list[bytes] = []
        bev = BufferEvent(base, socket_pair[0])
        if how == "on_read":
            bev.set_callbacks(on_read=lambda bev: got.append(bev.read()))
        else:
            bev.set_callbacks(on_data=lambda bev, data: got.append(data))
        bev.set_watermark(READ, 5, 10)
        bev.enable(READ)
        socket_pair[1].send(sent)
        settle(base, 0.005)
        assert [len(each) for each in got] == portions
        assert len(bev.input) == rest

    def test_raw_end_of_stream_does_not_flush(self, raw: Raw, socket_pair: Pair) -> None:
        """At EOF libevent leaves the rest to the event callback."""
        got: list[bytes] = []
        rest: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=lambda bev: got.append(take(bev)), event=lambda bev, what: rest.append(take(bev)))
        lib.bufferevent_setwatermark(bev, lib.EV_READ, 5, 10)
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(b"123")
        socket_pair[1].close()
        raw.until(lambda: rest)
        assert got == []
        assert rest == [b"123"]

    def test_pythonic_end_of_stream_flushes(self, base: EventBase, socket_pair: Pair) -> None:
        """on_data gets the rest before on_event tells of the end."""
        order: list[object] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(
            on_data=lambda bev, data: order.append(data), on_event=lambda bev, what: order.append(what)
        )
        bev.set_watermark(READ, 5, 10)
        bev.enable(READ)
        socket_pair[1].send(b"123")
        socket_pair[1].close()
        run_until(base, lambda: len(order) == 2)
        assert order == [b"123", BufferEventEvents.READING | BufferEventEvents.EOF]

    def test_raw_a_full_input_spins(self, raw: Raw, socket_pair: Pair) -> None:
        """A raw read callback that leaves the high mark's worth is called in every pass (issue 891)."""
        calls: list[int] = []

        def leave(bev: Any) -> None:
            calls.append(1)
            if len(calls) == 20:
                lib.event_base_loopbreak(raw.base)

        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=leave)
        lib.bufferevent_setwatermark(bev, lib.EV_READ, 0, 10)
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(b"x" * 100)
        guard = raw.event(-1, 0, lambda fd, what, arg: lib.event_base_loopbreak(raw.base))
        lib.event_add(guard, timeval(5))
        lib.event_base_dispatch(raw.base)
        assert len(calls) == 20

    def test_pythonic_a_full_input_does_not_spin(self, base: EventBase, socket_pair: Pair) -> None:
        """Python's is called once."""
        calls: list[int] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_read=lambda bev: calls.append(1))
        bev.set_watermark(READ, 0, 10)
        bev.enable(READ)
        socket_pair[1].send(b"x" * 100)
        settle(base, 0.02)
        assert calls == [1]


class TestWriteHighWatermark:
    """The notes' bufferevent_setwatermark(bev, EV_WRITE, low, high)."""

    def test_raw(self, raw: Raw, socket_pair: Pair) -> None:
        """The high mark has no effect on a socket."""
        bev = raw.bufferevent(socket_pair[0])
        lib.bufferevent_setwatermark(bev, lib.EV_WRITE, 0, 10)
        assert lib.bufferevent_write(bev, b"x" * 1000, 1000) == 0
        assert lib.evbuffer_get_length(lib.bufferevent_get_output(bev)) == 1000

    def test_pythonic(self, base: EventBase, socket_pair: Pair) -> None:
        """Nor here: ``len(bev.output)`` tells how much waits."""
        bev = BufferEvent(base, socket_pair[0])
        bev.set_watermark(WRITE, 0, 10)
        bev.write(b"x" * 5_000_000)
        assert len(bev.output) > 1_000_000


class TestSetTimeouts:
    """The notes' bufferevent_set_timeouts."""

    def test_raw(self, raw: Raw, socket_pair: Pair) -> None:
        """Running out turns reading off and reports READING|TIMEOUT; enabled again, it reads on."""
        seen: list[int] = []
        got: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=lambda bev: got.append(take(bev)), event=lambda bev, what: seen.append(what))
        lib.bufferevent_set_timeouts(bev, timeval(0.01), NULL)
        lib.bufferevent_enable(bev, lib.EV_READ)
        raw.until(lambda: seen)
        assert seen == [lib.BEV_EVENT_READING | lib.BEV_EVENT_TIMEOUT]
        assert lib.bufferevent_get_enabled(bev) == lib.EV_WRITE
        socket_pair[1].send(b"x")
        lib.bufferevent_enable(bev, lib.EV_READ)
        raw.until(lambda: got)
        assert got == [b"x"]

    def test_pythonic(self, base: EventBase, socket_pair: Pair) -> None:
        """The same with set_timeouts()."""
        seen: list[BufferEventEvents] = []
        got: list[bytes] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(
            on_data=lambda bev, data: got.append(data), on_event=lambda bev, what: seen.append(what)
        )
        bev.set_timeouts(read=0.01)
        bev.enable(READ)
        run_until(base, lambda: seen)
        assert seen == [BufferEventEvents.READING | BufferEventEvents.TIMEOUT]
        assert bev.enabled == WRITE
        socket_pair[1].send(b"x")
        bev.enable(READ)
        run_until(base, lambda: got)
        assert got == [b"x"]
