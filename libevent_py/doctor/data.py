"""Probes of evbuffer and evtag (floor 7)."""

from __future__ import annotations

import mmap
import os
import tempfile

from .._ffi import ffi, lib


def references_are_safe() -> bool:
    """``evbuffer_add_buffer_reference`` to a buffer that has a chain without bytes.

    Without the fix the buffer goes on using that chain, which is freed: it is freed twice, or
    malloc gave its memory to the new chain, which then follows itself.
    """
    text = b"if you have found the answer"
    target, source = lib.evbuffer_new(), lib.evbuffer_new()
    lib.evbuffer_add_reference(target, b"", 0, ffi.NULL, ffi.NULL)
    lib.evbuffer_add(source, text, len(text))
    lib.evbuffer_add_buffer_reference(target, source)
    # One more byte than there are, which only a ring of chains has.
    return bool(lib.evbuffer_peek(target, len(text) + 1, ffi.NULL, ffi.NULL, 0) == 1)


def tags_end_in_time() -> bool:
    """A tag whose bytes all say that another one follows.

    Five bytes may be read. Here the sixth is where a file ends under its mapping, which raises
    SIGBUS.
    """
    page = mmap.PAGESIZE
    with tempfile.TemporaryFile() as file:
        file.truncate(2 * page)
        mapping = mmap.mmap(file.fileno(), 2 * page)
        mapping[page - 5 : page] = b"\x80" * 5
        os.ftruncate(file.fileno(), page)
    memory = ffi.from_buffer(mapping)
    buffer = lib.evbuffer_new()
    lib.evbuffer_add_reference(buffer, memory + page - 5, 5, ffi.NULL, ffi.NULL)
    lib.evbuffer_add(buffer, b"\x80" * 5, 5)
    lib.evtag_peek(buffer, ffi.new("ev_uint32_t *"))
    return True


def lengths_are_positive() -> bool:
    """A payload of 2 GiB, whose length as an int is negative.

    The bytes are there: one megabyte, referred to again and again.
    """
    length = 1 << 31
    megabyte = bytes(1 << 20)
    buffer = lib.evbuffer_new()
    lib.evbuffer_add(buffer, b"\x01", 1)
    lib.evtag_encode_int(buffer, length)
    memory = ffi.from_buffer(megabyte)
    for _ in range(length >> 20):
        lib.evbuffer_add_reference(buffer, memory, len(megabyte), ffi.NULL, ffi.NULL)
    return int(lib.evtag_unmarshal_header(buffer, ffi.new("ev_uint32_t *"))) == -1
