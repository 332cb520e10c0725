"""What every kind of bufferevent can do (floor 6)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _convert
from .._callbacks import errors, pinned, settle
from .._delivery import delivery_of
from .._errors import check, check_pointer, raise_wrong_thread
from .._ffi import CData, ffi, lib
from .._handles import Handle
from ..buffer import Buffer
from ..buffer.core import FRONT
from ..constants import BufferEventEvents, BufferEventOptions, EventFlags, FlagCache

if TYPE_CHECKING:
    from ..base import EventBase

_event_flags = FlagCache(EventFlags)
_bufferevent_events = FlagCache(BufferEventEvents)

_KIND_READ = lib.LEPY_KIND_READ
_KIND_DATA = lib.LEPY_KIND_DATA
_KIND_WRITE = lib.LEPY_KIND_WRITE
_write = lib.lepy_bufferevent_write
_write_buffer = lib.lepy_bufferevent_write_buffer
_read = lib.lepy_bufferevent_read

_READ_WRITE = EventFlags.READ | EventFlags.WRITE

# The first argument is the bufferevent, of whichever class it is.
DataCallback = Callable[[Any, bytes], object]
ReadyCallback = Callable[[Any], object]
StatusCallback = Callable[[Any, BufferEventEvents], object]


class BaseBufferEvent(Handle):
    """Two buffers and three callbacks around some stream (``struct bufferevent``).

    The classes that can be made are :class:`BufferEvent` and its kin.
    """

    __slots__ = (
        "_again",
        "_base",
        "_bev",
        "_error",
        "_input",
        "_on_data",
        "_on_event",
        "_on_read",
        "_on_write",
        "_options",
        "_output",
        "_owned",
        "_reading",
    )

    def _set_up(self, base: EventBase, bev: CData, options: BufferEventOptions, *, owned: bool) -> None:
        delivery = delivery_of(base)
        self._base = base
        self._delivery = delivery
        self._bev = bev
        self._owned = owned
        self._options = options
        self._input: Buffer | None = None
        self._output: Buffer | None = None
        self._error: OSError | None = None
        self._on_data: DataCallback | None = None
        self._on_read: ReadyCallback | None = None
        self._on_write: ReadyCallback | None = None
        self._on_event: StatusCallback | None = None
        # Input that came while reading was off is to be reported by enable().
        self._again = False
        self._reading = bool(lib.bufferevent_get_enabled(bev) & lib.EV_READ)
        delivery.table.reserve(self)
        pointer = lib.lepy_bufferevent_new(delivery.pointer, self._slot, self._generation, bev, owned)
        if not pointer:
            delivery.table.release(self)
            if owned:
                lib.bufferevent_free(bev)
        self._pointer = check_pointer(pointer, "bufferevent")
        delivery.table.kept[self._slot] = self

    @property
    def base(self) -> EventBase:
        """The EventBase it works in."""
        return self._base

    @property
    def pointer(self) -> CData:
        """The ``struct bufferevent *`` for the raw layer; borrowed, gone when this is closed."""
        self._live()
        return self._bev

    @property
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
        on_write: ReadyCallback | None = None,
        on_event: StatusCallback | None = None,
    ) -> None:
        """Replace all callbacks (``bufferevent_setcb``).

        Args:
            on_data: ``on_data(bev, data)`` with all of the input at once, also with what the
                low mark held back when the stream ends.  The fast way to read.
            on_read: ``on_read(bev)`` when the input has reached its low mark, for :meth:`read`
                or ``input``.  Either this or on_data.
            on_write: ``on_write(bev)`` when the output has drained to its low mark.
            on_event: ``on_event(bev, what)`` when the stream ends, fails, times out or is
                connected.  With on_read, fetch the rest of the input here at EOF.
        """
        if on_data is not None and on_read is not None:
            raise ValueError("on_data and on_read exclude each other")
        _convert.callback(on_data, "on_data")
        _convert.callback(on_read, "on_read")
        _convert.callback(on_write, "on_write")
        _convert.callback(on_event, "on_event")
        wants = (on_read is not None, on_data is not None, on_write is not None, on_event is not None)
        lib.lepy_bufferevent_setcb(self._live(), *wants)
        self._on_data = on_data
        self._on_read = on_read
        self._on_write = on_write
        self._on_event = on_event

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        if kind == _KIND_DATA:
            if self._reading and self._on_data is not None:
                self._on_data(self, data)
                return
            # Reading was turned off, or on_data exchanged, since: back to the input.
            check(lib.lepy_bufferevent_unread(self._pointer, data, len(data)), "no memory for the input")
            kind = _KIND_READ
        if kind == _KIND_READ:
            if not self._reading:
                self._again = True
            elif self._on_read is not None:
                self._on_read(self)
            elif self._on_data is not None:
                data = self.read()
                if data:
                    self._on_data(self, data)
        elif kind == _KIND_WRITE:
            if self._on_write is not None:
                self._on_write(self)
        elif self._on_event is not None:
            self._error = _error_of(what)
            self._on_event(self, _bufferevent_events[what & 0xFFFF])

    @property
    def error(self) -> OSError | None:
        """What the last ERROR event was about: ConnectionRefusedError, ConnectionResetError."""
        return self._error

    # Data.

    def write(self, data: _convert.Buffered) -> None:
        """Send *data*, now as far as the socket takes it, the rest from the loop (``bufferevent_write``).

        The output is unbounded; ``len(bev.output)`` tells what waits.  on_write is called from
        the loop once all is sent, never from here.
        """
        source = data if type(data) is bytes else _convert.data(data)
        try:
            result = _write(self._pointer, source, len(source))
        except TypeError:
            self._live()
            raise
        if result:
            self._refuse(result)

    def write_buffer(self, buffer: Buffer) -> None:
        """Send all of *buffer*, which is empty afterwards, without copying (``bufferevent_write_buffer``)."""
        if not isinstance(buffer, Buffer):
            raise TypeError(f"need a Buffer, not {type(buffer).__name__}")
        if buffer is self._output:
            raise ValueError("a bufferevent's output cannot be written to itself")
        source = buffer._pointer if buffer._owner is self else buffer._give()
        try:
            result = _write_buffer(self._pointer, source)
        except TypeError:
            self._live()
            raise
        if result:
            if result != lib.LEPY_FOREIGN_THREAD and lib.evbuffer_drain(source, 0) < 0:
                buffer._refuse(FRONT)
            self._refuse(result)
        if errors or pinned:
            settle()

    def _refuse(self, result: int) -> None:
        if result == lib.LEPY_FOREIGN_THREAD:
            raise_wrong_thread()
        raise MemoryError("libevent found no memory for the output")

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
    def input(self) -> Buffer:
        """What was read and not taken yet (``bufferevent_get_input``)."""
        if self._input is None:
            self._input = Buffer._borrow(self, lib.bufferevent_get_input(self.pointer))
        return self._input

    @property
    def output(self) -> Buffer:
        """What was written and not sent yet (``bufferevent_get_output``)."""
        if self._output is None:
            self._output = Buffer._borrow(self, lib.bufferevent_get_output(self.pointer))
        return self._output

    # What it waits for.

    def enable(self, what: EventFlags) -> None:
        """Turn reading, writing or both on (``bufferevent_enable``)."""
        what = _direction(what)
        again = self._again and bool(what & EventFlags.READ)
        if what & EventFlags.READ:
            self._live()
            self._reading = True
            self._again = False
        check(lib.lepy_bufferevent_enable(self._live(), int(what), again), "bufferevent_enable")

    def disable(self, what: EventFlags) -> None:
        """Turn reading, writing or both off (``bufferevent_disable``); what has come already waits."""
        what = _direction(what)
        check(lib.lepy_bufferevent_disable(self._live(), int(what)), "bufferevent_disable")
        if what & EventFlags.READ:
            self._reading = False

    @property
    def enabled(self) -> EventFlags:
        """Whether reading and writing are on (``bufferevent_get_enabled``)."""
        return _event_flags[lib.lepy_bufferevent_get_enabled(self._live())]

    def set_watermark(self, what: EventFlags, low: int = 0, high: int = 0) -> None:
        """Set when callbacks come and reading pauses (``bufferevent_setwatermark``).

        Args:
            what: READ, WRITE or both.
            low: For READ: bytes of input before it is reported.  For WRITE: bytes of output
                at or below which on_write comes.
            high: For READ: bytes of input at which reading pauses until some are taken;
                0 for no limit.  For WRITE a socket ignores it.

        Raises:
            ValueError: *low* above *high*: the connection would stand still.
        """
        what = _direction(what)
        _convert.size(low, "low")
        _convert.size(high, "high")
        if high and low > high:
            raise ValueError(f"low ({low}) must not be above high ({high}): nothing would ever be reported")
        pointer = self._live()
        check(lib.lepy_bufferevent_setwatermark(pointer, int(what), low, high), "bufferevent_setwatermark")

    def get_watermark(self, what: EventFlags) -> tuple[int, int]:
        """Low and high of READ or WRITE (``bufferevent_getwatermark``)."""
        if what not in (EventFlags.READ, EventFlags.WRITE):
            raise ValueError(f"need EventFlags.READ or EventFlags.WRITE, not {what!r}")
        low, high = ffi.new("size_t *"), ffi.new("size_t *")
        self._live()
        lib.bufferevent_getwatermark(self._bev, int(what), low, high)
        return low[0], high[0]

    def set_timeouts(self, read: float | None = None, write: float | None = None) -> None:
        """Give reading and writing a time limit in seconds (``bufferevent_set_timeouts``).

        It runs while that direction is on, for writing only with output waiting, and begins
        anew with every byte.  Running out turns the direction off and reports TIMEOUT;
        :meth:`enable` it again to go on.  None is no limit.
        """
        limits = _convert.seconds(read, "read"), _convert.seconds(write, "write")
        if 0.0 in limits:
            raise ValueError("a timeout must be more than 0 seconds; None is for no timeout")
        check(lib.lepy_bufferevent_set_timeouts(self._live(), *limits), "bufferevent_set_timeouts")

    @property
    def priority(self) -> int:
        """The priority of its events, 0 first (``bufferevent_priority_set``)."""
        self._live()
        return lib.bufferevent_get_priority(self._bev)

    @priority.setter
    def priority(self, priority: int) -> None:
        _convert.integer(priority, "priority", 0, self._base.priorities - 1)
        if lib.lepy_bufferevent_priority_set(self._live(), priority) < 0:
            raise RuntimeError("the priority cannot be changed while an event of it is about to fire")

    def _free(self, pointer: CData) -> None:
        for buffer in (self._input, self._output):
            if buffer is not None:
                buffer._forget_callbacks()
        lib.lepy_bufferevent_free(pointer, self._owned)
        self._input = self._output = None
        self._on_data = self._on_read = self._on_write = self._on_event = None


def _direction(what: EventFlags) -> EventFlags:
    if not isinstance(what, int) or not what or int(what) & ~int(_READ_WRITE):
        raise ValueError(f"need EventFlags.READ, EventFlags.WRITE or both, not {what!r}")
    return EventFlags(what)


def _error_of(what: int) -> Any:
    """The OSError of a STATUS record, whose upper half is errno; None where it tells of none."""
    if not what & BufferEventEvents.ERROR or not what >> 16:
        return None
    return OSError(what >> 16, os.strerror(what >> 16))
