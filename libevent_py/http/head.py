"""The head of an answer: status line and fields, as bytes (floor 7)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Optional

from .. import _convert
from .._ffi import lib
from .headers import HeaderItems, HTTPHeaders

CLOSES: int = lib.LEPY_HTTP_CLOSES
_DATED: int = lib.LEPY_HTTP_DATED

#: Kinds of fields that say something about the connection or the body.
_PLAIN, _LENGTH, _CLOSE, _KEEP, _DATE = range(5)


#: A head without its end, which C writes; LEPY_HTTP_CLOSES and LEPY_HTTP_DATED; and the
#: Content-Length that it tells.
Head = tuple[bytes, int, Optional[int]]


def build(status: int, reason: str | None, fields: HeaderItems, length: int | None) -> Head:
    """The head of an answer.

    Args:
        status: 200 to 999.
        reason: What stands behind it; None is the usual.
        fields: Content-Length may be among them, and then must be *length* where that is known;
            Connection may only say close or keep-alive.
        length: Of the body, to be told unless *fields* do; None: nothing is told.
    """
    start, flags, told = _start(status, reason, _pairs(fields) if fields else ())
    if told is None and length is not None:
        return start + b"Content-Length: %d\r\n" % length, flags, length
    return start, flags, told


def _start(status: int, reason: str | None, pairs: tuple[tuple[str, str], ...]) -> Head:
    try:
        return _cached_start(status, reason, pairs)
    except TypeError:  # what cannot be a key is no text either, and its own error says so
        return _made_start(status, reason, pairs)


def _made_start(status: int, reason: str | None, pairs: tuple[tuple[str, str], ...]) -> Head:
    parts = [_status_line(status, reason)]
    flags, told = 0, None
    for name, value in pairs:
        line, kind = _field(name, value)
        if kind == _LENGTH:
            if told is not None:
                raise ValueError("an answer has one Content-Length")
            told = int(value)
        elif kind == _CLOSE:
            flags |= CLOSES
            continue
        elif kind == _KEEP:
            continue
        elif kind == _DATE:
            flags |= _DATED
        parts.append(line)
    return b"".join(parts), flags, told


_cached_start = lru_cache(256)(_made_start)


def has_body(status: int) -> bool:
    """Whether an answer with *status* has one (RFC 9110)."""
    return status not in (204, 304)


def _pairs(fields: HeaderItems) -> tuple[tuple[str, str], ...]:
    if isinstance(fields, HTTPHeaders):
        return tuple(fields.fields())
    if isinstance(fields, (dict, Mapping)):  # dict alone is faster to ask for
        return tuple(fields.items())
    return tuple([(name, value) for name, value in fields])


@lru_cache(256)
def _status_line(status: int, reason: str | None) -> bytes:
    _convert.integer(status, "status", 200, 999)
    if reason is None:
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = "Unknown"
    elif not isinstance(reason, str):
        raise TypeError(f"reason must be a str, not {type(reason).__name__}")
    elif any(c < " " or c == "\x7f" for c in reason):
        raise ValueError(f"reason must not have line breaks or control characters: {reason!r}")
    return f"HTTP/1.1 {status} {reason}\r\n".encode("latin-1")


@lru_cache(1024)
def _field(name: str, value: str) -> tuple[bytes, int]:
    """One field's line, and its kind."""
    ((name, value),) = HTTPHeaders([(name, value)]).fields()
    kind, wanted = _PLAIN, name.lower()
    if wanted == "content-length":
        if not value.isascii() or not value.isdigit() or len(value) > 18:
            raise ValueError(f"Content-Length must be a number of bytes, not {value!r}")
        kind = _LENGTH
    elif wanted == "connection":
        if value.lower() not in ("close", "keep-alive"):
            raise ValueError(f"Connection can be close or keep-alive here, not {value!r}")
        kind = _CLOSE if value.lower() == "close" else _KEEP
    elif wanted == "date":
        kind = _DATE
    elif wanted == "transfer-encoding":
        raise ValueError("the server chooses the Transfer-Encoding: start_reply() without a Content-Length")
    return f"{name}: {value}\r\n".encode("latin-1"), kind
