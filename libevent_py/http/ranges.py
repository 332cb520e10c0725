"""Byte ranges: RFC 9110, section 14 (floor 7).

One range is served. Whoever asks for several gets the whole, as the RFC allows: multipart answers are
hardly used, and many small parts of one file are a way to attack a server.
"""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes[ \t]*=[ \t,]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t,]*", re.ASCII | re.IGNORECASE)
#: More digits than any file has bytes; int() of very many is slow, and refused by Python itself.
_LONGEST = 18


class RangeNotSatisfiable(ValueError):
    """The range begins behind the end: status 416."""


def parse_range(value: str, size: int) -> tuple[int, int] | None:
    """The part that a Range field asks for.

    Args:
        value: ``"bytes=0-99"``, ``"bytes=100-"`` or ``"bytes=-10"``, the last ten.
        size: Of the whole, in bytes.

    Returns:
        Where it begins, and how many bytes it has; None where the field is to be ignored:
        another unit, several ranges, or nonsense.

    Raises:
        RangeNotSatisfiable: There are no such bytes.
    """
    found = _RANGE.fullmatch(value)
    if not found or any(len(digits or "") > _LONGEST for digits in found.groups()):
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        start, stop = max(size - int(suffix), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start == stop:
        raise RangeNotSatisfiable(f"there is no byte {value} of {size}")
    return start, stop - start


def content_range(offset: int, length: int, size: int) -> str:
    """The Content-Range field of a part."""
    return f"bytes {offset}-{offset + length - 1}/{size}"


def unsatisfied_range(size: int) -> str:
    """The Content-Range field of status 416."""
    return f"bytes */{size}"
