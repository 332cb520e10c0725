"""Where delivery stops before all is delivered: dispatch limits, and that no event is reported twice."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from loops import turn

from libevent_py import Event, EventBase, EventConfig, EventFlags, LoopFlags, ffi, lib

PERSISTENT_READ = EventFlags.READ | EventFlags.PERSIST


def users(base: EventBase, count: int, priority: int, seen: list[str], name: str) -> list[Event]:
    """Activated events that note their name and number."""
    events = []
    for number in range(count):
        event = Event(base, None, EventFlags(0), lambda event, what, n=number: seen.append(f"{name}{n}"))
        event.priority = priority
        event.active()
        events.append(event)
    return events


class TestLimits:
    """max_callbacks and max_interval let urgent events overtake."""

    def test_without_limits_a_pass_is_delivered_whole(self) -> None:
        """An urgent descriptor that is ready meanwhile waits for the end."""
        assert self.overtaken(EventConfig(), 50) == 50

    @pytest.mark.parametrize("count", [1, 2, 7, 49])
    def test_max_callbacks(self, count: int) -> None:
        """So many callbacks, then the urgent descriptor."""
        assert self.overtaken(EventConfig(max_callbacks=count), 50) == count

    @pytest.mark.parametrize("count", [1, 1000, 1024, 1100, 2048])
    def test_max_callbacks_with_more_than_a_batch(self, count: int) -> None:
        """The pass goes on in other batches; the limit holds for all of them."""
        assert self.overtaken(EventConfig(max_callbacks=count), 3000) == count

    def test_max_interval_of_nothing(self) -> None:
        """After each callback a look at what is more urgent."""
        assert self.overtaken(EventConfig(max_interval=0), 20) == 1

    def test_max_interval(self) -> None:
        """Callbacks that take long stand back after the interval, those before it do not."""
        assert 2 <= self.overtaken(EventConfig(max_interval=0.05), 8, pause=0.02) <= 4

    def test_a_long_interval_is_not_reached(self) -> None:
        """Nothing changes."""
        assert self.overtaken(EventConfig(max_interval=60), 20) == 20

    def test_min_priority(self) -> None:
        """Below it nothing is limited."""
        assert self.overtaken(EventConfig(max_callbacks=3, min_priority=2), 20) == 20
        assert self.overtaken(EventConfig(max_callbacks=3, min_priority=0), 20) == 3

    def overtaken(self, config: EventConfig, count: int, pause: float = 0.0) -> int:
        """How many of *count* events were called before an urgent descriptor, readable since the first."""
        seen: list[str] = []
        ours, peer = socket.socketpair()
        with ours, peer, EventBase(config=config, priorities=3) as base:
            urgent = Event(base, ours, EventFlags.READ, lambda event, what: seen.append("urgent"))
            urgent.priority = 0
            urgent.add()

            def callback(event: Event, what: EventFlags) -> None:
                if not seen:
                    peer.send(b"x")
                seen.append("user")
                if pause:
                    time.sleep(pause)

            events = []
            for _ in range(count):
                event = Event(base, None, EventFlags(0), callback)
                event.active()
                events.append(event)
            assert base.loop() is True
            assert sorted(seen) == ["urgent"] + ["user"] * count
        return seen.index("urgent")

    def test_once_delivers_all_and_returns(self) -> None:
        """EVLOOP_ONCE ends when nothing is active, and does not wait for more at a limit's end."""
        seen: list[str] = []
        with EventBase(config=EventConfig(max_callbacks=2), priorities=2) as base:
            held = users(base, 6, 1, seen, "a")
            stays = Event(base, None, EventFlags(0), lambda event, what: None)
            stays.add(timeout=60)
            start = time.monotonic()
            assert base.loop(LoopFlags.ONCE) is False
            assert time.monotonic() - start < 30
            assert len(seen) == len(held) == 6

    def test_loopexit_ends_at_the_limit(self) -> None:
        """As in libevent the rest waits for the next loop."""
        seen: list[str] = []
        with EventBase(config=EventConfig(max_callbacks=2), priorities=2) as base:
            held = users(base, 5, 1, seen, "a")
            base.loopexit()
            assert base.loop() is False
            assert seen == ["a0", "a1"]
            assert base.loop() is True
            assert seen == ["a0", "a1", "a2", "a3", "a4"]
            assert len(held) == 5

    def test_an_exception_leaves_the_rest(self) -> None:
        """Nothing is lost or comes twice where a limit and an exception meet."""
        seen: list[int] = []

        def callback(number: int) -> None:
            seen.append(number)
            if number % 3 == 1:
                raise ValueError(number)

        with EventBase(config=EventConfig(max_callbacks=2), priorities=2) as base:
            events = []
            for number in range(9):
                event = Event(base, None, EventFlags(0), lambda event, what, n=number: callback(n))
                event.priority = 1
                event.active()
                events.append(event)
            raised = 0
            while len(seen) < 9:
                try:
                    base.loop()
                except ValueError:
                    raised += 1
            assert raised == 3
            assert seen == list(range(9))

    def test_in_a_loop_that_native_code_runs(self) -> None:
        """The limits hold there too."""
        seen: list[str] = []
        with EventBase(config=EventConfig(max_callbacks=2), priorities=2) as base:
            urgent = Event(base, None, EventFlags(0), lambda event, what: seen.append("urgent"))
            urgent.priority = 0
            first = Event(base, None, EventFlags(0), lambda event, what: urgent.active())
            first.priority = 1
            first.active()
            held = users(base, 4, 1, seen, "a")
            assert lib.event_base_loop(base.pointer, 0) == 1
            assert sorted(seen) == ["a0", "a1", "a2", "a3", "urgent"]
            assert seen.index("urgent") <= 2
            assert len(held) == 4

    def test_libevent_knows_the_interval(self) -> None:
        """Callbacks of native code stand back too: of three active ones one is called a pass."""
        calls: list[int] = []

        @ffi.callback("void(evutil_socket_t, short, void *)")
        def native(fd: int, what: int, arg: object) -> None:
            calls.append(1)
            if len(calls) == 1:
                lib.event_active(urgent, 1, 1)

        @ffi.callback("void(evutil_socket_t, short, void *)")
        def native_urgent(fd: int, what: int, arg: object) -> None:
            calls.append(0)

        with EventBase(config=EventConfig(max_interval=0), priorities=2) as base:
            urgent = lib.event_new(base.pointer, -1, 0, native_urgent, ffi.NULL)
            lib.event_priority_set(urgent, 0)
            events = [lib.event_new(base.pointer, -1, 0, native, ffi.NULL) for _ in range(3)]
            for event in events:
                lib.event_active(event, 1, 1)
            base.loop()
            for event in [*events, urgent]:
                lib.event_free(event)
        assert calls == [1, 0, 1, 1]


class TestNotTwice:
    """What waits since delivery was cut short and happens again is told once, as in libevent."""

    @pytest.fixture
    def readable(self) -> Iterator[list[socket.socket]]:
        """Sockets with one byte each."""
        with ExitStack() as stack:
            found = []
            for _ in range(5):
                ours, peer = (stack.enter_context(each) for each in socket.socketpair())
                ours.setblocking(False)
                peer.send(b"x")
                found.append(ours)
            yield found

    @pytest.mark.parametrize("how", ["loopcontinue", "loopbreak", "exception", "limit"])
    @pytest.mark.parametrize("native", [False, True])
    def test_level_triggered_events(
        self, readable: list[socket.socket], how: str, native: bool, backend: str
    ) -> None:
        """Each reader finds its byte: none is called again for a byte that it has read."""
        seen: list[int] = []
        config = EventConfig(max_callbacks=1, min_priority=0) if how == "limit" else None
        with EventBase(config=config, on_error=(lambda error: None) if native else None) as base:

            def callback(number: int, sock: socket.socket) -> None:
                assert sock.recv(10) == b"x"
                seen.append(number)
                if how == "exception":
                    raise ValueError
                if how != "limit":
                    getattr(base, how)()

            events = []
            for number, sock in enumerate(readable):
                event = Event(
                    base, sock, PERSISTENT_READ, lambda event, what, n=number, s=sock: callback(n, s)
                )
                event.add()
                events.append(event)
            for _ in range(3 * len(readable)):
                try:
                    if native:
                        lib.event_base_loop(base.pointer, lib.EVLOOP_NONBLOCK)
                    else:
                        base.loop(LoopFlags.NONBLOCK)
                except ValueError:
                    pass
        assert sorted(seen) == list(range(len(readable)))

    def test_what_happened_is_added(self, base: EventBase) -> None:
        """The one report tells all that happened meanwhile."""
        seen: list[EventFlags] = []
        first = Event(base, None, EventFlags(0), lambda event, what: base.loopbreak())
        second = Event(base, None, EventFlags.PERSIST, lambda event, what: seen.append(what))
        first.active()
        second.active(EventFlags.READ)
        base.loop()
        second.active(EventFlags.WRITE)
        turn(base)
        turn(base)
        assert seen == [EventFlags.READ | EventFlags.WRITE]

    def test_a_removed_event_that_is_added_again_is_told_anew(self, base: EventBase) -> None:
        """The report that remove() dropped does not swallow the next one."""
        seen: list[EventFlags] = []
        first = Event(base, None, EventFlags(0), lambda event, what: base.loopbreak())
        second = Event(base, None, EventFlags(0), lambda event, what: seen.append(what))
        first.active()
        second.active(EventFlags.READ)
        base.loop()
        second.remove()
        second.active(EventFlags.WRITE)
        turn(base)
        turn(base)
        assert seen == [EventFlags.WRITE]

    def test_an_event_that_fires_again_in_its_own_callback(self, base: EventBase) -> None:
        """Was told, so it is told again."""
        seen: list[EventFlags] = []

        def callback(event: Event, what: EventFlags) -> None:
            seen.append(what)
            if len(seen) < 4:
                event.active(EventFlags.READ)
                base.loopcontinue()

        held = [Event(base, None, EventFlags(0), callback), *users(base, 3, 0, [], "x")]
        held[0].active(EventFlags.READ)
        assert base.loop() is True
        assert seen == [EventFlags.READ] * 4
