"""Buffer: lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libevent_py import Buffer, BufferEvent, EOLStyle, EventBase


@pytest.mark.parametrize(
    ("style", "lines", "rest"),
    [
        (EOLStyle.ANY, [b"one", b"two", b"three\0four"], b"five"),
        (EOLStyle.CRLF, [b"one", b"two", b"", b"three\0four"], b"five"),
        (EOLStyle.CRLF_STRICT, [b"one", b"two\n\nthree\0four"], b"five"),
        (EOLStyle.LF, [b"one\r", b"two", b"", b"three\0four\r"], b"five"),
        (EOLStyle.NUL, [b"one\r\ntwo\n\nthree"], b"four\r\nfive"),
    ],
)
def test_the_five_styles(style: EOLStyle, lines: list[bytes], rest: bytes) -> None:
    """Complete lines, without their ends, NULs inside included; the rest stays."""
    buffer = Buffer(b"one\r\ntwo\n\nthree\0four\r\nfive")
    assert list(buffer.lines(style)) == lines
    assert buffer == rest
    assert buffer.read_line(style) is None


def test_iteration_takes_complete_lines() -> None:
    """``for line in buffer`` ends before what is not complete, and may go on later."""
    buffer = Buffer(b"a\nb\r\nc")
    assert list(buffer) == [b"a", b"b"]
    buffer.add(b"d\n")
    assert list(buffer) == [b"cd"]


def test_lines_over_seams() -> None:
    """A line may be in many pieces."""
    buffer = Buffer()
    for part in (b"li", b"ne", b"\r", b"\n", b"x"):
        buffer.add_reference(part)
    assert buffer.read_line() == b"line"
    assert buffer == b"x"


def test_frozen() -> None:
    """Refused, with nothing lost."""
    buffer = Buffer(b"a\n")
    buffer.freeze(at_front=True)
    with pytest.raises(BufferError, match="frozen at its front"):
        buffer.read_line()
    buffer.unfreeze(at_front=True)
    assert buffer.read_line() == b"a"


def test_of_a_bufferevents_output(base: EventBase) -> None:
    """Refused."""
    bev = BufferEvent(base)
    bev.output.add(b"a\n")
    with pytest.raises(BufferError):
        bev.output.read_line()


@given(st.lists(st.binary(max_size=9).map(lambda part: part.replace(b"\n", b"")), max_size=5), st.data())
def test_lines_are_those_of_split(lines: list[bytes], data: st.DataObject) -> None:
    """However the bytes arrive."""
    whole = b"\n".join([*lines, b""])
    cut = data.draw(st.integers(0, len(whole)))
    with Buffer(whole[:cut]) as buffer:
        found = list(buffer.lines(EOLStyle.LF))
        buffer.add(whole[cut:])
        assert found + list(buffer.lines(EOLStyle.LF)) == lines
