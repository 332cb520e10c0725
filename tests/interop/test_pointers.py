"""Sharing a base by pointers: what native code owns, and loops that it drives, without a compiler."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from child import check_child

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    ClosedError,
    Event,
    EventBase,
    EventFlags,
    Listener,
    Timer,
    ffi,
    lib,
)

NO_WAIT = EventFlags(0)
DEADLINE = 10.0


@pytest.fixture
def native() -> Iterator[Any]:
    """An ``event_base`` that the test owns as a C program would; it stops after some seconds."""
    pointer = lib.event_base_new()
    # A loop that waits for what never comes ends instead of hanging the suite.
    lib.event_base_loopexit(pointer, ffi.new("struct timeval *", (int(DEADLINE), 0)))
    yield pointer
    lib.event_base_free(pointer)


@pytest.fixture
def base(native: Any) -> Iterator[EventBase]:
    """The EventBase over it."""
    with EventBase.from_pointer(native) as base:
        yield base


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What goes to sys.excepthook meanwhile."""
    errors: list[BaseException] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, error, traceback: errors.append(error))
    return errors


def address_of(pointer: Any) -> int:
    """The number that a C program would print with %p."""
    return int(ffi.cast("uintptr_t", pointer))


class RawEvents:
    """Events with raw C callbacks: each calls a Python function without the delivery queue."""

    def __init__(self, pointer: Any) -> None:
        self.pointer = pointer
        self.kept: list[tuple[Any, Any]] = []

    def make(self, function: Any, priority: int | None = None) -> Any:
        """A ``struct event`` that calls *function* when it is activated."""
        callback = ffi.callback("event_callback_fn", lambda fd, what, arg: function())
        event = lib.event_new(self.pointer, -1, 0, callback, ffi.NULL)
        if priority is not None:
            lib.event_priority_set(event, priority)
        self.kept.append((event, callback))
        return event

    def free(self) -> None:
        """Free them all."""
        for event, _ in self.kept:
            lib.event_free(event)


@pytest.fixture
def raw(native: Any) -> Iterator[RawEvents]:
    """Raw events of the native base."""
    events = RawEvents(native)
    yield events
    events.free()


class TestBase:
    """EventBase.from_pointer and EventBase.pointer."""

    @pytest.mark.parametrize("kind", ["int", "struct event_base *", "void *", "uintptr_t"])
    def test_what_it_takes(self, native: Any, kind: str) -> None:
        """A number, and a cdata of the type, of no type, or an integer of C's."""
        value = address_of(native) if kind == "int" else ffi.cast(kind, native)
        with EventBase.from_pointer(value) as base:
            assert base.pointer == native

    @pytest.mark.parametrize("value", [0, -1, 1 << 64, ffi.NULL])
    def test_no_address(self, value: Any) -> None:
        """NULL, and what no pointer holds, is a ValueError."""
        with pytest.raises(ValueError, match="event_base"):
            EventBase.from_pointer(value)

    @pytest.mark.parametrize("value", [None, "0x1", 1.5, True, object()])
    def test_no_pointer(self, value: Any) -> None:
        """Anything but an int or a cdata is a TypeError."""
        with pytest.raises(TypeError, match="need an address"):
            EventBase.from_pointer(value)

    def test_another_struct(self, base: EventBase) -> None:
        """A pointer to something else is a TypeError, not a crash."""
        event = Event(base, None, NO_WAIT, print)
        with pytest.raises(TypeError, match=r"not struct event \*"):
            EventBase.from_pointer(event.pointer)
        with pytest.raises(TypeError, match=r"not struct event_base \*"):
            Event.from_pointer(base, base.pointer)
        with pytest.raises(TypeError, match=r"not struct event_base \*"):
            BufferEvent.from_pointer(base, base.pointer)

    def test_it_is_borrowed(self, native: Any, raw: RawEvents) -> None:
        """Closing removes what Python added, and the owner's event still runs."""
        fired: list[str] = []
        base = EventBase.from_pointer(native)
        Timer(base, 0, lambda timer: fired.append("python"))
        base.close()
        lib.event_active(raw.make(lambda: fired.append("native")), lib.EV_TIMEOUT, 1)
        lib.event_base_loop(native, lib.EVLOOP_NONBLOCK)
        assert fired == ["native"]
        with pytest.raises(ClosedError):
            _ = base.pointer

    def test_the_own_loop_of_a_borrowed_base(self, base: EventBase, raw: RawEvents) -> None:
        """Python may drive it too: native callbacks run between Python's."""
        fired: list[str] = []
        Timer(base, 0.001, lambda timer: (fired.append("python"), base.loopbreak()))
        lib.event_active(raw.make(lambda: fired.append("native")), lib.EV_TIMEOUT, 1)
        assert base.dispatch() is False
        assert fired == ["native", "python"]

    def test_the_pointer_is_the_real_one(self, base: EventBase, native: Any) -> None:
        """Raw functions see what the objects did."""
        assert lib.event_base_get_num_events(base.pointer, lib.EVENT_BASE_COUNT_ADDED) == 1  # the deadline
        timer = Timer(base, 30, lambda timer: None)
        assert lib.event_base_get_num_events(native, lib.EVENT_BASE_COUNT_ADDED) == 2
        timer.close()
        assert lib.event_base_get_num_events(native, lib.EVENT_BASE_COUNT_ADDED) == 1

    def test_two_of_one_base(self, native: Any) -> None:
        """Two EventBases over one event_base work side by side, and closing one leaves the other."""
        fired: list[str] = []
        first, second = EventBase.from_pointer(native), EventBase.from_pointer(native)
        Timer(first, 0, lambda timer: fired.append("first"))
        Timer(second, 0, lambda timer: fired.append("second"))
        lib.event_base_loop(native, lib.EVLOOP_ONCE)
        assert sorted(fired) == ["first", "second"]
        Timer(first, 0, lambda timer: first.close() if second.closed else second.close())
        Timer(first, 0, lambda timer: fired.append("again"))
        lib.event_base_loop(native, lib.EVLOOP_ONCE)
        assert fired[2:] == ["again"]
        assert second.closed
        first.close()

    def test_more_priorities_later(self) -> None:
        """The owner may give its base priorities after Python has seen it."""
        check_child(
            """
            from libevent_py import Event, EventBase, EventFlags, lib
            native = lib.event_base_new()
            base = EventBase.from_pointer(native)
            lib.event_base_priority_init(native, 250)
            fired = []
            event = Event(base, None, EventFlags(0), lambda event, what: fired.append(1))
            event.active()
            lib.event_base_dispatch(native)
            assert fired == [1]
            base.close()
            lib.event_base_free(native)
            """
        )


class TestEvent:
    """Event.from_pointer and Event.pointer."""

    def test_round_trip(self, base: EventBase, raw: RawEvents) -> None:
        """The wrapper adds, activates and removes the native event, whose own callback runs."""
        fired: list[str] = []
        pointer = raw.make(lambda: fired.append("native"))
        event = Event.from_pointer(base, address_of(pointer))
        assert event.pointer == pointer
        event.add(30)
        assert event.pending == EventFlags.TIMEOUT
        event.remove()
        assert lib.event_pending(pointer, lib.EV_TIMEOUT, ffi.NULL) == 0
        event.active()
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert fired == ["native"]

    def test_closing_leaves_it_alone(self, base: EventBase, raw: RawEvents) -> None:
        """A pending native event stays pending when the wrapper, or the base, is closed or collected."""
        pointer = raw.make(lambda: None)
        lib.event_add(pointer, ffi.new("struct timeval *", (30, 0)))
        Event.from_pointer(base, pointer).close()
        Event.from_pointer(base, pointer)
        gc.collect()
        kept = Event.from_pointer(base, pointer)
        base.close()
        assert kept.closed
        assert lib.event_pending(pointer, lib.EV_TIMEOUT, ffi.NULL) == lib.EV_TIMEOUT

    def test_of_another_base(self, base: EventBase) -> None:
        """An event of another base is a ValueError."""
        with EventBase() as other:
            event = Event(other, None, NO_WAIT, print)
            with pytest.raises(ValueError, match="another event_base"):
                Event.from_pointer(base, event.pointer)
            event.close()

    def test_raw_calls_on_ours(self, base: EventBase) -> None:
        """event_active and event_add on ``Event.pointer`` reach the Python callback."""
        fired: list[EventFlags] = []
        event = Event(base, None, EventFlags.PERSIST, lambda event, what: fired.append(what))
        event.add(30)
        lib.event_active(event.pointer, lib.EV_WRITE, 1)
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert fired == [EventFlags.WRITE]
        assert lib.event_get_base(event.pointer) == base.pointer


class TestBufferEvent:
    """BufferEvent.from_pointer and BufferEvent.pointer."""

    @pytest.fixture
    def native_bev(self, native: Any) -> Iterator[tuple[Any, socket.socket]]:
        """A bufferevent that native code owns, and its peer."""
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        peer.settimeout(DEADLINE)
        pointer = lib.bufferevent_socket_new(native, ours.detach(), lib.BEV_OPT_CLOSE_ON_FREE)
        yield pointer, peer
        lib.bufferevent_free(pointer)
        lib.event_base_loop(native, lib.EVLOOP_NONBLOCK)  # its finalizer closes the descriptor
        peer.close()

    def test_round_trip(self, base: EventBase, native_bev: tuple[Any, socket.socket]) -> None:
        """Python reads and writes through a native bufferevent in a native loop."""
        pointer, peer = native_bev
        seen: list[bytes] = []
        bev = BufferEvent.from_pointer(base, address_of(pointer))
        assert bev.pointer == pointer
        bev.set_callbacks(
            on_data=lambda bev, data: (seen.append(data), bev.write(data.upper()), base.loopbreak())
        )
        bev.enable(EventFlags.READ)
        peer.sendall(b"hello")
        lib.event_base_dispatch(base.pointer)
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert seen == [b"hello"]
        assert peer.recv(5) == b"HELLO"

    def test_closing_leaves_it_alone(self, base: EventBase, native_bev: tuple[Any, socket.socket]) -> None:
        """A native bufferevent goes on when Python is done with it."""
        pointer, peer = native_bev
        bev = BufferEvent.from_pointer(base, pointer)
        bev.set_callbacks(on_data=lambda bev, data: None)
        base.close()
        assert bev.closed
        lib.bufferevent_write(pointer, b"still here", 10)
        lib.event_base_loop(lib.bufferevent_get_base(pointer), lib.EVLOOP_NONBLOCK)
        assert peer.recv(10) == b"still here"

    @pytest.mark.parametrize("with_callbacks", [True, False])
    def test_the_owners_callbacks_come_back(
        self, base: EventBase, native_bev: tuple[Any, socket.socket], with_callbacks: bool
    ) -> None:
        """close() gives the native callbacks back, whether Python had set its own or not."""
        pointer, peer = native_bev
        seen: list[str] = []

        @ffi.callback("bufferevent_data_cb")
        def callback(bev: Any, arg: Any) -> None:
            seen.append("native")
            lib.event_base_loopbreak(base.pointer)

        lib.bufferevent_setcb(pointer, callback, ffi.NULL, ffi.NULL, ffi.NULL)
        lib.bufferevent_enable(pointer, lib.EV_READ)
        bev = BufferEvent.from_pointer(base, pointer)
        if with_callbacks:
            bev.set_callbacks(on_data=lambda bev, data: (seen.append("python"), base.loopbreak()))
            peer.sendall(b"x")
            lib.event_base_dispatch(base.pointer)
        bev.close()
        peer.sendall(b"y")
        lib.event_base_dispatch(base.pointer)
        assert seen == ["python", "native"][not with_callbacks :]
        lib.bufferevent_setcb(pointer, ffi.NULL, ffi.NULL, ffi.NULL, ffi.NULL)

    def test_two_wrappers(self, base: EventBase, native_bev: tuple[Any, socket.socket]) -> None:
        """The wrapper that set callbacks last has them; closed in any order, none is left behind."""
        pointer, peer = native_bev
        first = BufferEvent.from_pointer(base, pointer)
        first.set_callbacks(on_data=lambda bev, data: seen.append("first"))
        second = BufferEvent.from_pointer(base, pointer)
        second.set_callbacks(on_data=lambda bev, data: (seen.append("second"), base.loopbreak()))
        second.enable(EventFlags.READ)
        seen: list[str] = []
        first.close()
        peer.sendall(b"x")
        lib.event_base_dispatch(base.pointer)
        assert seen == ["second"]
        second.close()
        readable, arg = ffi.new("bufferevent_data_cb *"), ffi.new("void **")
        lib.bufferevent_getcb(pointer, readable, ffi.NULL, ffi.NULL, arg)
        assert (readable[0], arg[0]) == (ffi.NULL, ffi.NULL)

    def test_of_another_base(self, base: EventBase, socket_pair: Any) -> None:
        """A bufferevent of another base is a ValueError."""
        ours, _ = socket_pair
        with EventBase() as other:
            bev = BufferEvent(other, ours)
            with pytest.raises(ValueError, match="another event_base"):
                BufferEvent.from_pointer(base, bev.pointer)

    def test_raw_calls_on_ours(self, base: EventBase, socket_pair: Any) -> None:
        """bufferevent_write and evbuffer functions work on ``pointer`` of a BufferEvent and its buffers."""
        ours, peer = socket_pair
        bev = BufferEvent(base, ours)
        assert lib.bufferevent_get_output(bev.pointer) == bev.output.pointer
        lib.bufferevent_write(bev.pointer, b"raw ", 4)
        with Buffer(b"buffer") as more:
            assert lib.evbuffer_get_length(more.pointer) == 6
            lib.bufferevent_write_buffer(bev.pointer, more.pointer)
            assert len(more) == 0
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert peer.recv(10) == b"raw buffer"

    def test_a_pointer_is_gone_when_closed(self, base: EventBase, socket_pair: Any) -> None:
        """``pointer`` of anything closed is a ClosedError, never a stale address."""
        ours, _ = socket_pair
        things = [
            Event(base, None, NO_WAIT, print),
            BufferEvent(base, ours),
            Listener(base, ("127.0.0.1", 0), print),
            Buffer(),
        ]
        for thing in things:
            thing.close()
            with pytest.raises(ClosedError):
                _ = thing.pointer


class TestForeignLoop:
    """Native code runs the loop: here the raw layer does."""

    def test_timers_events_and_connections(self, base: EventBase, tmp_path: Any) -> None:
        """All kinds of callbacks come with their data from event_base_dispatch."""
        log: list[Any] = []

        def on_accept(listener: Listener, sock: socket.socket, address: Any) -> None:
            log.append("accept")
            server = BufferEvent(base, sock)
            server.set_callbacks(
                on_data=lambda bev, data: bev.write(data[::-1]), on_event=lambda bev, what: log.append(what)
            )
            server.enable(EventFlags.READ)

        def on_data(bev: BufferEvent, data: bytes) -> None:
            log.append(data)
            bev.close()
            Timer(base, 0.005, lambda timer: base.loopexit())

        address = f"unix:{tmp_path}/socket"
        Listener(base, address, on_accept)
        client = BufferEvent(base)
        client.set_callbacks(on_data=on_data, on_event=lambda bev, what: log.append(what))
        client.enable(EventFlags.READ)
        Timer(base, 0.001, lambda timer: (client.connect(address), client.write(b"abc")))
        assert lib.event_base_dispatch(base.pointer) == 0
        assert set(log[:2]) == {BufferEventEvents.CONNECTED, "accept"}
        assert log[2:] == [b"cba", BufferEventEvents.READING | BufferEventEvents.EOF]

    def test_order_with_raw_callbacks(self, base: EventBase, raw: RawEvents) -> None:
        """Raw callbacks run as libevent meets them, Python's behind them, each kind in its order."""
        order: list[str] = []
        for number in range(3):
            lib.event_active(raw.make(lambda n=number: order.append(f"raw {n}")), lib.EV_TIMEOUT, 1)
            Event(base, None, NO_WAIT, lambda event, what, n=number: order.append(f"python {n}")).active()
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert order == ["raw 0", "raw 1", "raw 2", "python 0", "python 1", "python 2"]

    def test_order_with_priorities(self) -> None:
        """One priority is finished, raw and Python callbacks alike, before the next one begins."""
        native = lib.event_base_new()
        lib.event_base_priority_init(native, 3)
        raw = RawEvents(native)
        order: list[str] = []
        with EventBase.from_pointer(native) as base:
            assert base.priorities == 3
            for priority in 2, 0, 1:
                event = Event(
                    base, None, NO_WAIT, lambda event, what: order.append(f"python {event.priority}")
                )
                event.priority = priority
                event.active()
                lib.event_active(
                    raw.make(lambda p=priority: order.append(f"raw {p}"), priority), lib.EV_TIMEOUT, 1
                )
            lib.event_base_dispatch(native)
        raw.free()
        lib.event_base_free(native)
        assert order == ["raw 0", "python 0", "raw 1", "python 1", "raw 2", "python 2"]

    def test_many_at_once(self, base: EventBase) -> None:
        """More records in a pass than a batch holds arrive once each, in order."""
        count = 2500
        seen: list[int] = []
        for number in range(count):
            Event(base, None, NO_WAIT, lambda event, what, n=number: seen.append(n)).active()
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert seen == list(range(count))

    @pytest.mark.parametrize("stop", ["Python", "raw"])
    def test_loopbreak(self, base: EventBase, stop: str) -> None:
        """It ends the native loop after the callback that calls it; the next loop delivers the rest."""
        seen: list[int] = []

        def callback(number: int) -> None:
            seen.append(number)
            base.loopbreak() if stop == "Python" else lib.event_base_loopbreak(base.pointer)

        for number in range(3):
            Event(base, None, NO_WAIT, lambda event, what, n=number: callback(n)).active()
        lib.event_base_dispatch(base.pointer)
        assert lib.event_base_got_break(base.pointer)
        # The raw one is libevent's: it knows the batch as one callback.
        assert seen == ([0] if stop == "Python" else [0, 1, 2])
        for _ in range(2):
            lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert seen == [0, 1, 2]

    def test_loopbreak_and_then_pythons_own_loop(self, base: EventBase) -> None:
        """What a native loop left is delivered by EventBase.loop(), and the other way round."""
        seen: list[int] = []
        for number in range(4):
            Event(
                base, None, NO_WAIT, lambda event, what, n=number: (seen.append(n), base.loopbreak())
            ).active()
        for done in range(4):
            assert seen == list(range(done))
            if done % 2:
                assert base.dispatch() is False
            else:
                lib.event_base_dispatch(base.pointer)
        assert seen == [0, 1, 2, 3]

    def test_loopcontinue(self) -> None:
        """It lets a higher priority's event through before the rest of its own."""
        native = lib.event_base_new()
        lib.event_base_priority_init(native, 2)
        order: list[str] = []
        with EventBase.from_pointer(native) as base:
            urgent = Event(base, None, NO_WAIT, lambda event, what: order.append("urgent"))
            urgent.priority = 0

            def first(event: Event, what: EventFlags) -> None:
                order.append("first")
                urgent.active()
                base.loopcontinue()

            for callback in first, lambda event, what: order.append("second"):
                event = Event(base, None, NO_WAIT, callback)
                event.priority = 1
                event.active()
            lib.event_base_dispatch(native)
        lib.event_base_free(native)
        assert order == ["first", "urgent", "second"]

    def test_loopexit(self, base: EventBase) -> None:
        """It ends the native loop after the pass."""
        seen: list[int] = []
        for number in range(2):
            Event(
                base, None, NO_WAIT, lambda event, what, n=number: (seen.append(n), base.loopexit())
            ).active()
        lib.event_base_dispatch(base.pointer)
        assert seen == [0, 1]
        assert lib.event_base_got_exit(base.pointer)

    def test_exceptions_go_to_the_hook(self, base: EventBase, reported: list[BaseException]) -> None:
        """Each exception is reported, even SystemExit, and the native loop goes on."""
        seen: list[int] = []
        errors = [ValueError("one"), SystemExit(3), KeyboardInterrupt()]

        def fail(error: BaseException) -> None:
            raise error

        for error in errors:
            Event(base, None, NO_WAIT, lambda event, what, error=error: fail(error)).active()
        Event(base, None, NO_WAIT, lambda event, what: seen.append(1)).active()
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert reported == errors
        assert seen == [1]

    def test_on_error(self, native: Any, reported: list[BaseException]) -> None:
        """on_error takes an Exception; what it raises itself goes to the hook."""
        taken: list[Exception] = []

        def on_error(error: Exception) -> None:
            taken.append(error)
            if len(taken) == 2:
                raise LookupError("in on_error")

        with EventBase.from_pointer(native, on_error=on_error) as base:
            for _ in range(3):
                Timer(base, 0, lambda timer: 1 / 0)
            lib.event_base_loop(native, lib.EVLOOP_ONCE)
        assert [type(error) for error in taken] == [ZeroDivisionError] * 3
        assert [type(error) for error in reported] == [LookupError]

    def test_a_failing_hook_loses_nothing(
        self, base: EventBase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """With sys.excepthook failing too both exceptions are printed, and the rest is delivered."""
        seen: list[int] = []
        monkeypatch.setattr("sys.excepthook", lambda *error: {}["hook"])
        Timer(base, 0, lambda timer: {}["callback"])
        Timer(base, 0, lambda timer: seen.append(1))
        lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE)
        assert seen == [1]
        printed = capsys.readouterr().err
        assert "KeyError: 'callback'" in printed
        assert "KeyError: 'hook'" in printed

    def test_closing_inside_callbacks(self, base: EventBase, socket_pair: Any) -> None:
        """An object closed by an earlier callback of the pass, or by its own, gets nothing more."""
        ours, peer = socket_pair
        seen: list[str] = []
        bev = BufferEvent(base, ours)
        bev.set_callbacks(on_data=lambda bev, data: seen.append("data"))
        bev.enable(EventFlags.READ)
        peer.sendall(b"x")
        victim = Event(base, None, NO_WAIT, lambda event, what: seen.append("victim"))

        def killer(event: Event, what: EventFlags) -> None:
            for thing in victim, bev, event:
                thing.close()
            seen.append("killer")

        Event(base, None, NO_WAIT, killer).active()
        victim.active()
        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
        assert seen == ["killer"]

    def test_closing_the_base_inside_a_callback(self, base: EventBase, reported: list[BaseException]) -> None:
        """It is refused, for the queue is in use below; afterwards it works."""
        Timer(base, 0, lambda timer: base.close())
        lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE)
        assert [type(error) for error in reported] == [RuntimeError]
        assert "let the loop return first" in str(reported[0])
        assert not base.closed

    def test_closing_a_base_inside_a_raw_callback(self) -> None:
        """Refused where Python's own loop is on the stack below, which would return to freed memory."""
        with EventBase() as base:
            errors: list[Any] = []

            def close() -> None:
                try:
                    base.close()
                except RuntimeError as error:
                    errors.append(error)

            raw = RawEvents(base.pointer)
            lib.event_active(raw.make(close), lib.EV_TIMEOUT, 1)
            base.dispatch()
            assert len(errors) == 1
            raw.free()

    def test_closing_a_borrowed_base_inside_a_native_callback(self, native: Any, raw: RawEvents) -> None:
        """A host may end Python's part from a callback of its own, with records on their way."""
        seen: list[str] = []
        base = EventBase.from_pointer(native)
        Event(base, None, NO_WAIT, lambda event, what: seen.append("python")).active()
        lib.event_active(raw.make(base.close), lib.EV_TIMEOUT, 1)
        lib.event_base_loop(native, lib.EVLOOP_NONBLOCK)
        assert base.closed
        assert seen == []

    def test_a_raw_loop_inside_a_python_callback(self, raw: RawEvents) -> None:
        """Where Python drives, a callback may run the loop raw: native callbacks run, Python's wait."""
        order: list[str] = []
        with EventBase() as base:
            inner = RawEvents(base.pointer)
            nested = inner.make(lambda: order.append("raw"))
            later = Event(base, None, NO_WAIT, lambda event, what: order.append("later"))

            def callback(event: Event, what: EventFlags) -> None:
                lib.event_active(nested, lib.EV_TIMEOUT, 1)
                later.active()
                lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
                order.append("callback")

            Event(base, None, NO_WAIT, callback).active()
            Event(base, None, NO_WAIT, lambda event, what: order.append("second")).active()
            assert base.dispatch() is True
            inner.free()
        assert order == ["raw", "callback", "second", "later"]

    def test_pythons_loop_inside_a_foreign_one(self, base: EventBase, reported: list[BaseException]) -> None:
        """The loop cannot run twice: RuntimeError, and the native loop goes on."""
        seen: list[int] = []
        Timer(base, 0, lambda timer: base.dispatch())
        Timer(base, 0, lambda timer: seen.append(1))
        lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE)
        assert [str(error) for error in reported] == ["the loop of this EventBase is running already"]
        assert seen == [1]

    def test_not_running(self, base: EventBase) -> None:
        """``running`` tells of Python's loop only."""
        seen: list[bool] = []
        Timer(base, 0, lambda timer: seen.append(base.running))
        lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE)
        assert seen == [False]

    def test_another_thread_ends_it(self, base: EventBase) -> None:
        """Event.active from another thread reaches an idle native loop, for the base was made with locks."""
        stop = Event(base, None, NO_WAIT, lambda event, what: base.loopbreak())
        thread = threading.Thread(target=stop.active)
        Timer(base, 0, lambda timer: thread.start())
        lib.event_base_dispatch(base.pointer)
        thread.join()
        assert lib.event_base_got_break(base.pointer)


class TestGarbage:
    """Nobody closed it."""

    def test_dropped_with_all_that_is_in_it(self) -> None:
        """A borrowed base collected with its timer and idle event leaves nothing in the native base."""
        check_child(
            """
            import gc, warnings
            from libevent_py import Event, EventBase, EventFlags, Timer, lib
            warnings.simplefilter("ignore", ResourceWarning)

            def make_and_drop(native):
                base = EventBase.from_pointer(native)
                base.idle = Event(base, None, EventFlags(0), print)
                another = Event(base, None, EventFlags(0), print)
                Timer(base, 0.0, lambda timer: print("fired"))

            for _ in range(20):
                native = lib.event_base_new()
                make_and_drop(native)
                for _ in range(8):  # PyPy finalizes one object of a cycle a round
                    gc.collect()
                assert lib.event_base_get_num_events(native, lib.EVENT_BASE_COUNT_ADDED) == 0
                assert lib.event_base_dispatch(native) == 1
                lib.event_base_free(native)
            """,
            env={"MALLOC_PERTURB_": "165"},
        )

    def test_left_open_at_the_end(self) -> None:
        """A program may end with a borrowed base open and its owner gone."""
        check_child(
            """
            from libevent_py import EventBase, Timer, lib
            native = lib.event_base_new()
            base = EventBase.from_pointer(native)
            Timer(base, 30, print)
            """
        )
