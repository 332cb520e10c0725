"""The study notes, row by row: each call as C has it, and as Python has it.

Where the notes are wrong the test shows what libevent does.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from child import check_child, run_child
from loops import run_until, settle, turn

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    BufferEventOptions,
    Event,
    EventBase,
    EventFlags,
    Listener,
    LoopFlags,
    Timer,
    ffi,
    lib,
)

NULL = ffi.NULL
READ, WRITE, PERSIST = EventFlags.READ, EventFlags.WRITE, EventFlags.PERSIST
Pair = tuple[socket.socket, socket.socket]


def timeval(seconds: float) -> Any:
    """A ``struct timeval *``."""
    return ffi.new("struct timeval *", {"tv_sec": int(seconds), "tv_usec": int(seconds % 1 * 1e6)})


class Raw:
    """An event_base, and what else a raw program has to keep and free itself."""

    def __init__(self) -> None:
        self.base = lib.event_base_new()
        self.kept: list[Any] = []
        self.events: list[Any] = []
        self.bevs: list[Any] = []

    def event(self, fd: int, what: int, function: Callable[[int, int, Any], object]) -> Any:
        """The notes' event_new with a Python callback."""
        callback = ffi.callback("event_callback_fn", lambda fd, what, arg: (function(fd, what, arg), None)[1])
        self.kept.append(callback)
        self.events.append(lib.event_new(self.base, fd, what, callback, NULL))
        return self.events[-1]

    def bufferevent(self, sock: socket.socket | None, options: int = 0) -> Any:
        """The notes' bufferevent_socket_new."""
        self.bevs.append(lib.bufferevent_socket_new(self.base, sock.fileno() if sock else -1, options))
        return self.bevs[-1]

    def setcb(self, bev: Any, read: Any = None, write: Any = None, event: Any = None) -> None:
        """The notes' bufferevent_setcb with Python callbacks."""
        found = []
        for kind, function in (
            ("bufferevent_data_cb", read),
            ("bufferevent_data_cb", write),
            ("bufferevent_event_cb", event),
        ):
            found.append(
                ffi.callback(kind, lambda *a, f=function: (f(*a[:-1]), None)[1]) if function else NULL
            )
        self.kept += found
        lib.bufferevent_setcb(bev, *found, NULL)

    def turn(self, passes: int = 1) -> None:
        """Some passes of the loop."""
        for _ in range(passes):
            lib.event_base_loop(self.base, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)

    def until(self, done: Callable[[], object]) -> None:
        """Passes until *done()*."""
        end = time.monotonic() + 10
        while not done():
            assert time.monotonic() < end
            self.turn()

    def close(self) -> None:
        """Free all, in the order that libevent needs."""
        for event in self.events:
            lib.event_free(event)
        for bev in self.bevs:
            lib.bufferevent_free(bev)
        self.turn(2)
        lib.event_base_free(self.base)


@pytest.fixture
def raw() -> Iterator[Raw]:
    """A raw program's state, freed at the end."""
    state = Raw()
    yield state
    state.close()


def take(bev: Any, size: int = 1024) -> bytes:
    """The notes' bufferevent_read into a buffer as big as the notes' ``data[1024]``."""
    memory = ffi.new("char[]", size)
    return ffi.buffer(memory, size)[: lib.bufferevent_read(bev, memory, size)]


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


class TestBuffereventSocketNew:
    """The notes' bufferevent_socket_new(base, fd, options)."""

    def test_raw_without_descriptor(self, raw: Raw) -> None:
        """-1 does not make a descriptor: that is made at connect time."""
        bev = raw.bufferevent(None, lib.BEV_OPT_CLOSE_ON_FREE)
        assert lib.bufferevent_getfd(bev) == -1

    def test_pythonic_without_descriptor(self, base: EventBase) -> None:
        """The same."""
        bev = BufferEvent(base)
        assert bev.fileno() == -1
        listener = Listener(base, ("127.0.0.1", 0), lambda listener, sock, address: sock.close())
        bev.connect(listener.address)
        assert bev.fileno() >= 0

    def test_raw_close_on_free(self, raw: Raw) -> None:
        """BEV_OPT_CLOSE_ON_FREE closes the descriptor, from the loop."""
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        bev = lib.bufferevent_socket_new(raw.base, ours.detach(), lib.BEV_OPT_CLOSE_ON_FREE)
        lib.bufferevent_free(bev)
        raw.turn()
        assert peer.recv(1) == b""
        peer.close()

    def test_pythonic_close_on_free(self, base: EventBase, socket_pair: Pair) -> None:
        """CLOSE_ON_FREE is the default."""
        bev = BufferEvent(base, socket_pair[0])
        assert bev.options == BufferEventOptions.CLOSE_ON_FREE
        bev.close()
        turn(base)
        assert socket_pair[1].recv(1) == b""

    def test_raw_unlock_needs_defer(self, raw: Raw, socket_pair: Pair) -> None:
        """BEV_OPT_UNLOCK_CALLBACKS alone gives NULL; with BEV_OPT_DEFER_CALLBACKS a bufferevent."""
        quiet = ffi.callback("event_log_cb", lambda severity, message: None)
        lib.event_set_log_callback(quiet)
        fd = socket_pair[0].fileno()
        assert lib.bufferevent_socket_new(raw.base, fd, lib.BEV_OPT_UNLOCK_CALLBACKS) == NULL
        lib.event_set_log_callback(NULL)
        assert (
            raw.bufferevent(socket_pair[0], lib.BEV_OPT_UNLOCK_CALLBACKS | lib.BEV_OPT_DEFER_CALLBACKS)
            != NULL
        )

    def test_pythonic_unlock_needs_defer(self, base: EventBase, socket_pair: Pair) -> None:
        """A ValueError before C."""
        options = BufferEventOptions
        with pytest.raises(ValueError, match="UNLOCK_CALLBACKS needs DEFER_CALLBACKS"):
            BufferEvent(base, socket_pair[0], options.UNLOCK_CALLBACKS)
        BufferEvent(base, socket_pair[0], options.UNLOCK_CALLBACKS | options.DEFER_CALLBACKS)

    @pytest.mark.parametrize("options", [lib.BEV_OPT_THREADSAFE, lib.BEV_OPT_DEFER_CALLBACKS])
    def test_raw_other_options(self, raw: Raw, socket_pair: Pair, options: int) -> None:
        """BEV_OPT_THREADSAFE and BEV_OPT_DEFER_CALLBACKS read as always."""
        got: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0], options)
        raw.setcb(bev, read=lambda bev: got.append(take(bev)))
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(b"x")
        raw.until(lambda: got)
        assert got == [b"x"]


class TestSetcbReadWrite:
    """The notes' bufferevent_setcb, bufferevent_read, bufferevent_write."""

    def test_raw(self, raw: Raw, socket_pair: Pair) -> None:
        """Read what came, answer; reading takes it out of the input."""
        bev = raw.bufferevent(socket_pair[0])

        def answer(bev: Any) -> None:
            data = take(bev)
            assert lib.evbuffer_get_length(lib.bufferevent_get_input(bev)) == 0
            lib.bufferevent_write(bev, data.upper(), len(data))

        raw.setcb(bev, read=answer)
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(b"hello")
        raw.turn(3)
        assert socket_pair[1].recv(100) == b"HELLO"

    def test_pythonic(self, base: EventBase, socket_pair: Pair) -> None:
        """The same with set_callbacks(), read(), write()."""
        bev = BufferEvent(base, socket_pair[0])

        def answer(bev: BufferEvent) -> None:
            data = bev.read()
            assert len(bev.input) == 0
            bev.write(data.upper())

        bev.set_callbacks(on_read=answer)
        bev.enable(READ)
        socket_pair[1].send(b"hello")
        turn(base, 3)
        assert socket_pair[1].recv(100) == b"HELLO"

    def test_raw_write_only_queues(self, raw: Raw, socket_pair: Pair) -> None:
        """Writing does not call the write callback: that comes from the loop, once the output has drained."""
        calls: list[int] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(
            bev, write=lambda bev: calls.append(lib.evbuffer_get_length(lib.bufferevent_get_output(bev)))
        )
        lib.bufferevent_write(bev, b"x", 1)
        assert calls == []
        raw.until(lambda: calls)
        assert calls == [0]

    def test_pythonic_write_only_queues(self, base: EventBase, socket_pair: Pair) -> None:
        """The same for on_write."""
        calls: list[int] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_write=lambda bev: calls.append(len(bev.output)))
        bev.write(b"x")
        assert calls == []
        run_until(base, lambda: calls)
        assert set(calls) == {0}

    def test_raw_enabling_an_empty_output_calls_too(self, raw: Raw, socket_pair: Pair) -> None:
        """The notes' bufferevent_enable(EV_WRITE) with nothing written gives one write callback."""
        calls: list[int] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, write=lambda bev: calls.append(1))
        lib.bufferevent_enable(bev, lib.EV_WRITE)
        raw.turn(3)
        assert calls == [1]

    def test_pythonic_enabling_an_empty_output_calls_too(self, base: EventBase, socket_pair: Pair) -> None:
        """The same for enable(WRITE)."""
        calls: list[int] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_write=lambda bev: calls.append(1))
        bev.enable(WRITE)
        turn(base, 3)
        assert calls == [1]


class TestEnableDisable:
    """The notes' bufferevent_enable, bufferevent_disable, bufferevent_get_enabled."""

    def test_raw_defaults(self, raw: Raw, socket_pair: Pair) -> None:
        """Writing is on and reading off, not both on."""
        bev = raw.bufferevent(socket_pair[0])
        assert lib.bufferevent_get_enabled(bev) == lib.EV_WRITE
        lib.bufferevent_enable(bev, lib.EV_READ)
        assert lib.bufferevent_get_enabled(bev) == lib.EV_READ | lib.EV_WRITE
        lib.bufferevent_disable(bev, lib.EV_READ | lib.EV_WRITE)
        assert lib.bufferevent_get_enabled(bev) == 0

    def test_pythonic_defaults(self, base: EventBase, socket_pair: Pair) -> None:
        """The same."""
        bev = BufferEvent(base, socket_pair[0])
        assert bev.enabled == WRITE
        bev.enable(READ)
        assert bev.enabled == READ | WRITE
        bev.disable(READ | WRITE)
        assert bev.enabled == EventFlags(0)

    def test_raw_disabled_is_silent(self, raw: Raw, socket_pair: Pair) -> None:
        """No callback while EV_READ is off."""
        got: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=lambda bev: got.append(take(bev)))
        socket_pair[1].send(b"x")
        raw.turn(3)
        assert got == []

    def test_pythonic_disabled_is_silent(self, base: EventBase, socket_pair: Pair) -> None:
        """The same."""
        got: list[bytes] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_data=lambda bev, data: got.append(data))
        socket_pair[1].send(b"x")
        turn(base, 3)
        assert got == []


#: What is sent, what the read callback gets in turn, and what stays in the input.
WATERMARK_TABLE = [
    (b"1234", [], 4),
    (b"12345", [5], 0),
    (b"1234567890", [10], 0),
    (b"1234567890abc", [10], 3),
    (b"1234567890abcdefgh", [10, 8], 0),
]


class TestSetwatermark:
    """The notes' bufferevent_setwatermark(bev, EV_READ, 5, 10)."""

    @pytest.mark.parametrize(("sent", "portions", "rest"), WATERMARK_TABLE)
    def test_raw(self, raw: Raw, socket_pair: Pair, sent: bytes, portions: list[int], rest: int) -> None:
        """Below 5 no callback, 5 to 10 at once, more in tens, a rest under 5 stays."""
        got: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=lambda bev: got.append(take(bev)))
        lib.bufferevent_setwatermark(bev, lib.EV_READ, 5, 10)
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(sent)
        raw.turn(6)
        assert [len(each) for each in got] == portions
        assert lib.evbuffer_get_length(lib.bufferevent_get_input(bev)) == rest

    @pytest.mark.parametrize(("sent", "portions", "rest"), WATERMARK_TABLE)
    @pytest.mark.parametrize("how", ["on_read", "on_data"])
    def test_pythonic(
        self, base: EventBase, socket_pair: Pair, how: str, sent: bytes, portions: list[int], rest: int
    ) -> None:
        """The same with set_watermark(), for both ways to read."""
        got: list[bytes] = []
        bev = BufferEvent(base, socket_pair[0])
        if how == "on_read":
            bev.set_callbacks(on_read=lambda bev: got.append(bev.read()))
        else:
            bev.set_callbacks(on_data=lambda bev, data: got.append(data))
        bev.set_watermark(READ, 5, 10)
        bev.enable(READ)
        socket_pair[1].send(sent)
        settle(base, 0.005)
        assert [len(each) for each in got] == portions
        assert len(bev.input) == rest

    def test_raw_end_of_stream_does_not_flush(self, raw: Raw, socket_pair: Pair) -> None:
        """At EOF libevent leaves the rest to the event callback."""
        got: list[bytes] = []
        rest: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=lambda bev: got.append(take(bev)), event=lambda bev, what: rest.append(take(bev)))
        lib.bufferevent_setwatermark(bev, lib.EV_READ, 5, 10)
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(b"123")
        socket_pair[1].close()
        raw.until(lambda: rest)
        assert got == []
        assert rest == [b"123"]

    def test_pythonic_end_of_stream_flushes(self, base: EventBase, socket_pair: Pair) -> None:
        """on_data gets the rest before on_event tells of the end."""
        order: list[object] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(
            on_data=lambda bev, data: order.append(data), on_event=lambda bev, what: order.append(what)
        )
        bev.set_watermark(READ, 5, 10)
        bev.enable(READ)
        socket_pair[1].send(b"123")
        socket_pair[1].close()
        run_until(base, lambda: len(order) == 2)
        assert order == [b"123", BufferEventEvents.READING | BufferEventEvents.EOF]

    def test_raw_a_full_input_spins(self, raw: Raw, socket_pair: Pair) -> None:
        """A raw read callback that leaves the high mark's worth is called in every pass (issue 891)."""
        calls: list[int] = []

        def leave(bev: Any) -> None:
            calls.append(1)
            if len(calls) == 20:
                lib.event_base_loopbreak(raw.base)

        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=leave)
        lib.bufferevent_setwatermark(bev, lib.EV_READ, 0, 10)
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].send(b"x" * 100)
        guard = raw.event(-1, 0, lambda fd, what, arg: lib.event_base_loopbreak(raw.base))
        lib.event_add(guard, timeval(5))
        lib.event_base_dispatch(raw.base)
        assert len(calls) == 20

    def test_pythonic_a_full_input_does_not_spin(self, base: EventBase, socket_pair: Pair) -> None:
        """Python's is called once."""
        calls: list[int] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_read=lambda bev: calls.append(1))
        bev.set_watermark(READ, 0, 10)
        bev.enable(READ)
        socket_pair[1].send(b"x" * 100)
        settle(base, 0.02)
        assert calls == [1]


class TestWriteHighWatermark:
    """The notes' bufferevent_setwatermark(bev, EV_WRITE, low, high)."""

    def test_raw(self, raw: Raw, socket_pair: Pair) -> None:
        """The high mark has no effect on a socket."""
        bev = raw.bufferevent(socket_pair[0])
        lib.bufferevent_setwatermark(bev, lib.EV_WRITE, 0, 10)
        assert lib.bufferevent_write(bev, b"x" * 1000, 1000) == 0
        assert lib.evbuffer_get_length(lib.bufferevent_get_output(bev)) == 1000

    def test_pythonic(self, base: EventBase, socket_pair: Pair) -> None:
        """Nor here: ``len(bev.output)`` tells how much waits."""
        bev = BufferEvent(base, socket_pair[0])
        bev.set_watermark(WRITE, 0, 10)
        bev.write(b"x" * 5_000_000)
        assert len(bev.output) > 1_000_000


class TestEventCallback:
    """BEV_EVENT_READING, WRITING, EOF, ERROR, TIMEOUT, CONNECTED."""

    def test_raw(self, raw: Raw, socket_pair: Pair) -> None:
        """A closed peer is READING|EOF."""
        seen: list[int] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, event=lambda bev, what: seen.append(what))
        lib.bufferevent_enable(bev, lib.EV_READ)
        socket_pair[1].close()
        raw.until(lambda: seen)
        assert seen == [lib.BEV_EVENT_READING | lib.BEV_EVENT_EOF]

    def test_pythonic(self, base: EventBase, socket_pair: Pair) -> None:
        """The same."""
        seen: list[BufferEventEvents] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_event=lambda bev, what: seen.append(what))
        bev.enable(READ)
        socket_pair[1].close()
        run_until(base, lambda: seen)
        assert seen == [BufferEventEvents.READING | BufferEventEvents.EOF]

    def test_raw_error(self, raw: Raw, socket_pair: Pair) -> None:
        """Writing to a peer that is gone is WRITING|ERROR."""
        seen: list[int] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, event=lambda bev, what: seen.append(what))
        socket_pair[1].close()
        lib.bufferevent_write(bev, b"x", 1)
        raw.until(lambda: seen)
        assert seen[0] == lib.BEV_EVENT_WRITING | lib.BEV_EVENT_ERROR

    def test_pythonic_error(self, base: EventBase, socket_pair: Pair) -> None:
        """The same, and ``error`` is the exception."""
        seen: list[BufferEventEvents] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_event=lambda bev, what: seen.append(what))
        socket_pair[1].close()
        bev.write(b"x")
        run_until(base, lambda: seen)
        assert seen[0] == BufferEventEvents.WRITING | BufferEventEvents.ERROR
        assert isinstance(bev.error, BrokenPipeError)


class TestSetTimeouts:
    """The notes' bufferevent_set_timeouts."""

    def test_raw(self, raw: Raw, socket_pair: Pair) -> None:
        """Running out turns reading off and reports READING|TIMEOUT; enabled again, it reads on."""
        seen: list[int] = []
        got: list[bytes] = []
        bev = raw.bufferevent(socket_pair[0])
        raw.setcb(bev, read=lambda bev: got.append(take(bev)), event=lambda bev, what: seen.append(what))
        lib.bufferevent_set_timeouts(bev, timeval(0.01), NULL)
        lib.bufferevent_enable(bev, lib.EV_READ)
        raw.until(lambda: seen)
        assert seen == [lib.BEV_EVENT_READING | lib.BEV_EVENT_TIMEOUT]
        assert lib.bufferevent_get_enabled(bev) == lib.EV_WRITE
        socket_pair[1].send(b"x")
        lib.bufferevent_enable(bev, lib.EV_READ)
        raw.until(lambda: got)
        assert got == [b"x"]

    def test_pythonic(self, base: EventBase, socket_pair: Pair) -> None:
        """The same with set_timeouts()."""
        seen: list[BufferEventEvents] = []
        got: list[bytes] = []
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(
            on_data=lambda bev, data: got.append(data), on_event=lambda bev, what: seen.append(what)
        )
        bev.set_timeouts(read=0.01)
        bev.enable(READ)
        run_until(base, lambda: seen)
        assert seen == [BufferEventEvents.READING | BufferEventEvents.TIMEOUT]
        assert bev.enabled == WRITE
        socket_pair[1].send(b"x")
        bev.enable(READ)
        run_until(base, lambda: got)
        assert got == [b"x"]


class TestClient:
    """The notes' bufferevent_socket_new(base, -1, ...), evutil_inet_pton, bufferevent_socket_connect."""

    def test_raw(self, raw: Raw) -> None:
        """BEV_EVENT_CONNECTED comes as an event."""
        seen: list[int] = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = ffi.new("struct sockaddr_in *")
            address.sin_family = socket.AF_INET
            address.sin_port = socket.htons(server.getsockname()[1])
            assert lib.evutil_inet_pton(socket.AF_INET, b"127.0.0.1", ffi.addressof(address, "sin_addr")) == 1
            bev = raw.bufferevent(None, lib.BEV_OPT_CLOSE_ON_FREE)
            raw.setcb(bev, event=lambda bev, what: seen.append(what))
            where = ffi.cast("struct sockaddr *", address)
            assert lib.bufferevent_socket_connect(bev, where, ffi.sizeof(address[0])) == 0
            lib.bufferevent_write(bev, b"hello", 5)
            raw.until(lambda: seen)
            assert seen == [lib.BEV_EVENT_CONNECTED]
            client, _ = server.accept()
            raw.turn(2)
            client.settimeout(10)
            assert client.recv(10) == b"hello"
            client.close()

    def test_pythonic(self, base: EventBase) -> None:
        """The same with connect()."""
        seen: list[BufferEventEvents] = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            bev = BufferEvent(base)
            bev.set_callbacks(on_event=lambda bev, what: seen.append(what))
            bev.connect(server.getsockname())
            bev.write(b"hello")
            run_until(base, lambda: seen)
            assert seen == [BufferEventEvents.CONNECTED]
            client, _ = server.accept()
            turn(base, 2)
            client.settimeout(10)
            assert client.recv(10) == b"hello"
            client.close()

    def test_pythonic_failing_at_once(self, base: EventBase, tmp_path: Any) -> None:
        """An immediate failure raises; there is no event."""
        with pytest.raises(FileNotFoundError):
            BufferEvent(base).connect(f"unix:{tmp_path}/none")
        assert base.loop(LoopFlags.NONBLOCK) is True


class TestEvbuffer:
    """The notes' evbuffer, input and output: what was read is gone, first in first out."""

    def test_raw(self) -> None:
        """The notes' evbuffer_add, evbuffer_remove."""
        buffer = lib.evbuffer_new()
        lib.evbuffer_add(buffer, b"first", 5)
        lib.evbuffer_add(buffer, b"second", 6)
        memory = ffi.new("char[]", 5)
        assert lib.evbuffer_remove(buffer, memory, 5) == 5
        assert ffi.buffer(memory)[:] == b"first"
        assert lib.evbuffer_get_length(buffer) == 6
        lib.evbuffer_free(buffer)

    def test_pythonic(self) -> None:
        """The same with Buffer."""
        buffer = Buffer(b"first")
        buffer.add(b"second")
        assert buffer.remove(5) == b"first"
        assert bytes(buffer) == b"second"

    def test_pythonic_input_and_output(self, base: EventBase, socket_pair: Pair) -> None:
        """A bufferevent has one for each direction."""
        bev = BufferEvent(base, socket_pair[0])
        bev.set_callbacks(on_read=lambda bev: None)
        bev.enable(READ)
        bev.disable(WRITE)
        bev.write(b"out")
        socket_pair[1].send(b"in")
        run_until(base, lambda: len(bev.input))
        assert bytes(bev.input) == b"in"
        assert len(bev.output) == 3
        assert bev.read() == b"in"
        assert len(bev.input) == 0
