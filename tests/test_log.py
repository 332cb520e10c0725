"""libevent's messages in Python's logging, and what it does where it cannot go on."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from child import check_child, run_child
from loops import turn

from libevent_py import Event, EventBase, EventFlags, Timer, ffi, lib, log

#: What warn() has libevent say.
WARNING = "EV_SIGNAL is not compatible"


def warn() -> None:
    """Have libevent refuse an event, with a warning."""
    assert not lib.event_new(ffi.NULL, -1, lib.EV_SIGNAL | lib.EV_READ, ffi.NULL, ffi.NULL)


@pytest.fixture(autouse=True)
def messages(base: EventBase, caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that goes to the logger, from nothing on."""
    log.drain()
    with caplog.at_level(logging.DEBUG, "libevent"):
        yield caplog
    log.drain()


def found(messages: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and text of each message."""
    return [(record.levelname, record.getMessage()) for record in messages.records]


class TestDrain:
    """When messages come."""

    def test_on_demand(self, messages: pytest.LogCaptureFixture) -> None:
        """drain() passes on what is there, once."""
        warn()
        assert found(messages) == []
        log.drain()
        log.drain()
        assert [level for level, text in found(messages) if WARNING in text] == ["WARNING"]
        assert messages.records[0].name == "libevent"

    def test_by_the_loop(self, base: EventBase, messages: pytest.LogCaptureFixture) -> None:
        """The next pass passes them on, before its callbacks."""
        seen: list[int] = []
        Timer(base, 0, lambda timer: seen.append(len(messages.records)))
        warn()
        base.dispatch()
        assert seen == [1]

    def test_by_a_loop_that_only_ends(self, base: EventBase, messages: pytest.LogCaptureFixture) -> None:
        """Also a loop that has nothing to deliver."""
        warn()
        base.dispatch()
        assert len(messages.records) == 1

    def test_by_a_foreign_loop(self, base: EventBase, messages: pytest.LogCaptureFixture) -> None:
        """And one that native code runs."""
        seen: list[int] = []
        Timer(base, 0, lambda timer: seen.append(len(messages.records)))
        warn()
        lib.event_base_dispatch(base.pointer)
        assert seen == [1]

    def test_by_a_call_that_fails(self, messages: pytest.LogCaptureFixture) -> None:
        """What libevent says about the error that is raised is for debugging only; the rest stays."""
        warn()
        with EventBase() as base, open(__file__) as file:
            if base.method != "epoll":
                pytest.skip("only epoll refuses a regular file")
            with pytest.raises(PermissionError):
                Event(base, file, EventFlags.READ, print).add()
        levels = [level for level, _ in found(messages)]
        assert levels == ["WARNING", "DEBUG"]
        assert "Operation not permitted" in found(messages)[1][1]

    def test_from_any_thread(self, messages: pytest.LogCaptureFixture) -> None:
        """Many threads at once lose nothing that fits."""
        threads = [threading.Thread(target=lambda: [warn() for _ in range(20)]) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log.drain()
        assert len(messages.records) == 200

    def test_a_flood_is_told(self, messages: pytest.LogCaptureFixture) -> None:
        """What found no room is counted."""
        for _ in range(1000):
            warn()
        log.drain()
        texts = [text for _, text in found(messages)]
        kept = sum(WARNING in text for text in texts)
        assert 0 < kept < 1000
        assert texts[-1].startswith(f"{1000 - kept} messages of libevent were lost")
        warn()
        log.drain()
        assert WARNING in messages.records[-1].getMessage()

    @pytest.mark.parametrize("before", [300, 77])
    def test_the_four_billionth(self, messages: pytest.LogCaptureFixture, before: int) -> None:
        """Positions in the ring go on beyond 2^32, whose lap has begun or not."""
        lib.lepy_log_reset(2**32 - before)
        for count in range(1, 7):
            for _ in range(100):
                warn()
            log.drain()
            assert len(messages.records) == count * 100

    def test_a_handler_that_causes_messages(self, messages: pytest.LogCaptureFixture) -> None:
        """A logging handler that itself makes libevent warn neither recurses nor goes on for ever."""

        class Warns(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                warn()
                log.drain()

        handler = Warns()
        log.logger.addHandler(handler)
        try:
            warn()
            log.drain()
        finally:
            log.logger.removeHandler(handler)
        assert messages.records

    def test_a_handler_that_raises_loses_no_callback(self, base: EventBase) -> None:
        """The exception comes out of the loop, and the next one delivers what was ready."""

        def refuse(record: logging.LogRecord) -> bool:
            raise ZeroDivisionError

        fired: list[Timer] = []
        Timer(base, 0, fired.append)
        warn()
        log.logger.addFilter(refuse)
        try:
            with pytest.raises(ZeroDivisionError):
                base.dispatch()
        finally:
            log.logger.removeFilter(refuse)
        assert fired == []
        base.dispatch()
        assert len(fired) == 1


def test_debug_logging(base: EventBase, messages: pytest.LogCaptureFixture) -> None:
    """enable_debug_logging() makes libevent tell what it does, until it is switched off."""
    log.enable_debug_logging()
    try:
        Timer(base, 0, lambda timer: None)
        base.dispatch()
    finally:
        log.enable_debug_logging(False)
    log.drain()
    assert any(level == "DEBUG" and "event_add" in text for level, text in found(messages))
    messages.clear()
    Timer(base, 0, lambda timer: None)
    base.dispatch()
    assert found(messages) == []


class TestRawCallback:
    """A program's own event_set_log_callback."""

    def test_it_takes_over(self, base: EventBase, messages: pytest.LogCaptureFixture) -> None:
        """It gets the messages, also when more bases are made, until it is NULL."""
        got: list[bytes] = []

        @ffi.callback("void(int, char *)")
        def callback(severity: int, text: Any) -> None:
            got.append(ffi.string(text))

        lib.event_set_log_callback(callback)
        try:
            EventBase().close()
            warn()
            turn(base)
        finally:
            lib.event_set_log_callback(ffi.NULL)
        assert len(got) == 1
        assert found(messages) == []
        warn()
        turn(base)
        assert len(messages.records) == 1

    def test_a_raw_program_has_libevents_way(self) -> None:
        """Without an EventBase messages go to stderr at once, as in C."""
        done = run_child(
            """
            from libevent_py import ffi, lib
            lib.event_new(ffi.NULL, -1, lib.EV_SIGNAL | lib.EV_READ, ffi.NULL, ffi.NULL)
            """
        )
        assert done.returncode == 0
        assert done.stderr.startswith("[warn] ")


class TestProcess:
    """What takes a process of its own."""

    def test_a_warning_reaches_a_person(self) -> None:
        """Without any configuration warnings are on stderr, information is not."""
        done = run_child(
            """
            from libevent_py import EventBase, ffi, lib
            with EventBase() as base:
                lib.event_new(ffi.NULL, -1, lib.EV_SIGNAL | lib.EV_READ, ffi.NULL, ffi.NULL)
                base.dispatch()
            """
        )
        assert done.returncode == 0
        assert done.stderr.count(WARNING) == 1

    @pytest.mark.parametrize("when", ["last", "after"])
    def test_nothing_is_lost_at_exit(self, when: str) -> None:
        """What is said last, and even after the package's end, is told."""
        done = run_child(
            """
            import atexit, sys
            def warn():
                lib.event_new(ffi.NULL, -1, lib.EV_SIGNAL | lib.EV_READ, ffi.NULL, ffi.NULL)
            if sys.argv[1] == "after":
                atexit.register(warn)  # called after all that is registered later
            from libevent_py import EventBase, ffi, lib
            base = EventBase()
            if sys.argv[1] == "last":
                warn()
            base.close()
            """,
            when,
        )
        assert done.returncode == 0
        assert done.stderr.count(WARNING) == 1

    def test_from_a_signal_handler(self) -> None:
        """libevent logs in a real signal handler when a second base took the signals away and is gone."""
        printed = check_child(
            """
            import logging, os, signal
            from libevent_py import EventBase, ffi, lib, log
            got = []
            log.logger.addFilter(lambda record: got.append(record.getMessage()))
            callback = ffi.callback("event_callback_fn", lambda fd, what, arg: None)
            first, second = EventBase(), EventBase()
            for base in first, second:
                event = lib.event_new(base.pointer, signal.SIGUSR1 if base is first else signal.SIGUSR2,
                                      lib.EV_SIGNAL | lib.EV_PERSIST, callback, ffi.NULL)
                lib.event_add(event, ffi.NULL)
            second.close()
            for _ in range(1000):
                os.kill(os.getpid(), signal.SIGUSR1)
            log.drain()
            print(sum("no base configured" in text for text in got) > 100)
            """
        )
        assert printed == "True\n"

    def test_a_forked_child_does_not_repeat_the_parents(self) -> None:
        """What was said before the fork is the parent's to tell; the child tells its own."""
        done = run_child(
            """
            import os
            from libevent_py import EventBase, ffi, lib, log
            base = EventBase()
            event = lib.event_new(base.pointer, 999, lib.EV_READ, ffi.NULL, ffi.NULL)
            lib.event_new(ffi.NULL, -1, lib.EV_SIGNAL | lib.EV_READ, ffi.NULL, ffi.NULL)
            if not os.fork():
                log.drain()
                lib.event_add(event, ffi.NULL)
                log.drain()
                os._exit(0)
            os.wait()
            log.drain()
            lib.event_free(event)
            base.close()
            """
        )
        assert [line.split()[0] for line in done.stderr.splitlines()] == ["Epoll", "event_assign:"]

    def test_a_fatal_error_aborts(self) -> None:
        """Instead of exit(1) in the middle of C: the reason, Python's traceback, SIGABRT."""
        done = run_child(
            """
            import os, resource
            from libevent_py import EventBase, lib
            base = EventBase()
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
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
        )
        if hasattr(lib, "evwatch_free") and done.returncode == 0:
            pytest.skip("this libevent's event_base_new does not end the process")
        assert done.returncode == -signal.SIGABRT
        assert done.stdout == ""
        assert "[err] evsig_init_: socketpair: Too many open files" in done.stderr
        assert "Fatal libevent error" in done.stderr
        assert 'File "<string>", line' in done.stderr

    def test_a_raw_fatal_callback_takes_over(self) -> None:
        """The program's own is called instead."""
        done = run_child(
            """
            import os, resource
            from libevent_py import EventBase, ffi, lib
            fatal = ffi.callback("void(int)", lambda code: os._exit(40 + code))
            lib.event_set_fatal_callback(fatal)
            base = EventBase()
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            held = []
            try:
                while True:
                    held.append(os.dup(0))
            except OSError:
                pass
            os.close(held.pop())
            lib.event_base_new()
            """
        )
        assert done.returncode in (41, 0)
