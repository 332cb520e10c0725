"""write() of large bytes: what the socket does not take is referred to, not copied."""

from __future__ import annotations

import contextlib
import random
import socket

import pytest
from bufferevents import Log
from loops import run_until, turn

from libevent_py import (
    BufferEvent,
    BufferEventPair,
    EventBase,
    EventFlags,
    FilterBufferEvent,
)
from libevent_py._callbacks import let_go, pinned

READ, WRITE = EventFlags.READ, EventFlags.WRITE

LARGE = 128 * 1024  #: from here on
MUCH = 3_000_000  #: more than a socket takes

Pair = tuple[socket.socket, socket.socket]


def kept() -> list[int]:
    """The sizes of what C refers to."""
    let_go()
    return [len(memory) for memory, _ in pinned.values()]  # type: ignore[arg-type]


def receive(base: EventBase, peer: socket.socket, size: int) -> bytes:
    """Run *base* until *peer* has *size* bytes."""
    got = bytearray()
    peer.setblocking(False)

    def step() -> bool:
        with contextlib.suppress(BlockingIOError):
            got.extend(peer.recv(1 << 20))
        return len(got) >= size

    run_until(base, step)
    return bytes(got)


def test_what_waits_is_not_copied(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """The bytes are kept while some of them wait, and let go when the last is sent."""
    data = random.Random(1).randbytes(MUCH)
    bev.write(data)
    assert 0 < bev.output_size < MUCH
    assert kept() == [MUCH]
    assert receive(base, socket_pair[1], MUCH) == data
    turn(base)
    assert not pinned


def test_what_goes_at_once_is_not_kept(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """With room in the socket nothing is referred to."""
    socket_pair[1].settimeout(10)
    bev.write(b"x" * LARGE)
    assert bev.output_size == 0
    assert not pinned


def test_smaller_bytes_are_copied(bev: BufferEvent) -> None:
    """A reference would cost more than it saves."""
    bev.write(b"x" * MUCH)
    assert kept() == [MUCH]
    bev.write(b"x" * (LARGE - 1))
    assert kept() == [MUCH]


@pytest.mark.parametrize(
    "kind", [bytearray, lambda data: memoryview(bytearray(data))], ids=["bytearray", "memoryview"]
)
def test_what_may_change_is_copied(base: EventBase, bev: BufferEvent, socket_pair: Pair, kind: type) -> None:
    """A change after the write does not reach the peer."""
    data = kind(b"a" * MUCH)
    bev.write(data)
    data[:] = b"b" * MUCH
    assert not pinned
    assert receive(base, socket_pair[1], MUCH) == b"a" * MUCH


def test_order(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """Small and large, copied and referred to, arrive in the order of writing."""
    chance = random.Random(2)
    parts = [chance.randbytes(chance.choice([1, 1000, 100_000, LARGE, 300_000])) for _ in range(40)]
    for part in parts:
        bev.write(part)
    data = b"".join(parts)
    assert receive(base, socket_pair[1], len(data)) == data
    turn(base)
    assert not pinned


def test_released_by_close(base: EventBase, bev: BufferEvent) -> None:
    """What is never sent is let go with the bufferevent."""
    bev.write(b"x" * MUCH)
    bev.close()
    turn(base)
    assert not kept()


def test_released_by_an_error(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """A peer that has gone away leaves the bytes in the output until it is closed."""
    log = Log(bev)
    bev.write(b"x" * MUCH)
    socket_pair[1].close()
    run_until(base, lambda: log.events)
    bev.close()
    turn(base)
    assert not kept()


def test_refused(bev: BufferEvent, base: EventBase) -> None:
    """What cannot be written is not kept."""
    bev.shutdown_write()
    with pytest.raises(BrokenPipeError):
        bev.write(b"x" * LARGE)
    bev.close()
    with pytest.raises(ValueError, match="closed"):
        bev.write(b"x" * LARGE)
    assert not pinned


def test_callbacks(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """on_pause comes from within the write, on_resume and on_write from the loop."""
    seen: list[str] = []
    bev.set_callbacks(on_write=lambda bev: seen.append("write"))
    bev.set_output_limit(
        1_000_000, on_pause=lambda bev: seen.append("pause"), on_resume=lambda bev: seen.append("resume")
    )
    bev.write(b"x" * MUCH)
    assert seen == ["pause"]
    receive(base, socket_pair[1], MUCH)
    run_until(base, lambda: "write" in seen)
    assert seen == ["pause", "resume", "write"]


def test_close_when_flushed(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """The end waits for the last byte."""
    data = random.Random(3).randbytes(MUCH)
    bev.write(data)
    bev.close_when_flushed()
    assert receive(base, socket_pair[1], MUCH) == data
    run_until(base, lambda: bev.closed)
    turn(base)
    assert not pinned


def test_with_writing_off(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """It waits, and goes when writing is enabled."""
    bev.disable(WRITE)
    bev.write(b"x" * LARGE)
    assert bev.output_size == LARGE
    assert kept() == [LARGE]
    bev.enable(WRITE)
    assert receive(base, socket_pair[1], LARGE) == b"x" * LARGE


def test_into_a_pair(base: EventBase) -> None:
    """The bytes go over to the partner, and are let go when it has read them."""
    first, second = BufferEventPair(base)
    log = Log(second)
    first.write(b"x" * MUCH)
    run_until(base, lambda: len(log.data) == MUCH)
    assert log.data == b"x" * MUCH
    assert not kept()


def test_through_a_filter(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """A filter of Python's sees them like any others."""
    filtered = FilterBufferEvent(bev, process_out=lambda data, mode: data.swapcase())
    filtered.write(b"x" * MUCH)
    assert receive(base, socket_pair[1], MUCH) == b"X" * MUCH
    turn(base)
    assert not pinned
