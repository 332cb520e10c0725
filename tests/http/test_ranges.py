"""Byte ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libevent_py.http.ranges import RangeNotSatisfiable, content_range, parse_range, unsatisfied_range


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 3)),
        ("bytes=9-", (9, 1)),
        ("bytes=0-", (0, 10)),
        ("bytes=5-99", (5, 5)),
        ("bytes=-3", (7, 3)),
        ("bytes=-99", (0, 10)),
        ("Bytes = 2-4", (2, 3)),
        ("bytes=,2-4,", (2, 3)),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=1-2x", None),
        ("bytes=+1-2", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        ("", None),
        ("bytes=0-" + "9" * 5000, None),
        ("bytes=\N{ARABIC-INDIC DIGIT ONE}-", None),
    ],
)
def test_a_range_of_ten_bytes(value: str, part: tuple[int, int] | None) -> None:
    """One is understood; several, and what is none, are as if they were not there."""
    assert parse_range(value, 10) == part


@pytest.mark.parametrize(
    ("value", "size"),
    [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)],
)
def test_bytes_that_are_not_there(value: str, size: int) -> None:
    """Are the client's mistake, of which it is told."""
    with pytest.raises(RangeNotSatisfiable):
        parse_range(value, size)


@given(st.text(max_size=40) | st.from_regex(r"bytes=[0-9,\- ]{0,12}"), st.integers(0, 1 << 40))
def test_a_part_is_inside(value: str, size: int) -> None:
    """Whatever the client says."""
    try:
        part = parse_range(value, size)
    except RangeNotSatisfiable:
        return
    if part is not None:
        offset, length = part
        assert 0 <= offset < offset + length <= size


def test_content_range_tells_the_part() -> None:
    """Its last byte is counted in."""
    assert content_range(2, 3, 10) == "bytes 2-4/10"
    assert unsatisfied_range(10) == "bytes */10"
