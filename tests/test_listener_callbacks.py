"""Listener: exchanging its callbacks."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from loops import run_until

from libevent_py import ClosedError, EventBase, Listener


def test_the_new_one_gets_what_comes(base: EventBase) -> None:
    """Also the second of two connections that were accepted in one pass."""
    got: list[str] = []

    def first(listener: Listener, sock: socket.socket, address: Any) -> None:
        got.append("first")
        sock.close()
        listener.set_callbacks(second)

    def second(listener: Listener, sock: socket.socket, address: Any) -> None:
        got.append("second")
        sock.close()

    listener = Listener(base, ("127.0.0.1", 0), first)
    with socket.create_connection(listener.address), socket.create_connection(listener.address):
        run_until(base, lambda: len(got) == 2)
    assert got == ["first", "second"]


def test_what_cannot_be_called(base: EventBase) -> None:
    """TypeError, and the old one stays; a closed listener is ClosedError."""
    got: list[socket.socket] = []
    listener = Listener(base, ("127.0.0.1", 0), lambda listener, sock, address: got.append(sock))
    with pytest.raises(TypeError, match="on_accept must be callable"):
        listener.set_callbacks(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_error must be callable"):
        listener.set_callbacks(print, 1)  # type: ignore[arg-type]
    with socket.create_connection(listener.address):
        run_until(base, lambda: got)
    got.pop().close()
    listener.close()
    with pytest.raises(ClosedError):
        listener.set_callbacks(print)
