"""libevent's regress group evbuffer: lines, searching, and looking at bytes.

``docs/regress.md`` says which case is which test.
"""

from __future__ import annotations

import pytest
from chains import pieces

from libevent_py import Buffer, EOLStyle


def test_pullup_with_empty() -> None:
    """pullup_with_empty: over a piece without bytes."""
    buffer = pieces(b"foo", None, b"foo")
    for size in (0, 3, 4, 6):
        with buffer.pullup(size) as view:
            assert view == b"foofoo"[:size]


@pytest.mark.parametrize(
    ("style", "text", "lines", "rest"),
    [
        (EOLStyle.ANY, b"complex silly\r\n\n\r\n\n\rmore\0\n", [b"complex silly", b"more\0"], b""),
        (EOLStyle.ANY, b"\nno newline", [b""], b"no newline"),
        (EOLStyle.CRLF, b"Line with\rin the middle\nLine with good crlf\r\n\nfinal\n",
         [b"Line with\rin the middle", b"Line with good crlf", b"", b"final"], b""),
        (EOLStyle.CRLF_STRICT, b"a bad\nand a good one\r\n\r", [b"a bad\nand a good one"], b"\r"),
        (EOLStyle.LF, b"An\rand a nl\n\nText", [b"An\rand a nl", b""], b"Text"),
        (EOLStyle.NUL, b"NUL-terminated\0then\n\0x", [b"NUL-terminated", b"then\n"], b"x"),
        (EOLStyle.CRLF, b"x" * 6000 + b"\r\n" + b"y" * 6000, [b"x" * 6000], b"y" * 6000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_readln(style: EOLStyle, text: bytes, lines: list[bytes], rest: bytes, step: int) -> None:
    """Readln, find: each style, also where a line's end is in two pieces."""
    buffer = pieces(*(text[start : start + step] for start in range(0, min(len(text), 400 * step), step)))
    buffer.add(text[400 * step :])
    assert list(buffer.lines(style)) == lines
    assert buffer == rest


def test_search_eol() -> None:
    """search_eol: positions and lengths in one buffer, from anywhere."""
    buffer = pieces(b"hello\r", b"\n\n\rworld\0\n")
    assert buffer.search_eol(EOLStyle.ANY) == (5, 4)
    assert buffer.search_eol(EOLStyle.CRLF) == (5, 2)
    assert buffer.search_eol(EOLStyle.CRLF, 6) == (6, 1)
    assert buffer.search_eol(EOLStyle.CRLF_STRICT, 6) == (-1, 0)
    assert buffer.search_eol(EOLStyle.LF, 7) == (7, 1)
    assert buffer.search_eol(EOLStyle.NUL) == (14, 1)


def test_search() -> None:
    """Search, ptr_set: patterns over seams, and ranges."""
    buffer = pieces(b"abra", b"abracad", b"abra")
    text = bytes(buffer)
    for what in (b"abra", b"abrac", b"aabra", b"cadabra", b"dab", b"none", b"a", b"abraabracadabra"):
        for start in range(len(text) + 2):
            assert buffer.search(what, start) == text.find(what, start)
            for end in range(start, len(text) + 2):
                assert buffer.search_range(what, start, end) == text.find(what, start, end)
    for start in range(len(text) + 2):
        assert buffer.copyout(3, start) == text[start : start + 3]


def test_peek() -> None:
    """Peek, peek_first_gt: from anywhere, in as many pieces as there are."""
    buffer, chunk = Buffer(), Buffer()
    text = b""
    for number in range(16):
        line = b"Contents of chunk [%d]\n" % number
        chunk.add(line)
        buffer.add_buffer(chunk)
        text += line
    for size, start in (
        (None, 0),
        (1, 0),
        (40, 0),
        (100, 0),
        (65_536, 0),
        (50, 30),
        (44, 44),
        (44, len(text)),
        (50, 5),
    ):
        views = buffer.peek(size, start)
        assert b"".join(views) == text[start:][:size]
        for view in views:
            view.release()
    assert chunk.peek() == chunk.peek(50) == ()
    buffer.drain(10)
    assert b"".join(buffer.peek(20)) == text[10:30]


def test_copyout() -> None:
    """Copyout: from the front and from anywhere, over seams, less and more than there is."""
    buffer = pieces(b"One ", b"two ", b"three")
    text = bytes(buffer)
    for start in range(len(text) + 1):
        for size in (0, 1, 4, 5, 100):
            assert buffer.copyout(size, start) == text[start : start + size]
    assert buffer == text
