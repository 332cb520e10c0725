"""Rate limits, groups, and the sizes of single reads and writes."""

from __future__ import annotations

import gc
import socket
import time
from typing import Any

import pytest
from loops import run_until, settle

from libevent_py import BufferEvent, EventBase, EventFlags, RateLimit, RateLimitGroup

READ, WRITE = EventFlags.READ, EventFlags.WRITE
Pair = tuple[socket.socket, socket.socket]


def reader(
    base: EventBase, sock: socket.socket, limit: RateLimit | None = None
) -> tuple[BufferEvent, list[int]]:
    """A BufferEvent that counts what it reads."""
    bev = BufferEvent(base, sock)
    counts: list[int] = []
    bev.set_callbacks(on_data=lambda _, data: counts.append(len(data)))
    if limit is not None:
        bev.set_rate_limit(limit)
    bev.enable(READ)
    return bev, counts


def test_reading_at_a_rate(base: EventBase, socket_pair: Pair) -> None:
    """Twenty ticks' worth takes about twenty ticks, in bites of a tick."""
    limit = RateLimit(read=1000, tick=0.01)
    bev, counts = reader(base, socket_pair[0], limit)
    assert bev.rate_limit is limit
    socket_pair[1].sendall(b"x" * 20_000)
    begin = time.monotonic()
    run_until(base, lambda: sum(counts) >= 20_000)
    assert 0.15 < time.monotonic() - begin < 2
    assert max(counts) <= 1000 * 3


def test_writing_at_a_rate(base: EventBase, socket_pair: Pair) -> None:
    """A limited write waits for the loop: nothing goes past the limit."""
    bev = BufferEvent(base, socket_pair[0])
    bev.set_rate_limit(RateLimit(write=1000, tick=0.01))
    bev.write(b"x" * 20_000)
    assert len(bev.output) == 20_000
    begin = time.monotonic()
    run_until(base, lambda: not bev.output)
    assert 0.15 < time.monotonic() - begin < 2
    bev.set_rate_limit(None)
    bev.write(b"y" * 5000)
    assert not bev.output


def test_the_limit_outlives_its_last_reference(base: EventBase, socket_pair: Pair) -> None:
    """The bufferevent keeps it until it is closed, when libevent lets go of it."""
    bev, counts = reader(base, socket_pair[0], RateLimit(read=100, tick=0.01))
    gc.collect()
    socket_pair[1].sendall(b"x" * 500)
    run_until(base, lambda: sum(counts) >= 300)
    bev.close()
    gc.collect()
    settle(base, 0.05)


def test_what_is_left(base: EventBase, socket_pair: Pair) -> None:
    """The bucket can be looked at and changed."""
    bev = BufferEvent(base, socket_pair[0])
    assert (bev.rate_limit, bev.read_limit, bev.write_limit) == (None, None, None)
    with pytest.raises(RuntimeError, match="no rate limit"):
        bev.decrement_read_limit(1)
    bev.set_rate_limit(RateLimit(1000, 500))
    assert (bev.read_limit, bev.write_limit) == (1000, 500)
    bev.decrement_read_limit(1100)
    bev.decrement_write_limit(-100)
    assert (bev.read_limit, bev.write_limit) == (-100, 600)
    bev.decrement_read_limit(-200)
    assert bev.read_limit == 100
    assert bev.max_to_read == 100
    bev.decrement_read_limit(1 << 60)
    with pytest.raises(ValueError, match="size"):
        bev.decrement_read_limit(1 << 61)


class TestGroup:
    """RateLimitGroup."""

    def test_members_share(self, base: EventBase) -> None:
        """Two read as fast together as one alone."""
        group = RateLimitGroup(base, RateLimit(read=2000, tick=0.01))
        group.set_min_share(100)
        pairs = [socket.socketpair() for _ in range(2)]
        read = []
        for ours, peer in pairs:
            bev, counts = reader(base, ours)
            bev.join_group(group)
            peer.sendall(b"x" * 20_000)
            read.append(counts)
        assert len(group) == 2
        begin = time.monotonic()
        run_until(base, lambda: all(sum(counts) >= 20_000 for counts in read))
        assert 0.15 < time.monotonic() - begin < 2
        assert group.totals == (40_000, 0)
        group.reset_totals()
        assert group.totals == (0, 0)
        group.decrement_read(100_000)
        assert group.read_limit < 0
        group.decrement_write(-5)
        for _, peer in pairs:
            peer.close()

    def test_members_leave(self, base: EventBase, socket_pair: Pair) -> None:
        """By themselves, by closing, and when the group is closed, which libevent would abort over."""
        group, other = (RateLimitGroup(base, RateLimit(1)) for _ in range(2))
        first, second = BufferEvent(base, socket_pair[0]), BufferEvent(base)
        first.join_group(group)
        first.join_group(group)
        second.join_group(group)
        assert (len(group), first.group) == (2, group)
        second.join_group(other)
        assert (len(group), len(other)) == (1, 1)
        first.close()
        assert len(group) == 0
        group.close()
        other.close()
        assert second.group is None
        second.leave_group()
        group = RateLimitGroup(base, RateLimit(1))
        second.join_group(group)
        second.close()
        group.close()

    @pytest.mark.parametrize("how", ["drop", "collect", "base"])
    def test_dropping(self, how: str) -> None:
        """A group goes when nobody needs it, after its members."""
        base = EventBase()
        bev = BufferEvent(base)
        bev.join_group(RateLimitGroup(base, RateLimit(5)))
        gc.collect()
        assert bev.group is not None and bev.group.read_limit == 5
        if how == "drop":
            bev.leave_group()
            gc.collect()
            settle(base)
            assert base._delivery.table.open_count == 1
        if how == "collect":
            bev.leave_group()
            kept = [RateLimitGroup(base, RateLimit(5))]
            kept.append(kept)  # type: ignore[arg-type]
            del kept
        base.close()

    def test_another_base(self, base: EventBase, socket_pair: Pair) -> None:
        """A group's members are its base's."""
        with EventBase() as other:
            group = RateLimitGroup(other, RateLimit(1))
            with pytest.raises(ValueError, match="another EventBase"):
                BufferEvent(base, socket_pair[0]).join_group(group)
            with pytest.raises(TypeError, match="RateLimitGroup"):
                BufferEvent(other).join_group(None)  # type: ignore[arg-type]

    def test_a_new_limit(self, base: EventBase) -> None:
        """set_limit() takes effect at once."""
        group = RateLimitGroup(base, RateLimit(1000, tick=10))
        group.set_limit(RateLimit(100, 50))
        assert (group.read_limit, group.write_limit) == (100, 50)
        assert repr(group) == "<RateLimitGroup of 0>"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((0,), {}),
        ((-1,), {}),
        ((1 << 61,), {}),
        ((10,), {"read_burst": 5}),
        ((), {"write_burst": 5}),
        ((1,), {"tick": 0}),
        ((1,), {"tick": 0.0001}),
        ((1,), {"tick": -1}),
        ((1,), {"tick": float("nan")}),
        ((1,), {"tick": 1e6}),
        ((1,), {"tick": None}),
        ((1.5,), {}),
    ],
)
def test_wrong_limits(arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Refused: C would divide by zero, or take nonsense for a rate."""
    with pytest.raises((ValueError, TypeError)):
        RateLimit(*arguments, **options)


def test_repr() -> None:
    """It tells the numbers."""
    assert repr(RateLimit(5, read_burst=9)) == "<RateLimit read=5 (burst 9) write=unlimited tick=1.0>"


@pytest.mark.parametrize("size", [100, 5000, 20_000])
def test_max_single_read(base: EventBase, socket_pair: Pair, size: int) -> None:
    """No delivery is larger, past libevent neither; it shows what is in force."""
    bev, counts = reader(base, socket_pair[0])
    assert bev.max_single_read == 262_144
    bev.max_single_read = size
    assert bev.max_single_read == size
    socket_pair[1].sendall(b"x" * 60_000)
    run_until(base, lambda: sum(counts) == 60_000)
    assert max(counts) <= size


def test_max_single_write(base: EventBase, socket_pair: Pair) -> None:
    """A write takes no more at once; the rest goes from the loop."""
    bev = BufferEvent(base, socket_pair[0])
    bev.max_single_write = 100
    bev.write(b"x" * 1000)
    assert len(bev.output) == 900
    run_until(base, lambda: not bev.output)
    bev.max_single_write = 0
    assert bev.max_single_write == 16384


@pytest.mark.parametrize("by_read", [False, True])
@pytest.mark.parametrize("high", [0, 30_000, 1 << 20])
def test_large_reads(base: EventBase, socket_pair: Pair, high: int, by_read: bool) -> None:
    """64 KiB come in one piece, or as many as the high mark allows."""
    bev = BufferEvent(base, socket_pair[0])
    counts: list[int] = []
    if by_read:
        bev.set_callbacks(on_read=lambda bev: counts.append(len(bev.read())))
    else:
        bev.set_callbacks(on_data=lambda _, data: counts.append(len(data)))
    bev.set_watermark(READ, 0, high)
    socket_pair[1].sendall(b"x" * 65536)
    bev.enable(READ)
    run_until(base, lambda: sum(counts) == 65536)
    assert max(counts) == (30_000 if high == 30_000 else 65536)
