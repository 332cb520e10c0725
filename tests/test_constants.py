"""The enums against C's numbers."""

from __future__ import annotations

import enum

import pytest

from libevent_py import (
    BufferEventEvents,
    BufferEventOptions,
    EventBaseFeatures,
    EventFlags,
    LoopFlags,
    lib,
)

PREFIXES = {
    EventFlags: "EV_",
    LoopFlags: "EVLOOP_",
    EventBaseFeatures: "EV_FEATURE_",
    BufferEventOptions: "BEV_OPT_",
    BufferEventEvents: "BEV_EVENT_",
}
MEMBERS = [(flags, name) for flags in PREFIXES for name in flags.__members__]


@pytest.mark.parametrize(
    ("flags", "name"), MEMBERS, ids=[f"{flags.__name__}.{name}" for flags, name in MEMBERS]
)
def test_a_flag_has_cs_number(flags: type[enum.IntFlag], name: str) -> None:
    """Each member is the C constant of its name."""
    assert flags[name] == getattr(lib, PREFIXES[flags] + name)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (
            EventFlags,
            {"TIMEOUT": 1, "READ": 2, "WRITE": 4, "SIGNAL": 8, "PERSIST": 16, "ET": 32, "CLOSED": 128},
        ),
        (LoopFlags, {"ONCE": 1, "NONBLOCK": 2, "NO_EXIT_ON_EMPTY": 4}),
        (EventBaseFeatures, {"ET": 1, "O1": 2, "FDS": 4, "EARLY_CLOSE": 8}),
        (
            BufferEventOptions,
            {"CLOSE_ON_FREE": 1, "THREADSAFE": 2, "DEFER_CALLBACKS": 4, "UNLOCK_CALLBACKS": 8},
        ),
        (
            BufferEventEvents,
            {"READING": 1, "WRITING": 2, "EOF": 16, "ERROR": 32, "TIMEOUT": 64, "CONNECTED": 128},
        ),
    ],
)
def test_the_numbers_are_the_manuals(flags: type[enum.IntFlag], expected: dict[str, int]) -> None:
    """The header's numbers are libevent's ABI, none missing."""
    assert {name: int(member) for name, member in flags.__members__.items()} == expected


def test_flags_combine() -> None:
    """``|`` of two flags is a flag again."""
    both = EventFlags.READ | EventFlags.PERSIST
    assert isinstance(both, EventFlags)
    assert both == lib.EV_READ | lib.EV_PERSIST
