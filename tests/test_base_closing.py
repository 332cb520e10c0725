"""EventBase: closing."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from child import check_child, run_child

from libevent_py import (
    Event,
    EventBase,
    EventFlags,
    Timer,
    WrongThreadError,
)


class TestClosing:
    """After close() nothing is left, and nothing works."""

    def test_twice(self) -> None:
        """Idempotent."""
        base = EventBase()
        base.close()
        base.close()
        assert base.closed

    def test_with(self) -> None:
        """``with`` closes, also past an exception."""
        with pytest.raises(ZeroDivisionError), EventBase() as base:
            raise ZeroDivisionError
        assert base.closed

    def test_its_children_close_with_it(self, socket_pair: Any) -> None:
        """All that waits in it is closed; the socket stays its owner's."""
        base = EventBase()
        timer = Timer(base, 30, lambda timer: None)
        event = Event(base, socket_pair[0], EventFlags.READ, lambda event, what: None)
        event.add()
        idle = Event(base, None, EventFlags(0), lambda event, what: None)
        base.close()
        assert timer.closed
        assert event.closed
        assert idle.closed
        assert socket_pair[0].fileno() >= 0

    def test_in_a_callback(self) -> None:
        """The loop returns after the callback, and what else was ready is not delivered."""
        base = EventBase()
        fired: list[int] = []
        events = [
            Event(base, None, EventFlags(0), lambda event, what, n=n: (fired.append(n), base.close()))
            for n in range(3)
        ]
        for event in events:
            event.active()
        assert base.dispatch() is False
        assert fired == [0]
        assert base.closed
        assert all(event.closed for event in events)

    def test_in_a_callback_that_raises(self) -> None:
        """The exception comes out although the base is gone."""
        base = EventBase()

        def close(timer: Timer) -> None:
            base.close()
            raise ZeroDivisionError

        Timer(base, 0, close)
        with pytest.raises(ZeroDivisionError):
            base.dispatch()
        assert base.closed

    def test_from_another_thread_while_running(self, base: EventBase) -> None:
        """WrongThreadError, and the loop goes on."""
        errors: list[BaseException] = []

        def close() -> None:
            try:
                base.close()
            except WrongThreadError as error:
                errors.append(error)

        def start(timer: Timer) -> None:
            thread = threading.Thread(target=close)
            thread.start()
            thread.join()

        Timer(base, 0, start)
        base.dispatch()
        assert len(errors) == 1
        assert not base.closed

    def test_a_dropped_base_warns_and_closes(self) -> None:
        """ResourceWarning, and the descriptors are closed (the leak guard looks)."""
        with pytest.warns(ResourceWarning, match="unclosed <EventBase"):
            EventBase()
            for _ in range(3):
                gc.collect()

    def test_a_dropped_base_with_children_is_freed_whole(self, socket_pair: Any) -> None:
        """A base that is collected together with its timers and sockets leaves nothing open."""
        printed = check_child(
            """
            import gc, os, socket, warnings
            from libevent_py import BufferEvent, Event, EventBase, EventFlags, Listener, Timer

            def drop():
                base = EventBase()
                Timer(base, 100, print)
                ours, peer = socket.socketpair()
                BufferEvent(base, ours)
                Listener(base, ("127.0.0.1", 0), print)
                Event(base, peer, EventFlags.READ, print).add()

            def count():
                for _ in range(3):
                    gc.collect()
                return sorted(os.listdir("/proc/self/fd"))

            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                before = count()
                drop()
                assert count() == before, count()
            assert ResourceWarning in {each.category for each in caught}
            print("ok")
            """
        )
        assert printed == "ok\n"

    def test_the_warning_tells_where_it_was_made(self) -> None:
        """Under tracemalloc the ResourceWarning shows the line of ``EventBase()``."""
        pytest.importorskip("_tracemalloc", reason="this Python has no tracemalloc")
        done = run_child(
            """
            import gc, tracemalloc, warnings
            tracemalloc.start()
            warnings.simplefilter("always")
            class Plain: pass
            plain = Plain()
            if tracemalloc.get_object_traceback(plain) is None:
                print("this Python tells of no object where it was made")
            exec(compile("def make():\\n    EventBase()\\n", "origin.py", "exec"))
            from libevent_py import EventBase
            make()
            for _ in range(3):
                gc.collect()
            """
        )
        assert done.returncode == 0
        assert "ResourceWarning: unclosed <EventBase" in done.stderr
        if not done.stdout:
            assert 'File "origin.py", lineno 2' in done.stderr

    def test_it_closes_even_where_the_warning_is_an_error(self) -> None:
        """``-W error`` must not turn a warning into a leak."""
        printed = check_child(
            """
            import gc, os, sys, warnings
            from libevent_py import EventBase
            warnings.simplefilter("error")
            sys.unraisablehook = lambda info: print(info.exc_type.__name__)
            before = sorted(os.listdir("/proc/self/fd"))
            EventBase()
            for _ in range(3):
                gc.collect()
            assert sorted(os.listdir("/proc/self/fd")) == before
            """
        )
        assert printed in ("ResourceWarning\n", "")  # PyPy has no unraisablehook of 3.8's kind
