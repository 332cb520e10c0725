"""Which steps a program takes, and how often."""

from __future__ import annotations

from random import Random

import operations
import recipes
import remote

STEPS: dict[operations.Operation, float] = {
    operations.make: 14,
    operations.use: 50,
    operations.turn: 9,
    operations.traffic: 7,
    operations.knock: 2,
    recipes.ask: 2,
    recipes.browse: 4,
    recipes.encrypt: 0.7,
    recipes.fetch: 1,
    remote.call: 1,
    operations.drop: 4,
    operations.close: 2,
    operations.operate: 6,
    operations.initialize_again: 0.5,
    operations.with_block: 1.5,
    operations.function: 1,
    operations.send_signal: 0.7,
    operations.reuse_descriptor: 0.7,
    operations.other_thread: 1.5,
    operations.fork: 0.4,
}
_STEPS, _WEIGHTS = list(STEPS), list(STEPS.values())


def choose(rng: Random) -> operations.Operation:
    """What to do in a step."""
    return rng.choices(_STEPS, _WEIGHTS)[0]
