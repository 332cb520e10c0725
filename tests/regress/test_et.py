"""Ports of libevent's regress_et.c: docs/regress.md has the table."""

from __future__ import annotations

import socket

import pytest
from child import run_child
from loops import turn

from libevent_py import Event, EventBase, EventBaseFeatures, EventFlags

Pair = tuple[socket.socket, socket.socket]

READ, WRITE, PERSIST, ET = EventFlags.READ, EventFlags.WRITE, EventFlags.PERSIST, EventFlags.ET


def need_edges(base: EventBase) -> None:
    """Skip where the backend has no edge-triggered events."""
    if not base.features & EventBaseFeatures.ET:
        pytest.skip(f"{base.method} has no edge-triggered events")


def test_et(backend_base: EventBase, pair: Pair) -> None:
    """An edge comes once though there is more to read; a backend without says so where C keeps silent."""
    got = []

    def on_read(event: Event, what: EventFlags) -> None:
        # AF_UNIX: on some kernels a read that leaves bytes is an edge of its own.
        got.append((what, pair[1].recv(1, socket.MSG_PEEK)))

    pair[0].send(b"test string\0")
    pair[0].shutdown(socket.SHUT_WR)
    if not backend_base.features & EventBaseFeatures.ET:
        with pytest.raises(ValueError, match="no edge-triggered events"):
            Event(backend_base, pair[1], READ | ET | PERSIST, on_read)
        return
    Event(backend_base, pair[1], READ | ET | PERSIST, on_read).add()
    turn(backend_base, 3)
    assert got == [(READ | ET, b"t")]


MIXED = """
    import socket
    from libevent_py import Event, EventBase, EventFlags, LibeventError, ffi

    READ = EventFlags.READ
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs, EventBase() as base:
        edge = Event(base, ours, READ | EventFlags.ET, print)
        level = Event(base, ours, READ, print)
        for first, second in (edge, level), (level, edge):
            first.add()
            ffi.errno = 9  # of some call before
            try:
                second.add()
            except LibeventError:
                print("refused")
            assert (first.pending, second.pending) == (READ, EventFlags(0))
            first.remove()
    """


def test_et_mix_error(base: EventBase) -> None:
    """In debug mode an edge-triggered event and another on one descriptor are an error, either way round."""
    need_edges(base)
    done = run_child(MIXED, env={"LIBEVENT_PY_DEBUG": "1"})
    assert (done.returncode, done.stdout) == (0, "refused\nrefused\n"), done.stderr


def test_et_multiple_events(backend_base: EventBase, pair: Pair) -> None:
    """Of two edge-triggered events on a descriptor one goes; the other stays edge-triggered."""
    need_edges(backend_base)
    fired: list[EventFlags] = []
    pair[0].send(b"A")
    reading, writing = (
        Event(backend_base, pair[1], flag | ET | PERSIST, lambda event, what: fired.append(what))
        for flag in (READ, WRITE)
    )
    reading.add()
    writing.add()
    turn(backend_base, 3)
    assert sorted(fired) == [READ | ET, WRITE | ET]
    reading.remove()
    pair[0].close()  # an edge
    turn(backend_base, 3)
    assert sorted(fired) == [READ | ET, WRITE | ET, WRITE | ET]
