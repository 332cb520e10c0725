"""Percent-encoding, HTML and query strings (floor 7, event2/http.h).

Text is UTF-8 in URIs; bytes that are not, ``%ff`` say, become surrogates, as file names
do (``os.fsdecode``), so that nothing is lost either way.
"""

from __future__ import annotations

from .. import _convert
from .._ffi import CData, ffi, lib

_ENCODING = "utf-8", "surrogateescape"


def encoded(text: str, what: str) -> bytes:
    """*text* for a C string."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{what} must not contain NUL")
    return text.encode(*_ENCODING)


def decoded(string: CData) -> str | None:
    """A C string as text; None for NULL."""
    return ffi.string(string).decode(*_ENCODING) if string else None


def _taken(string: CData, size: int | None = None) -> str:
    """A C string that is ours to free, of *size* bytes or up to its end."""
    if not string:
        raise MemoryError("libevent found no memory")
    try:
        found: bytes = ffi.string(string) if size is None else ffi.unpack(string, size)
        return found.decode(*_ENCODING)
    finally:
        lib.free(string)


def uriencode(data: str | _convert.Buffered, *, plus: bool = False) -> str:
    """Percent-encode all but letters, digits and ``-._~`` (``evhttp_uriencode``).

    Args:
        data: Text, which is encoded as UTF-8, or bytes.
        plus: Write a space as ``+``, as query strings have it, instead of ``%20``.
    """
    if isinstance(data, str):
        data = data.encode(*_ENCODING)
    with _convert.exported(data) as memory:
        return _taken(lib.evhttp_uriencode(memory, len(memory), bool(plus)))


def uridecode(text: str, *, plus: bool = False) -> str:
    """Undo :func:`uriencode`; NUL (``%00``) stays (``evhttp_uridecode``).

    Args:
        text: Percent-encoded; a ``%`` without two hexadecimal digits stays as it is.
        plus: ``+`` means a space.
    """
    size = ffi.new("size_t *")
    string = lib.evhttp_uridecode(encoded(text, "text"), bool(plus), size)
    return _taken(string, size[0])


def htmlescape(text: str) -> str:
    """Make *text* fit for HTML, in attributes too: ``& < > " '`` (``evhttp_htmlescape``)."""
    return _taken(lib.evhttp_htmlescape(encoded(text, "text")))


def parse_query(query: str) -> list[tuple[str, str]]:
    """Names and values of a query string, decoded, in their order (``evhttp_parse_query_str``).

    Args:
        query: ``"a=1&b=two+words"``, without the question mark.

    Raises:
        ValueError: A part has no ``=`` or no name, or ``%00``, which C would cut off there.
    """
    text = encoded(query, "query")
    if b"%00" in text:
        raise ValueError("a query must not contain NUL (%00)")
    found = ffi.new("struct evkeyvalq *")
    try:
        if lib.evhttp_parse_query_str(text, found) < 0:
            raise ValueError(f"every part of a query must be name=value: {query!r}")
        pairs = []
        entry = lib.lepy_evkeyvalq_first(found)
        while entry:
            name, value = decoded(entry.key), decoded(entry.value)
            pairs.append((uridecode(name or "", plus=True), value or ""))
            entry = lib.lepy_evkeyvalq_next(entry)
        return pairs
    finally:
        lib.evhttp_clear_headers(found)
