"""EventBase: making, running, stopping, closing."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from child import check_child
from loops import turn

from libevent_py import (
    ClosedError,
    Event,
    EventBase,
    EventBaseFeatures,
    EventFlags,
    LoopFlags,
    Timer,
    ffi,
    lib,
)


class TestMaking:
    """What a new base is."""

    def test_the_environment_chooses_the_backend(self, backend: str) -> None:
        """EVENT_NOEPOLL and EVENT_NOPOLL are libevent's own switches."""
        with EventBase() as base:
            assert base.method == backend
            assert bool(base.features & EventBaseFeatures.ET) == (backend == "epoll")

    def test_features_are_libevents(self, base: EventBase) -> None:
        """The flags are what event_base_get_features says."""
        assert base.features == lib.event_base_get_features(base.pointer)

    @pytest.mark.parametrize("priorities", [1, 2, 3, 255])
    def test_priorities(self, priorities: int) -> None:
        """As many as asked for, in C too."""
        with EventBase(priorities=priorities) as base:
            assert base.priorities == priorities == lib.event_base_get_npriorities(base.pointer)

    @pytest.mark.parametrize("priorities", [0, -1, 256, 2**40])
    def test_wrong_priorities(self, priorities: int) -> None:
        """Out of 1 to 255 is a ValueError."""
        with pytest.raises(ValueError, match="priorities must be between 1 and 255"):
            EventBase(priorities=priorities)

    @pytest.mark.parametrize("priorities", ["1", 1.0, None])
    def test_priorities_of_a_wrong_type(self, priorities: Any) -> None:
        """Only an int counts."""
        with pytest.raises(TypeError, match="priorities must be an int"):
            EventBase(priorities=priorities)

    def test_on_error_must_be_callable(self) -> None:
        """A wrong handler is noticed when it is given, not when it is needed."""
        with pytest.raises(TypeError, match="on_error must be callable"):
            EventBase(on_error=3)  # type: ignore[arg-type]

    def test_repr(self) -> None:
        """It tells the backend and the state."""
        base = EventBase()
        seen: list[str] = []
        assert repr(base) == f"<EventBase {base.method} idle>"
        Timer(base, 0, lambda timer: seen.append(repr(base)))
        base.dispatch()
        assert seen == [f"<EventBase {base.method} running>"]
        base.close()
        assert repr(base) == "<EventBase closed>"

    def test_out_of_descriptors_is_an_oserror(self) -> None:
        """At each number of free descriptors: a base or EMFILE, where libevent would exit(1)."""
        printed = check_child(
            """
            import errno, os, resource, libevent_py
            libevent_py.EventBase().close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            held = []
            try:
                while True:
                    held.append(os.dup(0))
            except OSError:
                pass
            made = []
            for free in range(12):
                if free:
                    os.close(held.pop())
                before = set(os.listdir("/proc/self/fd")) if free else set()
                try:
                    libevent_py.EventBase().close()
                    made.append(True)
                except OSError as error:
                    assert error.errno == errno.EMFILE, error
                    made.append(False)
                if free:
                    assert set(os.listdir("/proc/self/fd")) == before
            assert not made[0] and made[-1] and made == sorted(made), made
            print("ok")
            """
        )
        assert printed == "ok\n"


class TestRunning:
    """What loop() and dispatch() return, and when."""

    @pytest.mark.parametrize("flags", [0, 1, 2, 3])
    def test_nothing_to_wait_for(self, base: EventBase, flags: int) -> None:
        """An empty base returns True at once, whatever the flags."""
        assert base.loop(LoopFlags(flags)) is True

    def test_dispatch_ends_when_nothing_is_left(self, backend_base: EventBase) -> None:
        """True once the last timer has fired."""
        fired: list[int] = []
        Timer(backend_base, 0.001, lambda timer: fired.append(1))
        assert backend_base.dispatch() is True
        assert fired == [1]

    def test_once_waits_and_returns(self, backend_base: EventBase) -> None:
        """ONCE waits for the first timer, delivers it, and leaves the second."""
        fired: list[int] = []
        Timer(backend_base, 0.001, lambda timer: fired.append(1))
        Timer(backend_base, 30, lambda timer: fired.append(2))
        assert backend_base.loop(LoopFlags.ONCE) is False
        assert fired == [1]

    def test_once_delivers_all_that_is_ready(self, base: EventBase) -> None:
        """Events that are ready together come in one ONCE."""
        fired: list[int] = []
        for number in range(3):
            Event(base, None, EventFlags(0), lambda event, what, n=number: fired.append(n)).active()
        base.loop(LoopFlags.ONCE)
        assert fired == [0, 1, 2]

    def test_nonblock_does_not_wait(self, backend_base: EventBase) -> None:
        """NONBLOCK returns although a timer is pending."""
        Timer(backend_base, 30, lambda timer: None)
        assert backend_base.loop(LoopFlags.NONBLOCK) is False

    def test_nonblock_goes_on_while_something_is_ready(self, base: EventBase) -> None:
        """NONBLOCK is not one pass: an event that activates itself is delivered again."""
        left = 5

        def again(event: Event, what: EventFlags) -> None:
            nonlocal left
            left -= 1
            if left:
                event.active()

        Event(base, None, EventFlags(0), again).active()
        base.loop(LoopFlags.NONBLOCK)
        assert left == 0

    def test_once_and_nonblock_is_one_pass(self, socket_pair: Any, base: EventBase) -> None:
        """Both flags deliver a level-triggered event once, though it stays ready."""
        ours, peer = socket_pair
        peer.send(b"x")
        seen: list[EventFlags] = []
        event = Event(base, ours, EventFlags.READ | EventFlags.PERSIST, lambda event, what: seen.append(what))
        event.add()
        turn(base)
        assert seen == [EventFlags.READ]
        turn(base)
        assert len(seen) == 2

    def test_no_exit_on_empty(self, base: EventBase) -> None:
        """NO_EXIT_ON_EMPTY waits with no event left, until loopbreak from another thread."""
        started = time.monotonic()
        thread = threading.Timer(0.05, base.loopbreak)
        thread.start()
        assert base.loop(LoopFlags.NO_EXIT_ON_EMPTY) is False
        assert 0.04 < time.monotonic() - started < 5
        thread.join()

    def test_it_can_run_again(self, base: EventBase) -> None:
        """A base that ran out of events takes new ones."""
        fired: list[int] = []
        for number in range(3):
            Timer(base, 0, lambda timer, n=number: fired.append(n))
            assert base.dispatch() is True
        assert fired == [0, 1, 2]

    def test_running(self, base: EventBase) -> None:
        """True inside callbacks, False outside."""
        seen: list[bool] = []
        Timer(base, 0, lambda timer: seen.append(base.running))
        assert base.running is False
        base.dispatch()
        assert seen == [True]
        assert base.running is False

    def test_not_twice(self, base: EventBase) -> None:
        """A loop in a callback of itself is a RuntimeError, and does no harm."""
        fired: list[int] = []

        def nested(timer: Timer) -> None:
            for run in (base.dispatch, base.loop):
                with pytest.raises(RuntimeError, match="running already"):
                    run()
            fired.append(1)

        Timer(base, 0, nested)
        Timer(base, 0.002, lambda timer: fired.append(2))
        assert base.dispatch() is True
        assert fired == [1, 2]

    def test_another_base_in_a_callback(self, base: EventBase) -> None:
        """A loop of another base inside a callback is fine."""
        fired: list[str] = []

        def inner(timer: Timer) -> None:
            with EventBase() as other:
                Timer(other, 0, lambda timer: fired.append("inner"))
                other.dispatch()
            fired.append("outer")

        Timer(base, 0, inner)
        base.dispatch()
        assert fired == ["inner", "outer"]

    def test_not_in_two_threads(self, base: EventBase) -> None:
        """The second thread gets a RuntimeError, the first goes on."""
        errors: list[BaseException] = []

        def run() -> None:
            try:
                base.dispatch()
            except BaseException as error:
                errors.append(error)

        def start(timer: Timer) -> None:
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()

        Timer(base, 0, start)
        base.dispatch()
        assert [type(error) for error in errors] == [RuntimeError]

    def test_any_thread_may_run_it(self, base: EventBase) -> None:
        """A base is not bound to the thread that made it."""
        fired: list[int] = []
        Timer(base, 0, lambda timer: fired.append(threading.get_ident()))
        thread = threading.Thread(target=base.dispatch)
        thread.start()
        thread.join()
        assert fired == [thread.ident]

    def test_a_failing_backend_is_an_oserror(self) -> None:
        """With libevent's own descriptors closed under it the loop raises OSError, and closing works."""
        printed = check_child(
            """
            import errno, os, libevent_py
            base = libevent_py.EventBase()
            ours, theirs = os.pipe()
            event = libevent_py.Event(base, ours, libevent_py.EventFlags.READ, print)
            event.add()
            quiet = libevent_py.ffi.callback("void(int, char *)", lambda severity, text: None)
            libevent_py.lib.event_set_log_callback(quiet)
            os.closerange(3, 64)
            try:
                base.dispatch()
            except OSError as error:
                print(errno.errorcode[error.errno])
            base.close()
            """
        )
        assert printed in ("EBADF\n", "EINVAL\n")  # epoll's number may be another descriptor by now


class TestFromPointer:
    """A base that native code owns."""

    def test_it_is_borrowed(self) -> None:
        """Closing the wrapper leaves the event_base alive and empty."""
        native = lib.event_base_new()
        with EventBase.from_pointer(native) as base:
            Timer(base, 30, lambda timer: None)
            assert lib.event_base_get_num_events(native, lib.EVENT_BASE_COUNT_ADDED) == 1
        assert lib.event_base_get_num_events(native, lib.EVENT_BASE_COUNT_ADDED) == 0
        assert lib.event_base_loop(native, lib.EVLOOP_NONBLOCK) == 1
        lib.event_base_free(native)

    def test_an_address_does_too(self) -> None:
        """An int is an address."""
        native = lib.event_base_new()
        fired: list[int] = []
        with EventBase.from_pointer(int(ffi.cast("uintptr_t", native))) as base:
            Timer(base, 0, lambda timer: fired.append(1))
            base.dispatch()
        lib.event_base_free(native)
        assert fired == [1]

    @pytest.mark.parametrize("pointer", [0, -1, ffi.NULL])
    def test_null(self, pointer: Any) -> None:
        """NULL is a ValueError."""
        with pytest.raises(ValueError, match="event_base"):
            EventBase.from_pointer(pointer)

    def test_what_a_base_owns(self) -> None:
        """A second object would hold freed memory once the first is closed: ValueError while that is open."""
        base = EventBase()
        pointer = base.pointer
        with pytest.raises(ValueError, match="use that object"):
            EventBase.from_pointer(pointer)
        base.close()
        assert pointer not in EventBase._all_owned

    @pytest.mark.parametrize("pointer", [None, "x", 1.5])
    def test_a_wrong_type(self, pointer: Any) -> None:
        """A TypeError."""
        with pytest.raises(TypeError, match="need an address"):
            EventBase.from_pointer(pointer)

    def test_a_base_closed_in_a_loop_of_native_code(self) -> None:
        """RuntimeError, reported where the exceptions of such loops go."""
        errors: list[Exception] = []
        native = lib.event_base_new()
        base = EventBase.from_pointer(native, on_error=errors.append)
        Timer(base, 0, lambda timer: base.close())
        lib.event_base_dispatch(native)
        assert [type(error) for error in errors] == [RuntimeError]
        base.close()
        lib.event_base_free(native)


@pytest.mark.parametrize("name", ["dispatch", "loop", "loopexit", "loopbreak", "loopcontinue"])
def test_a_closed_base_refuses_methods(name: str) -> None:
    """ClosedError from each."""
    base = EventBase()
    base.close()
    with pytest.raises(ClosedError):
        getattr(base, name)()


@pytest.mark.parametrize("name", ["pointer", "method", "features"])
def test_a_closed_base_refuses_properties(name: str) -> None:
    """ClosedError from each that asks C."""
    base = EventBase()
    base.close()
    with pytest.raises(ClosedError):
        getattr(base, name)
