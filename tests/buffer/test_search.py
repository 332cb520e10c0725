"""Buffer: searching, indexing, comparing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libevent_py import Buffer, ClosedError, EOLStyle


def pieces(*parts: bytes) -> Buffer:
    """A Buffer with each of *parts* in memory of its own."""
    buffer = Buffer()
    for part in parts:
        buffer.add_reference(part)
    return buffer


def test_search() -> None:
    """Positions are those of bytes.find, also over the seams of the memory."""
    buffer = pieces(b"abc", b"abd", b"xyz")
    assert buffer.search(b"ab") == 0
    assert buffer.search(b"ab", 1) == 3
    assert buffer.search(b"cab") == 2
    assert buffer.search(b"dxy") == 5
    assert buffer.search(b"nothing") == buffer.search(b"abc", 100) == -1
    assert buffer.search(b"", 4) == 4
    assert buffer.search(b"z" * 100) == -1


def test_search_range() -> None:
    """What begins before the end and goes beyond it is not found."""
    buffer = pieces(b"abc", b"abd")
    assert buffer.search_range(b"abd", 0, 6) == 3
    assert buffer.search_range(b"abd", 0, 5) == -1
    assert buffer.search_range(b"abd", 4, 6) == -1
    assert buffer.search_range(b"abd", 0, 1000) == 3
    assert buffer.search_range(b"a", 3, 3) == -1


@given(
    st.lists(st.binary(max_size=5), max_size=6), st.binary(max_size=3), st.integers(0, 20), st.integers(0, 25)
)
def test_it_finds_what_bytes_find(parts: list[bytes], what: bytes, start: int, end: int) -> None:
    """Whatever the memory looks like, whatever the range."""
    data = b"".join(parts)
    with pieces(*parts) as buffer:
        assert buffer.search(what, start) == data.find(what, start)
        assert buffer.search_range(what, start, end) == data.find(what, start, end)
        assert (what in buffer) == (what in data)


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (EOLStyle.ANY, (1, 4)),
        (EOLStyle.CRLF, (1, 2)),
        (EOLStyle.CRLF_STRICT, (1, 2)),
        (EOLStyle.LF, (2, 1)),
        (EOLStyle.NUL, (6, 1)),
    ],
)
def test_search_eol(style: EOLStyle, expected: tuple[int, int]) -> None:
    """Where the line ends, and how long its end is."""
    buffer = pieces(b"a\r", b"\n\r", b"\nb\0")
    assert buffer.search_eol(style) == expected
    assert Buffer(b"none").search_eol(style) == (-1, 0)
    assert buffer.search_eol(style, 100) == (-1, 0)


@pytest.mark.parametrize("style", [99, "LF", None, -1])
def test_no_style(style: Any) -> None:
    """What is no style is refused by name."""
    for call in (Buffer(b"x\n").search_eol, Buffer(b"x\n").read_line, Buffer(b"x\n").lines):
        with pytest.raises(ValueError, match="EOLStyle"):
            list(call(style) or ())


@given(
    st.binary(max_size=20),
    st.one_of(st.none(), st.integers(-25, 25)),
    st.one_of(st.none(), st.integers(-25, 25)),
    st.one_of(st.none(), st.integers(-3, 3).filter(bool)),
)
def test_slices_are_those_of_bytes(data: bytes, start: Any, stop: Any, step: Any) -> None:
    """Copies."""
    with Buffer(data) as buffer:
        assert buffer[start:stop:step] == data[start:stop:step]


def test_indices() -> None:
    """Numbers, from both ends; IndexError beyond."""
    buffer = Buffer(b"abc")
    assert (buffer[0], buffer[-1]) == (97, 99)
    for index in (3, -4):
        with pytest.raises(IndexError):
            buffer[index]
    with pytest.raises(TypeError):
        buffer["x"]  # type: ignore[index]


def test_contains() -> None:
    """Bytes and single byte values, as with bytes."""
    buffer = Buffer(b"abc")
    assert b"bc" in buffer
    assert 97 in buffer
    assert b"x" not in buffer
    with pytest.raises(ValueError):
        assert 256 in buffer


def test_equality() -> None:
    """By content with bytes-like objects and other Buffers; closed ones equal only themselves."""
    buffer = Buffer(b"abc")
    assert buffer == b"abc" == buffer
    assert buffer == bytearray(b"abc")
    assert buffer == Buffer(b"abc")
    assert buffer != Buffer(b"abd")
    assert buffer != b"ab"
    assert buffer != "abc"
    with pytest.raises(TypeError):
        hash(buffer)
    buffer.close()
    assert buffer == buffer
    assert buffer != b"abc"
    assert buffer != Buffer()


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_wrong_positions(value: int) -> None:
    """ValueErrors."""
    buffer = Buffer(b"abc")
    for call in (
        lambda: buffer.search(b"a", value),
        lambda: buffer.search_range(b"a", 0, value),
        lambda: buffer.search_eol(start=value),
        lambda: buffer.copyout(1, value),
        lambda: buffer.peek(1, value),
    ):
        with pytest.raises(ValueError, match="between"):
            call()


def test_closed() -> None:
    """ClosedError."""
    buffer = Buffer(b"abc")
    buffer.close()
    for call in (
        lambda: buffer.search(b"a"),
        lambda: buffer.search_eol(),
        lambda: buffer[0],
        lambda: buffer[:],
        lambda: b"a" in buffer,
    ):
        with pytest.raises(ClosedError):
            call()
