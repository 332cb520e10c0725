"""What is left of an Event after finalize() (floor 4, event2/event.h)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._errors import check
from ._ffi import CData, lib
from ._handles import Handle

if TYPE_CHECKING:
    from .event import Event

FinalizerCallback = Callable[[Any], object]


class Finalizer(Handle):
    """Has the place of a closed Event in its base until libevent is done with its ``struct event``.

    Whoever closes it calls the function: the delivery of libevent's last word on the event, or
    the base's close().
    """

    __slots__ = ("_event", "_function")

    def __init__(self, event: Event, function: FinalizerCallback) -> None:
        self._delivery = event._delivery
        self._event = event
        self._function = function
        self._delivery.table.replace(event, self)
        self._pointer, event._pointer = event._pointer, None
        check(lib.lepy_event_finalize(self._pointer), "event_free_finalize")

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        self.close()

    def _free(self, pointer: CData) -> None:
        lib.lepy_event_free(pointer)
        try:
            self._function(self._event)
        finally:
            self._event._source = None
