"""Records that say "readable": Python reads when it gets there, and much may have happened by then."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest
from bufferevents import MUCH, much, warm
from loops import run_until, turn

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventCount,
    EventFlags,
    RateLimit,
    lib,
)

READ = EventFlags.READ

Pair = tuple[socket.socket, socket.socket]

by_both = pytest.mark.parametrize("by_read", [False, True], ids=["on_data", "on_read"])


class Two:
    """Two bufferevents that are readable in one pass: whichever is called first acts on the other."""

    def __init__(
        self,
        base: EventBase,
        pairs: list[Pair],
        act: Callable[[BufferEvent, BufferEvent], object],
        *,
        by_read: bool = False,
        size: int = MUCH,
    ) -> None:
        self.bevs = [warm(base, pair)[0] for pair in pairs[:2]]
        self.peers = [peer for _, peer in pairs[:2]]
        self.act = act
        self.order: list[BufferEvent] = []
        self.got: list[bytes] = []
        self.events: list[BufferEventEvents] = []
        for bev in self.bevs:
            if by_read:
                bev.set_callbacks(on_read=lambda bev: self.take(bev, bev.read()), on_event=self.on_event)
            else:
                bev.set_callbacks(on_data=self.take, on_event=self.on_event)
        for peer in self.peers:
            peer.send(much(1, size))
        turn(base, 3)

    def take(self, bev: BufferEvent, data: bytes) -> None:
        """Act, and note what the other one gets all the same."""
        self.order.append(bev)
        if len(self.order) == 1:
            self.act(bev, self.other)
        else:
            self.got.append(data)

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Note it."""
        self.events.append(what)

    @property
    def other(self) -> BufferEvent:
        """The one that was not called first."""
        return self.bevs[1 - self.bevs.index(self.order[0])]


class TestOnTheWay:
    """Between the record that says "readable" and the reading there is Python."""

    @by_both
    def test_disabled_meanwhile(self, base: EventBase, pairs: list[Pair], by_read: bool) -> None:
        """Who is turned off by an earlier callback of the pass gets everything after enable()."""
        two = Two(base, pairs, lambda bev, other: other.disable(READ), by_read=by_read)
        assert not two.got
        two.peers[two.bevs.index(two.other)].send(b"more")
        two.other.enable(READ)
        run_until(base, lambda: sum(map(len, two.got)) == MUCH + 4)
        assert b"".join(two.got) == much(1) + b"more"

    def test_closed_meanwhile(self, base: EventBase, pairs: list[Pair]) -> None:
        """Who is closed by an earlier callback of the pass, or in its own, gets nothing more."""

        def close_both(bev: BufferEvent, other: BufferEvent) -> None:
            other.close()
            bev.close()

        two = Two(base, pairs, close_both, size=2 * MUCH)
        assert len(two.order) == 1
        assert not two.events

    def test_other_callbacks_meanwhile(self, base: EventBase, pairs: list[Pair]) -> None:
        """An earlier callback of the pass exchanges on_data for on_read: that gets the bytes."""
        read: list[bytes] = []
        two = Two(
            base,
            pairs,
            lambda bev, other: other.set_callbacks(on_read=lambda bev: read.append(bev.read())),
        )
        assert not two.got
        assert b"".join(read) == much(1)

    def test_limited_meanwhile(self, base: EventBase, pairs: list[Pair]) -> None:
        """A rate limit holds from the moment that it is set."""
        limit = RateLimit(read=1000)
        two = Two(base, pairs, lambda bev, other: other.set_rate_limit(limit))
        assert b"".join(two.got) == much(1)[:1000]

    def test_read_by_another_meanwhile(self, base: EventBase, pairs: list[Pair]) -> None:
        """A socket that is empty when Python gets there is no end."""
        taken: list[bytes] = []
        two = Two(base, pairs, lambda bev, other: taken.append(os.read(other.fileno(), 2 * MUCH)))
        assert taken == [much(1)]
        assert not two.got
        assert not two.events

    def test_exceptions(self, base: EventBase, pairs: list[Pair]) -> None:
        """A callback that raises has had its bytes; the others get theirs in the next calls."""
        bevs = [warm(base, pair)[0] for pair in pairs]
        got: list[bytes] = []

        def on_data(bev: BufferEvent, data: bytes) -> None:
            got.append(data)
            raise ZeroDivisionError

        for number, (bev, (_, peer)) in enumerate(zip(bevs, pairs)):
            bev.set_callbacks(on_data=on_data)
            peer.send(much(number))
        for _ in pairs:
            with pytest.raises(ZeroDivisionError):
                turn(base)
        turn(base)
        assert sorted(got) == sorted(much(number) for number in range(len(pairs)))

    @by_both
    def test_records_do_not_pile_up(self, base: EventBase, pairs: list[Pair], by_read: bool) -> None:
        """A loop that is broken off again and again finds the same sockets readable, and notes them once."""
        bevs = [warm(base, pair, by_read=by_read)[0] for pair in pairs]
        got: list[bytes] = []
        order: list[int] = []

        def take(bev: BufferEvent, data: bytes) -> None:
            got.append(data)
            order.append(bevs.index(bev))
            base.loopbreak()

        for bev, (_, peer) in zip(bevs, pairs):
            bev.max_single_read = MUCH
            if by_read:
                bev.set_callbacks(on_read=lambda bev: take(bev, bev.read()))
            else:
                bev.set_callbacks(on_data=take)
            peer.send(much(1, 3 * MUCH))
        for done in range(30):
            turn(base)
            assert len(got) == done + 1
            assert base.num_events(EventCount.ACTIVE) <= 2 * len(pairs)
        assert sorted(order) == sorted(list(range(10)) * 3)
        assert all(
            b"".join(got[n] for n in range(30) if order[n] == which) == much(1, 3 * MUCH)
            for which in range(10)
        )

    def test_in_a_loop_of_native_code(self, base: EventBase, pairs: list[Pair]) -> None:
        """The same where somebody else runs the loop."""
        logs = [warm(base, pair)[1] for pair in pairs]
        for number in range(2):
            for _, peer in pairs:
                peer.send(much(number))
            lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)
        assert [log.chunks for log in logs] == [[much(0), much(1)]] * 10
