"""Signal: libevent's signal events."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from child import check_child
from loops import run_until, turn

from libevent_py import EventBase, Signal, Timer


def test_it_calls_back(backend_base: EventBase) -> None:
    """From the loop, with the Signal, again and again (regress signal/simplesignal)."""
    seen: list[Any] = []
    number = Signal(backend_base, signal.SIGUSR1, seen.append)
    for count in (1, 2, 3):
        os.kill(os.getpid(), signal.SIGUSR1)
        run_until(backend_base, lambda c=count: len(seen) == c)
    assert seen == [number] * 3
    assert number.fileno() == signal.SIGUSR1


def test_several_signals(base: EventBase) -> None:
    """Each gets its own, two on one number both."""
    seen: list[str] = []
    for name, number in (("a", signal.SIGUSR1), ("b", signal.SIGUSR1), ("c", signal.SIGUSR2)):
        Signal(base, number, lambda _, n=name: seen.append(n))
    os.kill(os.getpid(), signal.SIGUSR1)
    run_until(base, lambda: len(seen) == 2)
    os.kill(os.getpid(), signal.SIGUSR2)
    run_until(base, lambda: len(seen) == 3)
    assert sorted(seen) == ["a", "b", "c"]


def test_it_keeps_the_loop_waiting(base: EventBase) -> None:
    """A Signal is something to wait for, until it is closed."""
    received: list[int] = []

    def stop(number: Signal) -> None:
        received.append(1)
        number.close()

    Signal(base, signal.SIGUSR1, stop)
    Timer(base, 0.005, lambda timer: os.kill(os.getpid(), signal.SIGUSR1))
    assert base.dispatch() is True
    assert received == [1]


def test_close_restores_pythons_handler(base: EventBase) -> None:
    """What signal.signal() had installed works again (regress signal/signal_restore)."""
    seen: list[str] = []
    previous = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append("python"))
    try:
        ours = Signal(base, signal.SIGUSR1, lambda _: seen.append("libevent"))
        os.kill(os.getpid(), signal.SIGUSR1)
        run_until(base, lambda: seen)
        ours.close()
        os.kill(os.getpid(), signal.SIGUSR1)
        turn(base)
        assert seen == ["libevent", "python"]
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_sigint_may_be_taken(base: EventBase) -> None:
    """With a Signal for SIGINT there is no KeyboardInterrupt."""
    seen: list[int] = []
    Signal(base, signal.SIGINT, lambda _: seen.append(1))
    os.kill(os.getpid(), signal.SIGINT)
    run_until(base, lambda: seen)
    assert seen == [1]


def test_one_base_at_a_time(base: EventBase) -> None:
    """A Signal in a second base is a RuntimeError while the first has some."""
    with EventBase() as other:
        first = Signal(base, signal.SIGUSR1, print)
        with pytest.raises(RuntimeError, match="another EventBase has the signals"):
            Signal(other, signal.SIGUSR2, print)
        assert other._delivery.table.open_count == 0
        first.close()
        seen: list[int] = []
        Signal(other, signal.SIGUSR2, lambda _: seen.append(1))
        os.kill(os.getpid(), signal.SIGUSR2)
        run_until(other, lambda: seen)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"])
def test_signals_that_cannot_be_handled(base: EventBase, name: str) -> None:
    """A ValueError, and no slot is held."""
    with pytest.raises(ValueError, match="cannot be handled"):
        Signal(base, getattr(signal, name), print)
    assert base._delivery.table.open_count == 0


@pytest.mark.parametrize("number", [0, -1, signal.NSIG, 10**9, 2**70])
def test_numbers_that_are_no_signal(base: EventBase, number: int) -> None:
    """A ValueError."""
    with pytest.raises(ValueError, match="signal number"):
        Signal(base, number, print)


@pytest.mark.parametrize("number", ["SIGINT", 2.0, None])
def test_a_wrong_type(base: EventBase, number: Any) -> None:
    """A TypeError."""
    with pytest.raises(TypeError, match="signal number"):
        Signal(base, number, print)


def test_closing_the_base_gives_the_signals_back() -> None:
    """After close() the process has its default action again, and another base may take them."""
    printed = check_child(
        """
        import os, signal
        from libevent_py import EventBase, Signal
        for _ in range(3):
            with EventBase() as base:
                seen = []
                Signal(base, signal.SIGTERM, lambda number: (seen.append(1), number.close()))
                os.kill(os.getpid(), signal.SIGTERM)
                base.dispatch()
                assert seen == [1]
        pid = os.fork()
        if not pid:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(7)
        assert os.waitpid(pid, 0)[1] == signal.SIGTERM
        print("ok")
        """
    )
    assert printed == "ok\n"


def test_sigint_in_and_between_loops(base: EventBase) -> None:
    """A Signal for SIGINT keeps it over many loops, made outside or inside; Python has it back afterwards."""
    number = signal.SIGINT
    seen: list[str] = []

    def send(timer: Timer) -> None:
        os.kill(os.getpid(), number)

    outside = Signal(base, number, lambda _: seen.append("outside"))
    for _ in range(2):
        Timer(base, 0, send)
        turn(base, 3)
    outside.close()
    assert seen == ["outside"] * 2
    made: list[Signal] = []
    Timer(base, 0, lambda timer: made.append(Signal(base, number, lambda _: seen.append("inside"))))
    turn(base, 2)
    for _ in range(2):
        Timer(base, 0, send)
        turn(base, 3)
    made[0].close()
    assert seen == ["outside"] * 2 + ["inside"] * 2
    for _ in range(2):
        Timer(base, 0, send)
        with pytest.raises(KeyboardInterrupt):
            turn(base, 3)
    assert signal.getsignal(number) is signal.default_int_handler
