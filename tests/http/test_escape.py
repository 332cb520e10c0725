"""Percent-encoding, HTML and query strings, against Python's own."""

from __future__ import annotations

import html
from urllib.parse import parse_qsl, quote, quote_plus, unquote_to_bytes

import pytest

from libevent_py.http import htmlescape, parse_query, uridecode, uriencode

hypothesis = pytest.importorskip("hypothesis")
texts = hypothesis.strategies.text(max_size=40)


def test_encoding() -> None:
    """Text as UTF-8, or bytes; a space in either way."""
    assert uriencode("a b/\xe9~") == "a%20b%2F%C3%A9~"
    assert uriencode("a b", plus=True) == "a+b"
    assert (
        uriencode(b"\xff\0")
        == uriencode(bytearray(b"\xff\0"))
        == uriencode(memoryview(b"\xff\0"))
        == "%FF%00"
    )
    assert uriencode("") == uriencode(b"") == ""


def test_decoding() -> None:
    """NUL stays, what is no UTF-8 too, a plus only where it means itself."""
    assert uridecode("a%00b") == "a\0b"
    assert uridecode("%ff").encode("utf-8", "surrogateescape") == b"\xff"
    assert uridecode("a+b") == "a+b"
    assert uridecode("a+b", plus=True) == "a b"
    assert uridecode("%zz%4") == "%zz%4"


@hypothesis.given(texts)
def test_there_and_back(text: str) -> None:
    """As urllib's, and nothing is lost."""
    assert uriencode(text) == quote(text, safe="")
    assert uriencode(text, plus=True) == quote_plus(text)
    assert uridecode(uriencode(text)) == text
    assert uridecode(uriencode(text, plus=True), plus=True) == text


@hypothesis.given(hypothesis.strategies.text("%0aF+ \xe9", max_size=20))
def test_what_is_half_encoded(text: str) -> None:
    """Decoded as urllib does."""
    assert uridecode(text).encode("utf-8", "surrogateescape") == unquote_to_bytes(text)


@hypothesis.given(texts)
def test_html(text: str) -> None:
    """html.unescape() gives it back; NUL is refused."""
    if "\0" in text:
        with pytest.raises(ValueError, match="NUL"):
            htmlescape(text)
    else:
        assert html.unescape(htmlescape(text)) == html.unescape(html.escape(text))
        assert not set(htmlescape(text)) & set("<>\"'")


def test_queries() -> None:
    """Names and values decoded, in order, repeated ones too."""
    assert parse_query("a=1&b=two+words&c=%26%3D&b=") == [
        ("a", "1"),
        ("b", "two words"),
        ("c", "&="),
        ("b", ""),
    ]
    assert parse_query("a%20b=1") == [("a b", "1")]
    assert parse_query("") == []


def test_an_open_end() -> None:
    """What libevent takes after the last part: nothing."""
    assert parse_query("a=1&") == [("a", "1")]


@pytest.mark.parametrize("query", ["a", "=1", "a=1&&b=2", "a=%00", "a=\0"])
def test_what_is_no_query(query: str) -> None:
    """A ValueError, and nothing is cut off silently."""
    with pytest.raises(ValueError, match=r"name=value|NUL"):
        parse_query(query)


@hypothesis.given(
    hypothesis.strategies.lists(hypothesis.strategies.tuples(texts.filter(bool), texts), max_size=5)
)
def test_queries_as_urllib_does(pairs: list[tuple[str, str]]) -> None:
    """The same pairs as urllib finds."""
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    hypothesis.assume("%00" not in query)
    assert parse_query(query) == parse_qsl(query, keep_blank_values=True) == pairs


def test_wrong_types() -> None:
    """TypeError, before C."""
    with pytest.raises(TypeError, match="text must be a str"):
        uridecode(b"a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes-like"):
        uriencode(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="query must be a str"):
        parse_query(None)  # type: ignore[arg-type]
