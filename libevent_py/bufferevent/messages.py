"""Whole messages of a bufferevent's input (floor 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._errors import check
from .._ffi import ffi, lib
from ..constants import BufferEventEvents, EventFlags
from ..exceptions import MessageTooLongError
from .framing import Framing, split, unsplit
from .output import BaseBufferEventOutput

_TOO_LONG = lib.LEPY_MESSAGES_TOO_LONG
_NEED_ROOM = lib.LEPY_MESSAGES_NEED_ROOM

MessagesCallback = Callable[[Any, list[bytes]], object]


class BaseBufferEventMessages(BaseBufferEventOutput):
    """Framing; a part of every bufferevent."""

    __slots__ = ("_error", "_framing", "_framing_serial", "_on_event", "_on_messages", "_reading")

    _on_messages: MessagesCallback | None
    _on_event: Callable[[Any, BufferEventEvents], object] | None
    _framing: Framing | None
    #: Of what C was told last; records of another one go back to the input.
    _framing_serial: int
    _reading: bool
    _error: Exception | None

    def _check_framing(self, on_messages: MessagesCallback | None, framing: Framing | None) -> None:
        """Raise unless both are there or none, and fit to the high mark."""
        if (on_messages is None) != (framing is None):
            raise ValueError("on_messages and framing need each other")
        if framing is None:
            return
        if not isinstance(framing, Framing):
            raise TypeError(f"framing must be a LineFraming or LengthFraming, not {type(framing).__name__}")
        _check_room(framing, self.get_watermark(EventFlags.READ)[1])

    def _check_high_mark(self, high: int) -> None:
        if self._framing is not None:
            _check_room(self._framing, high)

    def _set_framing(self, framing: Framing | None) -> None:
        if framing is None and self._framing is None:
            return
        arguments = (-1, 0, False, 0, 0) if framing is None else framing._arguments
        self._framing_serial = check(
            lib.lepy_bufferevent_set_framing(self._pointer, *arguments), "no memory for the framing"
        )
        self._framing = framing

    def _deliver_messages(self, what: int, data: bytes) -> None:
        """Act on a record of messages."""
        if what == _TOO_LONG:
            if self._on_messages is not None:
                self._refuse_message()
            return
        form, count = what & 15, what >> 12
        if self._reading and self._on_messages is not None and what >> 4 & 0xFF == self._framing_serial:
            self._on_messages(self, split(form, count, data))
            return
        raw = unsplit(form, count, data)
        check(lib.lepy_bufferevent_unread(self._pointer, raw, len(raw)), "no memory for the input")
        self._look_at_input()

    def _look_at_input(self) -> None:
        """Act on input that has come and does not ride along."""
        raise NotImplementedError

    def _take_messages(self) -> bool:
        """Give on_messages what is whole in the input, as much as fits in one list; False: nothing."""
        memory, view = self._delivery.scratch()
        used = ffi.new("size_t *")
        what = lib.lepy_bufferevent_take_messages(self._pointer, memory, len(view), used)
        if what == _NEED_ROOM:
            memory = ffi.new("char[]", used[0])
            view = ffi.buffer(memory)
            what = lib.lepy_bufferevent_take_messages(self._pointer, memory, len(view), used)
        if what == lib.LEPY_MESSAGES_NONE:
            return False
        self._deliver_messages(what, b"" if what == _TOO_LONG else view[: used[0]])
        return True

    def _take_last_messages(self) -> None:
        """At the stream's end, what came before it comes before it."""
        while self._pointer is not None and self._reading and self._on_messages is not None:
            if not self._take_messages():
                return

    def _refuse_message(self) -> None:
        """A message is over its maximum: tell, and close."""
        assert self._framing is not None
        self._reading = False
        self._error = MessageTooLongError(f"the peer sent a message that is too long for {self._framing!r}")
        try:
            if self._on_event is not None:
                self._on_event(self, BufferEventEvents.ERROR | BufferEventEvents.READING)
        finally:
            if self._pointer is not None and self._ending != self._conclude:
                self.close()


def _check_room(framing: Framing, high: int) -> None:
    """Raise where reading would pause, at the mark *high*, with a message unfinished for ever."""
    if 0 < high < framing.max_length + framing.overhead:
        raise ValueError(
            f"the high mark for reading, {high}, must not be below {framing.max_length + framing.overhead}: "
            f"a message of max_length would never be read to its end"
        )
