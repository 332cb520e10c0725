"""Buffers of several pieces of memory, as upstream's tests of evbuffer make them."""

from __future__ import annotations

from libevent_py import Buffer, ffi, lib


def empty_reference(buffer: Buffer) -> None:
    """Append a piece of memory without bytes, as only C can."""
    assert lib.evbuffer_add_reference(buffer.pointer, ffi.NULL, 0, ffi.NULL, ffi.NULL) == 0


def pieces(*parts: bytes | None) -> Buffer:
    """A Buffer of references, None for an empty one."""
    buffer = Buffer()
    for part in parts:
        if part is None:
            empty_reference(buffer)
        else:
            buffer.add_reference(part)
    return buffer
