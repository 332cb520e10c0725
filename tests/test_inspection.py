"""What an EventBase tells of itself: counts and lists; what others may ask."""

from __future__ import annotations

import gc
import io
import signal
import socket
import threading
from typing import Any

import pytest
from loops import turn

from libevent_py import (
    BufferEvent,
    ClosedError,
    Event,
    EventBase,
    EventCount,
    EventFlags,
    EventInfo,
    Signal,
    Timer,
    UnsupportedError,
    WrongThreadError,
    ffi,
    lib,
)

READ_WRITE = EventFlags.READ | EventFlags.WRITE


def nothing(*arguments: object) -> None:
    """A callback that does nothing."""


class TestCounting:
    """num_events and max_events."""

    def test_a_new_base_is_empty(self, backend_base: EventBase) -> None:
        """Whatever the queue has of its own does not count."""
        for flag in EventCount:
            assert backend_base.num_events(flag) == 0
        turn(backend_base)
        assert backend_base.num_events(EventCount.ADDED | EventCount.ACTIVE | EventCount.VIRTUAL) == 0

    def test_added(self, base: EventBase, socket_pair: tuple[socket.socket, socket.socket]) -> None:
        """Once for the descriptor, once for the timeout, as libevent counts."""
        event = Event(base, socket_pair[0], EventFlags.READ, nothing)
        assert base.num_events() == 0
        event.add()
        assert base.num_events() == 1
        timer = Timer(base, 60, nothing)
        assert base.num_events(EventCount.ADDED) == 2
        event.add(timeout=60)
        assert base.num_events() == 3
        event.remove()
        timer.close()
        assert base.num_events() == 0

    def test_active(self, base: EventBase) -> None:
        """Before the loop, in a callback, after a loop that was cut short."""
        counts: list[int] = []

        def callback(event: Event, what: EventFlags) -> None:
            counts.append(base.num_events(EventCount.ACTIVE))
            if len(counts) == 2:
                base.loopbreak()

        events = [Event(base, None, EventFlags(0), callback) for _ in range(4)]
        for event in events:
            event.active()
        assert base.num_events(EventCount.ACTIVE) == 4
        base.loop()
        assert counts == [3, 2]
        assert base.num_events(EventCount.ACTIVE) == 2
        base.loop()
        assert counts == [3, 2, 1, 0]
        assert base.num_events(EventCount.ACTIVE) == 0

    def test_active_in_a_loop_that_native_code_runs(self, base: EventBase) -> None:
        """The same numbers."""
        counts: list[int] = []
        events = [
            Event(base, None, EventFlags(0), lambda *_: counts.append(base.num_events(EventCount.ACTIVE)))
            for _ in range(3)
        ]
        for event in events:
            event.active()
        lib.event_base_loop(base.pointer, 0)
        assert counts == [2, 1, 0]

    def test_max_events(self, base: EventBase) -> None:
        """The most there ever were, until it is cleared."""
        timers = [Timer(base, 60, nothing) for _ in range(3)]
        for timer in timers:
            timer.close()
        assert base.max_events() == 3
        assert base.max_events(clear=True) == 3
        assert base.max_events(EventCount.ADDED) == 0
        events = [Event(base, None, EventFlags(0), nothing) for _ in range(2)]
        for event in events:
            event.active()
        base.loop()
        assert base.max_events(EventCount.ACTIVE) == 2

    @pytest.mark.parametrize("flags", [8, -1, 1 << 40, "ADDED", None])
    def test_wrong_flags(self, base: EventBase, flags: Any) -> None:
        """Only those that there are."""
        with pytest.raises((TypeError, ValueError), match="flags"):
            base.num_events(flags)
        with pytest.raises((TypeError, ValueError), match="flags"):
            base.max_events(flags)


class TestListing:
    """events and dump_events."""

    def test_our_events(
        self, backend_base: EventBase, socket_pair: tuple[socket.socket, socket.socket]
    ) -> None:
        """Each once, as the Event that it is, with all that libevent knows."""
        base = backend_base
        reader = Event(base, socket_pair[0], READ_WRITE | EventFlags.PERSIST, nothing)
        reader.add(timeout=20)
        timer = Timer(base, 30, nothing)
        user = Event(base, None, EventFlags(0), nothing)
        idle = Event(base, socket_pair[1], EventFlags.READ, nothing)
        terminate = Signal(base, signal.SIGUSR1, nothing)
        user.active(EventFlags.WRITE)
        found = {info.event: info for info in base.events()}
        assert set(found) == {reader, timer, user, terminate}
        assert found[reader][1:5] == (
            socket_pair[0].fileno(),
            READ_WRITE | EventFlags.PERSIST,
            EventFlags(0),
            0,
        )
        assert found[reader].remaining == pytest.approx(20, abs=2)
        assert found[timer].remaining == pytest.approx(30, abs=2)
        assert found[timer].fd == -1
        assert (found[user].active, found[user].remaining) == (EventFlags.WRITE, None)
        assert found[terminate].fd == signal.SIGUSR1
        assert EventFlags.SIGNAL in found[terminate].flags
        idle.close()

    def test_priority(self) -> None:
        """The priority is told."""
        with EventBase(priorities=5) as base:
            timer = Timer(base, 60, nothing)
            timer.priority = 4
            assert [info.priority for info in base.events()] == [4]

    def test_others_are_told_too(
        self, base: EventBase, socket_pair: tuple[socket.socket, socket.socket]
    ) -> None:
        """Those of bufferevents and of native code, without an Event and without a pointer."""
        bev = BufferEvent(base, socket_pair[0])
        bev.enable(EventFlags.READ)
        native = lib.event_new(base.pointer, socket_pair[1].fileno(), lib.EV_WRITE, ffi.NULL, ffi.NULL)
        lib.event_add(native, ffi.NULL)
        found = base.events()
        lib.event_free(native)
        assert all(isinstance(info, EventInfo) and info.event is None for info in found)
        assert {info.fd for info in found} == {bev.fileno(), socket_pair[1].fileno()}

    def test_an_event_of_another_delivery(self) -> None:
        """A base that two EventBases share: each knows its own Events."""
        pointer = lib.event_base_new()
        with EventBase.from_pointer(pointer) as base, EventBase.from_pointer(pointer) as other:
            timer = Timer(base, 60, nothing)
            assert [info.event for info in base.events()] == [timer]
            assert [info.event for info in other.events()] == [None]
        lib.event_base_free(pointer)

    def test_none_are_lost_among_many(self, base: EventBase) -> None:
        """More than the list has room for at first."""
        timers = {Timer(base, 60 + number, nothing) for number in range(500)}
        assert {info.event for info in base.events()} == timers
        assert len(base.events()) == 500

    def test_after_the_collector(self, base: EventBase) -> None:
        """What nobody holds is not in the list, nor in the way."""
        for _ in range(10):
            Event(base, None, EventFlags(0), nothing)
        gc.collect()
        assert base.events() == []

    def test_in_a_callback(self, base: EventBase) -> None:
        """The event whose callback runs is listed if it is still added."""
        seen: list[list[Event | None]] = []
        once = Timer(base, 0, lambda timer: seen.append([info.event for info in base.events()]))
        again = Timer(
            base,
            0.001,
            lambda timer: (seen.append([info.event for info in base.events()]), timer.close()),
            repeat=True,
        )
        base.dispatch()
        assert seen == [[again], [again]]
        assert once.pending == EventFlags(0)

    def test_dump(self, base: EventBase, capsys: pytest.CaptureFixture[str]) -> None:
        """libevent's own text, to any text file."""
        timer = Timer(base, 5, nothing)
        active = Event(base, None, EventFlags(0), nothing)
        active.active()
        file = io.StringIO()
        base.dump_events(file)
        inserted, actives = file.getvalue().split("Active events:\n")
        assert inserted.startswith("Inserted events:\n")
        assert " [fd  -1] Timeout=" in inserted
        assert " [fd  -1, priority=0] Timeout active" in actives
        base.dump_events()
        assert capsys.readouterr().out == file.getvalue()
        timer.close()

    def test_a_file_that_fails(self, base: EventBase) -> None:
        """Its exception comes out."""
        file = io.StringIO()
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            base.dump_events(file)
        with pytest.raises(TypeError, match="must have a write"):
            base.dump_events(3)  # type: ignore[arg-type]


class TestActivating:
    """active_by_fd and active_by_signal."""

    def test_by_descriptor(
        self, backend_base: EventBase, socket_pair: tuple[socket.socket, socket.socket]
    ) -> None:
        """Those which wait for what is named fire with it, others do not."""
        base = backend_base
        seen: list[tuple[str, EventFlags]] = []
        ours, peer = socket_pair
        events = [
            Event(base, ours, EventFlags.READ, lambda event, what: seen.append(("read", what))),
            Event(
                base,
                ours,
                EventFlags.READ | EventFlags.PERSIST,
                lambda event, what: seen.append(("stays", what)),
            ),
            Event(base, peer, EventFlags.READ, lambda event, what: seen.append(("peer", what))),
        ]
        for event in events:
            event.add(timeout=60)
        base.active_by_fd(ours, EventFlags.READ)
        base.active_by_fd(peer.fileno(), EventFlags.WRITE)
        turn(base)
        assert sorted(seen) == [("read", EventFlags.READ), ("stays", EventFlags.READ)]
        seen.clear()
        base.active_by_fd(ours, EventFlags.TIMEOUT | EventFlags.READ)
        turn(base)
        assert seen == [("stays", EventFlags.READ | EventFlags.TIMEOUT)]

    def test_a_descriptor_that_nobody_waits_for(self, base: EventBase) -> None:
        """Nothing happens."""
        ours, peer = socket.socketpair()
        with ours, peer:
            base.active_by_fd(ours, EventFlags.READ)
            base.active_by_fd(peer, EventFlags.TIMEOUT)
        assert base.loop() is True

    @pytest.mark.parametrize(
        ("fd", "what", "error"),
        [
            (-1, EventFlags.READ, ValueError),
            (1 << 40, EventFlags.READ, ValueError),
            (1 << 20, EventFlags.READ, OSError),
            ("0", EventFlags.READ, TypeError),
            (0, EventFlags(0), ValueError),
            (0, EventFlags.SIGNAL, ValueError),
            (0, EventFlags.READ | EventFlags.PERSIST, ValueError),
            (0, 1 << 12, ValueError),
            (0, "READ", TypeError),
        ],
    )
    def test_refuses(self, base: EventBase, fd: Any, what: Any, error: type[Exception]) -> None:
        """What is no descriptor, or nothing that one waits for."""
        with pytest.raises(error):
            base.active_by_fd(fd, what)

    def test_by_signal(self, base: EventBase) -> None:
        """The Signals for it fire, and the process gets nothing."""
        seen: list[int] = []
        one = Signal(base, signal.SIGUSR1, lambda event: seen.append(event.fileno()))
        other = Signal(base, signal.SIGUSR2, lambda event: seen.append(event.fileno()))
        base.active_by_signal(signal.SIGUSR1)
        base.active_by_signal(signal.SIGTERM)
        turn(base)
        assert seen == [signal.SIGUSR1]
        one.close()
        other.close()

    @pytest.mark.parametrize("number", [0, -1, signal.NSIG, 1 << 40, "TERM", None])
    def test_refuses_what_is_no_signal(self, base: EventBase, number: Any) -> None:
        """Before C sees it."""
        with pytest.raises((TypeError, ValueError), match="signal number"):
            base.active_by_signal(number)


class TestLifetime:
    """Closed bases and other threads."""

    CALLS = (
        lambda base: base.num_events(),
        lambda base: base.max_events(),
        lambda base: base.events(),
        lambda base: base.dump_events(io.StringIO()),
        lambda base: base.active_by_fd(0, EventFlags.READ),
        lambda base: base.active_by_signal(signal.SIGUSR1),
        lambda base: base.running_event,
        lambda base: base.update_cache_time(),
        lambda base: base.common_timeout(3),
    )
    ANYWHERE = (
        lambda base: base.time(),
        lambda base: base.gettimeofday_cached(),
        lambda base: base.got_exit,
        lambda base: base.got_break,
        lambda base: base.method,
        lambda base: base.features,
    )

    @pytest.mark.parametrize("call", CALLS + ANYWHERE)
    def test_a_closed_base(self, call: Any) -> None:
        """Nothing reaches C."""
        base = EventBase()
        base.close()
        with pytest.raises(ClosedError):
            call(base)

    @pytest.mark.parametrize("call", CALLS + ANYWHERE)
    def test_another_thread(self, base: EventBase, call: Any) -> None:
        """While one runs the loop another may read the clocks, and little else."""
        raised: list[bool] = []

        def other() -> None:
            try:
                call(base)
                raised.append(False)
            except WrongThreadError:
                raised.append(True)

        def callback(timer: Timer) -> None:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(10)

        Timer(base, 0, callback)
        base.dispatch()
        assert raised == [call in self.CALLS]

    def test_signal_method(self, base: EventBase) -> None:
        """libevent 2.2's, or UnsupportedError."""
        if hasattr(lib, "event_base_get_signal_method"):
            assert base.signal_method
        else:
            with pytest.raises(UnsupportedError, match="needs libevent 2.2"):
                _ = base.signal_method
