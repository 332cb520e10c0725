"""Buffer: a queue of bytes that C moves without copying (floor 5)."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _convert
from .._ffi import CData, ffi, lib
from .callbacks import Callbacks
from .core import END, FRONT, BufferCore, claims_other, errors, of_buffer, pinned, settle
from .files import Files
from .lines import Lines
from .references import References
from .search import Search
from .streams import Streams
from .views import Views


class Buffer(Lines, Search, Views, References, Files, Callbacks, Streams):
    """Bytes, added at the end and removed at the front (``struct evbuffer``).

    ``len(buffer)`` is how many there are, ``bytes(buffer)`` a copy of them all,
    ``buffer[2:5]`` of some; ``b"x" in buffer`` and ``buffer == b"x"`` look at them where
    they are.  ``for line in buffer`` takes complete lines away.  Any thread may use it.

    A bufferevent's ``input`` and ``output`` are Buffers too, which die with it and belong
    to its thread.

    Args:
        data: What it begins with.

    Example::

        buffer = Buffer(b"hello ")
        buffer.add(b"world")
        assert buffer.remove(5) == b"hello"
    """

    __slots__ = ()

    def __init__(self, data: _convert.Buffered = b"") -> None:
        self._begin()
        _convert.data(data)  # refused before there is anything to free
        self._make()
        self.add(data)

    def prepend(self, data: _convert.Buffered) -> None:
        """Put a copy of *data* in front (``evbuffer_prepend``).

        Raises:
            BufferError: It is the output of a bufferevent, which only the socket takes from; or
                it is frozen, or a view of it is in use.
        """
        source = _convert.data(data)
        if lib.evbuffer_prepend(self._change(), source, len(source)) < 0:
            self._refuse(FRONT)
        if errors or pinned:
            settle()

    def add_iovec(self, parts: Iterable[_convert.Buffered]) -> int:
        """Append copies of all *parts* with one call and one allocation (``evbuffer_add_iovec``).

        Returns:
            How many bytes were added.
        """
        if isinstance(parts, (bytes, bytearray, memoryview, str)):
            raise TypeError(f"need an iterable of bytes-like objects, not one {type(parts).__name__}")
        sources = [_address(_convert.data(part)) for part in parts]
        total = sum(map(len, sources))
        pointer = self._change()
        if not total:
            return 0
        vectors = ffi.new("struct evbuffer_iovec[]", len(sources))
        for vector, source in zip(vectors, sources):
            vector.iov_base = source
            vector.iov_len = len(source)
        if lib.evbuffer_add_iovec(pointer, vectors, len(sources)) != total:
            self._refuse(END)
        if errors or pinned:
            settle()
        return total

    @claims_other
    def add_buffer(self, other: BufferCore) -> None:
        """Move all of *other* to the end of this, without copying (``evbuffer_add_buffer``)."""
        source = self._other(other)
        if lib.evbuffer_add_buffer(self._change(), source) < 0:
            self._refuse_move(other, END)
        if errors or pinned:
            settle()

    @claims_other
    def prepend_buffer(self, other: BufferCore) -> None:
        """Move all of *other* to the front of this, without copying (``evbuffer_prepend_buffer``)."""
        source = self._other(other)
        if lib.evbuffer_prepend_buffer(self._change(), source) < 0:
            self._refuse_move(other, FRONT)
        if errors or pinned:
            settle()

    @claims_other
    def remove_buffer(self, other: BufferCore, size: int) -> int:
        """Move at most *size* bytes from the front to the end of *other* (``evbuffer_remove_buffer``).

        Returns:
            How many bytes were moved.
        """
        _convert.size(size, "size")
        if of_buffer(other) is self:
            raise ValueError("a buffer cannot be added to itself")
        source, target = self._give(), other._change()
        count = lib.evbuffer_remove_buffer(source, target, min(size, _MOST))
        if count < 0:
            if lib.evbuffer_drain(source, 0) < 0:
                self._refuse(FRONT)
            other._refuse(END)
        if errors or pinned:
            settle()
        return count

    def _other(self, other: BufferCore) -> CData:
        """The pointer of *other*, to move its bytes here."""
        if of_buffer(other) is self:
            raise ValueError("a buffer cannot be added to itself")
        self._live()
        return other._give()

    def _refuse_move(self, other: BufferCore, side: int) -> None:
        if lib.evbuffer_drain(other._pointer, 0) < 0:
            other._refuse(FRONT)
        self._refuse(side)

    def drain(self, size: int) -> None:
        """Throw away *size* bytes, or as many as there are, from the front (``evbuffer_drain``)."""
        _convert.size(size, "size")
        if lib.evbuffer_drain(self._change(), size) < 0:
            self._refuse(FRONT)
        if errors or pinned:
            settle()

    def __repr__(self) -> str:
        if self.closed:
            return "<Buffer closed>"
        return f"<Buffer of {len(self)} bytes>"


def _address(data: CData) -> CData:
    """What _convert.data() gave, as memory that a C structure can point to."""
    return ffi.from_buffer("char[]", data) if isinstance(data, bytes) else data


#: evbuffer_remove_buffer answers with an int.
_MOST = (1 << 31) - 1
