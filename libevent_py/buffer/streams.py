"""A Buffer as a file object, and to and from descriptors (floor 5)."""

from __future__ import annotations

import errno
from typing import Any

from .. import _convert
from .._claim import unguarded
from .._errors import raise_errno
from .._ffi import ffi, lib
from .core import END, FRONT, BufferCore, errors, new_memory, pinned, settle

_MOST = (1 << 31) - 1


class Streams(BufferCore):
    """Python's file methods, so that json, csv and TextIOWrapper take a Buffer; and system calls."""

    __slots__ = ()

    def remove(self, size: int | None = None) -> bytes:
        """Take at most *size* bytes, or all, from the front (``evbuffer_remove``)."""
        if size is not None:
            _convert.size(size, "size")
        pointer = self._give()
        length = lib.evbuffer_get_length(pointer)
        if size is not None and size < length:
            length = size
        if not length:
            return b""
        memory = new_memory("char[]", length)
        count = lib.evbuffer_remove(pointer, memory, length)
        if count < 0:
            self._refuse(FRONT)
        if errors or pinned:
            settle()
        return ffi.buffer(memory)[:count]

    def read(self, size: int | None = -1) -> bytes:
        """Take at most *size* bytes, or all where it is negative or None: :meth:`remove` for files' users."""
        return self.remove(None if size is None or (isinstance(size, int) and size < 0) else size)

    def readinto(self, target: Any) -> int:
        """Take as many bytes as *target* has room for, into it; how many there were."""
        try:
            room = ffi.from_buffer("char[]", target, require_writable=True)
        except (TypeError, BufferError) as error:
            raise TypeError(f"need a writable contiguous bytes-like object: {error}") from None
        with room:
            count = lib.evbuffer_remove(self._give(), room, len(room))
        if count < 0:
            self._refuse(FRONT)
        if errors or pinned:
            settle()
        return count

    def readline(self, size: int | None = -1) -> bytes:
        r"""Take a line with its ``\n``, or what is left without one: as a file does.

        For protocols rather :meth:`read_line`, which waits for a whole line.
        """
        position = lib.lepy_buffer_search(self._look(), b"\n", 1, 0, -1)
        length = len(self) if position < 0 else position + 1
        if size is not None and size >= 0:
            length = min(length, _convert.size(size, "size"))
        return self.remove(length)

    def write(self, data: _convert.Buffered) -> int:
        """Append *data*, as a file does; how many bytes that were."""
        self.add(data)
        return len(data) if isinstance(data, (bytes, bytearray)) else memoryview(data).nbytes

    @unguarded
    def readable(self) -> bool:
        """True, as files say it."""
        return True

    @unguarded
    def writable(self) -> bool:
        """True, as files say it."""
        return True

    @unguarded
    def seekable(self) -> bool:
        """False: what was read is gone."""
        return False

    @unguarded
    def flush(self) -> None:
        """Do nothing, as files may."""

    def read_from(self, source: _convert.FileDescriptor, size: int | None = None) -> int:
        """Append what can be read from a descriptor at once (``evbuffer_read``).

        Args:
            source: A socket, pipe or file.
            size: At most so many bytes; libevent takes 4,096 at most at a time.

        Returns:
            How many bytes; 0 at the end of the stream.

        Raises:
            BlockingIOError: It is non-blocking, and nothing is there.
            OSError: Reading failed.
        """
        limit = -1 if size is None else _convert.integer(size, "size", 1, _MOST)
        fd = _convert.descriptor(source)
        while True:
            ffi.errno = 0
            count = lib.evbuffer_read(self._change(), fd, limit)
            if count >= 0 or ffi.errno != errno.EINTR:
                break
        if count < 0:
            self._fail(END, "read")
        if errors or pinned:
            settle()
        return count

    def write_to(self, target: _convert.FileDescriptor, size: int | None = None) -> int:
        """Write from the front to a descriptor, at once (``evbuffer_write``, ``evbuffer_write_atmost``).

        Args:
            target: A socket, pipe or file.
            size: At most so many bytes; None for as many as it takes.

        Returns:
            How many bytes were written, and are gone from the buffer.

        Raises:
            BlockingIOError: It is non-blocking and takes nothing now.
            OSError: Writing failed.
        """
        limit = -1 if size is None else _convert.size(size, "size")
        fd = _convert.descriptor(target)
        while True:
            pointer = self._change()
            if not limit or not lib.evbuffer_get_length(pointer):
                return 0
            ffi.errno = 0
            count = lib.evbuffer_write_atmost(pointer, fd, limit)
            if count >= 0 or ffi.errno != errno.EINTR:
                break
        if count < 0:
            self._fail(FRONT, "write")
        if errors or pinned:
            settle()
        return count

    def _fail(self, side: int, what: str) -> None:
        if ffi.errno:
            raise_errno(what)
        self._refuse(side)
