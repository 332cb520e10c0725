"""What every kind of bufferevent can do (floor 6)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _convert
from .._claim import unguarded
from .._delivery import delivery_of
from .._errors import check, check_pointer
from .._ffi import CData, ffi, lib
from .._handles import Handle
from ..buffer import Buffer
from ..buffer.borrowed import BufferEventBuffer
from ..constants import BufferEventEvents, BufferEventOptions, EventFlags
from .framing import Framing
from .limits import direction
from .messages import MessagesCallback
from .output import END
from .writing import BaseBufferEventWriting

if TYPE_CHECKING:
    from ..base import EventBase


_KIND_READ = lib.LEPY_KIND_READ
_KIND_DATA = lib.LEPY_KIND_DATA
_KIND_READABLE = lib.LEPY_KIND_READABLE
_KIND_WRITE = lib.LEPY_KIND_WRITE
_KIND_OUTPUT = lib.LEPY_KIND_OUTPUT
_KIND_MESSAGES = lib.LEPY_KIND_MESSAGES
_RECEIVED_INPUT = lib.LEPY_RECEIVED_INPUT
_read = lib.lepy_bufferevent_read
_receive = lib.lepy_bufferevent_receive

ENDS = BufferEventEvents.EOF | BufferEventEvents.ERROR | BufferEventEvents.TIMEOUT

# The first argument is the bufferevent, of whichever class it is.
DataCallback = Callable[[Any, bytes], object]
ReadyCallback = Callable[[Any], object]
StatusCallback = Callable[[Any, BufferEventEvents], object]


class BaseBufferEvent(BaseBufferEventWriting):
    """Two buffers and three callbacks around some stream (``struct bufferevent``).

    The classes that can be made are :class:`BufferEvent` and its kin.
    """

    __slots__ = (
        "_again",
        "_input",
        "_on_data",
        "_on_read",
        "_on_write",
        "_options",
        "_owned",
    )

    def _set_up(
        self, base: EventBase, bev: CData, options: BufferEventOptions, *, owned: bool, direct: bool = False
    ) -> None:
        """Attach to *bev*; *owned*: free it, *direct*: a plain socket that may be used past libevent."""
        delivery = delivery_of(base)
        self._base = base
        self._delivery = delivery
        self._bev = bev
        self._owned = owned
        self._options = options
        self._input: Buffer | None = None
        self._output = None
        self._error = None
        self._on_data: DataCallback | None = None
        self._on_read: ReadyCallback | None = None
        self._on_write: ReadyCallback | None = None
        self._on_event: StatusCallback | None = None
        self._on_messages = self._framing = None
        self._framing_serial = 0
        self._on_pause = self._on_resume = None
        self._output_full = False
        self._ending = self._ending_timer = None
        self._limit = self._group = self._captor = None
        # Input, and the end, that came while reading was off are to be reported by enable().
        self._again = self._ended = False
        self._reading = bool(lib.bufferevent_get_enabled(bev) & lib.EV_READ)
        delivery.table.reserve(self)
        pointer = lib.lepy_bufferevent_new(delivery.pointer, self._slot, self._generation, bev, direct)
        if not pointer:
            delivery.table.release(self)
            if owned:
                lib.bufferevent_free(bev)
        # Not with close(): another thread may be about to write.
        self._pointer = ffi.gc(check_pointer(pointer, "bufferevent"), lib.lepy_bufferevent_forget)
        if options & BufferEventOptions.THREADSAFE:
            lib.lepy_bufferevent_set_limited(pointer, lib.LEPY_LIMIT_THREADS, 1)
        delivery.table.kept[self._slot] = self
        if owned:
            delivery.own_bufferevents[bev] = None

    @property
    @unguarded
    def base(self) -> EventBase:
        """The EventBase it works in."""
        return self._base

    @property
    def pointer(self) -> CData:
        """The ``struct bufferevent *`` for the raw layer; borrowed, gone when this is closed."""
        self._live()
        return self._bev

    @property
    @unguarded
    def options(self) -> BufferEventOptions:
        """What it was made with."""
        return self._options

    def fileno(self) -> int:
        """The socket's descriptor, -1 before :meth:`connect` (``bufferevent_getfd``)."""
        self._live()
        return lib.bufferevent_getfd(self._bev)

    # Callbacks.

    def set_callbacks(
        self,
        *,
        on_data: DataCallback | None = None,
        on_read: ReadyCallback | None = None,
        on_messages: MessagesCallback | None = None,
        on_write: ReadyCallback | None = None,
        on_event: StatusCallback | None = None,
        framing: Framing | None = None,
    ) -> None:
        """Replace all callbacks (``bufferevent_setcb``).

        Args:
            on_data: ``on_data(bev, data)`` with all of the input at once, also with what the
                low mark held back when the stream ends.  The fast way to read: past ``input``.
            on_read: ``on_read(bev)`` when the input has reached its low mark, for :meth:`read`
                or ``input``.  Either this, on_data or on_messages.
            on_messages: ``on_messages(bev, messages)`` with a list of all messages that are whole
                by now, cut by *framing* in C.
            on_write: ``on_write(bev)`` when the output has drained to its low mark.
            on_event: ``on_event(bev, what)`` when the stream ends, fails, times out or is
                connected.  With on_read, fetch the rest of the input here at EOF.
            framing: What a message is: a :class:`LineFraming` or :class:`LengthFraming`.  After one
                over its ``max_length``, on_event gets ERROR with MessageTooLongError in
                :attr:`error`, and the bufferevent is closed.
        """
        if (on_data is not None) + (on_read is not None) + (on_messages is not None) > 1:
            raise ValueError("on_data, on_read and on_messages exclude each other")
        _convert.callback(on_data, "on_data")
        _convert.callback(on_read, "on_read")
        _convert.callback(on_write, "on_write")
        _convert.callback(on_event, "on_event")
        _convert.callback(on_messages, "on_messages")
        pointer = self._changeable()
        self._check_framing(on_messages, framing)
        with_data = on_data is not None or on_messages is not None
        wants = (on_read is not None, with_data, on_write is not None, on_event is not None)
        lib.lepy_bufferevent_setcb(pointer, *wants)
        self._set_framing(framing)
        self._on_data = on_data
        self._on_read = on_read
        self._on_write = on_write
        self._on_event = on_event
        self._on_messages = on_messages

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        if kind == _KIND_DATA:
            if self._reading and self._on_data is not None:
                self._on_data(self, data)
                return
            # Reading was turned off, or on_data exchanged, since: back to the input.
            check(lib.lepy_bufferevent_unread(self._pointer, data, len(data)), "no memory for the input")
            kind = _KIND_READ
        if kind == _KIND_READ:
            self._look_at_input()
        elif kind == _KIND_READABLE:
            if self._reading:  # else it waits in the socket, where enable() finds it
                self._receive()
        elif kind == _KIND_MESSAGES:
            self._deliver_messages(what, data)
        elif kind == _KIND_WRITE:
            if self._on_write is not None:
                self._on_write(self)
        elif kind == _KIND_OUTPUT:
            self._look_at_output()
        elif what == END and not self._reading and self._ending != self._conclude:
            self._ended = True  # a pair's: a socket tells only who reads
        else:
            try:
                if self._on_messages is not None and what & ENDS:
                    self._take_last_messages()
            finally:
                if self._pointer is not None:
                    self._tell(BufferEventEvents(what & 0xFFFF), self._error_of(what))

    def _look_at_input(self) -> None:
        if not self._reading:
            self._again = True
        elif self._on_read is not None:
            self._on_read(self)
        elif self._on_messages is not None:
            self._take_messages()
        elif self._on_data is not None:
            data = self.read()
            if data:
                self._on_data(self, data)

    def _receive(self) -> None:
        """Deliver what the socket has: it did not come along with the record."""
        memory, view = self._delivery.scratch()
        count = _receive(self._pointer, memory, len(view))
        if count > 0:
            self._deliver(_KIND_DATA, 0, view[:count])
        elif count == _RECEIVED_INPUT:
            self._look_at_input()

    def _tell(self, what: BufferEventEvents, error: Exception | None) -> None:
        """Call on_event; a bufferevent that waits for its end to be sent has no more to wait for."""
        self._error = error
        try:
            if self._on_event is not None:
                self._on_event(self, what)
        finally:
            if what & ENDS and self._ending == self._conclude:
                self.close()

    def _error_of(self, what: int) -> Exception | None:
        """The exception of a STATUS record, whose upper half is errno; None where it tells of none."""
        if not what & BufferEventEvents.ERROR or not what >> 16:
            return None
        return OSError(what >> 16, os.strerror(what >> 16))

    @property
    @unguarded
    def error(self) -> Exception | None:
        """What the last event was about: a ConnectionRefusedError, a TLSError, a filter's exception."""
        return self._error

    # Data.

    def read(self, size: int | None = None) -> bytes:
        """Take at most *size* bytes, or all, from the input (``bufferevent_read``); b"" when it is empty."""
        pointer = self._live()
        if size is not None:
            _convert.size(size, "size")
        memory, view = self._delivery.scratch()
        room = len(view)
        count = _read(pointer, memory, room if size is None or size > room else size)
        if count < room:
            return view[:count]  # type: ignore[no-any-return]
        rest = self.input.remove(None if size is None else size - count)
        return b"".join((view[:count], rest))

    @property
    @unguarded  # what it gives is guarded
    def input(self) -> Buffer:
        """What was read and not taken yet (``bufferevent_get_input``)."""
        found = self._input
        return self._delivery.claimed(self._borrow_input) if found is None else found

    def _borrow_input(self) -> Buffer:
        self._input = BufferEventBuffer._borrow(self, lib.bufferevent_get_input(self.pointer))
        return self._input

    # What it waits for.

    def enable(self, what: EventFlags) -> None:
        """Turn reading, writing or both on (``bufferevent_enable``)."""
        what = direction(what)
        again = self._again and bool(what & EventFlags.READ)
        if what & EventFlags.READ:
            self._changeable()
            self._reading = True
            self._again = False
        check(lib.lepy_bufferevent_enable(self._changeable(), int(what), again), "bufferevent_enable")
        if self._ended and self._reading and self._pointer is not None:
            self._pass_end_on()

    def disable(self, what: EventFlags) -> None:
        """Turn reading, writing or both off (``bufferevent_disable``); what comes waits, the end too."""
        what = direction(what)
        check(lib.lepy_bufferevent_disable(self._changeable(), int(what)), "bufferevent_disable")
        if what & EventFlags.READ:
            self._reading = False

    @property
    def enabled(self) -> EventFlags:
        """Whether reading and writing are on (``bufferevent_get_enabled``)."""
        return EventFlags(lib.lepy_bufferevent_get_enabled(self._live()))

    # Below a filter, or an end of a relay.

    def _be_captured(self, captor: Handle | None) -> None:
        self._captor = captor
        self._on_data = self._on_read = self._on_messages = self._on_write = self._on_event = None
        self._on_pause = self._on_resume = None
        self._output_full = self._again = self._reading = False
        if self._ended:
            self._pass_end_on()

    @unguarded
    def close(self) -> None:
        """Free the bufferevent, and with CLOSE_ON_FREE its socket; nothing is delivered any more.

        What waits to be sent is lost: :meth:`close_when_flushed` sends it first.  Idempotent,
        and allowed in any callback, its own included.

        Raises:
            WrongThreadError: Another thread runs the base's loop.
            RuntimeError: A filter works on it; close that.
        """
        if self._pointer is not None and self._captor is not None:
            self._changeable()
        super().close()

    def _drop_reading(self) -> None:
        pointer = self._changeable()
        self._on_data = self._on_read = self._on_messages = self._on_write = None
        self._reading = False
        lib.lepy_bufferevent_setcb(pointer, 0, 0, 0, 1)
        lib.lepy_bufferevent_disable(pointer, lib.EV_READ)
        check(lib.lepy_bufferevent_enable(pointer, lib.EV_WRITE, 0), "bufferevent_enable")

    def _free(self, pointer: CData) -> None:
        for buffer in (self._input, self._output):
            if buffer is not None:
                buffer._forget_callbacks()
        lib.lepy_bufferevent_free(pointer, self._owned)
        self._delivery.own_bufferevents.pop(self._bev, None)
        self._forget_group()
        if self._ending_timer is not None:
            self._ending_timer.close()
        self._limit = self._ending = self._ending_timer = None
        self._input = self._output = None
        self._on_data = self._on_read = self._on_messages = self._on_write = self._on_event = None
        self._on_pause = self._on_resume = None
