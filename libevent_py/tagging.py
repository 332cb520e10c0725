"""Tagged data: numbers, texts and bytes, each with a tag, in a Buffer (floor 6, event2/tag.h).

A record is a tag (0 to 2**32 - 1), the length of what follows, and that: the encoding of evrpc.
Records follow one another, and what is in one may be records again.

:func:`marshal` and its kin append a record, :func:`unmarshal` and its kin take the first one.
They do it wholly or not at all: where the first record is not all there yet they raise EOFError,
where it is none, or has another tag, :class:`TagError`, and the buffer stays as it was. libevent
has the one answer -1 for all that, and has thrown away the header by then.

Example::

    buffer = Buffer()
    marshal_string(buffer, 1, "Mary Ann")
    marshal_int(buffer, 2, 35)
    assert unmarshal_string(buffer, 1) == "Mary Ann"
    assert unmarshal_int(buffer, 2) == 35
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

from . import _convert
from ._ffi import CData, ffi, lib
from .buffer import Buffer
from .buffer.core import END, FRONT, errors, of_buffer, pinned, settle, with_base_of
from .exceptions import TagError

__all__ = [
    "consume",
    "marshal",
    "marshal_buffer",
    "marshal_int",
    "marshal_int64",
    "marshal_string",
    "marshal_timeval",
    "payload_length",
    "peek",
    "peek_length",
    "unmarshal",
    "unmarshal_header",
    "unmarshal_int",
    "unmarshal_int64",
    "unmarshal_string",
    "unmarshal_timeval",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MAX_TAG = (1 << 32) - 1
#: evtag_unmarshal_header answers with an int.
_MAX_LENGTH = (1 << 31) - 1
_TAG_SIZE = 5
_HEADER_SIZE = 10
#: Of a timeval or an int, at most.
_NUMBERS_SIZE = 10
_NIBBLES_32, _NIBBLES_64 = 8, 16


class _Header(NamedTuple):
    tag: int
    #: Of what follows.
    length: int
    #: Of tag and length themselves.
    size: int


def _locked(function: _Function) -> _Function:
    """Let *function* have its first argument, a Buffer, to itself: evtag calls evbuffer several times."""

    @functools.wraps(function)
    def locked(buffer: Buffer, *args: Any, **kwargs: Any) -> Any:
        # Of a bufferevent's buffer the lock claims the base.
        with of_buffer(buffer).lock():
            found = function(buffer, *args, **kwargs)
        if errors or pinned:
            settle()
        return found

    return cast("_Function", locked)


def _length(length: int) -> int:
    """*length* of a record, which libevent is to read again."""
    if length > _MAX_LENGTH:
        raise ValueError(f"a record has less than 2 GiB, not {length} bytes")
    return length


def _end(buffer: Buffer, tag: int, size: int) -> CData:
    """The pointer, for a record with *size* bytes that libevent then cannot fail to add."""
    _convert.integer(tag, "tag", 0, _MAX_TAG)
    pointer = buffer._change()
    is_frozen = lib.evbuffer_commit_space(pointer, ffi.NULL, 0) < 0
    if is_frozen or lib.evbuffer_expand(pointer, _HEADER_SIZE + size) < 0:
        buffer._refuse(END)
    return pointer


@_locked
def marshal(buffer: Buffer, tag: int, data: _convert.Buffered) -> None:
    """Append bytes as a record (``evtag_marshal``).

    Args:
        buffer: Where to.
        tag: 0 to 2**32 - 1.
        data: Less than 2 GiB, which libevent cannot read again.

    Raises:
        BufferError: It is the input of a bufferevent, or frozen, or a view of it is in use.
    """
    source = _convert.data(data)
    pointer = _end(buffer, tag, _length(len(source)))
    lib.evtag_marshal(pointer, tag, source, len(source))


def marshal_buffer(buffer: Buffer, tag: int, data: Buffer) -> None:
    """Move all of *data* to the end of *buffer* as one record, without copying (``evtag_marshal_buffer``)."""
    if of_buffer(buffer) is of_buffer(data):
        raise ValueError("a buffer cannot be added to itself")
    with_base_of(buffer, with_base_of, data, _marshal_buffer, buffer, tag, data)


def _marshal_buffer(buffer: Buffer, tag: int, data: Buffer) -> None:
    # With the locks of both two threads could wait for each other; nobody else has this one.
    with Buffer() as payload:
        payload.add_buffer(data)
        try:
            _marshal_payload(buffer, tag, payload)
        except BaseException:
            data.prepend_buffer(payload)
            raise


@_locked
def _marshal_payload(buffer: Buffer, tag: int, payload: Buffer) -> None:
    _length(len(payload))
    pointer = _end(buffer, tag, 0)
    lib.evtag_marshal_buffer(pointer, tag, payload.pointer)


@_locked
def marshal_int(buffer: Buffer, tag: int, value: int) -> None:
    """Append an int of 0 to 2**32 - 1 as a record (``evtag_marshal_int``)."""
    _convert.integer(value, "value", 0, (1 << 32) - 1)
    lib.evtag_marshal_int(_end(buffer, tag, _NUMBERS_SIZE), tag, value)


@_locked
def marshal_int64(buffer: Buffer, tag: int, value: int) -> None:
    """Append an int of 0 to 2**64 - 1 as a record (``evtag_marshal_int64``).

    One that fits in 32 bits is the same as :func:`marshal_int` makes.
    """
    _convert.integer(value, "value", 0, (1 << 64) - 1)
    lib.evtag_marshal_int64(_end(buffer, tag, _NUMBERS_SIZE), tag, value)


@_locked
def marshal_string(buffer: Buffer, tag: int, text: str) -> None:
    """Append text as a record, in UTF-8 (``evtag_marshal_string``).

    Raises:
        ValueError: There is a NUL in it, where C would end it.
    """
    if not isinstance(text, str):
        raise TypeError(f"need a str, not {type(text).__name__}; marshal() is for bytes")
    if "\0" in text:
        raise ValueError("a string of C must not contain NUL; marshal() takes any bytes")
    encoded = text.encode()
    lib.evtag_marshal_string(_end(buffer, tag, _length(len(encoded))), tag, encoded)


@_locked
def marshal_timeval(buffer: Buffer, tag: int, seconds: float) -> None:
    """Append a time or a duration as a record (``evtag_marshal_timeval``).

    Args:
        buffer: Where to.
        tag: 0 to 2**32 - 1.
        seconds: From 0 on, and less than 2**32; kept to the microsecond.
    """
    _convert.number(seconds, "seconds")
    if not 0 <= seconds < 1 << 32:
        raise ValueError(f"seconds must be at least 0 and less than 2**32, not {seconds!r}")
    whole, microseconds = divmod(round(float(seconds) * 1_000_000), 1_000_000)
    if whole > _MAX_TAG:
        raise ValueError(f"seconds must be less than 2**32, also when rounded, not {seconds!r}")
    value = ffi.new("struct timeval *", (whole, microseconds))
    lib.evtag_marshal_timeval(_end(buffer, tag, _NUMBERS_SIZE), tag, value)


def _integer_size(data: bytes, start: int, nibbles: int, what: str) -> int:
    """How many bytes the number at *start* takes, which may have that many *nibbles*."""
    if start >= len(data):
        raise EOFError(f"the {what} is not all there yet")
    count = (data[start] >> 4) + 1
    if count > nibbles:
        raise TagError(f"the {what} is over {nibbles * 4} bits")
    size = count // 2 + 1
    if start + size > len(data):
        raise EOFError(f"the {what} is not all there yet")
    return size


def _header(buffer: Buffer) -> _Header:
    """The first record's, without taking it."""
    pointer = buffer._give()
    head = buffer.copyout(_HEADER_SIZE)
    # libevent 2.1.12 reads on past five bytes that all say that another follows (CVE-2026-63383).
    tag_size = next((count for count, byte in enumerate(head[:_TAG_SIZE], 1) if byte < 0x80), None)
    if tag_size is None and len(head) < _TAG_SIZE:
        raise EOFError("the tag is not all there yet")
    tag, length = ffi.new("ev_uint32_t *"), ffi.new("ev_uint32_t *")
    if tag_size is None or lib.evtag_peek(pointer, tag) < 0:
        raise TagError("the tag is over 32 bits")
    size = tag_size + _integer_size(head, tag_size, _NIBBLES_32, "length of the record")
    if lib.evtag_payload_length(pointer, length) < 0:
        raise MemoryError("libevent found no memory for the buffer")
    return _Header(tag[0], length[0], size)


def _record(buffer: Buffer, tag: int | None = None) -> tuple[CData, _Header]:
    """The pointer and the first record's header, if libevent may take it, and can."""
    if tag is not None:
        _convert.integer(tag, "tag", 0, _MAX_TAG)
    header = _header(buffer)
    if tag is not None and header.tag != tag:
        raise TagError(f"the first record has tag {header.tag}, not {tag}")
    if header.length > _MAX_LENGTH:
        raise TagError(f"a record of {header.length} bytes is more than libevent takes")
    if header.size + header.length > len(buffer):
        raise EOFError(f"the record of {header.length} bytes is not all there yet")
    if lib.evbuffer_drain(buffer._pointer, 0) < 0:
        buffer._refuse(FRONT)
    return buffer._pointer, header


def _numbers(buffer: Buffer, header: _Header, nibbles: int, count: int) -> None:
    """Refuse a record that does not begin with *count* numbers, as libevent would when it has taken it."""
    payload = buffer.copyout(min(header.length, _NUMBERS_SIZE), header.size)
    start = 0
    for _ in range(count):
        try:
            start += _integer_size(payload, start, nibbles, "number")
        except EOFError:
            raise TagError(f"what is in the record with tag {header.tag} is no number") from None


@_locked
def peek(buffer: Buffer) -> int:
    """The tag of the first record, which stays (``evtag_peek``).

    Raises:
        EOFError: The record's header is not all there yet.
        TagError: It is none.
        BufferError: There is a file in the buffer, or a view of it is in use.
    """
    return _header(buffer).tag


@_locked
def peek_length(buffer: Buffer) -> int:
    """How many bytes the first record has with its header, there or not (``evtag_peek_length``)."""
    header = _header(buffer)
    return header.size + header.length


@_locked
def payload_length(buffer: Buffer) -> int:
    """How many bytes the first record has without its header, there or not (``evtag_payload_length``)."""
    return _header(buffer).length


@_locked
def unmarshal_header(buffer: Buffer) -> tuple[int, int]:
    """Take the header of the first record, which is all there (``evtag_unmarshal_header``).

    Returns:
        Its tag, and how many bytes follow.

    Raises:
        EOFError: The record is not all there yet.
        TagError: It is none.
        BufferError: It is the output of a bufferevent, frozen, or a view of it is in use.
    """
    pointer, header = _record(buffer)
    lib.evtag_unmarshal_header(pointer, ffi.NULL)
    return header.tag, header.length


@_locked
def consume(buffer: Buffer) -> None:
    """Throw the first record away (``evtag_consume``); raises as :func:`unmarshal_header` does."""
    pointer, _ = _record(buffer)
    lib.evtag_consume(pointer)


@_locked
def unmarshal(buffer: Buffer) -> tuple[int, bytes]:
    """Take the first record, whatever is in it (``evtag_unmarshal``, ``evtag_unmarshal_fixed``).

    Returns:
        Its tag, and its bytes.

    Raises:
        EOFError: The record is not all there yet.
        TagError: It is none.
        BufferError: It is the output of a bufferevent, frozen, or a view of it is in use.
    """
    pointer, header = _record(buffer)
    payload = buffer.copyout(header.length, header.size)
    lib.evtag_consume(pointer)
    return header.tag, payload


@_locked
def unmarshal_int(buffer: Buffer, tag: int) -> int:
    """Take the first record, an int below 2**32 (``evtag_unmarshal_int``).

    Raises:
        EOFError: The record is not all there yet.
        TagError: It is none, or has another tag, or what is in it is no such int.
        BufferError: It is the output of a bufferevent, frozen, or a view of it is in use.
    """
    pointer, header = _record(buffer, tag)
    _numbers(buffer, header, _NIBBLES_32, 1)
    value = ffi.new("ev_uint32_t *")
    lib.evtag_unmarshal_int(pointer, tag, value)
    return int(value[0])


@_locked
def unmarshal_int64(buffer: Buffer, tag: int) -> int:
    """As :func:`unmarshal_int`, for an int below 2**64 (``evtag_unmarshal_int64``)."""
    pointer, header = _record(buffer, tag)
    _numbers(buffer, header, _NIBBLES_64, 1)
    value = ffi.new("ev_uint64_t *")
    lib.evtag_unmarshal_int64(pointer, tag, value)
    return int(value[0])


@_locked
def unmarshal_string(buffer: Buffer, tag: int) -> str:
    """Take the first record, text in UTF-8 (``evtag_unmarshal_string``); raises as :func:`unmarshal_int`."""
    pointer, header = _record(buffer, tag)
    try:
        text = buffer.copyout(header.length, header.size).decode()
    except UnicodeDecodeError as error:
        raise TagError(f"the text with tag {tag} is not UTF-8 ({error}); unmarshal() gives bytes") from None
    lib.evtag_consume(pointer)
    return text


@_locked
def unmarshal_timeval(buffer: Buffer, tag: int) -> float:
    """Take the first record, seconds (``evtag_unmarshal_timeval``); raises as :func:`unmarshal_int`."""
    pointer, header = _record(buffer, tag)
    _numbers(buffer, header, _NIBBLES_32, 2)
    value = ffi.new("struct timeval *")
    lib.evtag_unmarshal_timeval(pointer, tag, value)
    return float(value.tv_sec + value.tv_usec / 1_000_000)
