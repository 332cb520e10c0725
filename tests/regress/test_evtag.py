"""Ports of libevent's regress.c, group evtag: docs/regress.md has the table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from libevent_py import Buffer, TagError, ffi, lib, tagging

NUMBERS = (0xAF0, 0x1000, 0x1, 0xDEADBEEF, 0x00, 0xBEF000)


@pytest.fixture
def raw() -> Iterator[Any]:
    """An evbuffer."""
    lib.evtag_init()
    made = lib.evbuffer_new()
    yield made
    lib.evbuffer_free(made)


def content(raw: Any) -> bytes:
    """All that is in it, taken out."""
    room = ffi.new("char[]", 100)
    return bytes(ffi.buffer(room, lib.evbuffer_remove(raw, room, 100)))


def test_evtag_int(raw: Any) -> None:
    """Numbers of both sizes, which the public functions read within a record."""
    for number in NUMBERS:
        for value, encode, taken in (
            (number, lib.evtag_encode_int, tagging.unmarshal_int),
            (number * 1_000_000_000, lib.evtag_encode_int64, tagging.unmarshal_int64),
        ):
            encode(raw, value)
            buffer = Buffer()
            tagging.marshal(buffer, 1, content(raw))
            assert taken(buffer, 1) == value
            assert not buffer


def test_evtag_fuzz(raw: Any) -> None:
    """Bytes at random are hardly ever a time, and a length that was changed is noticed."""
    rng = random.Random(1)
    wrong = 0
    for _ in range(100):
        buffer = Buffer(rng.randbytes(4096))
        try:
            tagging.unmarshal_timeval(buffer, 0)
        except (TagError, EOFError):
            wrong += 1
    assert wrong > 90
    tagging.marshal_timeval(buffer := Buffer(), 0, 1)
    changed = bytearray(bytes(buffer) + rng.randbytes(4096))
    changed[1] = 0xFF
    with pytest.raises(TagError):
        tagging.unmarshal_timeval(Buffer(changed), 0)
    lib.evbuffer_add(raw, bytes(changed), len(changed))
    assert lib.evtag_unmarshal_timeval(raw, 0, ffi.new("struct timeval *")) == -1


def test_evtag_encoding() -> None:
    """Tags of every size."""
    buffer = Buffer()
    for number in NUMBERS:
        tagging.marshal(buffer, number, b"")
    assert [tagging.unmarshal(buffer) for _ in NUMBERS] == [(number, b"") for number in NUMBERS]
    assert not buffer


def test_evtag_peek(raw: Any) -> None:
    """The raw calls and the module tell the same tag and sizes."""
    tag, length = ffi.new("ev_uint32_t *"), ffi.new("ev_uint32_t *")
    lib.evtag_marshal_int(raw, 30, 0)
    lib.evtag_marshal_string(raw, 40, b"Hello world")
    buffer = Buffer()
    tagging.marshal_int(buffer, 30, 0)
    tagging.marshal_string(buffer, 40, "Hello world")
    for expected, whole, payload in ((30, 1 + 1 + 1, 1), (40, 1 + 1 + 11, 11)):
        assert (lib.evtag_peek(raw, tag), tag[0]) == (1, expected)
        assert (lib.evtag_peek_length(raw, length), length[0]) == (0, whole)
        assert (lib.evtag_payload_length(raw, length), length[0]) == (0, payload)
        assert tagging.peek(buffer) == expected
        assert tagging.peek_length(buffer) == whole
        assert tagging.payload_length(buffer) == payload
        assert lib.evtag_consume(raw) == 0
        tagging.consume(buffer)
    assert lib.evbuffer_get_length(raw) == len(buffer) == 0
