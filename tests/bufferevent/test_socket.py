"""BufferEvent over sockets."""

from __future__ import annotations

import contextlib
import errno
import os
import socket

import pytest
from bufferevents import Log, reset
from loops import run_until, settle, turn

from libevent_py import (
    BufferEvent,
    BufferEventOptions,
    EventBase,
    EventFlags,
    lib,
)

READ = EventFlags.READ

Pair = tuple[socket.socket, socket.socket]


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
