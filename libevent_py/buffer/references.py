"""Bytes in a Buffer that stay where they are: memory of Python's, and another Buffer's (floor 5)."""

from __future__ import annotations

from collections.abc import Callable

from .. import _convert
from .._callbacks import pin, unpin
from .._errors import check_pointer
from .._ffi import lib
from .core import END, BufferCore, errors, of_buffer, pinned, settle


class References(BufferCore):
    """Adding without copying."""

    __slots__ = ()

    def add_reference(self, data: _convert.Buffered, on_release: Callable[[], object] | None = None) -> None:
        """Append *data* without copying it (``evbuffer_add_reference``).

        It is kept, and a bytearray cannot be resized, until the bytes are consumed, wherever
        they have moved meanwhile.  Do not change it before.  Worth it from some kilobytes on.

        Args:
            data: bytes, or anything with contiguous memory.
            on_release: Called without arguments once C needs *data* no longer: from the next
                call of a Buffer, or pass of a loop.  What it raises goes to ``sys.excepthook``.

        Raises:
            BufferError: Nothing can be added, as with :meth:`add`.
        """
        _convert.callback(on_release, "on_release")
        kept, address, length = _convert.pinnable(data)
        pointer = self._change()
        if not length:
            if on_release is not None:
                on_release()
            return
        key = pin(kept, on_release)
        if lib.lepy_buffer_add_reference(pointer, address, length, key) < 0:
            unpin(key)
            self._refuse(END)
        if errors or pinned:
            settle()

    def add_buffer_reference(self, other: BufferCore) -> None:
        """Append the bytes of *other*, which keeps them, without copying (``evbuffer_add_buffer_reference``).

        One message for many connections: fill a Buffer once, add it to each output.

        Raises:
            BufferError: *other* belongs to a bufferevent, or holds files or references to a
                third buffer; copy it with ``add(bytes(other))``.
        """
        source = of_buffer(other)
        if source is self:
            raise ValueError("a buffer cannot be added to itself")
        if source._owner is not None:
            raise BufferError(
                "a bufferevent's buffer cannot be referred to: its lock may be freed first. "
                "Move the bytes to a Buffer of your own with add_buffer()"
            )
        pointer, origin = self._change(), source._look()
        if not lib.evbuffer_get_length(origin):
            return
        # By way of a new buffer: an empty one that has memory is corrupted by
        # evbuffer_add_buffer_reference in unpatched releases (CVE-2026-63381).
        between = check_pointer(lib.evbuffer_new(), "evbuffer_new")
        try:
            if lib.evbuffer_add_buffer_reference(between, origin) < 0:
                raise BufferError(
                    "a buffer with files or references to another buffer in it cannot be referred to; "
                    "copy it with add(bytes(other))"
                )
            if lib.evbuffer_add_buffer(pointer, between) < 0:
                self._refuse(END)
        finally:
            lib.evbuffer_free(between)
        if errors or pinned:
            settle()
