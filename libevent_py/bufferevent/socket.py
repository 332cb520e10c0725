"""BufferEvent: a socket with an input and an output buffer (floor 6)."""

from __future__ import annotations

import os
import socket as _socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _convert
from .._errors import check, check_pointer, raise_wrong_thread
from .._ffi import CData, ffi, lib
from .._handles import Handle
from ..buffer import Buffer
from ..constants import BufferEventEvents, BufferEventOptions, EventFlags, FlagCache
from .resolve import Lookup

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
_ALL_OPTIONS = (
    BufferEventOptions.CLOSE_ON_FREE
    | BufferEventOptions.THREADSAFE
    | BufferEventOptions.DEFER_CALLBACKS
    | BufferEventOptions.UNLOCK_CALLBACKS
)

DataCallback = Callable[["BufferEvent", bytes], object]
ReadyCallback = Callable[["BufferEvent"], object]
StatusCallback = Callable[["BufferEvent", BufferEventEvents], object]


class BufferEvent(Handle):
    """Reads and writes a stream socket through two buffers (``struct bufferevent``).

    Writing is on from the start, reading after :meth:`enable`.  The base keeps
    it alive until :meth:`close`.

    Args:
        base: The EventBase to work in.
        sock: A connected stream socket or descriptor; None makes one in :meth:`connect`.
        options: With CLOSE_ON_FREE the socket is taken over and closed with the
            bufferevent (a socket object is detached); without it stays yours.

    Raises:
        ValueError: UNLOCK_CALLBACKS without DEFER_CALLBACKS.
        OSError: The descriptor is not open.

    Example::

        bev = BufferEvent(base, sock)
        bev.set_callbacks(on_data=lambda bev, data: bev.write(data), on_event=lambda bev, what: bev.close())
        bev.enable(EventFlags.READ)
    """

    __slots__ = (
        "_again",
        "_base",
        "_bev",
        "_error",
        "_input",
        "_lookup",
        "_on_data",
        "_on_event",
        "_on_read",
        "_on_write",
        "_options",
        "_output",
        "_owned",
        "_reading",
        "_sock",
    )

    def __init__(
        self,
        base: EventBase,
        sock: _convert.FileDescriptor | None = None,
        options: BufferEventOptions = BufferEventOptions.CLOSE_ON_FREE,
    ) -> None:
        options = _checked_options(options)
        fd = -1 if sock is None else _convert.descriptor(sock)
        delivery = base._live()
        delivery.hold_funerals()
        if fd >= 0:
            os.set_blocking(fd, False)
        bev = check_pointer(
            lib.bufferevent_socket_new(delivery.base, fd, int(options)), "bufferevent_socket_new"
        )
        self._set_up(base, bev, options, owned=True)
        self._take(sock)

    _sock: object

    def _take(self, sock: object) -> None:
        """Own *sock*, or keep it alive, as the options say."""
        if self._options & BufferEventOptions.CLOSE_ON_FREE and isinstance(sock, _socket.socket):
            sock.detach()
        else:
            self._sock = sock

    def _set_up(self, base: EventBase, bev: CData, options: BufferEventOptions, *, owned: bool) -> None:
        delivery = base._live()
        self._base = base
        self._delivery = delivery
        self._bev = bev
        self._owned = owned
        self._options = options
        self._sock = None
        self._input: Buffer | None = None
        self._output: Buffer | None = None
        self._lookup: Lookup | None = None
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

    @classmethod
    def from_pointer(cls, base: EventBase, pointer: CData | int) -> BufferEvent:
        """Wrap a ``bufferevent`` that native code made in *base*'s event_base.

        Borrowed: close() takes Python's callbacks off and never frees it.  It must be
        called before the owner frees it.

        Args:
            base: The EventBase of the same event_base.
            pointer: The bufferevent's address, as an int or a cdata.
        """
        bev = _convert.pointer(pointer, "struct bufferevent *")
        if lib.bufferevent_get_base(bev) != base.pointer:
            raise ValueError("this bufferevent belongs to another event_base")
        self = cls.__new__(cls)
        self._set_up(base, bev, BufferEventOptions(0), owned=False)
        return self

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
            else:
                self._again = True
                lib.lepy_bufferevent_unread(self._pointer, data, len(data))
        elif kind == _KIND_READ:
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
        source = buffer._pointer if buffer._owner is self else buffer._live()
        try:
            result = _write_buffer(self._pointer, source)
        except TypeError:
            self._live()
            raise
        if result:
            self._refuse(result)

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

    # Connecting.

    def connect(self, address: _convert.Address) -> None:
        """Connect to a numeric *address* (``bufferevent_socket_connect``).

        The result comes to on_event: CONNECTED, or ERROR with :attr:`error` set.  What is
        written before is sent when connected.

        Args:
            address: ``(host, port)`` with a numeric host, or ``"unix:/path"``.

        Raises:
            OSError: The connection failed at once, as it does for a missing path.
            RuntimeError: It has a socket already.
        """
        family, where = _convert.socket_address(address)
        pointer = self._live()
        if lib.bufferevent_getfd(self._bev) >= 0 or self._lookup is not None:
            raise RuntimeError("this BufferEvent has a socket already")
        sock = _socket.socket(family, _socket.SOCK_STREAM)
        try:
            _convert.prepare_stream(sock)
            try:
                sock.connect(where)
            except BlockingIOError:
                pass
            except OSError as error:
                raise OSError(
                    error.errno, f"cannot connect to {address!r}: {os.strerror(error.errno or 0)}"
                ) from None
            check(lib.lepy_bufferevent_connect(pointer, sock.fileno()), "bufferevent_socket_connect")
        except BaseException:
            sock.close()
            raise
        self._take(sock)

    def connect_hostname(self, host: str, port: int, family: int = _socket.AF_UNSPEC) -> None:
        """Look *host* up in a thread of its own, then :meth:`connect` to its first address.

        The loop goes on meanwhile.  A name that is not found comes to on_event as ERROR with
        a ``socket.gaierror`` in :attr:`error`.

        Args:
            host: A host name or a numeric address.
            port: 1 to 65535.
            family: ``socket.AF_INET`` or ``AF_INET6`` to want only that.
        """
        if not isinstance(host, str):
            raise TypeError(f"host must be a str, not {type(host).__name__}")
        _convert.integer(port, "port", 1, 65535)
        self._live()
        if lib.bufferevent_getfd(self._bev) >= 0 or self._lookup is not None:
            raise RuntimeError("this BufferEvent has a socket already")
        self._lookup = Lookup(self._base, host, port, family, self._found)

    def _found(self, found: _convert.Address | OSError) -> None:
        self._lookup = None
        if not isinstance(found, OSError):
            try:
                return self.connect(found)
            except OSError as error:
                found = error
        self._error = found
        if self._on_event is not None:
            self._on_event(self, BufferEventEvents.ERROR)

    # The end.

    def _free(self, pointer: CData) -> None:
        lib.lepy_bufferevent_free(pointer, self._owned)
        if self._lookup is not None:
            self._lookup.close()
        self._sock = self._input = self._output = self._lookup = None
        self._on_data = self._on_read = self._on_write = self._on_event = None

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<BufferEvent closed>"
        return f"<BufferEvent fd={lib.bufferevent_getfd(self._bev)}>"


def _checked_options(options: BufferEventOptions) -> BufferEventOptions:
    options = BufferEventOptions(options)
    unknown = int(options) & ~int(_ALL_OPTIONS)  # of a flag, ~ leaves the unknown bits out
    if unknown:
        raise ValueError(f"unknown options: {unknown:#x}")
    if options & BufferEventOptions.UNLOCK_CALLBACKS and not options & BufferEventOptions.DEFER_CALLBACKS:
        raise ValueError("UNLOCK_CALLBACKS needs DEFER_CALLBACKS")
    return options


def _direction(what: EventFlags) -> EventFlags:
    if not isinstance(what, int) or not what or int(what) & ~int(_READ_WRITE):
        raise ValueError(f"need EventFlags.READ, EventFlags.WRITE or both, not {what!r}")
    return EventFlags(what)


def _error_of(what: int) -> Any:
    """The OSError of a STATUS record, whose upper half is errno; None where it tells of none."""
    if not what & BufferEventEvents.ERROR or not what >> 16:
        return None
    return OSError(what >> 16, os.strerror(what >> 16))
