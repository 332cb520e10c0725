"""A loop that native code drives: what Python adds to it, and what goes wrong in it."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from child import check_child
from raw_events import RawEvents

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    Event,
    EventBase,
    EventFlags,
    Listener,
    Timer,
    ffi,
    lib,
)

NO_WAIT = EventFlags(0)


def address_of(pointer: Any) -> int:
    """The number that a C program would print with %p."""
    return int(ffi.cast("uintptr_t", pointer))


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
