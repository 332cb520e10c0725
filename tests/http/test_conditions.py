"""Conditional requests."""

from __future__ import annotations

import pytest

from libevent_py.http.conditions import Validators, http_date, parse_http_date
from libevent_py.http.headers import HTTPHeaders

THEN = 784111777
BEFORE, AT, AFTER = (http_date(THEN + seconds) for seconds in (-1, 0, 1))
THIS = Validators('"v1"', THEN)


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_three_forms_of_a_date_are_understood(text: str) -> None:
    """As RFC 9110 has them; the first is the one that is written."""
    assert parse_http_date(text) == THEN
    assert AT == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "0", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 999999 08:49:37 GMT", "\xff," * 9],
)
def test_what_is_no_date_is_none(text: str) -> None:
    """And nothing raises."""
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("GET", {}, None),
        ("GET", {"If-None-Match": '"v1"'}, 304),
        ("HEAD", {"If-None-Match": '"v0", "v1"'}, 304),
        ("GET", {"If-None-Match": 'W/"v1"'}, 304),
        ("GET", {"if-none-match": "*"}, 304),
        ("PUT", {"If-None-Match": "*"}, 412),
        ("GET", {"If-None-Match": '"v0"'}, None),
        ("GET", {"If-None-Match": "v1"}, None),
        ("GET", {"If-None-Match": '"v1" "v0"'}, None),
        ("GET", {"If-None-Match": '"v0", x"v1"'}, None),
        ("GET", {"If-Modified-Since": AT}, 304),
        ("GET", {"If-Modified-Since": AFTER}, 304),
        ("GET", {"If-Modified-Since": BEFORE}, None),
        ("GET", {"If-Modified-Since": "nonsense"}, None),
        ("PUT", {"If-Modified-Since": AT}, None),
        ("GET", {"If-None-Match": '"v0"', "If-Modified-Since": AT}, None),
        ("GET", {"If-Match": '"v1"'}, None),
        ("GET", {"If-Match": "*"}, None),
        ("GET", {"If-Match": '"v0"'}, 412),
        ("GET", {"If-Match": 'W/"v1"'}, 412),
        ("GET", {"If-Unmodified-Since": BEFORE}, 412),
        ("GET", {"If-Unmodified-Since": AT}, None),
        ("GET", {"If-Match": '"v1"', "If-Unmodified-Since": BEFORE}, None),
        ("GET", {"If-Match": '"v0"', "If-None-Match": '"v1"'}, 412),
    ],
)
def test_conditions_are_evaluated_in_order(method: str, fields: dict[str, str], status: int | None) -> None:
    """By RFC 9110, 13.2.2; what is not understood is ignored."""
    assert THIS.refusal(method, HTTPHeaders(fields)) == status


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (None, True),
        ('"v1"', True),
        ('"v0"', False),
        ('W/"v1"', False),
        (AT, True),
        (AFTER, False),
        ("*", False),
    ],
)
def test_a_range_of_another_version_is_not_sent(value: str | None, allowed: bool) -> None:
    """If-Range names this very version, by a strong tag or by its date."""
    assert THIS.allows_range(HTTPHeaders({} if value is None else {"If-Range": value})) is allowed


def test_weak_tags_allow_no_range() -> None:
    """Two versions of which both are as good need not have the same bytes."""
    assert not Validators('W/"v1"').allows_range({"If-Range": 'W/"v1"'})


def test_without_validators_nothing_is_refused() -> None:
    """But what asks for a certain version is."""
    unknown = Validators()
    assert unknown.fields() == {}
    assert unknown.refusal("GET", {"If-None-Match": '"v1"'}) is None
    assert unknown.refusal("GET", {"If-Modified-Since": AT}) is None
    assert unknown.refusal("GET", {"If-Match": '"v1"'}) == 412
    assert not unknown.allows_range({"If-Range": AT})


def test_commas_belong_to_tags() -> None:
    """A list is not cut inside the quotes."""
    assert Validators('"a,b"').refusal("GET", {"If-None-Match": '"x", "a,b"'}) == 304
    assert Validators('"b"').refusal("GET", {"If-None-Match": '"a,"b""'}) is None


@pytest.mark.parametrize("etag", ["v1", '"v1', "", '"a"b"', 'w/"v1"', '"v1"\r\nX: y'])
def test_what_is_no_tag_is_refused(etag: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match='as in "v1"'):
        Validators(etag)


def test_fields_tell_the_client() -> None:
    """What it may ask with later."""
    assert THIS.fields() == {"ETag": '"v1"', "Last-Modified": AT}
