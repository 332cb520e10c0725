"""Framings as values: what they take, and how messages are joined."""

from __future__ import annotations

from typing import Any

import pytest

from libevent_py import EOLStyle, LengthFraming, LineFraming


@pytest.mark.parametrize(
    ("style", "joined"),
    [
        (EOLStyle.ANY, b"a\nb\n"),
        (EOLStyle.CRLF, b"a\r\nb\r\n"),
        (EOLStyle.CRLF_STRICT, b"a\r\nb\r\n"),
        (EOLStyle.LF, b"a\nb\n"),
        (EOLStyle.NUL, b"a\0b\0"),
    ],
)
def test_each_line_gets_its_end(style: EOLStyle, joined: bytes) -> None:
    """The one that the style's protocols send."""
    assert LineFraming(style).join([b"a", b"b"]) == joined


@pytest.mark.parametrize(
    ("style", "line"),
    [
        (EOLStyle.ANY, b"a\rb"),
        (EOLStyle.ANY, b"a\nb"),
        (EOLStyle.CRLF, b"a\nb"),
        (EOLStyle.CRLF_STRICT, b"a\r\nb"),
        (EOLStyle.LF, b"a\nb"),
        (EOLStyle.NUL, b"a\0b"),
    ],
)
def test_a_line_cannot_smuggle_another(style: EOLStyle, line: bytes) -> None:
    """What would be two lines for the peer is refused."""
    with pytest.raises(ValueError, match="would end it"):
        LineFraming(style).join([b"fine", line])


def test_a_line_may_contain_what_does_not_end_it() -> None:
    """A lone LF is text where only CR LF is an end."""
    assert LineFraming(EOLStyle.CRLF_STRICT).join([b"a\nb"]) == b"a\nb\r\n"
    assert LineFraming(EOLStyle.NUL).join([b"a\r\nb"]) == b"a\r\nb\0"


@pytest.mark.parametrize("framing", [LineFraming(), LengthFraming()])
def test_no_message_is_no_byte(framing: Any) -> None:
    """An empty list writes nothing."""
    assert framing.join([]) == b""


@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize("byteorder", ["big", "little"])
def test_a_length_is_in_front(size: int, byteorder: Any) -> None:
    """In each size and order, of the message alone."""
    framing = LengthFraming(size, byteorder)
    assert framing.join([b"abc", b""]) == (3).to_bytes(size, byteorder) + b"abc" + bytes(size)


def test_a_message_that_the_peer_would_refuse_is_refused_here() -> None:
    """max_length holds for what is sent too."""
    with pytest.raises(ValueError, match="max_length is 2"):
        LengthFraming(max_length=2).join([b"abc"])


def test_the_default_maximum_fits_the_size() -> None:
    """A mebibyte, or what the length can tell."""
    assert [LengthFraming(size).max_length for size in (1, 2, 4, 8)] == [255, 65535, 1 << 20, 1 << 20]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: LineFraming("LF"), ValueError),  # type: ignore[arg-type]
        (lambda: LineFraming(99), ValueError),  # type: ignore[arg-type]
        (lambda: LineFraming(max_length=0), ValueError),
        (lambda: LineFraming(max_length=1 << 31), ValueError),
        (lambda: LineFraming(max_length=1.5), TypeError),  # type: ignore[arg-type]
        (lambda: LengthFraming(3), ValueError),
        (lambda: LengthFraming("4"), ValueError),  # type: ignore[arg-type]
        (lambda: LengthFraming(4, "network"), ValueError),
        (lambda: LengthFraming(1, max_length=256), ValueError),
        (lambda: LengthFraming(8, max_length=1 << 31), ValueError),
    ],
)
def test_what_is_no_framing_is_refused(make: Any, error: type[Exception]) -> None:
    """Before any bufferevent has it."""
    with pytest.raises(error):
        make()


def test_a_framing_tells_what_it_is() -> None:
    """For logs and error texts."""
    line, length = LineFraming(EOLStyle.NUL, 9), LengthFraming(2, "little")
    assert (line.style, line.max_length) == (EOLStyle.NUL, 9)
    assert (length.size, length.byteorder, length.max_length) == (2, "little", 65535)
    assert repr(line) == "LineFraming(EOLStyle.NUL, max_length=9)"
    assert repr(length) == "LengthFraming(2, 'little', max_length=65535)"
