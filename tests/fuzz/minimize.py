"""Cutting a failing program down to the steps that it needs."""

from __future__ import annotations

import jail
import program as programs


def _kind(failure: str) -> str:
    return " ".join(failure.split()[:3])


def minimize(seed: int, only: frozenset[int] | None = None) -> frozenset[int]:
    """The steps of program *seed* that still fail the same way, as few as leaving out finds."""
    wanted = _kind(jail.run(seed, only).failure)
    steps = sorted(only if only is not None else range(programs.STEPS))
    if not wanted:
        print(f"program {seed} does not fail")
        return frozenset(steps)

    def fails(some: list[int]) -> bool:
        return any(_kind(jail.run(seed, frozenset(some)).failure) == wanted for _ in range(2))

    size = len(steps) // 2
    while size:
        position = 0
        while position < len(steps):
            rest = steps[:position] + steps[position + size :]
            if rest and fails(rest):
                steps = rest
                print(f"{len(steps)} steps", flush=True)
            else:
                position += size
        size //= 2
    print("--steps " + ",".join(map(str, steps)))
    return frozenset(steps)
