"""The study notes, row by row: events, a client, evbuffer; each call as C has it, and as Python has it.

Where the notes are wrong the test shows what libevent does.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest
from loops import run_until, turn
from seeds import Raw

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
    LoopFlags,
    ffi,
    lib,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
Pair = tuple[socket.socket, socket.socket]


class TestEventCallback:
    """BEV_EVENT_READING, WRITING, EOF, ERROR, TIMEOUT, CONNECTED."""

    def test_raw(self, raw: Raw, socket_pair: Pair) -> None:
        """A closed peer is READING|EOF."""
        seen: list[int] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, event=lambda bev, what: seen.append(what))
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].close()
        raw.until(lambda: seen)
        assert seen == [lib.BEV_EVENT_READING | lib.BEV_EVENT_EOF]

    def test_pythonic(self, base: EventBase, socket_pair: Pair) -> None:
        """The same."""
        seen: list[BufferEventEvents] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_event=lambda bev, what: seen.append(what))
        bev.enable(READ)
        socket_pair[1].close()
        run_until(base, lambda: seen)
        assert seen == [BufferEventEvents.READING | BufferEventEvents.EOF]

    def test_raw_error(self, raw: Raw, socket_pair: Pair) -> None:
        """Writing to a peer that is gone is WRITING|ERROR."""
        seen: list[int] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, event=lambda bev, what: seen.append(what))
        socket_pair[1].close()
        lib.bufferevent_write(bev, b"x", 1)
        raw.until(lambda: seen)
        assert seen[0] == lib.BEV_EVENT_WRITING | lib.BEV_EVENT_ERROR

    def test_pythonic_error(self, base: EventBase, socket_pair: Pair) -> None:
        """The same, and ``error`` is the exception."""
        seen: list[BufferEventEvents] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_event=lambda bev, what: seen.append(what))
        socket_pair[1].close()
        bev.write(b"x")
        run_until(base, lambda: seen)
        assert seen[0] == BufferEventEvents.WRITING | BufferEventEvents.ERROR
        assert isinstance(bev.error, BrokenPipeError)


class TestClient:
    """The notes' bufferevent_socket_new(base, -1, ...), evutil_inet_pton, bufferevent_socket_connect."""

    def test_raw(self, raw: Raw) -> None:
        """BEV_EVENT_CONNECTED comes as an event."""
        seen: list[int] = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = ffi.new("struct sockaddr_in *")
            address.sin_family = socket.AF_INET
            address.sin_port = socket.htons(server.getsockname()[1])
            assert lib.evutil_inet_pton(socket.AF_INET, b"127.0.0.1", ffi.addressof(address, "sin_addr")) == 1
            bev = raw.bufferevent(None, lib.BEV_OPT_CLOSE_ON_FREE)
            raw.setcb(bev, event=lambda bev, what: seen.append(what))
            where = ffi.cast("struct sockaddr *", address)
            assert lib.bufferevent_socket_connect(bev, where, ffi.sizeof(address[0])) == 0
            lib.bufferevent_write(bev, b"hello", 5)
            raw.until(lambda: seen)
            assert seen == [lib.BEV_EVENT_CONNECTED]
            client, _ = server.accept()
            raw.turn(2)
            client.settimeout(10)
            assert client.recv(10) == b"hello"
            client.close()

    def test_pythonic(self, base: EventBase) -> None:
        """The same with connect()."""
        seen: list[BufferEventEvents] = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            bev = BufferEvent(base)
            bev.set_callbacks(on_event=lambda bev, what: seen.append(what))
            bev.connect(server.getsockname())
            bev.write(b"hello")
            run_until(base, lambda: seen)
            assert seen == [BufferEventEvents.CONNECTED]
            client, _ = server.accept()
            turn(base, 2)
            client.settimeout(10)
            assert client.recv(10) == b"hello"
            client.close()

    def test_pythonic_failing_at_once(self, base: EventBase, tmp_path: Any) -> None:
        """An immediate failure raises; there is no event."""
        with pytest.raises(FileNotFoundError):
            BufferEvent(base).connect(f"unix:{tmp_path}/none")
        assert base.loop(LoopFlags.NONBLOCK) is True


class TestEvbuffer:
    """The notes' evbuffer, input and output: what was read is gone, first in first out."""

    def test_raw(self) -> None:
        """The notes' evbuffer_add, evbuffer_remove."""
        buffer = lib.evbuffer_new()
        lib.evbuffer_add(buffer, b"first", 5)
        lib.evbuffer_add(buffer, b"second", 6)
        memory = ffi.new("char[]", 5)
        assert lib.evbuffer_remove(buffer, memory, 5) == 5
        assert ffi.buffer(memory)[:] == b"first"
        assert lib.evbuffer_get_length(buffer) == 6
        lib.evbuffer_free(buffer)

    def test_pythonic(self) -> None:
        """The same with Buffer."""
        buffer = Buffer(b"first")
        buffer.add(b"second")
        assert buffer.remove(5) == b"first"
        assert bytes(buffer) == b"second"

    def test_pythonic_input_and_output(self, base: EventBase, socket_pair: Pair) -> None:
        """A bufferevent has one for each direction."""
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_read=lambda bev: None)
        bev.enable(READ)
        bev.disable(WRITE)
        bev.write(b"out")
        socket_pair[1].send(b"in")
        run_until(base, lambda: len(bev.input))
        assert bytes(bev.input) == b"in"
        assert len(bev.output) == 3
        assert bev.read() == b"in"
        assert len(bev.input) == 0
