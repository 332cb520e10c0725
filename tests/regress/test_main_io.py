"""Ports of libevent's regress group main: reading, writing and closing (docs/regress.md has the table)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from loops import turn

from libevent_py import Event, EventBase, EventBaseFeatures, EventFlags, LoopFlags, Timer

Pair = tuple[socket.socket, socket.socket]

READ, WRITE, CLOSED = EventFlags.READ, EventFlags.WRITE, EventFlags.CLOSED
PERSIST, ET, NONE = EventFlags.PERSIST, EventFlags.ET, EventFlags(0)
TEXT = b"this is a test\0"


def test_simpleread(backend_base: EventBase, pair: Pair) -> None:
    """A one-shot event reads the text, is added again, and reads the end."""
    got: list[tuple[EventFlags, bytes]] = []

    def on_read(event: Event, what: EventFlags) -> None:
        got.append((what, os.read(event.fileno(), 256)))
        if len(got) == 1:
            event.add()

    pair[0].send(TEXT)
    pair[0].shutdown(socket.SHUT_WR)
    event = Event(backend_base, pair[1], READ, on_read)
    event.add()
    assert backend_base.dispatch() is True
    assert got == [(READ, TEXT), (READ, b"")]
    assert event.pending == NONE


def test_simpleread_multiple(backend_base: EventBase, pair: Pair) -> None:
    """Two events on one readable descriptor fire once each."""
    fired = []
    pair[0].send(TEXT)
    pair[0].shutdown(socket.SHUT_WR)
    for name in "one", "two":
        Event(backend_base, pair[1], READ, lambda event, what, name=name: fired.append(name)).add()
    assert backend_base.dispatch() is True
    assert sorted(fired) == ["one", "two"]


def test_simplewrite(backend_base: EventBase, pair: Pair) -> None:
    """A socket with room is writable, once."""
    sent = []
    Event(backend_base, pair[0], WRITE, lambda event, what: sent.append((what, pair[0].send(TEXT)))).add()
    assert backend_base.dispatch() is True
    assert sent == [(WRITE, len(TEXT))]
    assert pair[1].recv(256) == TEXT


def test_simpleclose_rw(backend_base: EventBase, fill: Callable[[socket.socket], int]) -> None:
    """A peer that closes makes the one readable and the other, which was full, writable; not before."""
    peers = []
    events: list[tuple[str, EventFlags]] = []
    with contextlib.ExitStack() as stack:
        for name, wanted in ("read", READ), ("write", WRITE):
            ours, peer = (stack.enter_context(sock) for sock in socket.socketpair())
            ours.setblocking(False)
            if wanted == WRITE:
                fill(ours)
            peers.append(peer)
            Event(backend_base, ours, wanted, lambda _, what, name=name: events.append((name, what))).add()

        def close(timer: Timer) -> None:
            events.append(("closed", NONE))
            for peer in peers:
                peer.close()

        Timer(backend_base, 0.03, close)
        assert backend_base.dispatch() is True
    assert events[0] == ("closed", NONE)
    assert sorted(events[1:]) == [("read", READ), ("write", WRITE)]


@pytest.mark.parametrize(
    "extra", [NONE, PERSIST, ET, PERSIST | ET], ids=["once", "persist", "et", "persist_et"]
)
@pytest.mark.parametrize("way", ["close", "shutdown"])
def test_simpleclose(backend_base: EventBase, pair: Pair, way: str, extra: EventFlags) -> None:
    """CLOSED tells that the peer closed, or shut its side down: as often as the flags say."""
    for feature, needed in (EventBaseFeatures.EARLY_CLOSE, True), (EventBaseFeatures.ET, extra & ET):
        if needed and not backend_base.features & feature:
            pytest.skip(f"{backend_base.method} has no {feature.name}")
    got = []
    event = Event(backend_base, pair[0], CLOSED | extra, lambda event, what: got.append(what))
    event.add()
    if way == "close":
        pair[1].close()
    else:
        pair[1].shutdown(socket.SHUT_WR)
    if extra == PERSIST:  # it stays ready: nothing else would end the loop
        backend_base.loopexit(0.01)
    assert backend_base.loop(LoopFlags.NONBLOCK) is not bool(extra & PERSIST)
    if extra == PERSIST:
        assert len(got) > 1
        del got[1:]
    assert got == [CLOSED | extra & ET]
    assert event.pending == (CLOSED if extra & PERSIST else NONE)


@pytest.mark.parametrize("persist", [NONE, PERSIST], ids=["multiple", "persistent"])
def test_multiple(backend_base: EventBase, pair: Pair, persist: EventFlags) -> None:
    """4,096 bytes in pieces of 128 arrive as they were sent, with one-shot and with persistent events."""
    data = bytes(range(256)) * 16
    sent, got = 0, bytearray()

    def on_write(event: Event, what: EventFlags) -> None:
        nonlocal sent
        sent += pair[0].send(data[sent : sent + 128])
        if sent < len(data):
            if not persist:
                event.add()
            return
        pair[0].shutdown(socket.SHUT_WR)
        if persist:
            event.remove()

    def on_read(event: Event, what: EventFlags) -> None:
        piece = pair[1].recv(4096)
        got.extend(piece)
        if piece and not persist:
            event.add()
        elif not piece and persist:
            event.remove()

    Event(backend_base, pair[0], WRITE | persist, on_write).add()
    Event(backend_base, pair[1], READ | persist, on_read).add()
    assert backend_base.dispatch() is True
    assert got == data


def test_combined(backend_base: EventBase, pair: Pair) -> None:
    """Both ends read and write at once, each through two events on its descriptor."""
    to_send = [4096, 8192]
    received = [0, 0]

    def on_write(event: Event, what: EventFlags) -> None:
        side = event.fileno() == pair[1].fileno()
        sent = pair[side].send(b"q" * min(128, to_send[side])) if to_send[side] else 0
        to_send[side] -= sent
        if sent:
            event.add()
        else:
            pair[side].shutdown(socket.SHUT_WR)

    def on_read(event: Event, what: EventFlags) -> None:
        side = event.fileno() == pair[1].fileno()
        piece = pair[side].recv(128)
        received[side] += len(piece)
        if piece:
            event.add()

    for sock in pair:
        Event(backend_base, sock, READ, on_read).add()
        Event(backend_base, sock, WRITE, on_write).add()
    assert backend_base.dispatch() is True
    assert received == [8192, 4096]


def test_multiple_events_for_same_fd(backend_base: EventBase, pair: Pair) -> None:
    """One event waits for reading, another for writing, on the same descriptor."""
    fired = []
    reading = Event(backend_base, pair[0], READ, lambda event, what: fired.append(what))
    writing = Event(backend_base, pair[0], WRITE, lambda event, what: fired.append(what))
    reading.add()
    writing.add()
    backend_base.loop(LoopFlags.ONCE)
    assert fired == [WRITE]
    writing.remove()
    pair[1].send(TEXT)
    backend_base.loop(LoopFlags.ONCE)
    assert fired == [WRITE, READ]


def test_want_only_once(backend_base: EventBase, pair: Pair) -> None:
    """A one-shot event that is not added again does not fire though there is more to read."""
    got = []

    def on_read(event: Event, what: EventFlags) -> None:
        got.append(pair[1].recv(256))
        pair[0].send(TEXT)

    pair[0].send(TEXT)
    backend_base.loopexit(0.05)
    Event(backend_base, pair[1], READ, on_read).add()
    backend_base.dispatch()
    assert got == [TEXT]


def test_nonpersist_readd(backend_base: EventBase, pair: Pair) -> None:
    """Two one-shot events fire in one pass, each adds the other: both are pending, no add() is lost.

    In C one of them is not: libevent takes an event out of waiting right before its own callback,
    and with that what the callback before it has added.
    """
    last = []

    def on_read(event: Event, what: EventFlags) -> None:
        assert os.read(event.fileno(), 256) == b"Hello"
        other = two if event is one else one
        other.add()
        last.append(other)

    one, two = (Event(backend_base, sock, READ, on_read) for sock in pair)
    for sock in pair:
        sock.send(b"Hello")
    one.add()
    two.add()
    assert backend_base.loop(LoopFlags.ONCE) is False
    assert len(last) == 2
    assert [event.pending for event in last] == [READ, READ]


def test_dup_fd(backend_base: EventBase, pair: Pair) -> None:
    """A duplicate that is closed, and made again under its number, is watched anew (epoll's EEXIST)."""
    fired: list[tuple[Any, EventFlags]] = []
    pair[0].send(b"Hello world")
    fd = pair[1].fileno()
    duplicate = os.dup(fd)

    def on_event(event: Event, what: EventFlags) -> None:
        fired.append((event, what))

    def fired_in_one_pass() -> list[tuple[Any, EventFlags]]:
        fired.clear()
        turn(backend_base)
        return sorted(fired, key=lambda each: each[0].fileno())

    one = Event(backend_base, fd, READ | PERSIST, on_event)
    two = Event(backend_base, duplicate, READ | PERSIST, on_event)
    one.add()
    two.add()
    assert fired_in_one_pass() == sorted([(one, READ), (two, READ)], key=lambda each: each[0].fileno())
    # The order is upstream's, and wrong on purpose: first the descriptor goes, then the event.
    os.close(duplicate)
    two.remove()
    assert fired_in_one_pass() == [(one, READ)]
    assert os.dup2(fd, duplicate) == duplicate
    two.close()
    three = Event(backend_base, duplicate, WRITE | PERSIST, on_event)
    three.add()
    assert set(fired_in_one_pass()) == {(one, READ), (three, WRITE)}
    three.close()
    os.close(duplicate)


def test_event_closed_fd_poll(backend_base: EventBase, pair: Pair) -> None:
    """poll tells READ of a descriptor that was closed under its event."""
    if backend_base.method != "poll":
        pytest.skip("upstream has this case for poll only")
    fired = []
    turn(backend_base)  # what the loop opens for itself must not get the number
    event = Event(backend_base, pair[0], READ, lambda event, what: fired.append(what))
    event.add(0.5)
    assert event.pending & READ
    pair[0].close()
    backend_base.loop(LoopFlags.ONCE)
    assert fired == [READ]
    event.close()


@pytest.mark.parametrize("slow_add", [False, True], ids=["many_events", "many_events_slow_add"])
def test_many_events(backend_base: EventBase, slow_add: bool) -> None:
    """70 sockets are ready at once, or become so one by one: each fires as often as it should."""
    count = 70
    fired = [0] * count
    one_pass = LoopFlags.NONBLOCK | LoopFlags.ONCE
    with contextlib.ExitStack() as stack:
        for number in range(count):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.setblocking(False)

            def on_write(event: Event, what: EventFlags, number: int = number) -> None:
                fired[number] += 1

            event = Event(backend_base, sock, WRITE | (PERSIST if slow_add else NONE), on_write)
            stack.enter_context(event)
            event.add()
            if slow_add:
                backend_base.loop(one_pass)
        backend_base.loop(one_pass if slow_add else LoopFlags.NONBLOCK)
        assert fired == ([count - number + 1 for number in range(count)] if slow_add else [1] * count)
