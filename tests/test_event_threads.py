"""What other threads may do while an event or its base is being closed."""

from __future__ import annotations

from child import check_child

RACES = {
    "active": ("event = Event(base, None, EventFlags(0), ignore)", "event.active()", "event.close()"),
    "loopbreak": ("", "base.loopbreak()", "base.close()"),
    "loopexit": ("", "base.loopexit()", "base.close()"),
    "loopexit later": ("", "base.loopexit(60)", "base.close()"),
    "call_soon_threadsafe": ("", "base.call_soon_threadsafe(ignore)", "base.close()"),
}

#: The interpreter switches threads as often as it can, so that each place is met.
PROGRAM = """
import sys, threading
from libevent_py import ClosedError, Event, EventBase, EventFlags
sys.setswitchinterval(1e-6)
ignore = lambda *arguments: None
for _ in range(150):
    base = EventBase()
    {make}
    ready = threading.Event()

    def others():
        ready.set()
        try:
            while True:
                {call}
        except ClosedError:
            pass

    threads = [threading.Thread(target=others) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready.wait()
    {close}
    for thread in threads:
        thread.join()
    base.close()
"""


def race(name: str) -> None:
    """Run one race; a use of freed memory ends the child, or shows under make asan."""
    make, call, close = RACES[name]
    check_child(PROGRAM.format(make=make, call=call, close=close), timeout=60)


def test_active_while_the_event_is_closed() -> None:
    """active() works, or raises ClosedError."""
    race("active")


def test_loopbreak_while_the_base_is_closed() -> None:
    """The same of loopbreak()."""
    race("loopbreak")


def test_loopexit_while_the_base_is_closed() -> None:
    """And of loopexit(), at once and later."""
    race("loopexit")
    race("loopexit later")


def test_call_soon_threadsafe_while_the_base_is_closed() -> None:
    """And of call_soon_threadsafe()."""
    race("call_soon_threadsafe")


def test_no_active_is_lost() -> None:
    """What another thread activates after a callback has begun is another firing, however close it is."""
    check_child(
        """
        import sys, threading
        from libevent_py import Event, EventBase, EventFlags, LoopFlags
        sys.setswitchinterval(1e-6)
        with EventBase() as base:
            seen = threading.Semaphore(0)
            event = Event(base, None, EventFlags(0), lambda event, what: seen.release())

            def activate():
                for _ in range(3000):
                    event.active()
                    assert seen.acquire(timeout=10), "an activation was lost"
                base.loopbreak()

            thread = threading.Thread(target=activate)
            thread.start()
            base.loop(LoopFlags.NO_EXIT_ON_EMPTY)
            thread.join()
        """,
        timeout=60,
    )
