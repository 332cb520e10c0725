"""Fixtures for bases that native code owns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from raw_events import RawEvents

from libevent_py import (
    EventBase,
    ffi,
    lib,
)

DEADLINE = 10.0


@pytest.fixture
def native() -> Iterator[Any]:
    """An ``event_base`` that the test owns as a C program would; it stops after some seconds."""
    pointer = lib.event_base_new()
    # A loop that waits for what never comes ends instead of hanging the suite.
    lib.event_base_loopexit(pointer, ffi.new("struct timeval *", (int(DEADLINE), 0)))
    yield pointer
    lib.event_base_free(pointer)


@pytest.fixture
def base(native: Any) -> Iterator[EventBase]:
    """The EventBase over it."""
    with EventBase.from_pointer(native) as base:
        yield base


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What goes to sys.excepthook meanwhile."""
    errors: list[BaseException] = []
    monkeypatch.setattr("sys.excepthook", lambda kind, error, traceback: errors.append(error))
    return errors


@pytest.fixture
def raw(native: Any) -> Iterator[RawEvents]:
    """Raw events of the native base."""
    events = RawEvents(native)
    yield events
    events.free()
