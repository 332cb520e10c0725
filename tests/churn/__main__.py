"""Much of everything, made and closed again: what is left afterwards is to be nothing.

python tests/churn                  a million timers, 200,000 connections…
python tests/churn --scale 0.01     a hundredth of it
python tests/churn connections      only that
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # the package where it was built in place

from work import WORK

from libevent_py import EventBase, LoopFlags, _callbacks

#: Bytes that the process may grow by after its first tenth.
MOST = 2 << 20
#: PyPy's heap grows and shrinks as its collector likes.
IS_PYPY = sys.implementation.name == "pypy"
ROUNDS = 10
#: Objects of a type that the measuring itself makes.
FEW = 9


def resident() -> int:
    """Bytes of memory in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class State:
    """What there is now."""

    def __init__(self, base: EventBase) -> None:
        for _ in range(3 if IS_PYPY else 1):
            gc.collect()
            base.loop(LoopFlags.NONBLOCK)  # which frees what was collected
        table = base._delivery.table
        self.counts = {
            "descriptors": len(os.listdir("/proc/self/fd")),
            "events": base.num_events(),
            "handles": table.open_count,
            "slots": len(table.kept),
            "kept": sum(each is not None for each in table.kept),
            "calls": len(base._calls.heap) + len(base._calls.ready),
            "pinned": len(_callbacks.pinned),
        }
        self.objects = Counter(type(each).__qualname__ for each in gc.get_objects())
        self.memory = resident()

    def grown(self, before: State) -> Iterator[str]:
        """Say what there is more of."""
        for name, count in self.counts.items():
            # PyPy collects when it likes, and slots are made meanwhile.
            if count > before.counts[name] and not (IS_PYPY and name == "slots"):
                yield f"{count - before.counts[name]} more {name}"
        if not IS_PYPY:
            for name, count in self.objects.items():
                if count > before.objects[name] + FEW:
                    yield f"{count - before.objects[name]} more objects: {name}"
            if self.memory - before.memory > MOST:
                yield f"{(self.memory - before.memory) / 1024:.0f} KiB more memory"


def churn(name: str, total: int) -> bool:
    """Do it *total* times, in rounds of which the first is to warm up; whether nothing was left."""
    part = max(total // ROUNDS, 1)
    with EventBase() as base:
        work = WORK[name].start(base)
        began = time.monotonic()
        work(part)
        State(base)  # which warms up too
        before = State(base)
        for _ in range(ROUNDS - 1):
            work(part)
        after = State(base)
        lasted = time.monotonic() - began
        found = list(after.grown(before))
        work.close()
    said = "; ".join(found) or f"flat, {(after.memory - before.memory) / 1024:+.0f} KiB"
    print(f"{part * ROUNDS:9,} {name:12} {lasted:6.1f} s  {said}", flush=True)
    return not found


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="tests/churn", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(WORK))
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the full size")
    words = parser.parse_args()
    if unknown := set(words.names) - set(WORK):
        parser.error(f"there is no {', '.join(unknown)}")
    names = words.names or list(WORK)
    results = [churn(name, int(WORK[name].full_size * words.scale)) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
