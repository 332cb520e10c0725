"""Buffer: a queue of bytes that C moves without copying (floor 5)."""

from __future__ import annotations

from types import TracebackType

from .. import _convert
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from .._handles import Handle
from ..exceptions import ClosedError


class Buffer:
    """Bytes, added at the end and removed at the front (``struct evbuffer``).

    ``len(buffer)`` is how many there are, ``bytes(buffer)`` a copy of them all.
    A bufferevent's ``input`` and ``output`` are Buffers too, which die with it.

    Args:
        data: What it begins with.

    Example::

        buffer = Buffer(b"hello ")
        buffer.add(b"world")
        assert buffer.remove(5) == b"hello"
    """

    __slots__ = ("_owner", "_pointer")

    _pointer: CData

    def __init__(self, data: _convert.Buffered = b"") -> None:
        _convert.data(data)  # refused before there is anything to free
        self._owner: Handle | None = None
        self._pointer = check_pointer(lib.evbuffer_new(), "evbuffer_new")
        self.add(data)

    @classmethod
    def _borrow(cls, owner: Handle, pointer: CData) -> Buffer:
        """The Buffer over an evbuffer of *owner*'s: freed by it, dead once it is closed."""
        self = cls.__new__(cls)
        self._owner = owner
        self._pointer = pointer
        return self

    def _live(self) -> CData:
        if self._owner is not None:
            self._owner._live()
        elif self._pointer is None:
            raise ClosedError("this Buffer is closed")
        return self._pointer

    @property
    def pointer(self) -> CData:
        """The ``struct evbuffer *`` for the raw layer; borrowed, gone when this is closed."""
        return self._live()

    @property
    def closed(self) -> bool:
        """True once it, or the bufferevent that it belongs to, was closed."""
        return self._pointer is None if self._owner is None else self._owner.closed

    def close(self) -> None:
        """Free the bytes (``evbuffer_free``); idempotent, and nothing for a bufferevent's own."""
        if self._owner is None and self._pointer is not None:
            pointer, self._pointer = self._pointer, None
            lib.evbuffer_free(pointer)

    def __len__(self) -> int:
        return lib.evbuffer_get_length(self._live())

    def __bool__(self) -> bool:
        return len(self) > 0

    def __bytes__(self) -> bytes:
        return self.copyout()

    def add(self, data: _convert.Buffered) -> None:
        """Append a copy of *data* (``evbuffer_add``).

        Raises:
            BufferError: It is the input of a bufferevent, which only the socket adds to.
        """
        source = _convert.data(data)
        if lib.evbuffer_add(self._live(), source, len(source)) < 0:
            raise BufferError("bytes cannot be added to the end of this buffer")

    def prepend(self, data: _convert.Buffered) -> None:
        """Put a copy of *data* in front (``evbuffer_prepend``).

        Raises:
            BufferError: It is the output of a bufferevent, which only the socket takes from.
        """
        source = _convert.data(data)
        if lib.evbuffer_prepend(self._live(), source, len(source)) < 0:
            raise BufferError("bytes cannot be put in front of this buffer")

    def add_buffer(self, other: Buffer) -> None:
        """Move all of *other* to the end of this, without copying (``evbuffer_add_buffer``)."""
        target, source = self._live(), _of_buffer(other)
        if target == source:
            raise ValueError("a buffer cannot be added to itself")
        if lib.evbuffer_add_buffer(target, source) < 0:
            raise BufferError("one of the buffers does not allow this move")

    def remove(self, size: int | None = None) -> bytes:
        """Take at most *size* bytes, or all, from the front (``evbuffer_remove``)."""
        return self._take(size, lib.evbuffer_remove)

    def copyout(self, size: int | None = None) -> bytes:
        """A copy of at most *size* bytes, or of all, from the front (``evbuffer_copyout``)."""
        return self._take(size, lib.evbuffer_copyout)

    def _take(self, size: int | None, take: object) -> bytes:
        pointer = self._live()
        length = lib.evbuffer_get_length(pointer)
        if size is not None:
            length = min(length, _convert.size(size, "size"))
        if not length:
            return b""
        memory = ffi.new("char[]", length)
        if take(pointer, memory, length) != length:  # type: ignore[operator]
            raise BufferError("bytes cannot be taken from the front of this buffer")
        return ffi.buffer(memory)[:]

    def drain(self, size: int) -> None:
        """Throw away *size* bytes, or as many as there are, from the front (``evbuffer_drain``)."""
        if lib.evbuffer_drain(self._live(), _convert.size(size, "size")) < 0:
            raise BufferError("bytes cannot be taken from the front of this buffer")

    def __enter__(self) -> Buffer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # An evbuffer of our own belongs to no thread.
        if getattr(self, "_owner", self) is None:
            self.close()

    def __repr__(self) -> str:
        if self.closed:
            return "<Buffer closed>"
        return f"<Buffer of {len(self)} bytes>"


def _of_buffer(buffer: Buffer) -> CData:
    if not isinstance(buffer, Buffer):
        raise TypeError(f"need a Buffer, not {type(buffer).__name__}")
    return buffer._live()
