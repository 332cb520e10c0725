"""URI: struct evhttp_uri (floor 7, event2/http.h)."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _convert
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from .escape import decoded, encoded

_PARTS = ("scheme", "userinfo", "host", "path", "query", "fragment")
_get = {name: getattr(lib, f"evhttp_uri_get_{name}") for name in _PARTS}
_set = {name: getattr(lib, f"evhttp_uri_set_{name}") for name in _PARTS}


@dataclass(frozen=True)
class URI:
    """A URI or a relative reference, in its parts (``struct evhttp_uri``, RFC 3986).

    It is a value: ``dataclasses.replace()`` makes another one, ``str()`` joins the parts
    (``evhttp_uri_join``). What it holds is as it stands in the text, percent-encoding
    included; :func:`uriencode`, :func:`uridecode` and :func:`parse_query` are for that.

    Args:
        scheme: ``"http"`` say, or None.
        userinfo: What stands before ``@``, or None; only with a host.
        host: A name or an address, IPv6 in brackets, or None.
        port: 0 to 65535, or None; only with a host.
        path: ``""`` where there is none; with a host it begins with a slash.
        query: What follows ``?``, or None.
        fragment: What follows ``#``, or None.
        nonconformant: Take characters that RFC 3986 forbids, but no control characters
            (``EVHTTP_URI_NONCONFORMANT``).

    Raises:
        ValueError: A part has a character that it must not have, or the parts together
            would be read as other ones.

    Example::

        uri = URI.parse("http://example.com:8080/a%20b?x=1")
        assert uridecode(uri.path) == "/a b"
        assert str(dataclasses.replace(uri, port=None)) == "http://example.com/a%20b?x=1"
    """

    scheme: str | None = None
    userinfo: str | None = None
    host: str | None = None
    port: int | None = None
    path: str = ""
    query: str | None = None
    fragment: str | None = None
    nonconformant: bool = False

    def __post_init__(self) -> None:
        """Refuse what would not come back from its own text."""
        if self.port is not None:
            _convert.integer(self.port, "port", 0, 65535)
        read = URI.parse(str(self), nonconformant=self.nonconformant)
        if read != self:
            raise ValueError(f"these parts would be read as {read!r}")

    @classmethod
    def parse(cls, text: str, *, nonconformant: bool = False) -> URI:
        """Take *text* apart (``evhttp_uri_parse_with_flags``).

        Args:
            text: A URI, or a reference such as ``"/path?query"``.
            nonconformant: As for the class.

        Raises:
            ValueError: It is none.
        """
        uri = lib.evhttp_uri_parse_with_flags(encoded(text, "a URI"), _flags(nonconformant))
        if not uri:
            raise ValueError(f"{text!r} is not a URI")
        try:
            self = cls.__new__(cls)
            port = lib.evhttp_uri_get_port(uri)
            self.__dict__.update({name: decoded(_get[name](uri)) for name in _PARTS})
            self.__dict__.update(port=None if port < 0 else port, nonconformant=bool(nonconformant))
            return self
        finally:
            lib.evhttp_uri_free(uri)

    def __str__(self) -> str:
        uri = check_pointer(lib.evhttp_uri_new(), "evhttp_uri_new")
        try:
            return self._join(uri)
        finally:
            lib.evhttp_uri_free(uri)

    def _join(self, uri: CData) -> str:
        lib.evhttp_uri_set_flags(uri, _flags(self.nonconformant))
        size = len("://@:65535?#") + 1
        for name in _PARTS:
            value = getattr(self, name)
            if value is not None:
                raw = encoded(value, name)
                size += len(raw)
                if _set[name](uri, raw) < 0:
                    raise ValueError(f"{value!r} cannot be the {name} of a URI; encode it first")
        if self.port is not None:
            lib.evhttp_uri_set_port(uri, self.port)
        memory = ffi.new("char[]", size)  # which joined points into
        joined = lib.evhttp_uri_join(uri, memory, size)
        if not joined:
            raise ValueError(f"with a host the path must begin with a slash, not {self.path!r}")
        return decoded(joined) or ""


def _flags(nonconformant: bool) -> int:
    return lib.EVHTTP_URI_NONCONFORMANT if nonconformant else 0
