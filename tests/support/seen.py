"""What a callback was told."""

from __future__ import annotations

from libevent_py import Event, EventFlags


class Seen(list[EventFlags]):
    """A callback that records what it was told."""

    def __call__(self, event: Event, what: EventFlags) -> None:
        """Take one firing."""
        self.append(what)
