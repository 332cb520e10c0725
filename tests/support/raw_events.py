"""Events with raw C callbacks, beside Python's."""

from __future__ import annotations

from typing import Any

from libevent_py import (
    ffi,
    lib,
)


class RawEvents:
    """Events with raw C callbacks: each calls a Python function without the delivery queue."""

    def __init__(self, pointer: Any) -> None:
        self.pointer = pointer
        self.kept: list[tuple[Any, Any]] = []

    def make(self, function: Any, priority: int | None = None) -> Any:
        """A ``struct event`` that calls *function* when it is activated."""
        callback = ffi.callback("event_callback_fn", lambda fd, what, arg: function())
        event = lib.event_new(self.pointer, -1, 0, callback, ffi.NULL)
        if priority is not None:
            lib.event_priority_set(event, priority)
        self.kept.append((event, callback))
        return event

    def free(self) -> None:
        """Free them all."""
        for event, _ in self.kept:
            lib.event_free(event)
