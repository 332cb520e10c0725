"""Framing against a model in plain Python, with the bytes cut anyhow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libevent_py import (
    BufferEventPair,
    EOLStyle,
    EventBase,
    EventFlags,
    LengthFraming,
    LineFraming,
    LoopFlags,
    MessageTooLongError,
)

MAX = 6
#: Messages, what is left, and whether the next one is too long.
Outcome = tuple[list[bytes], bytes, bool]

ENDS = {
    EOLStyle.ANY: rb"[\r\n]+",
    EOLStyle.CRLF: rb"\r?\n",
    EOLStyle.CRLF_STRICT: rb"\r\n",
    EOLStyle.LF: rb"\n",
    EOLStyle.NUL: rb"\0",
}


def lines_of(data: bytes, style: EOLStyle) -> Outcome:
    """What a LineFraming should make of *data*."""
    *lines, rest = re.split(ENDS[style], data)
    for number, line in enumerate(lines):
        if len(line) > MAX:
            return lines[:number], b"", True
    half = style in (EOLStyle.CRLF, EOLStyle.CRLF_STRICT) and rest.endswith(b"\r")
    return lines, rest, len(rest) - half > MAX


def frames_of(data: bytes, size: int, byteorder: Any) -> Outcome:
    """What a LengthFraming should make of *data*."""
    messages = []
    while len(data) >= size:
        length = int.from_bytes(data[:size], byteorder)
        if length > MAX:
            return messages, b"", True
        if len(data) < size + length:
            break
        messages.append(data[size : size + length])
        data = data[size + length :]
    return messages, data, False


def outcome(framing: Any, pieces: list[bytes]) -> Outcome:
    """What on_messages and on_event get when *pieces* come one by one."""
    found: list[bytes] = []
    errors: list[Any] = []
    rest = b""
    with EventBase() as base, BufferEventPair(base) as (one, other):
        other.set_callbacks(
            on_messages=lambda bev, messages: found.extend(messages),
            on_event=lambda bev, what: errors.append(bev.error),
            framing=framing,
        )
        other.enable(EventFlags.READ)
        for piece in pieces:
            one.write(piece)
            base.loop(LoopFlags.NONBLOCK)
            if other.closed:
                break
        else:
            rest = bytes(other.input)
    assert all(isinstance(error, MessageTooLongError) for error in errors)
    assert len(errors) <= 1
    return found, rest, bool(errors)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """*data* cut at *places*, as far as they are in it."""
    bounds = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:end] for start, end in zip(bounds, bounds[1:])]


text = st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"a", b"bcd", b"\r\n"]), max_size=30).map(b"".join)
places = st.lists(st.integers(1, 60), max_size=12)


@pytest.mark.parametrize("style", list(EOLStyle))
def test_lines(style: EOLStyle) -> None:
    """The same lines, however they were cut on their way."""

    @given(data=text, places=places)
    @example(data=b"a\r\nb\r\n", places=[2, 5])
    @example(data=b"aaaaaa\r\nb", places=[7])
    def check(data: bytes, places: list[int]) -> None:
        found, rest, too_long = outcome(LineFraming(style, MAX), cut(data, places))
        messages, left, over = lines_of(data, style)
        assert (found, too_long) == (messages, over)
        if not over:
            # A run of CR and LF is taken as far as it has come.
            assert rest == left

    check()


@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize("byteorder", ["big", "little"])
def test_lengths(size: int, byteorder: str) -> None:
    """The same messages, however they were cut on their way."""
    framing = LengthFraming(size, byteorder, MAX)

    @given(
        messages=st.lists(st.binary(max_size=MAX), max_size=10),
        tail=st.binary(max_size=12),
        places=places,
    )
    def check(messages: list[bytes], tail: bytes, places: list[int]) -> None:
        data = framing.join(messages) + tail
        found, rest, too_long = outcome(framing, cut(data, places))
        expected, left, over = frames_of(data, size, byteorder)
        assert (found, too_long) == (expected, over)
        if not over:
            assert rest == left

    check()
