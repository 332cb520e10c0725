"""FilterBufferEvent: what a function gives beyond the high mark of the input waits in the filter."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest
from loops import run_until, settle

from libevent_py import BufferEvent, BufferEventEvents, EventBase, EventFlags, FilterBufferEvent

Pair = tuple[socket.socket, socket.socket]
READ = EventFlags.READ
HIGH = 100


def tenfold(data: bytes, mode: object) -> bytes:
    """Ten bytes for each."""
    return b"".join(bytes((byte,)) * 10 for byte in data)


def make(base: EventBase, sock: socket.socket, **callbacks: Any) -> FilterBufferEvent:
    """A filter that makes ten bytes of one, with a high mark."""
    bev = FilterBufferEvent(BufferEvent(base, sock), process_in=tenfold)
    bev.set_callbacks(**callbacks)
    bev.set_watermark(READ, 0, HIGH)
    bev.enable(READ)
    return bev


DATA = bytes(range(256)) * 4


def test_it_is_never_exceeded(base: EventBase, socket_pair: Pair) -> None:
    """However much one call gives; all arrives, in order, whatever is taken at a time."""
    ours, peer = socket_pair
    got = bytearray()
    sizes = []

    def on_read(bev: FilterBufferEvent) -> None:
        sizes.append(len(bev.input))
        got.extend(bev.read(1 + len(got) % 150))

    make(base, ours, on_read=on_read)
    peer.sendall(DATA)
    run_until(base, lambda: len(got) == 10 * len(DATA))
    assert got == tenfold(DATA, None)
    assert max(sizes) == HIGH


def test_with_on_data(base: EventBase, socket_pair: Pair) -> None:
    """Data rides along in pieces of at most the mark."""
    ours, peer = socket_pair
    got: list[bytes] = []
    make(base, ours, on_data=lambda bev, data: got.append(data))
    peer.sendall(DATA)
    run_until(base, lambda: sum(map(len, got)) == 10 * len(DATA))
    assert b"".join(got) == tenfold(DATA, None)
    assert max(map(len, got)) == HIGH


def test_nothing_more_is_filtered_before_it_is_taken(base: EventBase, socket_pair: Pair) -> None:
    """So a reader that rests holds the peer back, not memory."""
    ours, peer = socket_pair
    calls: list[int] = []

    def process_in(data: bytes, mode: object) -> bytes:
        calls.append(len(data))
        return data

    bev = FilterBufferEvent(BufferEvent(base, ours), process_in=process_in)
    bev.set_watermark(READ, 0, HIGH)
    bev.enable(READ)
    peer.setblocking(False)
    for _ in range(20):
        with contextlib.suppress(BlockingIOError):
            peer.send(bytes(1 << 20))
        settle(base, 0.001)
    assert len(bev.input) == HIGH
    assert len(calls) == 1
    with pytest.raises(BlockingIOError):
        peer.send(b"x" * (1 << 20))


def test_all_of_it_comes_before_eof(base: EventBase, socket_pair: Pair) -> None:
    """The end lifts the mark: nothing is lost."""
    ours, peer = socket_pair
    ends: list[BufferEventEvents] = []
    bev = make(base, ours, on_event=lambda bev, what: ends.append(what))
    peer.sendall(DATA)
    settle(base)
    assert len(bev.input) == HIGH
    peer.close()
    bev.read(1)
    got = bytearray()

    def take() -> bool:
        got.extend(bev.read())
        return bool(ends)

    run_until(base, take)
    got.extend(bev.read())
    assert b"\0" + got == tenfold(DATA, None)


def test_closing_with_something_held(base: EventBase, socket_pair: Pair) -> None:
    """It goes with the filter."""
    ours, peer = socket_pair
    bev = make(base, ours)
    peer.sendall(DATA)
    settle(base)
    bev.close()
    settle(base)
    assert peer.recv(1) == b""
