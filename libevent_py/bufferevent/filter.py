"""FilterBufferEvent: Python functions between a bufferevent and its user (floor 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _convert
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from .._filter_callbacks import strays
from ..buffer import Buffer
from ..constants import BufferEventEvents, BufferEventOptions, BufferEventTriggers, EventFlags, FlushMode
from .common import BaseBufferEvent
from .output import NO_TRIGGERS

Process = Callable[[bytes, FlushMode], _convert.Buffered]

_ALL_OPTIONS = (
    BufferEventOptions.CLOSE_ON_FREE
    | BufferEventOptions.DEFER_CALLBACKS
    | BufferEventOptions.UNLOCK_CALLBACKS
)
_MODES = {int(mode): mode for mode in FlushMode}


class FilterBufferEvent(BaseBufferEvent):
    """Changes what goes through another bufferevent (``bufferevent_filter_new``).

    A function gets all the bytes that there are, and how thorough it is to be: NORMAL, FLUSH
    for all that the other side can use, FINISHED at the stream's end.  It gives the bytes to
    pass on, b"" for none yet; what it wants to see again with more, it keeps.  It is called at
    once in :meth:`write`, and from the loop for what comes in.

    When it raises, that direction is over: the exception comes out of the call or the loop
    that led to it, and on_event gets ERROR with the exception in :attr:`error`.

    The bufferevent below is the filter's until that is closed: its callbacks, marks and enabling
    cannot be used, and it cannot be closed itself.  Its rate limits and priority can.

    Args:
        underlying: A BufferEvent, one end of a pair, or another filter.
        process_in: ``process_in(data, mode)`` for what is read below; None to pass it as it is.
        process_out: ``process_out(data, mode)`` for what is written here; None likewise.
        options: With CLOSE_ON_FREE, closing the filter closes what is below too; without, that
            is left without callbacks and with reading off.

    Example::

        shout = FilterBufferEvent(bev, process_out=lambda data, mode: data.upper())
    """

    __slots__ = ("_below", "_failure", "_filter", "_handle", "_process_in", "_process_out", "_raising")

    _can_limit = False
    _has_priority = False

    #: What a process function raised and no ERROR event told yet; and what no call raised yet.
    _handle: CData | None
    _failure: BaseException | None
    _raising: BaseException | None
    _below: BaseBufferEvent | None

    def __init__(
        self,
        underlying: BaseBufferEvent,
        process_in: Process | None = None,
        process_out: Process | None = None,
        options: BufferEventOptions = BufferEventOptions.CLOSE_ON_FREE,
    ) -> None:
        self._begin()
        if not isinstance(underlying, BaseBufferEvent):
            raise TypeError(f"need a BufferEvent to filter, not {type(underlying).__name__}")
        self._process_in = _convert.callback(process_in, "process_in")
        self._process_out = _convert.callback(process_out, "process_out")
        options = checked_options(options)
        below = underlying._changeable()
        delivery = underlying._delivery
        delivery.hold_funerals()
        self._failure = self._raising = self._below = None
        self._handle = ffi.new_handle(self)
        functions = (lib.EV_READ if process_in else 0) | (lib.EV_WRITE if process_out else 0)
        lib.lepy_bufferevent_capture(below)
        self._filter = lib.lepy_filter_new(
            delivery.pointer, below, int(options & ~BufferEventOptions.CLOSE_ON_FREE), functions, self._handle
        )
        if not self._filter:
            lib.lepy_bufferevent_release(below)
        bev = check_pointer(self._filter, "bufferevent_filter_new").bufferevent
        try:
            self._set_up(underlying.base, bev, options, owned=True)
        except BaseException:
            lib.lepy_filter_close(self._filter)
            lib.lepy_bufferevent_release(below)
            raise
        lib.lepy_filter_attach(self._filter, self._pointer)
        self._below = underlying
        underlying._be_captured(self)

    @property
    def underlying(self) -> BaseBufferEvent:
        """The bufferevent that it filters (``bufferevent_get_underlying``)."""
        self._live()
        assert self._below is not None
        return self._below

    # What C calls.

    def _process(self, outward: int, source: CData, target: CData, mode: int) -> int:
        """Filter all of *source* into *target*.  Runs below C's frames: nothing may leave it."""
        delivery = self._delivery
        before = delivery.delivering
        try:
            # No loop can run here: it would free what C is working with.
            delivery.delivering = True
            function = self._process_out if outward else self._process_in
            assert function is not None
            data = _convert.data(function(_take_all(source), _MODES[mode]))
            # Closed by the function: then nobody is left to get it.
            if self._pointer is None or not len(data):
                return 0
            if lib.evbuffer_add(target, data, len(data)) < 0:
                raise MemoryError("libevent found no memory for what was filtered")
        except BaseException as error:
            self._failure = self._raising = error
            if self._pointer is not None and outward:
                lib.lepy_bufferevent_refuse_writes(self._pointer, lib.LEPY_WRITE_FAILED)
            return -1
        finally:
            delivery.delivering = before
        return 1

    # Exceptions of the functions come out of whatever made libevent call them.

    def _raise(self) -> None:
        """Raise what a function, of this filter or one below, has raised during a call."""
        each: Any = self
        while isinstance(each, FilterBufferEvent):
            error, each._raising = each._raising, None
            if error is not None:
                raise error
            each = each._below
        if strays:
            raise strays.popleft()

    def _tell(self, what: BufferEventEvents, error: Exception | None) -> None:
        each: Any = self
        while isinstance(each, FilterBufferEvent):
            if each._failure is not None:
                error, each._failure = each._failure, None  # type: ignore[assignment]
                break
            each = each._below
        try:
            super()._tell(what, error)
        finally:
            self._raise()

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        super()._deliver(kind, what, data)
        self._raise()

    def write(self, data: _convert.Buffered) -> None:
        """Filter *data* and pass it on; what process_out raises comes from here."""
        super().write(data)
        self._raise()

    def write_buffer(self, buffer: Buffer) -> None:
        """Filter all of *buffer* and pass it on; what process_out raises comes from here."""
        super().write_buffer(buffer)
        self._raise()

    def read(self, size: int | None = None) -> bytes:
        """Take at most *size* bytes, or all, of what was filtered."""
        data = super().read(size)
        self._raise()
        return data

    def enable(self, what: EventFlags) -> None:
        """Turn reading, writing or both on (``bufferevent_enable``)."""
        super().enable(what)
        self._raise()

    def flush(self, what: EventFlags, mode: FlushMode = FlushMode.FLUSH) -> bool:
        """Have the functions give out what they keep (``bufferevent_flush``)."""
        result = super().flush(what, mode)
        self._raise()
        return result

    def trigger(self, what: EventFlags, options: BufferEventTriggers = NO_TRIGGERS) -> None:
        """Call on_data, on_read or on_write from the loop, if there is a reason."""
        super().trigger(what, options)
        self._raise()

    # Ending.

    def _finish_output(self) -> None:
        # Filter by filter: bufferevent_flush would tell a pair's other end EOF before all is sent.
        each: Any = self
        while isinstance(each, FilterBufferEvent) and each._pointer is not None:
            lib.lepy_filter_finish_output(each._filter)
            each = each._below
        self._raise()

    def _shut_down(self) -> None:
        assert self._below is not None
        self._below._shut_down()

    def _waits_for_connection(self) -> bool:
        return self._below is not None and self._below._waits_for_connection()

    def _free(self, pointer: CData) -> None:
        below, self._below = self._below, None
        lib.lepy_filter_close(self._filter)
        super()._free(pointer)
        # From here on C knows this object no more.
        self._handle = None
        self._process_in = self._process_out = None
        if below is not None:
            below._be_captured(None)
            below._ended = self._ended
            if below._pointer is not None:
                lib.lepy_bufferevent_release(below._pointer)
                if self._options & BufferEventOptions.CLOSE_ON_FREE:
                    below.close()

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<FilterBufferEvent closed>"
        return f"<FilterBufferEvent of {self._below!r}>"


def _take_all(source: CData) -> bytes:
    length = lib.evbuffer_get_length(source)
    if not length:
        return b""
    memory = ffi.new("char[]", length)
    return ffi.buffer(memory)[: lib.evbuffer_remove(source, memory, length)]


def checked_options(options: BufferEventOptions) -> BufferEventOptions:
    """*options*, which a filter can have."""
    options = BufferEventOptions(options)
    if options & BufferEventOptions.THREADSAFE:
        raise ValueError("a filter cannot be THREADSAFE: its functions run in the loop's thread")
    unknown = int(options) & ~int(_ALL_OPTIONS)
    if unknown:
        raise ValueError(f"unknown options: {unknown:#x}")
    if options & BufferEventOptions.UNLOCK_CALLBACKS and not options & BufferEventOptions.DEFER_CALLBACKS:
        raise ValueError("UNLOCK_CALLBACKS needs DEFER_CALLBACKS")
    return options
