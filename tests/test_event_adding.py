"""Event: adding, removing, timeouts, activating."""

from __future__ import annotations

import random
import socket
import threading
import time

import pytest
from loops import run_until, settle, turn
from seen import Seen

from libevent_py import Event, EventBase, EventFlags, LoopFlags, Timer

READ, WRITE, PERSIST, TIMEOUT = EventFlags.READ, EventFlags.WRITE, EventFlags.PERSIST, EventFlags.TIMEOUT

Pair = tuple[socket.socket, socket.socket]


class TestAdding:
    """add, remove, pending, active."""

    def test_add_twice_is_add_once(self, base: EventBase, socket_pair: Pair) -> None:
        """A second add changes nothing (regress main/want_only_once)."""
        seen = Seen()
        event = Event(base, socket_pair[0], READ, seen)
        event.add()
        event.add()
        socket_pair[1].send(b"x")
        base.dispatch()
        assert seen == [READ]

    def test_a_second_timeout_replaces_the_first(self, base: EventBase) -> None:
        """Both shorter and longer."""
        seen = Seen()
        event = Event(base, None, EventFlags(0), seen)
        event.add(30)
        event.add(0.001)
        base.dispatch()
        assert seen == [TIMEOUT]
        event.add(0.001)
        event.add(30)
        settle(base)
        assert seen == [TIMEOUT]

    def test_add_none_keeps_the_timeout(self, base: EventBase, socket_pair: Pair) -> None:
        """add() without a timeout leaves the running one."""
        seen = Seen()
        event = Event(base, socket_pair[0], READ, seen)
        event.add(0.01)
        event.add()
        assert event.pending == READ | TIMEOUT
        base.dispatch()
        assert seen == [TIMEOUT]

    def test_what_came_first(self, base: EventBase, socket_pair: Pair) -> None:
        """READ with a timeout fires for whichever is first, and the other is off."""
        ours, peer = socket_pair
        seen = Seen()
        event = Event(base, ours, READ, seen)
        event.add(0.005)
        base.dispatch()
        assert seen == [TIMEOUT]
        peer.send(b"x")
        event.add(30)
        assert base.dispatch() is True
        assert seen == [TIMEOUT, READ]

    def test_persistent_timeout_after_io(self, base: EventBase, socket_pair: Pair) -> None:
        """I/O restarts the timeout of a persistent event (regress main/persistent_active_timeout)."""
        ours, peer = socket_pair
        fired: list[tuple[EventFlags, float]] = []
        event = Event(
            base,
            ours,
            READ | PERSIST,
            lambda event, what: (fired.append((what, time.monotonic())), what & READ and ours.recv(9)),
        )
        event.add(0.06)
        Timer(base, 0.03, lambda timer: peer.send(b"x"))
        run_until(base, lambda: len(fired) == 3)
        assert [what for what, _ in fired] == [READ, TIMEOUT, TIMEOUT]
        assert fired[1][1] - fired[0][1] > 0.05
        assert fired[2][1] - fired[1][1] > 0.03

    def test_remaining(self, base: EventBase, socket_pair: Pair) -> None:
        """The seconds until the timeout, None without one."""
        event = Event(base, socket_pair[0], READ, Seen())
        assert event.remaining is None
        event.add(30)
        assert 29 < event.remaining <= 30.01
        event.add(60)
        assert 59 < event.remaining <= 60.01
        event.remove()
        assert event.remaining is None

    def test_remove_timer(self, base: EventBase, socket_pair: Pair) -> None:
        """It goes on waiting, without the timeout; an event without one is left as it is."""
        ours, peer = socket_pair
        seen = Seen()
        event = Event(base, ours, READ, seen)
        event.remove_timer()
        assert not event.pending
        event.add(0.001)
        event.remove_timer()
        assert event.remaining is None
        assert event.pending == READ
        settle(base)
        peer.send(b"x")
        base.dispatch()
        assert seen == [READ]

    def test_added_again_in_its_callback(self, base: EventBase) -> None:
        """A one-shot event that adds itself goes on (regress main/nonpersist_readd)."""
        left = 5

        def again(event: Event, what: EventFlags) -> None:
            nonlocal left
            left -= 1
            if left:
                event.add(0)

        Event(base, None, EventFlags(0), again).add(0)
        assert base.dispatch() is True
        assert left == 0

    def test_removed_in_its_callback(self, base: EventBase, socket_pair: Pair) -> None:
        """A persistent event that removes itself stops."""
        count = 0

        def stop(event: Event, what: EventFlags) -> None:
            nonlocal count
            count += 1
            event.remove()

        event = Event(base, socket_pair[0], READ | PERSIST, stop)
        event.add()
        socket_pair[1].send(b"x")
        assert base.dispatch() is True
        assert count == 1

    def test_remove_drops_a_firing_on_its_way(self, base: EventBase) -> None:
        """An event that another callback of the pass removes does not fire."""
        seen = Seen()
        second = Event(base, None, EventFlags(0), seen)
        first = Event(base, None, EventFlags(0), lambda event, what: second.remove())
        first.active()
        second.active()
        base.dispatch()
        assert seen == []
        assert not second.pending

    def test_removed_and_added_again_in_one_pass(self, base: EventBase, socket_pair: Pair) -> None:
        """The old firing is dropped, the new waiting is not."""
        ours, peer = socket_pair
        got: list[bytes] = []
        second = Event(base, ours, READ, lambda event, what: got.append(ours.recv(9)))

        def again(event: Event, what: EventFlags) -> None:
            second.remove()
            second.add()

        first = Event(base, None, EventFlags(0), again)
        peer.send(b"x")
        second.add()
        first.active()
        base.dispatch()
        assert got == [b"x"]

    def test_remove_twice(self, base: EventBase) -> None:
        """Removing what does not wait is nothing."""
        event = Event(base, None, EventFlags(0), Seen())
        event.remove()
        event.add(30)
        event.remove()
        event.remove()
        assert not event.pending
        assert base.dispatch() is True

    def test_pending(self, base: EventBase, socket_pair: Pair) -> None:
        """What it waits for, and that it is about to fire (regress main/event_pending)."""
        event = Event(base, socket_pair[0], READ, Seen())
        timer = Event(base, None, EventFlags(0), Seen())
        assert event.pending == timer.pending == EventFlags(0)
        event.add()
        timer.add(30)
        assert event.pending == READ
        assert timer.pending == TIMEOUT
        event.add(30)
        assert event.pending == READ | TIMEOUT
        event.remove()
        assert event.pending == EventFlags(0)
        event.active(WRITE)
        assert event.pending == WRITE

    def test_active(self, base: EventBase) -> None:
        """It fires from the loop, with what it was given, and never inside the call."""
        seen = Seen()
        event = Event(base, None, EventFlags(0), seen)
        event.active(READ | WRITE)
        assert seen == []
        base.dispatch()
        assert seen == [READ | WRITE]

    def test_active_twice_is_one_firing(self, base: EventBase) -> None:
        """The flags add up (event_active of an active event)."""
        seen = Seen()
        event = Event(base, None, EventFlags(0), seen)
        event.active(READ)
        event.active(WRITE)
        base.dispatch()
        assert seen == [READ | WRITE]

    def test_active_on_a_pending_event_ends_its_waiting(self, base: EventBase, socket_pair: Pair) -> None:
        """Without PERSIST it is no longer pending after such a firing."""
        seen = Seen()
        event = Event(base, socket_pair[0], READ, seen)
        event.add()
        event.active()
        assert base.dispatch() is True
        assert seen == [TIMEOUT]
        assert not event.pending

    def test_active_on_a_persistent_event(self, base: EventBase, socket_pair: Pair) -> None:
        """With PERSIST it goes on waiting."""
        seen = Seen()
        event = Event(base, socket_pair[0], READ | PERSIST, seen)
        event.add()
        event.active()
        turn(base)
        assert event.pending == READ
        socket_pair[1].send(b"x")
        turn(base)
        assert seen == [TIMEOUT, READ]

    def test_active_from_another_thread(self, backend_base: EventBase) -> None:
        """It wakes an idle loop."""
        fired: list[int] = []
        event = Event(
            backend_base, None, EventFlags(0), lambda event, what: fired.append(threading.get_ident())
        )
        guard = Timer(backend_base, 30, lambda timer: None)
        thread = threading.Timer(0.02, event.active)
        thread.start()
        backend_base.loop(LoopFlags.ONCE)
        thread.join()
        assert fired == [threading.get_ident()]
        guard.close()

    def test_persist_with_zero_seconds_fires_once(self, base: EventBase) -> None:
        """C's rule: a persistent timeout of 0 is not scheduled again."""
        seen = Seen()
        event = Event(base, None, PERSIST, seen)
        event.add(0)
        assert base.dispatch() is True
        assert seen == [TIMEOUT]


def test_random_timers_fire_in_order(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers of random lengths come in the order of their deadlines (regress heap)."""
    monkeypatch.setenv("EVENT_PRECISE_TIMER", "1")  # the usual clock ticks every four milliseconds
    chosen = random.Random(7)
    fired: list[int] = []
    delays = list(range(20))
    chosen.shuffle(delays)
    with EventBase() as base:
        for delay in delays:
            Event(base, None, EventFlags(0), lambda event, what, n=delay: fired.append(n)).add(delay * 0.015)
        base.dispatch()
    assert fired == sorted(delays)
