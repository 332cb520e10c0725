"""What goes out of a bufferevent (floor 6)."""

from __future__ import annotations

from .. import _convert
from .._callbacks import errors, pin, pinned, settle, unpin
from .._claim import unguarded
from .._errors import raise_refused
from .._ffi import lib
from ..buffer import Buffer
from ..buffer.borrowed import BufferEventBuffer
from ..buffer.core import FRONT
from .messages import BaseBufferEventMessages

_WRITE_FULL = lib.LEPY_WRITE_FULL
_WRITE_SENT = lib.LEPY_WRITE_SENT
_write = lib.lepy_bufferevent_write
_write_buffer = lib.lepy_bufferevent_write_buffer

#: Bytes from which on a copy, into memory that malloc has to map, costs more than a reference.
_LARGE = 128 * 1024


class BaseBufferEventWriting(BaseBufferEventMessages):
    """Writing; a part of every bufferevent."""

    __slots__ = ("_output",)

    _output: Buffer | None

    @unguarded  # C claims the base
    def write(self, data: _convert.Buffered) -> None:
        """Send *data*, now as far as the socket takes it, the rest from the loop (``bufferevent_write``).

        All of it is taken, however much waits; :meth:`set_output_limit` tells when that is too
        much.  Of bytes of 128 KiB and more what waits is not copied: they are kept until they
        are sent.  on_write is called from the loop once all is sent, never from here.

        Raises:
            BrokenPipeError: After :meth:`shutdown_write` or :meth:`close_when_flushed`.
        """
        source = data if type(data) is bytes else _convert.data(data)
        length = len(source)
        try:
            if length < _LARGE or type(data) is not bytes:
                result = _write(self._pointer, source, length)
            else:
                result = self._write_reference(data)
        except TypeError:
            self._live()
            raise
        if result:
            self._written(result)

    def _write_reference(self, data: bytes) -> int:
        """Write large immutable *data*, which is kept until it is sent, instead of a copy."""
        pointer = self._live()
        kept, address, length = _convert.pinnable(data)
        key = pin(kept, None)
        result = lib.lepy_bufferevent_write_reference(pointer, address, length, key)
        if result == _WRITE_SENT or result < 0:
            unpin(key)
        return 0 if result == _WRITE_SENT else result

    @unguarded
    def write_buffer(self, buffer: Buffer) -> None:
        """Send all of *buffer*, which is empty afterwards, without copying (``bufferevent_write_buffer``)."""
        if not isinstance(buffer, Buffer):
            raise TypeError(f"need a Buffer, not {type(buffer).__name__}")
        if buffer is self._output:
            raise ValueError("a bufferevent's output cannot be written to itself")
        owner = buffer._owner
        if owner is not None and owner is not self and not owner._delivery.is_mine():
            owner._delivery.claimed(self.write_buffer, buffer)
            return
        source = buffer._pointer if owner is self else buffer._give()
        try:
            result = _write_buffer(self._pointer, source)
        except TypeError:
            self._live()
            raise
        if result:
            if result == -1 and lib.evbuffer_drain(source, 0) < 0:
                buffer._refuse(FRONT)
            self._written(result)
        if errors or pinned:
            settle()

    def _written(self, result: int) -> None:
        """Act on what C says of a write that is not plain success."""
        if result == _WRITE_FULL:
            self._pause()
            return
        if result == lib.LEPY_WRITE_ENDED:
            raise BrokenPipeError("writing was ended by shutdown_write() or close_when_flushed()")
        if result == lib.LEPY_WRITE_FAILED:
            raise BrokenPipeError("the filter's process_out has raised before; nothing more can be written")
        if result == lib.LEPY_WRITE_CAPTURED:
            self._changeable()
        if result in (lib.LEPY_FOREIGN_THREAD, lib.LEPY_FORKED, lib.LEPY_CLOSED):
            raise_refused(result)
        raise MemoryError("libevent found no memory for the output")

    @property
    def output(self) -> Buffer:
        """What was written and not sent yet (``bufferevent_get_output``)."""
        if self._output is None:
            self._live()
            self._output = BufferEventBuffer._borrow(self, lib.bufferevent_get_output(self._bev))
        return self._output
