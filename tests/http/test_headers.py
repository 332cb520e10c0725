"""HTTPHeaders against a plain list of pairs."""

from __future__ import annotations

from typing import Any

import pytest

from libevent_py import HTTPHeaders


def test_names_in_any_case() -> None:
    """Found in any, kept as they were written."""
    headers = HTTPHeaders({"Content-Type": "text/plain"})
    assert headers["content-type"] == headers["CONTENT-TYPE"] == "text/plain"
    assert "content-TYPE" in headers
    assert 1 not in headers
    assert list(headers) == ["Content-Type"]
    assert headers.get("Nothing") is None


def test_a_name_several_times() -> None:
    """All values in order; the mapping's value is the first, and its length counts names."""
    headers = HTTPHeaders([("Set-Cookie", "a"), ("X", "1"), ("set-cookie", "b")])
    assert headers.get_all("SET-COOKIE") == ["a", "b"]
    assert headers["Set-Cookie"] == "a"
    assert len(headers) == 2
    assert headers.fields() == [("Set-Cookie", "a"), ("X", "1"), ("set-cookie", "b")]


def test_setting_replaces_all() -> None:
    """In the place of the first, or at the end."""
    headers = HTTPHeaders([("A", "1"), ("B", "2"), ("a", "3"), ("C", "4")])
    headers["a"] = "5"
    headers["D"] = "6"
    assert headers.fields() == [("a", "5"), ("B", "2"), ("C", "4"), ("D", "6")]


def test_deleting_removes_all() -> None:
    """KeyError where there is none."""
    headers = HTTPHeaders([("A", "1"), ("B", "2"), ("a", "3")])
    del headers["A"]
    assert headers.fields() == [("B", "2")]
    with pytest.raises(KeyError):
        del headers["A"]
    with pytest.raises(KeyError):
        headers["A"]


def test_a_copy() -> None:
    """Of its own, with names several times too."""
    headers = HTTPHeaders([("A", "1"), ("A", "2")])
    other = HTTPHeaders(headers)
    other.add("A", "3")
    assert headers.get_all("A") == ["1", "2"]


def test_equality() -> None:
    """By name in any case, value and order."""
    assert HTTPHeaders({"A": "1"}) == HTTPHeaders([("a", "1")])
    assert HTTPHeaders({"A": "1"}) != HTTPHeaders({"A": "2"})
    assert HTTPHeaders([("A", "1"), ("B", "1")]) != HTTPHeaders([("B", "1"), ("A", "1")])
    assert HTTPHeaders({"A": "1"}) != {"A": "1"}


def test_blanks_around_a_value() -> None:
    """Not part of it."""
    assert HTTPHeaders({"A": " 1 2\t"})["a"] == "1 2"


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\n", "\xe9", "a\0", " a"])
def test_bad_names(name: str) -> None:
    """ValueError, by whichever way they come."""
    with pytest.raises(ValueError, match="header's name"):
        HTTPHeaders({name: "1"})
    headers = HTTPHeaders()
    with pytest.raises(ValueError, match="header's name"):
        headers[name] = "1"
    assert headers.fields() == []


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX: y", "a\0", "\x7f", "\u20ac"])
def test_bad_values(value: str) -> None:
    """ValueError: a line break would begin another field."""
    headers = HTTPHeaders()
    with pytest.raises(ValueError, match="the value of A must"):
        headers.add("A", value)
    with pytest.raises(ValueError, match="the value of A must"):
        headers["A"] = value
    assert headers.fields() == []


@pytest.mark.parametrize(("name", "value"), [(1, "a"), (b"A", "a"), ("A", 1), ("A", None)])
def test_wrong_types(name: Any, value: Any) -> None:
    """TypeError."""
    with pytest.raises(TypeError, match="must be a str"):
        HTTPHeaders().add(name, value)


def test_what_it_shows() -> None:
    """Enough to make it again."""
    headers = HTTPHeaders([("A", "1"), ("a", "2")])
    assert repr(headers) == "HTTPHeaders([('A', '1'), ('a', '2')])"
    assert eval(repr(headers)) == headers


def test_lookups_of_what_is_no_name() -> None:
    """TypeError, as where one is added."""
    headers = HTTPHeaders({"A": "b"})
    nonsense: Any = 1
    for lookup in (headers.get_all, headers.get, headers.pop, headers.__getitem__, headers.__delitem__):
        with pytest.raises(TypeError, match="must be a str, not int"):
            lookup(nonsense)
