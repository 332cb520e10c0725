"""Sharing a base by pointers: what native code owns, and loops that it drives, without a compiler."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from child import check_child
from raw_events import RawEvents

from libevent_py import (
    Buffer,
    BufferEvent,
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


def address_of(pointer: Any) -> int:
    """The number that a C program would print with %p."""
    return int(ffi.cast("uintptr_t", pointer))


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
