"""Ports of libevent's regress group signal: docs/regress.md has the table."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from leakguard import open_descriptors
from loops import run_until, turn

from libevent_py import EventBase, EventFlags, LoopFlags, Signal, Timer

ALARM_SECONDS = 0.03


def kill(number: signal.Signals) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), number)


@pytest.fixture
def caught() -> Iterator[list[str]]:
    """What Python's own handlers of the signals below caught meanwhile."""
    found: list[str] = []
    numbers = signal.SIGALRM, signal.SIGUSR1, signal.SIGCONT
    before = [
        signal.signal(number, lambda got, frame: found.append(signal.Signals(got).name)) for number in numbers
    ]
    yield found
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)


@pytest.mark.parametrize("reorder", [False, True], ids=["simplestsignal", "simplesignal"])
def test_simplesignal(backend_base: EventBase, caught: list[str], reorder: bool) -> None:
    """An alarm comes while the loop waits; also for a Signal that was removed and added in between."""
    fired = []

    def on_signal(number: Signal) -> None:
        fired.append(number)
        number.remove()

    ours = Signal(backend_base, signal.SIGALRM, on_signal)
    if reorder:
        ours.remove()
        ours.add()
    assert ours.pending == EventFlags.SIGNAL
    signal.setitimer(signal.ITIMER_REAL, ALARM_SECONDS)
    assert backend_base.dispatch() is True
    assert (fired, caught) == ([ours], [])


def test_multiplesignal(backend_base: EventBase, caught: list[str]) -> None:
    """Two Signals for one number both fire."""
    fired = []

    def on_signal(number: Signal) -> None:
        fired.append(number)
        number.close()

    ours = {Signal(backend_base, signal.SIGALRM, on_signal) for _ in range(2)}
    signal.setitimer(signal.ITIMER_REAL, ALARM_SECONDS)
    assert backend_base.dispatch() is True
    assert len(fired) == 2 and set(fired) == ours


def test_immediatesignal(backend_base: EventBase, caught: list[str]) -> None:
    """A signal that came before the loop runs is found by its first pass, without waiting."""
    fired: list[Signal] = []
    ours = Signal(backend_base, signal.SIGUSR1, fired.append)
    kill(signal.SIGUSR1)
    backend_base.loop(LoopFlags.NONBLOCK)
    assert (fired, caught) == ([ours], [])


def test_signal_dealloc(backend: str, caught: list[str]) -> None:
    """A base whose Signal was taken back is freed whole, and so is one that still has some."""
    before = open_descriptors()
    for close_first in (True, False):
        with EventBase() as base:
            ours = Signal(base, signal.SIGUSR1, lambda number: None)
            if close_first:
                ours.close()
        assert open_descriptors() == before
        kill(signal.SIGUSR1)
    assert caught == ["SIGUSR1"] * 2


def test_signal_pipeloss(backend: str) -> None:
    """The signal pipes of two bases are closed, the younger base first."""
    before = open_descriptors()
    one, two = EventBase(), EventBase()
    for base in one, two:
        with Signal(base, signal.SIGUSR1, lambda number: None):
            turn(base)
    two.close()
    one.close()
    assert open_descriptors() == before


def test_signal_switchbase(backend: str, caught: list[str]) -> None:
    """One base has the process's signals: another's Signal is refused until the first has given up its own.

    In C the second base would take them over with a warning, and the first never hear of them again.
    """
    fired: list[str] = []
    with EventBase() as one, EventBase() as two:
        ours = Signal(one, signal.SIGUSR1, lambda number: fired.append("one"))
        with pytest.raises(RuntimeError, match="close its Signals first"):
            Signal(two, signal.SIGUSR1, lambda number: fired.append("two"))
        kill(signal.SIGUSR1)
        turn(two)
        assert fired == []
        turn(one)
        assert fired == ["one"]
        ours.close()
        Signal(two, signal.SIGUSR1, lambda number: fired.append("two"))
        kill(signal.SIGUSR1)
        turn(one)
        turn(two)
    assert (fired, caught) == (["one", "two"], [])


def test_signal_restore(backend_base: EventBase, caught: list[str]) -> None:
    """The handler that was there before is there again when the Signal is gone."""
    Signal(backend_base, signal.SIGUSR1, lambda number: pytest.fail("it was closed")).close()
    kill(signal.SIGUSR1)
    turn(backend_base)
    assert caught == ["SIGUSR1"]


def test_signal_assert(backend_base: EventBase, caught: list[str]) -> None:
    """A Signal that was removed hears nothing, neither at once nor from the pipe later."""
    fired: list[Signal] = []
    ours = Signal(backend_base, signal.SIGCONT, fired.append)
    ours.remove()
    kill(signal.SIGCONT)
    turn(backend_base, 2)
    assert (fired, caught) == ([], ["SIGCONT"])


def test_signal_while_processing(backend_base: EventBase, caught: list[str]) -> None:
    """A signal that its own callback sends comes again: five times."""
    fired: list[Signal] = []

    def on_signal(number: Signal) -> None:
        fired.append(number)
        if len(fired) < 5:
            kill(signal.SIGUSR1)

    Signal(backend_base, signal.SIGUSR1, on_signal)
    Timer(backend_base, 0, lambda timer: kill(signal.SIGUSR1))
    run_until(backend_base, lambda: len(fired) == 5)
    turn(backend_base)
    assert (len(fired), caught) == (5, [])
