"""Conditional requests: RFC 9110, section 13 (floor 7)."""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass

# An opaque tag may hold commas, so a list of them is not split at commas.
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_TAGS = re.compile(rf"[ \t,]*(?:{_TAG.pattern}[ \t]*(?:,[ \t,]*|$))+")


def http_date(seconds: float) -> str:
    """A time as HTTP writes it: ``Sun, 06 Nov 1994 08:49:37 GMT``.

    Args:
        seconds: Since the epoch; parts of one are left out.
    """
    return email.utils.formatdate(int(seconds), usegmt=True)


def parse_http_date(text: str) -> int | None:
    """Seconds since the epoch, of each of the three forms that HTTP knows; None for anything else."""
    try:
        found = email.utils.parsedate_to_datetime(text)
        return int(found.replace(tzinfo=datetime.timezone.utc).timestamp())
    except (ValueError, OverflowError, TypeError, IndexError):  # TypeError is 3.9's for most
        return None


@dataclass(frozen=True)
class Validators:
    """What tells one version of a resource from another.

    Args:
        etag: An entity tag in its quotes, ``W/`` before it if it is a weak one; None for none.
        modified: When it last changed, in seconds since the epoch; None if nobody knows.

    Example::

        validators = Validators(etag='"v1"', modified=784111777)
        assert validators.refusal("GET", {"If-None-Match": '"v1"'}) == 304
    """

    etag: str | None = None
    modified: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no entity tag: it would be read as something else."""
        if self.etag is not None and not _TAG.fullmatch(self.etag):
            raise ValueError(f'an entity tag stands in quotes, as in "v1" or W/"v1", not {self.etag!r}')

    def fields(self) -> dict[str, str]:
        """The header fields that tell clients."""
        found = {}
        if self.etag is not None:
            found["ETag"] = self.etag
        if self.modified is not None:
            found["Last-Modified"] = http_date(self.modified)
        return found

    def refusal(self, method: str, headers: Mapping[str, str]) -> int | None:
        """The status that answers a request instead of doing it, in the order of section 13.2.2.

        Args:
            method: The request's.
            headers: The request's; names in any case, as in HTTPHeaders.

        Returns:
            304: The client has this version already. 412: It wants another version than this.
            None: Do it.
        """
        is_read = method in ("GET", "HEAD")
        if "If-Match" in headers:
            if not self._is_listed(headers["If-Match"], strong=True):
                return 412
        elif self._is_newer_than(headers.get("If-Unmodified-Since")):
            return 412
        if "If-None-Match" in headers:
            if self._is_listed(headers["If-None-Match"], strong=False):
                return 304 if is_read else 412
        elif is_read and self._is_newer_than(headers.get("If-Modified-Since")) is False:
            return 304
        return None

    def allows_range(self, headers: Mapping[str, str]) -> bool:
        """Whether a part may be sent: If-Range is not there, or names this very version."""
        wanted = headers.get("If-Range")
        if wanted is None:
            return True
        if wanted.startswith(('"', "W/")):
            return self._is_listed(wanted, strong=True) and wanted != "*"
        return self.modified is not None and parse_http_date(wanted) == self.modified

    def _is_listed(self, value: str, *, strong: bool) -> bool:
        if value.strip() == "*":
            return True
        if self.etag is None or not _TAGS.fullmatch(value):
            return False
        if strong:
            return not self.etag.startswith("W/") and self.etag in _TAG.findall(value)
        return _opaque(self.etag) in map(_opaque, _TAG.findall(value))

    def _is_newer_than(self, date: str | None) -> bool | None:
        """None where one of the two is not known."""
        asked = None if date is None else parse_http_date(date)
        return None if asked is None or self.modified is None else self.modified > asked


def _opaque(tag: str) -> str:
    return tag[2:] if tag.startswith("W/") else tag
