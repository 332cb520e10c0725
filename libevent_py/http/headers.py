"""HTTPHeaders: names and values in order, names in any case (floor 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Union

# RFC 9110: a token; and what a value may hold, without blanks around it.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUE = re.compile("[\\x00-\\x08\\x0a-\\x1f\\x7f]")

HeaderItems = Union[Mapping[str, str], Iterable[tuple[str, str]]]


class HTTPHeaders(MutableMapping[str, str]):
    """The fields of a message, a name once or several times (``struct evkeyvalq``).

    As a mapping it has each name once: ``headers[name]`` is the first value, setting it
    replaces all values of the name, ``del`` removes them. :meth:`get_all`, :meth:`add` and
    :meth:`fields` know of the others. Names are compared without regard to case, and kept as
    they are. Text is Latin-1 on the wire, as in :mod:`http.client`.

    Args:
        fields: A mapping, or pairs of name and value.

    Raises:
        ValueError: A name that is no token, or a value with line breaks or control
            characters: they would change the message.

    Example::

        headers = HTTPHeaders({"Content-Type": "text/plain"})
        headers.add("Set-Cookie", "a=1")
        headers.add("Set-Cookie", "b=2")
        assert headers.get_all("set-cookie") == ["a=1", "b=2"]
    """

    __slots__ = ("_pairs",)

    def __init__(self, fields: HeaderItems = ()) -> None:
        self._pairs: list[tuple[str, str]] = []
        if isinstance(fields, HTTPHeaders):
            self._pairs += fields._pairs
            return
        for name, value in fields.items() if isinstance(fields, Mapping) else fields:
            self.add(name, value)

    @classmethod
    def _trusted(cls, pairs: list[tuple[str, str]]) -> HTTPHeaders:
        """The fields of a message that C has looked at."""
        self = cls()
        self._pairs = pairs
        return self

    def add(self, name: str, value: str) -> None:
        """Append a field; others of that name stay (``evhttp_add_header``)."""
        self._pairs.append((_checked_name(name), _checked_value(name, value)))

    def get_all(self, name: str) -> list[str]:
        """Every value of *name*, in order; empty where there is none."""
        wanted = _lower(name)
        return [value for each, value in self._pairs if each.lower() == wanted]

    def fields(self) -> list[tuple[str, str]]:
        """Every name and value as they are, in order."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        for value in self.get_all(name):
            return value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        field = _checked_name(name), _checked_value(name, value)
        wanted = _lower(name)
        places = [i for i, (each, _) in enumerate(self._pairs) if each.lower() == wanted]
        for place in reversed(places[1:]):
            del self._pairs[place]
        if places:
            self._pairs[places[0]] = field
        else:
            self._pairs.append(field)

    def __delitem__(self, name: str) -> None:
        wanted = _lower(name)
        kept = [field for field in self._pairs if field[0].lower() != wanted]
        if len(kept) == len(self._pairs):
            raise KeyError(name)
        self._pairs = kept

    def __iter__(self) -> Iterator[str]:
        seen = set()
        for name, _ in self._pairs:
            if name.lower() not in seen:
                seen.add(name.lower())
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HTTPHeaders):
            return NotImplemented
        return [(name.lower(), value) for name, value in self._pairs] == [
            (name.lower(), value) for name, value in other._pairs
        ]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"HTTPHeaders({self._pairs!r})"


def _lower(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a header's name must be a str, not {type(name).__name__}")
    return name.lower()


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a header's name must be a str, not {type(name).__name__}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"a header's name is made of letters, digits and !#$%&'*+.^_`|~-, not {name!r}")
    return name


def _checked_value(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the value of {name} must be a str, not {type(value).__name__}")
    if _NOT_IN_VALUE.search(value):
        raise ValueError(f"the value of {name} must not have line breaks or control characters: {value!r}")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"the value of {name} must be Latin-1, which {value!r} is not; encode it") from None
    return value.strip(" \t")
