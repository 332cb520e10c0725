"""BufferEvent.connect."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pytest
from bufferevents import Log
from loops import run_until, settle

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
    Listener,
)

READ = EventFlags.READ
READING = BufferEventEvents.READING
EOF, ERROR, CONNECTED = BufferEventEvents.EOF, BufferEventEvents.ERROR, BufferEventEvents.CONNECTED


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


def test_connect_to_a_path_too_long_for_an_address(base: EventBase, tmp_path: Path) -> None:
    """Python has no errno for it; we say which limit it is."""
    bev = BufferEvent(base)
    with pytest.raises(OSError, match="cannot connect to .*: File name too long") as caught:
        bev.connect(f"unix:{tmp_path / ('x' * 200)}")
    assert caught.value.errno == errno.ENAMETOOLONG
