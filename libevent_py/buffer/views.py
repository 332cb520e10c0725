"""Looking at a Buffer's own memory, and writing into it (floor 5).

A view can be sliced, kept and handed on, and its memory is C's.  So the buffer is
frozen while any of it is in use, and a change raises BufferError, as with bytearray.

Two kinds of views are copies instead: those of a bufferevent's buffers, which the loop
changes whenever it likes, and those on PyPy, whose memoryviews do not say when the
last one is gone.  They behave the same otherwise.
"""

from __future__ import annotations

import weakref
from typing import Any

from .. import _convert
from .._ffi import CData, ffi, lib
from .core import END, FRONT, IS_PYPY, BufferCore, errors, pinned, settle

#: Pieces that one reserve_vectors() may ask for; libevent itself uses two at most.
MAX_VECTORS = 16
_MAX_SIZE = (1 << 48) - 1


class _Keep:
    """Keeps a Buffer alive as long as a view of it: what ffi.gc() calls, for nothing, at the end."""

    __slots__ = ("_buffer",)

    def __init__(self, buffer: BufferCore) -> None:
        self._buffer = buffer

    def __call__(self, pointer: CData) -> None:
        """Do nothing."""


def _is_released(view: memoryview) -> bool:
    try:
        view.nbytes  # noqa: B018
    except ValueError:
        return True
    return False


class Views(BufferCore):
    """Views, and what makes room for them."""

    __slots__ = ()

    def _view(self, address: CData, size: int, *, writable: bool) -> memoryview:
        """A view of *size* bytes of the buffer's own, which freezes it; under its lock."""
        if IS_PYPY:
            view = memoryview(bytearray(size) if writable else ffi.buffer(address, size)[:])
            handed = weakref.ref(view)
            self._export(lambda: (found := handed()) is not None and not _is_released(found))
            return view
        exporter = ffi.buffer(ffi.gc(ffi.cast("char *", address), _Keep(self)), size)
        alive = weakref.ref(exporter)
        view = memoryview(exporter)
        self._export(lambda: alive() is not None)
        return view if writable else view.toreadonly()

    def pullup(self, size: int | None = None) -> memoryview:
        """The first *size* bytes, or all, in one piece, to look at (``evbuffer_pullup``).

        They are copied together only where they are in several pieces of memory.  Release the
        view, or leave its ``with`` block, before the buffer changes.

        Raises:
            ValueError: There are fewer than *size* bytes.
            BufferError: Another view of the buffer is in use.

        Example::

            with buffer.pullup(4) as header:
                (length,) = struct.unpack("!I", header)
        """
        if size is not None:
            _convert.size(size, "size")
        if self._owner is not None:
            return memoryview(self.copyout(self._within(size)))
        self._look()
        with self.lock():
            pointer = self._change()
            size = self._within(size)
            if not size:
                return memoryview(b"")
            entry = self._changes.entry if self._changes is not None else ffi.NULL
            address = lib.lepy_buffer_pullup(pointer, entry, FRONT in self._frozen, size)
            if not address:
                self._refuse(END)
            return self._view(address, size, writable=False)

    def _within(self, size: int | None) -> int:
        length = len(self)
        if size is None:
            return length
        if size > length:
            raise ValueError(f"there are only {length} bytes in the buffer, not {size}")
        return size

    def peek(self, size: int | None = None, start: int = 0) -> tuple[memoryview, ...]:
        """At most *size* bytes from *start* on, to look at where they are (``evbuffer_peek``).

        Nothing is copied: each piece of memory has a view.  Release them before the buffer changes.
        """
        _convert.size(start, "start")
        if size is not None:
            _convert.size(size, "size")
        if self._owner is not None or IS_PYPY:
            copy = self.copyout(size, start)
            if not copy:
                return ()
            if self._owner is None:
                with self.lock():
                    return (self._view(ffi.from_buffer(copy), len(copy), writable=False),)
            return (memoryview(copy),)
        self._look()
        with self.lock():
            pointer = self._live()
            left = max(lib.evbuffer_get_length(pointer) - start, 0)
            if size is not None:
                left = min(left, size)
            if not left:
                return ()
            count = lib.lepy_buffer_peek(pointer, start, left, ffi.NULL, 0)
            pieces = ffi.new("struct evbuffer_iovec[]", count)
            lib.lepy_buffer_peek(pointer, start, left, pieces, count)
            views = []
            for piece in pieces:
                length = min(piece.iov_len, left)
                if length:
                    views.append(self._view(piece.iov_base, length, writable=False))
                left -= length
            return tuple(views)

    def __buffer__(self, flags: int) -> memoryview:
        """``memoryview(buffer)``, from Python 3.12 on: all bytes, to look at."""
        return self.pullup()

    def reserve(self, size: int) -> memoryview:
        """Room for *size* bytes, or more, at the end, to write into (``evbuffer_reserve_space``).

        Nothing is added before :meth:`commit`.  Any other change of the buffer gives the room up.

        Example::

            room = buffer.reserve(4096)
            buffer.commit(sock.recv_into(room))
        """
        return self.reserve_vectors(size, 1)[0]

    def reserve_vectors(self, size: int, vectors: int = 2) -> tuple[memoryview, ...]:
        """As :meth:`reserve`, in up to *vectors* pieces, which may save an allocation."""
        _convert.integer(size, "size", 1, _MAX_SIZE)
        _convert.integer(vectors, "vectors", 1, MAX_VECTORS)
        if self._owner is not None:
            self._change()
            try:
                view = memoryview(bytearray(size))
            except OverflowError:
                raise MemoryError(f"no memory for {size} bytes") from None
            self._reserved = (None, [view])
            return (view,)
        with self.lock():
            pointer = self._change()
            spaces = ffi.new("struct evbuffer_iovec[]", vectors)
            count = lib.evbuffer_reserve_space(pointer, size, spaces, vectors)
            if count < 1:
                self._refuse(END)
            views = [self._view(spaces[i].iov_base, spaces[i].iov_len, writable=True) for i in range(count)]
            # The buffer shall not keep a view alive that its user has dropped.
            self._reserved = (spaces, [weakref.ref(view) for view in views] if not IS_PYPY else views)
            return tuple(views)

    def commit(self, *sizes: int) -> None:
        """Add what was written into the reserved room (``evbuffer_commit_space``).

        Releases the views of the room.

        Args:
            sizes: How many bytes were written, into each piece in turn.

        Raises:
            BufferError: Nothing is reserved (any more), or a slice of the room is still in use.
            ValueError: More than the room holds.
        """
        self._live()
        if self._reserved is None:
            raise BufferError("nothing is reserved: reserve() first, and change nothing until commit()")
        spaces, handed = self._reserved
        if len(sizes) > len(handed):
            raise ValueError(f"{len(sizes)} sizes for {len(handed)} reserved pieces")
        copies = spaces is None or IS_PYPY
        rooms = [len(view) for view in handed] if copies else [spaces[i].iov_len for i in range(len(handed))]
        for size, room in zip(sizes, rooms):
            _convert.size(size, "size")
            if size > room:
                raise ValueError(f"{size} bytes are more than the {room} that were reserved")
        written = b"".join(bytes(view[:size]) for view, size in zip(handed, sizes)) if copies else b""
        for each in handed:
            view: Any = each if copies else each()
            if view is not None:
                view.release()
        if copies:
            self.add(written)
            return
        with self.lock():
            pointer = self._change()
            if not sizes:
                return
            for i, size in enumerate(sizes):
                spaces[i].iov_len = size
            if lib.evbuffer_commit_space(pointer, spaces, len(sizes)) < 0:
                self._refuse(END)
        if errors or pinned:
            settle()

    def expand(self, size: int) -> None:
        """Get the memory for *size* bytes at the end now (``evbuffer_expand``)."""
        _convert.integer(size, "size", 0, _MAX_SIZE)
        with self.lock():
            if lib.evbuffer_expand(self._change(), size) < 0:
                raise MemoryError(f"libevent found no memory for {size} bytes more")

    @property
    def contiguous_space(self) -> int:
        """How many bytes from the front are in one piece of memory (``evbuffer_get_contiguous_space``)."""
        return lib.evbuffer_get_contiguous_space(self._live())
