"""A program: closes and drops everything there is, from every kind of callback.

``closing.py FAMILY`` does it from the kinds of one module.  The last line that it prints tells
what it was doing.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Callable

from drives import DRIVES, Drive
from kinds import FAMILIES
from stage import LOOP, Kind, Stage

from libevent_py import Event, EventFlags, Timer, _callbacks


class Scene:
    """A callback that does something the first time, and others that are ready then."""

    def __init__(self, row: Kind, drive: Drive, action: Callable[[Scene], None]) -> None:
        self.row = row
        self.drive = drive
        self.base = drive.base
        self.stage = Stage(drive.base, self.act)
        self.there = self.stage.there
        self.action = action
        self.calls = 0
        #: Who was called of those that must be, once each, unless the base is closed.
        self.seen: list[str] = []
        #: And of what an action may close: then not any more.
        self.victims: list[str] = []
        #: Lists that must not grow after some moment, with how long they were then.
        self.ended: list[tuple[str, Callable[[], int], int]] = []

    def end(self, what: str, count: Callable[[], int]) -> None:
        """From now on *count()* must stay the same."""
        self.ended.append((what, count, count()))

    def act(self, *arguments: object) -> None:
        """Be called back."""
        self.calls += 1
        if self.calls == 1:
            del arguments
            self.action(self)

    def close_it(self) -> None:
        """Close whose callback this is."""
        if "it" in self.there:
            self.there["it"].close()
            self.end("the callback", lambda: self.calls)

    def close_others(self) -> None:
        """Close what it works with, if that can be."""
        for name, thing in list(self.there.items()):
            if name not in ("it", "victim"):
                try:
                    thing.close()
                except RuntimeError:
                    assert name == "below"  # a filter works on it

    def close_victim(self) -> None:
        """Close an event that is ready."""
        self.there["victim"].close()
        self.end("the victim", lambda: len(self.victims))

    def close_base(self) -> None:
        """Close the base, or be told that this is not the place."""
        is_possible = not self.row.below_c and not (self.drive.is_native and self.row.where == LOOP)
        try:
            self.base.close()
        except RuntimeError:
            assert not is_possible
            assert not self.base.closed
        else:
            assert is_possible
            self.end("the callback", lambda: self.calls)
            self.end("a bystander", lambda: len(self.seen))

    def drop(self) -> None:
        """Forget all, and collect."""
        self.there.clear()
        gc.collect()

    def play(self) -> None:
        """Have the callback come, and all that is due then."""
        base, seen = self.base, self.seen
        poke = self.row.set_up(self.stage)
        event = Event(base, None, EventFlags(0), lambda event, what: seen.append("event"))
        victim = Event(base, None, EventFlags(0), lambda event, what: self.victims.append("victim"))
        self.there["victim"] = victim
        base.call_soon(seen.append, "call")
        timer = Timer(base, 0, lambda timer: seen.append("timer"))
        poke()
        for each in (event, victim):
            if not each.closed:
                each.active()
        del poke, victim, each
        self.drive.until(lambda: base.closed or (self.calls and len(seen) == 3))
        for _ in range(5):
            if not base.closed:
                self.drive.one_pass()
        assert base.closed or sorted(seen) == ["call", "event", "timer"], seen
        assert len(self.victims) <= 1
        for what, count, then in self.ended:
            assert count() == then, f"{what} was called after the end"
        timer.close()
        event.close()
        self.stage.close()


ACTIONS: dict[str, tuple[Callable[[Scene], None], ...]] = {
    "close it": (Scene.close_it,),
    "close the others": (Scene.close_others,),
    "close another that is ready": (Scene.close_victim,),
    "close the base": (Scene.close_base,),
    "close all": (Scene.close_others, Scene.close_it, Scene.close_victim, Scene.close_base),
    "close it and collect": (Scene.close_it, Scene.drop),
    "drop": (Scene.drop,),
    "drop and close the base": (Scene.drop, Scene.close_base),
    "break": (lambda scene: scene.base.loopbreak(),),
}


def run(row: Kind, drive: str, action: Callable[[Scene], None]) -> None:
    """One cell of the matrix."""
    scenes: list[Scene] = []

    def on_error(error: Exception) -> None:
        scenes[0].act()

    with DRIVES[drive](on_error if row.on_error else None) as running:
        scenes.append(Scene(row, running, action))
        scenes[0].play()
        table = running.base._delivery.table
    assert table.open_count == 0
    assert not _callbacks.pinned


def main(family: str) -> None:
    """Do all with one family, and leave nothing behind."""
    logging.getLogger("libevent").propagate = False
    failures: list[str] = []

    def hook(kind: type[BaseException], error: BaseException, traceback: object) -> None:
        failures.append(repr(error))
        sys.__excepthook__(kind, error, traceback)  # type: ignore[arg-type]

    sys.excepthook = hook
    if hasattr(gc, "freeze"):
        gc.collect()
        gc.freeze()
    before = sorted(os.listdir("/proc/self/fd"))
    for row in FAMILIES[family]:
        for name, steps in ACTIONS.items():
            for drive in DRIVES:
                print(f"{row.name}: {name} ({drive})", flush=True)
                run(row, drive, lambda scene, steps=steps: [step(scene) for step in steps])  # type: ignore
                for thread in threading.enumerate():  # a look-up's
                    if thread is not threading.main_thread():
                        thread.join()
                for _ in range(3 if sys.implementation.name == "pypy" else 1):  # it needs some for finalizers
                    gc.collect()
                assert sorted(os.listdir("/proc/self/fd")) == before
                assert not failures, failures
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
