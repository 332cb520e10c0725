"""The study notes, row by row: event_base and event; each call as C has it, and as Python has it.

Where the notes are wrong the test shows what libevent does.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest
from child import check_child, run_child
from loops import turn
from seeds import Raw, timeval

from libevent_py import (
    Event,
    EventBase,
    EventFlags,
    Timer,
    ffi,
    lib,
)

NULL = ffi.NULL
READ, WRITE, PERSIST = EventFlags.READ, EventFlags.WRITE, EventFlags.PERSIST
Pair = tuple[socket.socket, socket.socket]


class TestEventBase:
    """The notes' event_base_new, event_base_free, event_base_dispatch."""

    def test_raw(self) -> None:
        """Made, run with nothing to do (1: no event was left), freed."""
        base = lib.event_base_new()
        assert base != NULL
        assert lib.event_base_dispatch(base) == 1
        lib.event_base_free(base)

    def test_pythonic(self) -> None:
        """``with`` creates and releases; dispatch() tells that nothing was left."""
        with EventBase() as base:
            assert base.dispatch() is True
        assert base.closed

    def test_raw_dispatch_ends_by_loopbreak(self, raw: Raw) -> None:
        """0 when it was told to stop."""
        event = raw.event(-1, lib.EV_PERSIST, lambda fd, what, arg: lib.event_base_loopbreak(raw.base))
        lib.event_add(event, timeval(0.001))
        assert lib.event_base_dispatch(raw.base) == 0

    def test_pythonic_dispatch_ends_by_loopbreak(self, base: EventBase) -> None:
        """False when it was told to stop."""
        Timer(base, 0.001, lambda timer: base.loopbreak(), repeat=True)
        assert base.dispatch() is False

    @pytest.mark.skipif(hasattr(lib, "evwatch_free"), reason="what 2.1 does; 2.2 was not looked at")
    def test_raw_few_descriptors(self) -> None:
        """libevent 2.1's event_base_new ends the process where descriptors are short."""
        code = """
            import os, resource
            from libevent_py import lib
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
            held = []
            try:
                while True:
                    held.append(os.dup(0))
            except OSError:
                pass
            os.close(held.pop())
            lib.event_base_new()
            print("alive")
            """
        done = run_child(code)
        assert (done.returncode, done.stdout) == (1, "")

    def test_pythonic_few_descriptors(self) -> None:
        """Where event_base_new would exit(1), EventBase() raises OSError and the process lives."""
        code = """
            import os, resource, sys
            from libevent_py import EventBase, lib
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
            held = []
            try:
                while True:
                    held.append(os.dup(0))
            except OSError:
                pass
            os.close(held.pop())
            try:
                EventBase()
            except OSError:
                print("OSError")
            """
        assert check_child(code) == "OSError\n"


class TestEventNew:
    """The notes' event_new with EV_READ, EV_WRITE, EV_PERSIST."""

    @pytest.mark.parametrize(("persist", "expected"), [(0, 1), (lib.EV_PERSIST, 3)], ids=["once", "persist"])
    def test_raw(self, raw: Raw, socket_pair: Pair, persist: int, expected: int) -> None:
        """One-shot without EV_PERSIST, again and again with it."""
        seen: list[int] = []
        event = raw.event(
            socket_pair[0].fileno(), lib.EV_READ | persist, lambda fd, what, arg: seen.append(what)
        )
        assert lib.event_add(event, NULL) == 0
        socket_pair[1].send(b"x")
        raw.turn(3)
        assert seen == [lib.EV_READ] * expected
        assert bool(lib.event_pending(event, lib.EV_READ, NULL)) == bool(persist)

    @pytest.mark.parametrize(
        ("persist", "expected"), [(EventFlags(0), 1), (PERSIST, 3)], ids=["once", "persist"]
    )
    def test_pythonic(self, base: EventBase, socket_pair: Pair, persist: EventFlags, expected: int) -> None:
        """The same."""
        seen: list[EventFlags] = []
        event = Event(base, socket_pair[0], READ | persist, lambda event, what: seen.append(what))
        event.add()
        socket_pair[1].send(b"x")
        turn(base, 3)
        assert seen == [READ] * expected
        assert bool(event.pending) == bool(persist)

    def test_raw_write(self, raw: Raw, socket_pair: Pair) -> None:
        """EV_WRITE: there is room."""
        seen: list[int] = []
        event = raw.event(socket_pair[0].fileno(), lib.EV_WRITE, lambda fd, what, arg: seen.append(what))
        lib.event_add(event, NULL)
        assert lib.event_base_dispatch(raw.base) == 1
        assert seen == [lib.EV_WRITE]

    def test_pythonic_write(self, base: EventBase, socket_pair: Pair) -> None:
        """WRITE: there is room."""
        seen: list[EventFlags] = []
        event = Event(base, socket_pair[0], WRITE, lambda event, what: seen.append(what))
        event.add()
        assert base.dispatch() is True
        assert seen == [WRITE]

    def test_raw_it_is_deleted_before_its_callback(self, raw: Raw, socket_pair: Pair) -> None:
        """In the callback a one-shot event is not pending; adding it again there is fine."""
        pending: list[int] = []

        def read(fd: int, what: int, arg: Any) -> None:
            pending.append(lib.event_pending(event, lib.EV_READ, NULL))
            if len(pending) < 3:
                lib.event_add(event, NULL)

        event = raw.event(socket_pair[0].fileno(), lib.EV_READ, read)
        lib.event_add(event, NULL)
        socket_pair[1].send(b"x")
        lib.event_base_dispatch(raw.base)
        assert pending == [0, 0, 0]

    def test_pythonic_it_is_deleted_before_its_callback(self, base: EventBase, socket_pair: Pair) -> None:
        """The same."""
        pending: list[EventFlags] = []

        def read(event: Event, what: EventFlags) -> None:
            pending.append(event.pending)
            if len(pending) < 3:
                event.add()

        event = Event(base, socket_pair[0], READ, read)
        event.add()
        socket_pair[1].send(b"x")
        base.dispatch()
        assert pending == [EventFlags(0)] * 3


class TestEventAddDelFree:
    """The notes' event_add, event_del, event_free."""

    def test_raw(self, raw: Raw) -> None:
        """A second timeout replaces the first, NULL keeps it, event_del ends it."""
        seen: list[int] = []
        event = raw.event(-1, 0, lambda fd, what, arg: seen.append(what))
        lib.event_add(event, timeval(30))
        lib.event_add(event, timeval(0.001))
        lib.event_add(event, NULL)
        lib.event_base_dispatch(raw.base)
        assert seen == [lib.EV_TIMEOUT]
        lib.event_add(event, timeval(0))
        assert lib.event_del(event) == 0
        assert lib.event_base_dispatch(raw.base) == 1
        assert len(seen) == 1

    def test_pythonic(self, base: EventBase) -> None:
        """The same with add(), remove(), close()."""
        seen: list[EventFlags] = []
        event = Event(base, None, EventFlags(0), lambda event, what: seen.append(what))
        event.add(30)
        event.add(0.001)
        event.add()
        base.dispatch()
        assert seen == [EventFlags.TIMEOUT]
        event.add(0)
        event.remove()
        assert base.dispatch() is True
        event.add(0)
        event.close()
        assert base.dispatch() is True
        assert len(seen) == 1
