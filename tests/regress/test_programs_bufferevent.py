"""Ports of libevent's programs test-eof, test-weof, test-fdleak and test-ratelim."""

from __future__ import annotations

import os
import socket
import statistics
import time
from typing import Any

from loops import run_until, turn

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
    Listener,
    RateLimit,
    RateLimitGroup,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
READING, WRITING = BufferEventEvents.READING, BufferEventEvents.WRITING
EOF, ERROR = BufferEventEvents.EOF, BufferEventEvents.ERROR


def test_eof(backend_base: EventBase) -> None:
    """A peer that writes, and ends writing: the text is read, then EOF, with on_data and on_read."""
    for by_read in (False, True):
        ours, peer = socket.socketpair()
        got, told = bytearray(), []
        bev = BufferEvent(backend_base, ours)
        how: dict[str, Any] = (
            {"on_read": lambda bev, got=got: got.extend(bev.read())}
            if by_read
            else {"on_data": lambda bev, data, got=got: got.extend(data)}
        )
        bev.set_callbacks(on_event=lambda bev, what, told=told: told.append(what), **how)
        bev.enable(READ)
        peer.send(b"test string")
        peer.shutdown(socket.SHUT_WR)
        run_until(backend_base, lambda told=told: told)
        assert (got, told) == (b"test string", [READING | EOF])
        # Reading again after the end finds the end again.
        bev.enable(READ)
        run_until(backend_base, lambda told=told: len(told) == 2)
        bev.write(b"still open")
        assert peer.recv(99) == b"still open"
        peer.close()


def test_weof(backend_base: EventBase) -> None:
    """Writing to a peer that is gone: an error of writing, not a signal."""
    ours, peer = socket.socketpair()
    told = []
    bev = BufferEvent(backend_base, ours)
    bev.set_callbacks(on_event=lambda bev, what: told.append((what, bev.error)))
    peer.close()
    bev.write(b"test string")
    run_until(backend_base, lambda: told)
    ((what, error),) = told
    assert what == WRITING | ERROR
    assert isinstance(error, BrokenPipeError)


def test_fdleak(base: EventBase) -> None:
    """Two thousand short connections, each a line there and back: no descriptor is left."""
    finished = 0

    def accept(listener: Listener, sock: socket.socket, address: Any) -> None:
        bev = BufferEvent(base, sock)
        bev.set_callbacks(on_data=answer, on_event=lambda bev, what: bev.close())
        bev.enable(READ)

    def answer(bev: BufferEvent, data: bytes) -> None:
        bev.write(data)
        bev.close_when_flushed()

    def start() -> None:
        bev = BufferEvent(base)
        bev.set_callbacks(on_event=on_event)
        bev.enable(READ)
        bev.write(b"hello\n")
        bev.connect(listener.address)

    def on_event(bev: BufferEvent, what: BufferEventEvents) -> None:
        nonlocal finished
        if what & BufferEventEvents.CONNECTED:
            return
        assert (what, bev.read()) == (READING | EOF, b"hello\n")
        bev.close()
        finished += 1
        if finished <= 2000 - 20:
            start()

    listener = Listener(base, ("127.0.0.1", 0), accept)
    turn(base, 2)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(20):
        start()
    run_until(base, lambda: finished == 2000, 30)
    turn(base, 4)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
    assert base._delivery.table.open_count == 1


def test_ratelim(base: EventBase) -> None:
    """Ten senders under a group's limit: together at its rate, and about equally fast."""
    rate, seconds = 200_000, 1.0
    tick = 0.02
    group = RateLimitGroup(base, RateLimit(read=int(rate * tick), tick=tick))
    counts = [0] * 10
    peers = []
    for number in range(len(counts)):
        ours, peer = socket.socketpair()
        receiver, sender = BufferEvent(base, ours), BufferEvent(base, peer)

        def on_data(bev: BufferEvent, data: bytes, number: int = number) -> None:
            counts[number] += len(data)

        receiver.set_callbacks(on_data=on_data)
        receiver.enable(READ)
        receiver.join_group(group)
        sender.write(b"x" * rate)
        peers.append(sender)
    begin = time.monotonic()
    run_until(base, lambda: time.monotonic() - begin >= seconds)
    took = time.monotonic() - begin
    assert 0.5 * rate < sum(counts) / took < 1.3 * rate
    assert statistics.pstdev(counts) < 0.5 * statistics.mean(counts)
    assert group.totals[0] == sum(counts)
