"""Descriptors that a loop watches: what add_reader() and add_writer() make (floor 8)."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from ..base import EventBase
from ..constants import EventFlags
from ..event import Event

if TYPE_CHECKING:
    from .loop import Loop
    from .receiver import Receiver


class Watcher(Event):
    """Runs a handle whenever a descriptor is ready in one direction."""

    __slots__ = ("_loop", "_remove_from", "handle")

    #: What to run; None while nothing is watched.
    handle: Any

    def __init__(self, loop: Loop, fd: int, direction: EventFlags) -> None:
        self._begin()
        self._set_up(loop.base, fd, direction | EventFlags.PERSIST, self._deliver)
        self._loop = loop
        self._remove_from = loop._remove_reader if direction is EventFlags.READ else loop._remove_writer

    def watch(self, handle: asyncio.Handle) -> None:
        """Run *handle* from now on.

        The event is added anew: the descriptor may have been closed, and be another file's now.
        """
        self.handle = handle
        if self._stays:
            self.remove()
        self.add()

    def unwatch(self) -> None:
        """Run nothing any more."""
        self.handle.cancel()
        self.handle = None  # which would keep a context alive
        self.remove()

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        handle = self.handle
        if handle._cancelled:
            self._remove_from(self.fileno())
        elif self._loop._debug:
            self._loop._run_watched(handle)
        else:
            handle._run()


class WatchedFiles(selectors.BaseSelector):
    """The watchers as asyncio looks at them, whose own loop has a selector.

    Only for looking: the loop itself adds and removes.
    """

    def __init__(
        self, base: EventBase, readers: dict[int, Watcher | Receiver], writers: dict[int, Watcher | Receiver]
    ) -> None:
        self._base = base
        self._readers = readers
        self._writers = writers

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Every descriptor that is watched; its key's data are the handles for reading and writing."""
        return {fd: self._key(fd) for fd in {**self._readers, **self._writers}}

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """As get_map(), of one file; KeyError where it is not watched."""
        fd = fileno(fileobj)
        if fd not in self._readers and fd not in self._writers:
            raise KeyError(f"{fileobj!r} is not registered")
        return self._key(fd)

    def _key(self, fd: int) -> selectors.SelectorKey:
        reader, writer = self._readers.get(fd), self._writers.get(fd)
        events = (selectors.EVENT_READ if reader else 0) | (selectors.EVENT_WRITE if writer else 0)
        data = (reader.handle if reader else None, writer.handle if writer else None)
        return selectors.SelectorKey(fd, fd, events, data)

    def close(self) -> None:
        """Close the base; the loop calls it when it is closed itself."""
        self._base.close()
        self._readers.clear()
        self._writers.clear()

    def register(self, fileobj: Any, events: int, data: Any = None) -> NoReturn:
        """Refuse: ``loop.add_reader()`` and ``add_writer()`` are there for that."""
        raise RuntimeError("use the loop's add_reader() and add_writer()")

    def unregister(self, fileobj: Any) -> NoReturn:
        """Refuse: ``loop.remove_reader()`` and ``remove_writer()`` are there for that."""
        raise RuntimeError("use the loop's remove_reader() and remove_writer()")

    def select(self, timeout: float | None = None) -> NoReturn:
        """Refuse: only the loop waits."""
        raise RuntimeError("only the loop itself waits for events")


def fileno(file: Any) -> int:
    """The descriptor of *file*, which is one or has ``fileno()``."""
    fd = file if isinstance(file, int) else int(file.fileno())
    if fd < 0:
        raise ValueError(f"Invalid file descriptor: {fd}")
    return fd
