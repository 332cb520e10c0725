"""The study notes, row by row: making, reading, writing; each call as C has it, and as Python has it.

Where the notes are wrong the test shows what libevent does.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest
from loops import run_until, turn
from seeds import Raw, take

from libevent_py import (
    BufferEvent,
    BufferEventOptions,
    EventBase,
    EventFlags,
    Listener,
    ffi,
    lib,
)

NULL = ffi.NULL
READ, WRITE = EventFlags.READ, EventFlags.WRITE
Pair = tuple[socket.socket, socket.socket]


class TestBuffereventSocketNew:
    """The notes' bufferevent_socket_new(base, fd, options)."""

    def test_raw_without_descriptor(self, raw: Raw) -> None:
        """-1 does not make a descriptor: that is made at connect time."""
        bev = raw.bufferevent(None, lib.BEV_OPT_CLOSE_ON_FREE)
        assert lib.bufferevent_getfd(bev) == -1

    def test_pythonic_without_descriptor(self, base: EventBase) -> None:
        """The same."""
        bev = BufferEvent(base)
        assert bev.fileno() == -1
        listener = Listener(base, ("127.0.0.1", 0), lambda listener, sock, address: sock.close())
        bev.connect(listener.address)
        assert bev.fileno() >= 0

    def test_raw_close_on_free(self, raw: Raw) -> None:
        """BEV_OPT_CLOSE_ON_FREE closes the descriptor, from the loop."""
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        bev = lib.bufferevent_socket_new(raw.base, ours.detach(), lib.BEV_OPT_CLOSE_ON_FREE)
        lib.bufferevent_free(bev)
        raw.turn()
        assert peer.recv(1) == b""
        peer.close()

    def test_pythonic_close_on_free(self, base: EventBase, socket_pair: Pair) -> None:
        """CLOSE_ON_FREE is the default."""
        bev = BufferEvent(base, socket_pair[0])
        assert bev.options == BufferEventOptions.CLOSE_ON_FREE
        bev.close()
        turn(base)
        assert socket_pair[1].recv(1) == b""

    def test_raw_unlock_needs_defer(self, raw: Raw, socket_pair: Pair) -> None:
        """BEV_OPT_UNLOCK_CALLBACKS alone gives NULL; with BEV_OPT_DEFER_CALLBACKS a bufferevent."""
        quiet = ffi.callback("event_log_cb", lambda severity, message: None)
        lib.event_set_log_callback(quiet)
        fd = socket_pair[0].fileno()
        assert lib.bufferevent_socket_new(raw.base, fd, lib.BEV_OPT_UNLOCK_CALLBACKS) == NULL
        lib.event_set_log_callback(NULL)
        assert (
            raw.bufferevent(socket_pair[0], lib.BEV_OPT_UNLOCK_CALLBACKS | lib.BEV_OPT_DEFER_CALLBACKS)
            != NULL
        )

    def test_pythonic_unlock_needs_defer(self, base: EventBase, socket_pair: Pair) -> None:
        """A ValueError before C."""
        options = BufferEventOptions
        with pytest.raises(ValueError, match="UNLOCK_CALLBACKS needs DEFER_CALLBACKS"):
            BufferEvent(base, socket_pair[0], options.UNLOCK_CALLBACKS)
        BufferEvent(base, socket_pair[0], options.UNLOCK_CALLBACKS | options.DEFER_CALLBACKS)

    @pytest.mark.parametrize("options", [lib.BEV_OPT_THREADSAFE, lib.BEV_OPT_DEFER_CALLBACKS])
    def test_raw_other_options(self, raw: Raw, socket_pair: Pair, options: int) -> None:
        """BEV_OPT_THREADSAFE and BEV_OPT_DEFER_CALLBACKS read as always."""
        got: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0], options)
        raw.setcb(bev, read=lambda bev: got.append(take(bev)))
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(b"x")
        raw.until(lambda: got)
        assert got == [b"x"]


class TestSetcbReadWrite:
    """The notes' bufferevent_setcb, bufferevent_read, bufferevent_write."""

    def test_raw(self, raw: Raw, socket_pair: Pair) -> None:
        """Read what came, answer; reading takes it out of the input."""
        bev = raw.bufferevent(socket_pair[0])

        def answer(bev: Any) -> None:
            data = take(bev)
            assert lib.evbuffer_get_length(lib.bufferevent_get_input(bev)) == 0
            lib.bufferevent_write(bev, data.upper(), len(data))

        raw.setcb(bev, read=answer)
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(b"hello")
        raw.turn(3)
        assert socket_pair[1].recv(100) == b"HELLO"

    def test_pythonic(self, base: EventBase, socket_pair: Pair) -> None:
        """The same with set_callbacks(), read(), write()."""
        bev = BufferEvent(base, socket_pair[0])

        def answer(bev: BufferEvent) -> None:
            data = bev.read()
            assert len(bev.input) == 0
            bev.write(data.upper())

        bev.set_callbacks(on_read=answer)
        bev.enable(READ)
        socket_pair[1].send(b"hello")
        turn(base, 3)
        assert socket_pair[1].recv(100) == b"HELLO"

    def test_raw_write_only_queues(self, raw: Raw, socket_pair: Pair) -> None:
        """Writing does not call the write callback: that comes from the loop, once the output has drained."""
        calls: list[int] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(
            bev, write=lambda bev: calls.append(lib.evbuffer_get_length(lib.bufferevent_get_output(bev)))
        )
        lib.bufferevent_write(bev, b"x", 1)
        assert calls == []
        raw.until(lambda: calls)
        assert calls == [0]

    def test_pythonic_write_only_queues(self, base: EventBase, socket_pair: Pair) -> None:
        """The same for on_write."""
        calls: list[int] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_write=lambda bev: calls.append(len(bev.output)))
        bev.write(b"x")
        assert calls == []
        run_until(base, lambda: calls)
        assert set(calls) == {0}

    def test_raw_enabling_an_empty_output_calls_too(self, raw: Raw, socket_pair: Pair) -> None:
        """The notes' bufferevent_enable(EV_WRITE) with nothing written gives one write callback."""
        calls: list[int] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, write=lambda bev: calls.append(1))
        lib.bufferevent_enable(bev, lib.EV_WRITE)
        raw.turn(3)
        assert calls == [1]

    def test_pythonic_enabling_an_empty_output_calls_too(self, base: EventBase, socket_pair: Pair) -> None:
        """The same for enable(WRITE)."""
        calls: list[int] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_write=lambda bev: calls.append(1))
        bev.enable(WRITE)
        turn(base, 3)
        assert calls == [1]


class TestEnableDisable:
    """The notes' bufferevent_enable, bufferevent_disable, bufferevent_get_enabled."""

    def test_raw_defaults(self, raw: Raw, socket_pair: Pair) -> None:
        """Writing is on and reading off, not both on."""
        bev = raw.bufferevent(socket_pair[0])
        assert lib.bufferevent_get_enabled(bev) == lib.EV_WRITE
        lib.bufferevent_enable(bev, lib.EV_READ)
        assert lib.bufferevent_get_enabled(bev) == lib.EV_READ | lib.EV_WRITE
        lib.bufferevent_disable(bev, lib.EV_READ | lib.EV_WRITE)
        assert lib.bufferevent_get_enabled(bev) == 0

    def test_pythonic_defaults(self, base: EventBase, socket_pair: Pair) -> None:
        """The same."""
        bev = BufferEvent(base, socket_pair[0])
        assert bev.enabled == WRITE
        bev.enable(READ)
        assert bev.enabled == READ | WRITE
        bev.disable(READ | WRITE)
        assert bev.enabled == EventFlags(0)

    def test_raw_disabled_is_silent(self, raw: Raw, socket_pair: Pair) -> None:
        """No callback while EV_READ is off."""
        got: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=lambda bev: got.append(take(bev)))
        socket_pair[1].send(b"x")
        raw.turn(3)
        assert got == []

    def test_pythonic_disabled_is_silent(self, base: EventBase, socket_pair: Pair) -> None:
        """The same."""
        got: list[bytes] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_data=lambda bev, data: got.append(data))
        socket_pair[1].send(b"x")
        turn(base, 3)
        assert got == []
