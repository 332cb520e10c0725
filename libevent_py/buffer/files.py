"""Files in a Buffer (floor 5)."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from types import TracebackType

from .. import _convert
from .._callbacks import pin, unpin
from .._errors import raise_errno
from .._ffi import CData, ffi, lib
from .._handles import Owner
from ..exceptions import ClosedError
from .core import END, BufferCore, errors, pinned, settle


def _range(offset: int, length: int | None, size: int, what: str) -> int:
    """The length of what begins at *offset* in *size* bytes of *what*."""
    _convert.size(offset, "offset")
    if length is None:
        length = size - offset
    else:
        _convert.size(length, "length")
    if offset + length > size or length < 0:
        raise ValueError(f"{length} bytes from {offset} on are not within the {size} bytes of the {what}")
    return length


def part_of(file: _convert.FileDescriptor, offset: int, length: int | None) -> tuple[int, int]:
    """The descriptor of a regular *file*, and the length of its part from *offset* on."""
    fd = _convert.descriptor(file)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("only a regular file can be added to a buffer; read_from() takes the others")
    return fd, _range(offset, length, status.st_size, "file")


class FileSegment(Owner):
    """A part of a file, to be added to any number of buffers (``struct evbuffer_file_segment``).

    The file is duplicated: close yours when you like.

    Args:
        file: A regular file: anything with ``fileno()``, or a descriptor.
        offset: Where the part begins, in bytes.
        length: How many bytes; None for all to the end of the file.
        sendfile: Let a socket's output send it with sendfile, past Python and libevent.
        mmap: Map it into memory where sendfile is not used, instead of reading it.  A file that
            another program truncates meanwhile then kills this process (SIGBUS) when the bytes
            are looked at; so only for files that nobody else writes to.
        on_release: Called without arguments once the segment is in no buffer any more and closed.

    Raises:
        ValueError: Not a regular file, or the range is empty or not within it.

    Example::

        with open("banner.txt", "rb") as file:
            banner = FileSegment(file)
        bev.output.add_file_segment(banner)
    """

    __slots__ = ("_length", "_owned", "_pointer", "_sendfile", "_users")

    _pointer: CData

    def __init__(
        self,
        file: _convert.FileDescriptor,
        offset: int = 0,
        length: int | None = None,
        *,
        sendfile: bool = True,
        mmap: bool = False,
        on_release: Callable[[], object] | None = None,
    ) -> None:
        self._begin()
        _convert.callback(on_release, "on_release")
        fd, self._length = part_of(file, offset, length)
        if not self._length:
            raise ValueError("a file segment must have at least one byte")
        self._sendfile = bool(sendfile)
        flags = lib.EVBUF_FS_CLOSE_ON_FREE
        flags |= 0 if sendfile else lib.EVBUF_FS_DISABLE_SENDFILE
        flags |= 0 if mmap else lib.EVBUF_FS_DISABLE_MMAP
        own = os.dup(fd)
        pointer = lib.evbuffer_file_segment_new(own, offset, self._length, flags)
        if not pointer:
            error = ffi.errno
            os.close(own)
            ffi.errno = error
            raise_errno("the file cannot be read")
        self._pointer = pointer
        # Lists, whose append() and pop() are whole in any thread: what is to be freed, and
        # a mark for each call that is using it.
        self._owned = [pointer]
        self._users: list[None] = []
        if on_release is not None:
            key = pin(None, on_release)
            if lib.lepy_file_segment_watch(pointer, key) < 0:
                unpin(key)
                raise MemoryError("libevent found no memory for the file segment")

    def __len__(self) -> int:
        return self._length

    @property
    def closed(self) -> bool:
        """True once :meth:`close` was called."""
        return self._pointer is None

    @property
    def pointer(self) -> CData:
        """The ``struct evbuffer_file_segment *`` for the raw layer."""
        if self._pointer is None:
            raise ClosedError("this FileSegment is closed")
        return self._pointer

    def close(self) -> None:
        """Let go of the file (``evbuffer_file_segment_free``); buffers that it is in keep it."""
        self._pointer = None
        self._free()
        if errors or pinned:
            settle()

    def _free(self) -> None:
        """Free it once it is closed and in no call of another thread's."""
        if self._pointer is None and not self._users and self._owned:
            with contextlib.suppress(IndexError):
                lib.evbuffer_file_segment_free(self._owned.pop())

    def __enter__(self) -> FileSegment:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._pointer = None
        owned = getattr(self, "_owned", None)
        while owned:
            lib.evbuffer_file_segment_free(owned.pop())

    def __repr__(self) -> str:
        return "<FileSegment closed>" if self._pointer is None else f"<FileSegment of {self._length} bytes>"


class Files(BufferCore):
    """Adding files."""

    __slots__ = ()

    def add_file(self, file: _convert.FileDescriptor, offset: int = 0, length: int | None = None) -> int:
        """Append a part of a regular file, which stays yours (``evbuffer_add_file``).

        A socket's output sends it with sendfile, without reading it; a file that is truncated
        meanwhile ends the connection with an error.  Other buffers read it into memory now.

        Args:
            file: Anything with ``fileno()``, or a descriptor.
            offset: Where the part begins, in bytes.
            length: How many bytes; None for all to the end.

        Returns:
            How many bytes were added.

        Raises:
            ValueError: Not a regular file, or the range is not within it.
        """
        self._change()
        status = os.fstat(_convert.descriptor(file))
        if stat.S_ISREG(status.st_mode) and not _range(offset, length, status.st_size, "file"):
            return 0
        with FileSegment(file, offset, length, sendfile=self._owner is not None) as segment:
            self.add_file_segment(segment)
            return len(segment)

    def add_file_segment(self, segment: FileSegment, offset: int = 0, length: int | None = None) -> None:
        """Append a part of *segment* (``evbuffer_add_file_segment``).

        Args:
            segment: What part of which file.
            offset: Where to begin, within the segment.
            length: How many bytes of it; None for all from there.
        """
        if not isinstance(segment, FileSegment):
            raise TypeError(f"need a FileSegment, not {type(segment).__name__}")
        segment._users.append(None)
        try:
            self._add_segment(segment, offset, length)
        finally:
            segment._users.pop()
            segment._free()

    def _add_segment(self, segment: FileSegment, offset: int, length: int | None) -> None:
        structure = segment.pointer
        length = _range(offset, length, len(segment), "segment")
        # Where libevent refuses, it also takes our reference away: no freezing in between.
        with self.lock():
            pointer = self._change()
            if self._owner is not None:
                if lib.evbuffer_add(pointer, b"", 0) < 0:
                    self._refuse(END)
            elif END in self._frozen:
                self._refuse(END)
            if not length:
                return
            if self._owner is not None and segment._sendfile:
                self._opaque = True
            ffi.errno = 0
            if lib.evbuffer_add_file_segment(pointer, structure, offset, length) < 0:
                # Where memory was missing our reference may be gone: then better a leak than a second free.
                no_memory = ffi.errno == errno.ENOMEM
                if self._owner is not None or no_memory or lib.lepy_file_segment_is_taken():
                    segment._pointer = None
                    segment._owned.clear()
                if no_memory:
                    raise MemoryError("libevent found no memory for the file segment")
                raise OSError("the file could not be read; was it truncated?")
        if errors or pinned:
            settle()
