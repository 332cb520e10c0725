"""Lifetimes: what keeps an object alive, what frees it, what is never delivered."""

from __future__ import annotations

import gc
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from leakguard import collect
from loops import run_until, turn
from makers import MAKERS, ignore

from libevent_py import (
    BufferEvent,
    Event,
    EventBase,
    EventFlags,
    Listener,
    Timer,
    lib,
)

Pair = tuple[socket.socket, socket.socket]


def count(base: EventBase) -> int:
    """How many handles of *base* are open."""
    return base._delivery.table.open_count


@pytest.fixture(params=list(MAKERS))
def make(request: pytest.FixtureRequest) -> Callable[[EventBase], Any]:
    """A maker of each kind of handle in turn."""
    return MAKERS[request.param]


class TestKeeping:
    """Who keeps whom alive."""

    def test_a_dropped_idle_event_is_freed(self, base: EventBase) -> None:
        """With its last reference it goes, and its slot is taken again."""
        event = Event(base, None, EventFlags(0), ignore)
        there = weakref.ref(event)
        assert count(base) == 1
        del event
        collect()
        turn(base)
        assert there() is None
        assert count(base) == 0

    @pytest.mark.parametrize("how", ["add", "timeout", "active"])
    def test_a_pending_event_is_kept(self, base: EventBase, socket_pair: Pair, how: str) -> None:
        """The base alone keeps it until it fires; afterwards it is freed."""
        fired: list[int] = []
        event = Event(base, socket_pair[0], EventFlags.READ, lambda event, what: fired.append(1))
        there = weakref.ref(event)
        if how == "add":
            event.add()
            socket_pair[1].send(b"x")
        elif how == "timeout":
            event.add(0.001)
        else:
            event.active()
        del event
        collect()
        assert there() is not None
        base.dispatch()
        assert fired == [1]
        collect()
        assert there() is None

    def test_a_removed_event_is_kept_no_more(self, base: EventBase, socket_pair: Pair) -> None:
        """remove() ends the keeping."""
        event = Event(base, socket_pair[0], EventFlags.READ, ignore)
        there = weakref.ref(event)
        event.add()
        event.remove()
        del event
        collect()
        turn(base)
        assert there() is None

    def test_a_persistent_event_is_kept_over_firings(self, base: EventBase, socket_pair: Pair) -> None:
        """It fires again with no reference anywhere."""
        ours, peer = socket_pair
        got: list[bytes] = []
        Event(
            base, ours, EventFlags.READ | EventFlags.PERSIST, lambda event, what: got.append(ours.recv(1))
        ).add()
        for number in range(3):
            peer.send(b"x")
            collect()
            run_until(base, lambda n=number: len(got) > n)
        assert got == [b"x"] * 3

    def test_a_listener_and_a_bufferevent_are_kept(self, base: EventBase) -> None:
        """Until close(), with no reference anywhere."""
        got: list[bytes] = []

        def accept(listener: Listener, sock: socket.socket, address: Any) -> None:
            bev = BufferEvent(base, sock)
            bev.set_callbacks(on_data=lambda bev, data: (got.append(data), bev.close()))
            bev.enable(EventFlags.READ)

        address = Listener(base, ("127.0.0.1", 0), accept).address
        collect()
        with socket.create_connection(address) as client:
            client.send(b"hello")
            run_until(base, lambda: (gc.collect(0), got)[1])
        assert got == [b"hello"]

    def test_a_callback_that_refers_to_its_event_is_no_leak(self, base: EventBase) -> None:
        """A cycle of an idle event and its callback is collected."""

        def make() -> weakref.ref[Event]:
            events: list[Event] = []
            events.append(Event(base, None, EventFlags(0), lambda event, what: events))
            return weakref.ref(events[0])

        there = make()
        collect()
        assert there() is None
        turn(base)
        assert count(base) == 0


class TestClosing:
    """close()."""

    def test_twice(self, base: EventBase, make: Callable[[EventBase], Any]) -> None:
        """Idempotent for every kind."""
        handle = make(base)
        assert not handle.closed
        handle.close()
        handle.close()
        assert handle.closed
        assert count(base) == 0
        assert repr(handle) == f"<{type(handle).__name__} closed>"

    def test_with(self, base: EventBase, make: Callable[[EventBase], Any]) -> None:
        """``with`` closes, also past an exception."""
        with pytest.raises(ZeroDivisionError), make(base) as handle:
            raise ZeroDivisionError
        assert handle.closed

    def test_the_base_closes_it(self, make: Callable[[EventBase], Any]) -> None:
        """Closing the base closes it, and closing it afterwards is nothing."""
        with EventBase() as base:
            handle = make(base)
        assert handle.closed
        handle.close()

    def test_in_its_own_callback(self, base: EventBase) -> None:
        """An event that closes itself, one-shot and persistent."""
        closed: list[bool] = []

        def close(event: Event, what: EventFlags) -> None:
            event.close()
            closed.append(event.closed)

        for flags in (EventFlags(0), EventFlags.PERSIST):
            Event(base, None, flags, close).add(0.001)
        assert base.dispatch() is True
        assert closed == [True, True]
        assert count(base) == 0

    def test_closing_another_drops_its_firing(self, base: EventBase) -> None:
        """What was ready in the same pass is not delivered to a closed event."""
        fired: list[int] = []
        events: list[Event] = []

        def close_others(event: Event, what: EventFlags) -> None:
            fired.append(events.index(event))
            for other in events:
                if other is not event:
                    other.close()

        events += [Event(base, None, EventFlags(0), close_others) for _ in range(5)]
        for event in events:
            event.active()
        base.dispatch()
        assert fired == [0]

    def test_a_slot_taken_again_gets_none_of_the_old_records(self, base: EventBase) -> None:
        """A new event in a closed one's slot does not inherit its firing."""
        fired: list[str] = []
        old = Event(base, None, EventFlags(0), lambda event, what: fired.append("old"))

        def replace(event: Event, what: EventFlags) -> None:
            slot = old._slot
            old.close()
            replacements.append(Event(base, None, EventFlags(0), lambda event, what: fired.append("new")))
            assert replacements[0]._slot == slot

        replacements: list[Event] = []
        first = Event(base, None, EventFlags(0), replace)
        first.active()
        old.active()
        base.dispatch()
        assert fired == []
        replacements[0].active()
        base.dispatch()
        assert fired == ["new"]

    def test_closing_a_bufferevent_drops_its_bytes(self, base: EventBase) -> None:
        """Bytes that came in the same pass are not delivered after close()."""
        got: list[bytes] = []
        bevs: list[BufferEvent] = []
        peers = []

        def take(bev: BufferEvent, data: bytes) -> None:
            got.append(data)
            for other in bevs:
                other.close()

        for _ in range(4):
            ours, peer = socket.socketpair()
            bev = BufferEvent(base, ours)
            bev.set_callbacks(on_data=take)
            bev.enable(EventFlags.READ)
            peer.send(b"x")
            bevs.append(bev)
            peers.append(peer)
        turn(base, 2)
        assert got == [b"x"]
        for peer in peers:
            peer.close()

    def test_many_makes_and_closes_reuse_slots(self, base: EventBase) -> None:
        """A thousand short lives take one slot."""
        for _ in range(1000):
            Timer(base, 30, ignore).close()
        assert len(base._delivery.table.kept) == 2  # slot 0 is the scheduled calls'


class TestFinalizers:
    """__del__, which comes from any thread at any time."""

    def test_another_thread_does_not_free(self, base: EventBase) -> None:
        """An event collected in a foreign thread while the loop runs is freed by the loop's thread, later."""
        freed_in: list[int] = []

        class Watched(Event):
            def _free(self, pointer: Any) -> None:
                freed_in.append(threading.get_ident())
                super()._free(pointer)

        holder = [Watched(base, None, EventFlags(0), ignore)]

        def drop() -> None:
            holder.clear()
            collect()

        def start(timer: Timer) -> None:
            thread = threading.Thread(target=drop)
            thread.start()
            thread.join()
            assert freed_in == []

        Timer(base, 0, start)
        Timer(base, 0.002, ignore)
        base.dispatch()
        turn(base)
        assert freed_in == [threading.get_ident()]

    def test_collected_during_a_callback(self, base: EventBase) -> None:
        """A cycle collected inside a callback does not disturb the pass."""
        fired: list[int] = []

        def drop(event: Event, what: EventFlags) -> None:
            for _ in range(10):
                idle = Event(base, None, EventFlags(0), ignore)
                idle_holder = [idle]
                idle_holder.append(idle_holder)  # type: ignore[arg-type]
                del idle, idle_holder
            collect()
            fired.append(1)

        events = [Event(base, None, EventFlags(0), drop) for _ in range(3)]
        for event in events:
            event.active()
        base.dispatch()
        turn(base)
        assert fired == [1, 1, 1]
        collect()
        turn(base)
        assert count(base) == 3

    def test_a_constructor_that_failed(self, base: EventBase) -> None:
        """__del__ of a half-made handle is quiet."""
        with pytest.raises(TypeError):
            Event(base)  # type: ignore[call-arg]
        with pytest.raises(ValueError):
            Event(base, -5, EventFlags.READ, ignore)
        collect()
        assert count(base) == 0


def test_native_events_stay_when_the_base_is_borrowed() -> None:
    """Closing a borrowed base closes Python's handles only."""
    native = lib.event_base_new()
    base = EventBase.from_pointer(native)
    timer = Timer(base, 30, ignore)
    base.close()
    assert timer.closed
    lib.event_base_free(native)


def test_open_handles_by_age(base: EventBase) -> None:
    """The base knows its handles by age, also where a young one got an old one's slot."""
    first, second = Event(base, None, EventFlags(0), ignore), Event(base, None, EventFlags(0), ignore)
    first.close()
    third = Event(base, None, EventFlags(0), ignore)
    assert base._delivery.table.open_handles() == [second, third]
