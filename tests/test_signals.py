"""Ctrl-C and Python's own signal handlers while the loop is idle."""

from __future__ import annotations

import os
import signal
import socket
import threading

import pytest
from child import check_child
from leakguard import wakeup_fd

from libevent_py import EventBase, LoopFlags, Timer


@pytest.mark.parametrize("method", ["epoll", "poll", "select"])
def test_ctrl_c_while_idle(method: str) -> None:
    """KeyboardInterrupt comes out of dispatch() within 50 ms (best of five), and the base works on."""
    env = {"poll": {"EVENT_NOEPOLL": "1"}, "select": {"EVENT_NOEPOLL": "1", "EVENT_NOPOLL": "1"}}.get(method)
    printed = check_child(
        """
        import os, signal, time
        from libevent_py import EventBase, Timer
        base = EventBase()
        Timer(base, 60, print)
        delays = []
        for _ in range(5):
            reader, writer = os.pipe()
            pid = os.fork()
            if not pid:
                time.sleep(0.05)
                os.write(writer, repr(time.monotonic()).encode())
                os.kill(os.getppid(), signal.SIGINT)
                os._exit(0)
            try:
                base.dispatch()
            except KeyboardInterrupt:
                delays.append(time.monotonic() - float(os.read(reader, 100)))
            os.waitpid(pid, 0)
            os.close(reader)
            os.close(writer)
        assert len(delays) == 5
        assert min(delays) < 0.05, delays
        fired = []
        Timer(base, 0, fired.append)
        Timer(base, 0.001, lambda timer: base.loopbreak())
        base.dispatch()
        assert len(fired) == 1
        base.close()
        print("ok")
        """,
        env=env,
    )
    assert printed == "ok\n"


def test_ctrl_c_in_a_callback(base: EventBase) -> None:
    """It comes out of dispatch() from the callback it hit."""

    def hit(timer: Timer) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

    Timer(base, 0, hit)
    with pytest.raises(KeyboardInterrupt):
        base.dispatch()


def test_a_python_handler_runs_while_idle(base: EventBase) -> None:
    """A handler of signal.signal() is called although nothing happens in the loop, which goes on."""
    called: list[int] = []

    def handler(number: int, frame: object) -> None:
        called.append(number)
        base.loopbreak()

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        sender = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1))
        sender.start()
        assert base.loop(LoopFlags.NO_EXIT_ON_EMPTY) is False
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert called == [signal.SIGUSR1]


def test_an_exception_of_a_handler_comes_out(base: EventBase) -> None:
    """As of any Python code that a signal interrupts."""

    def handler(number: int, frame: object) -> None:
        raise ZeroDivisionError

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        sender = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1))
        sender.start()
        with pytest.raises(ZeroDivisionError):
            base.loop(LoopFlags.NO_EXIT_ON_EMPTY)
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)


@pytest.mark.parametrize("raises", [False, True])
def test_the_previous_wakeup_descriptor_is_restored(base: EventBase, raises: bool) -> None:
    """Whoever had one has it again after loop(), exception or not."""
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    before = signal.set_wakeup_fd(ours.fileno())
    inside: list[int] = []

    def look(timer: Timer) -> None:
        inside.append(wakeup_fd())
        if raises:
            raise ZeroDivisionError

    try:
        Timer(base, 0, look)
        if raises:
            with pytest.raises(ZeroDivisionError):
                base.dispatch()
        else:
            base.dispatch()
        assert inside != [ours.fileno()]
        assert wakeup_fd() == ours.fileno()
    finally:
        signal.set_wakeup_fd(before)
        ours.close()
        peer.close()


def test_another_thread_leaves_it_alone(base: EventBase) -> None:
    """A loop outside of the main thread does not touch the wake-up descriptor."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            Timer(base, 0, lambda timer: None)
            base.dispatch()
        except BaseException as error:
            failed.append(error)

    before = wakeup_fd()
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failed == []
    assert wakeup_fd() == before


def test_nested_loops_of_two_bases(base: EventBase) -> None:
    """Ctrl-C while an inner base is idle comes out of the inner loop, and the outer works on."""
    order: list[str] = []

    def inner(timer: Timer) -> None:
        with EventBase() as other:
            Timer(other, 30, lambda timer: None)
            sender = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
            sender.start()
            try:
                other.dispatch()
            except KeyboardInterrupt:
                order.append("interrupted")
            sender.join()

    Timer(base, 0, inner)
    Timer(base, 0.001, lambda timer: order.append("outer"))
    base.dispatch()
    assert order == ["interrupted", "outer"]


def test_a_storm_of_interrupts() -> None:
    """SIGINT every 0.7 ms for a second: nothing is lost, twice or out of order, and the base works on."""
    printed = check_child(
        """
        import collections, os, signal, sys, time
        from libevent_py import Event, EventBase, EventFlags, Timer

        # Python cannot raise out of __del__: what hits there is only told.  A hook without bytecode,
        # for an interrupt that strikes the hook itself is told on standard error.
        sys.unraisablehook = collections.deque(maxlen=0).append
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        base = EventBase()
        sender = os.fork()
        if not sender:
            parent = os.getppid()
            while os.getppid() == parent:
                os.kill(parent, signal.SIGINT)
                time.sleep(0.0007)
            os._exit(0)

        raised = []

        def interrupt(number, frame):
            if base.running:  # nowhere else does this program expect it
                raised.append(number)
                raise KeyboardInterrupt

        fired = []
        number = 0
        interrupts = 0
        end = time.monotonic() + 1
        signal.signal(signal.SIGINT, interrupt)
        while time.monotonic() < end:
            for _ in range(5):
                number += 1
                Event(base, None, EventFlags(0), lambda event, what, n=number: fired.append(n)).active()
            try:
                base.dispatch()
            except KeyboardInterrupt:
                interrupts += 1
        os.kill(sender, signal.SIGKILL)
        os.waitpid(sender, 0)
        base.dispatch()
        assert interrupts > 20, interrupts
        assert len(fired) > 100
        assert fired == sorted(set(fired))
        # An interrupt can cut the callback off that it strikes, and no other.
        assert number - len(fired) <= len(raised), (number, len(fired), raised)
        assert not base.running
        done = []
        Timer(base, 0, done.append)
        assert base.dispatch() is True
        assert len(done) == 1
        assert signal.set_wakeup_fd(-1) == -1
        base.close()
        print("ok")
        """,
        timeout=40,
    )
    assert printed == "ok\n"
