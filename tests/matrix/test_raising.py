"""Raising from every kind of callback: it comes out once, where it should, and all goes on."""

from __future__ import annotations

import gc
import logging
import sys
import weakref
from collections.abc import Callable

import pytest
from drives import DRIVES, Drive
from kinds import KINDS
from stage import CALL, LOOP, Kind, Stage

from libevent_py import Timer


class AnException(Exception):
    """Of the program's own; and the next four, which can be referred to weakly."""


class AnInterrupt(KeyboardInterrupt):
    """Ctrl-C."""


class AnExit(SystemExit):
    """sys.exit()."""


class NoMemory(MemoryError):
    """What Python raises itself without memory."""


class TooDeep(RecursionError):
    """What Python raises itself, too deep."""


HOOK = "sys.excepthook"
ERRORS: list[type[BaseException]] = [AnException, AnInterrupt, AnExit, NoMemory, TooDeep]


class Raising:
    """A callback that raises the first and the third time, and who got the exception."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error
        self.calls = 0
        self.raised: list[weakref.ref[BaseException]] = []
        #: Where they came out.
        self.out: list[str] = []

    def __call__(self, *arguments: object) -> None:
        """Be called back."""
        self.calls += 1
        if self.calls in (1, 3):
            error = self.error("from a callback")
            self.raised.append(weakref.ref(error))
            raise error

    def hook(self, kind: type[BaseException], error: BaseException, traceback: object) -> None:
        """Be sys.excepthook."""
        assert kind is self.error, (kind, error)
        self.out.append(HOOK)

    def watch(self, where: str, function: Callable[[], object]) -> None:
        """Call *function*, from which the exception may come."""
        try:
            function()
        except self.error:
            self.out.append(where)


def place(row: Kind, error: type[BaseException], is_native: bool) -> str:
    """Where an exception has to come out."""
    if (row.is_told and issubclass(error, Exception)) or (row.where == LOOP and is_native):
        return HOOK
    return row.where


def provoke(drive: Drive, poke: Callable[[], object], raising: Raising, calls: int) -> None:
    """Have the callback come once more, and the loop come to rest with it."""
    bystanders: list[str] = []
    base = drive.base
    base.call_soon(bystanders.append, "call")
    timer = Timer(base, 0.0, lambda timer: bystanders.append("timer"))
    raising.watch(CALL, poke)
    raising.watch(LOOP, lambda: drive.until(lambda: raising.calls >= calls))
    raising.watch(LOOP, lambda: drive.until(lambda: len(bystanders) == 2))
    assert sorted(bystanders) == ["call", "timer"]
    timer.close()


def raise_thrice(row: Kind, drive: Drive, raising: Raising) -> None:
    """Have it come three times, of which the first and the last raise."""
    where = place(row, raising.error, drive.is_native)
    stage = Stage(drive.base, raising)
    try:
        poke = row.set_up(stage)
        provoke(drive, poke, raising, 1)
        assert raising.out == [where]
        if row.again:
            provoke(drive, poke, raising, 2)
            assert raising.out == [where]
            provoke(drive, poke, raising, 3)
            assert raising.out == [where] * 2
    finally:
        stage.close()


@pytest.mark.parametrize("drive", list(DRIVES))
@pytest.mark.parametrize("row", KINDS.values(), ids=list(KINDS))
def test_raising(row: Kind, drive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right call raises, once; what else was ready is delivered; nothing is kept."""
    monkeypatch.setattr(logging.getLogger("libevent"), "propagate", False)
    for error in ERRORS:
        raising = Raising(error)
        monkeypatch.setattr(sys, "excepthook", raising.hook)
        with DRIVES[drive](raising if row.on_error else None) as running:
            raise_thrice(row, running, raising)
        gc.collect()
        assert [ref() for ref in raising.raised] == [None] * len(raising.raised)
