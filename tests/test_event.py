"""Event: what libevent's own ``regress main`` says of struct event, and what Python adds."""

from __future__ import annotations

import gc
import os
import socket
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loops import run_until, turn
from seen import Seen

from libevent_py import ClosedError, Event, EventBase, EventFlags, ffi, lib

READ, WRITE, PERSIST, TIMEOUT = EventFlags.READ, EventFlags.WRITE, EventFlags.PERSIST, EventFlags.TIMEOUT

Pair = tuple[socket.socket, socket.socket]


class TestReading:
    """Descriptors."""

    def test_read_fires_once(self, backend_base: EventBase, socket_pair: Pair) -> None:
        """Without PERSIST it fires once, and is no longer pending (regress main/simpleread)."""
        ours, peer = socket_pair
        seen = Seen()
        event = Event(backend_base, ours, READ, seen)
        event.add()
        assert event.pending == READ
        peer.send(b"x")
        assert backend_base.dispatch() is True
        assert seen == [READ]
        assert not event.pending

    def test_persist_fires_again(self, backend_base: EventBase, socket_pair: Pair) -> None:
        """With PERSIST it fires for each chunk until it is removed (regress main/persist)."""
        ours, peer = socket_pair
        got: list[bytes] = []

        def read(event: Event, what: EventFlags) -> None:
            got.append(ours.recv(100))
            if len(got) == 3:
                event.remove()
            else:
                peer.send(b"%d" % len(got))

        event = Event(backend_base, ours, READ | PERSIST, read)
        event.add()
        peer.send(b"0")
        assert backend_base.dispatch() is True
        assert got == [b"0", b"1", b"2"]

    def test_level_triggered(self, backend_base: EventBase, socket_pair: Pair) -> None:
        """While nobody reads, a persistent event fires in every pass."""
        ours, peer = socket_pair
        seen = Seen()
        event = Event(backend_base, ours, READ | PERSIST, seen)
        event.add()
        peer.send(b"x")
        turn(backend_base, 3)
        assert seen == [READ] * 3

    def test_write_fires_when_there_is_room(
        self, backend_base: EventBase, socket_pair: Pair, fill: Callable[[socket.socket], int]
    ) -> None:
        """Not while the socket is full, then once (regress main/simplewrite)."""
        ours, peer = socket_pair
        queued = fill(ours)
        seen = Seen()
        event = Event(backend_base, ours, WRITE, seen)
        event.add()
        turn(backend_base, 2)
        assert seen == []
        while queued:
            queued -= len(peer.recv(65536))
        run_until(backend_base, lambda: seen)
        assert seen == [WRITE]

    def test_read_and_write_of_one_event(self, backend_base: EventBase, socket_pair: Pair) -> None:
        """READ|WRITE tells which (regress main/multiple)."""
        ours, peer = socket_pair
        seen = Seen()
        event = Event(backend_base, ours, READ | WRITE | PERSIST, seen)
        event.add()
        turn(backend_base)
        peer.send(b"x")
        turn(backend_base)
        assert seen == [WRITE, READ | WRITE]

    def test_many_events_of_one_descriptor(self, backend_base: EventBase, socket_pair: Pair) -> None:
        """Several events on one descriptor all fire, and go one by one."""
        ours, peer = socket_pair
        readers = [Seen() for _ in range(3)]
        writer = Seen()
        events = [Event(backend_base, ours, READ | PERSIST, seen) for seen in readers]
        events.append(Event(backend_base, ours, WRITE | PERSIST, writer))
        for event in events:
            event.add()
        peer.send(b"x")
        turn(backend_base)
        assert readers == [[READ]] * 3
        assert writer == [WRITE]
        events[0].remove()
        events[3].close()
        turn(backend_base)
        assert readers == [[READ], [READ] * 2, [READ] * 2]
        assert writer == [WRITE]

    def test_a_closed_peer_is_readable(self, backend_base: EventBase, socket_pair: Pair) -> None:
        """End of stream is READ (regress main/simpleclose)."""
        ours, peer = socket_pair
        seen = Seen()
        event = Event(backend_base, ours, READ, seen)
        event.add()
        peer.close()
        backend_base.dispatch()
        assert seen == [READ]
        assert ours.recv(1) == b""

    def test_closed_tells_of_the_end_early(self, base: EventBase, socket_pair: Pair) -> None:
        """CLOSED comes though unread data waits, on backends that can."""
        if not base.features & lib.EV_FEATURE_EARLY_CLOSE:
            pytest.skip(f"{base.method} does not tell early")
        ours, peer = socket_pair
        seen = Seen()
        event = Event(base, ours, EventFlags.CLOSED, seen)
        event.add()
        peer.send(b"x")
        turn(base)
        assert seen == []
        peer.close()
        base.dispatch()
        assert seen == [EventFlags.CLOSED]

    def test_edge_triggered(self, base: EventBase, socket_pair: Pair) -> None:
        """With ET it fires once for each arrival, read or not (regress et/et)."""
        if not base.features & lib.EV_FEATURE_ET:
            pytest.skip(f"{base.method} has no edges")
        ours, peer = socket_pair
        seen = Seen()
        event = Event(base, ours, READ | PERSIST | EventFlags.ET, seen)
        event.add()
        peer.send(b"x")
        turn(base, 3)
        assert len(seen) == 1
        peer.send(b"x")
        turn(base, 3)
        assert len(seen) == 2

    def test_edges_need_a_backend_that_has_them(
        self, monkeypatch: pytest.MonkeyPatch, socket_pair: Pair
    ) -> None:
        """Where libevent would silently do without, it is a ValueError."""
        monkeypatch.setenv("EVENT_NOEPOLL", "1")
        with EventBase() as base, pytest.raises(ValueError, match="edge-triggered"):
            Event(base, socket_pair[0], READ | EventFlags.ET, Seen())

    def test_many_descriptors(self, backend_base: EventBase) -> None:
        """70 socket pairs fire each (regress main/many_events)."""
        pairs = [socket.socketpair() for _ in range(70)]
        seen: set[int] = set()
        for number, (ours, peer) in enumerate(pairs):
            Event(backend_base, ours, READ, lambda event, what, n=number: seen.add(n)).add()
            peer.send(b"x")
        backend_base.dispatch()
        assert seen == set(range(70))
        for ours, peer in pairs:
            ours.close()
            peer.close()

    def test_a_duplicate_descriptor(self, backend_base: EventBase, socket_pair: Pair) -> None:
        """A dup()ed descriptor has an event of its own (regress main/dup_fd)."""
        ours, peer = socket_pair
        with ours.dup() as other:
            first, second = Seen(), Seen()
            one = Event(backend_base, ours, READ, first)
            two = Event(backend_base, other, READ, second)
            one.add()
            two.add()
            peer.send(b"x")
            backend_base.dispatch()
            assert first == second == [READ]

    def test_a_number_does_for_a_descriptor(self, base: EventBase, socket_pair: Pair) -> None:
        """An int, as os.pipe() gives."""
        seen = Seen()
        event = Event(base, socket_pair[0].fileno(), READ, seen)
        assert event.fileno() == socket_pair[0].fileno()
        event.add()
        socket_pair[1].send(b"x")
        base.dispatch()
        assert seen == [READ]

    def test_it_keeps_its_socket(self, base: EventBase) -> None:
        """The object given for the descriptor lives as long as the event, no longer."""
        ours, peer = socket.socketpair()
        there = weakref.ref(ours)
        event = Event(base, ours, READ, Seen())
        del ours
        gc.collect()
        kept = there()
        assert kept is not None
        event.close()
        kept.close()
        del kept
        for _ in range(3):
            gc.collect()
        assert there() is None
        peer.close()

    def test_a_regular_file(self, backend_base: EventBase, tmp_path: Path) -> None:
        """epoll refuses it with EPERM, the others find it ready (EventBaseFeatures.FDS)."""
        path = tmp_path / "file"
        path.write_bytes(b"x")
        seen = Seen()
        with path.open("rb") as file:
            event = Event(backend_base, file, READ, seen)
            if backend_base.features & lib.EV_FEATURE_FDS:
                event.add()
                backend_base.dispatch()
                assert seen == [READ]
            else:
                with pytest.raises(PermissionError, match="cannot add <Event"):
                    event.add()
                assert not event.pending


class TestArguments:
    """What the constructor refuses."""

    @pytest.mark.parametrize("flags", [READ, WRITE, EventFlags.CLOSED, READ | PERSIST])
    def test_waiting_for_nothing(self, base: EventBase, flags: EventFlags) -> None:
        """READ, WRITE and CLOSED need a descriptor."""
        with pytest.raises(ValueError, match="need a file descriptor"):
            Event(base, None, flags, Seen())

    def test_signals_have_their_own_class(self, base: EventBase) -> None:
        """EV_SIGNAL is for Signal."""
        with pytest.raises(ValueError, match="class Signal"):
            Event(base, 2, EventFlags.SIGNAL, Seen())

    @pytest.mark.parametrize("callback", [None, 3, "x"])
    def test_a_callback_that_is_none(self, base: EventBase, callback: Any) -> None:
        """Not callable, TypeError."""
        with pytest.raises(TypeError, match="callback must be callable"):
            Event(base, None, EventFlags(0), callback)

    def test_a_refused_event_leaves_nothing(self, base: EventBase) -> None:
        """A constructor that raises holds no slot."""
        with pytest.raises(ValueError):
            Event(base, -1, READ, Seen())
        assert base._delivery.table.open_count == 0


class TestFromPointer:
    """An event of native code's."""

    def test_it_is_borrowed(self, base: EventBase) -> None:
        """Its callback stays the native one, and close() leaves the event."""
        fired: list[int] = []
        native_callback = ffi.callback("event_callback_fn", lambda fd, what, arg: fired.append(what))
        native = lib.event_new(base.pointer, -1, 0, native_callback, ffi.NULL)
        event = Event.from_pointer(base, native)
        assert event.pointer == native
        event.add(0)
        assert event.pending == TIMEOUT
        base.dispatch()
        assert fired == [lib.EV_TIMEOUT]
        event.active(READ)
        base.dispatch()
        assert fired == [lib.EV_TIMEOUT, lib.EV_READ]
        event.close()
        assert event.closed
        lib.event_free(native)

    def test_another_base(self, base: EventBase) -> None:
        """An event of another event_base is a ValueError."""
        with EventBase() as other:
            event = Event(other, None, EventFlags(0), Seen())
            with pytest.raises(ValueError, match="another event_base"):
                Event.from_pointer(base, event.pointer)

    def test_what_an_event_owns(self, base: EventBase) -> None:
        """A second object would hold freed memory once the first is closed: ValueError."""
        event = Event(base, None, EventFlags(0), Seen())
        with pytest.raises(ValueError, match="use that object"):
            Event.from_pointer(base, event.pointer)


def test_repr(base: EventBase, socket_pair: Pair) -> None:
    """It tells what it waits for and where, then that it is closed."""
    event = Event(base, socket_pair[0], READ, Seen())
    assert f"fd={socket_pair[0].fileno()}" in repr(event)
    assert "READ" in repr(event)
    event.close()
    assert repr(event) == "<Event closed>"


def test_a_closed_descriptor_under_a_pending_event(base: EventBase) -> None:
    """Closing the descriptor first does not crash; removing the event afterwards is fine."""
    ours, theirs = os.pipe()
    event = Event(base, ours, READ, Seen())
    event.add()
    os.close(ours)
    os.close(theirs)
    turn(base)
    event.close()


def test_a_closed_event_refuses_its_descriptor(base: EventBase) -> None:
    """fileno() of a closed event is ClosedError."""
    event = Event(base, None, EventFlags(0), Seen())
    assert event.fileno() == -1
    event.close()
    with pytest.raises(ClosedError):
        event.fileno()
