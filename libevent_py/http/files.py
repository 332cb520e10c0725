"""How a file answers a request: its type, its version, and which part of it (floor 7)."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Mapping
from typing import NamedTuple

from .conditions import Validators
from .ranges import RangeNotSatisfiable, content_range, parse_range, unsatisfied_range

#: Python's own table, and not the machine's: everywhere the same. What it lacks in some releases follows.
_TYPES = {
    **mimetypes.MimeTypes().types_map[True],
    ".avif": "image/avif",
    ".bz2": "application/x-bzip2",
    ".gz": "application/gzip",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xz": "application/x-xz",
    ".zst": "application/zstd",
}


class FilePart(NamedTuple):
    """What to answer: *length* bytes of the file from *offset*; none with 304, 412 and 416."""

    status: int
    fields: dict[str, str]
    offset: int
    length: int


def content_type(name: str) -> str:
    """The media type of a file, by what its name ends with; ``application/octet-stream`` if unknown."""
    return _TYPES.get(os.path.splitext(name)[1].lower(), "application/octet-stream")


def validators_of(status: os.stat_result) -> Validators:
    """The version of a file: its entity tag is made of the size and the time of the last change."""
    return Validators(f'"{status.st_mtime_ns:x}-{status.st_size:x}"', max(int(status.st_mtime), 0))


def choose_part(
    method: str, headers: Mapping[str, str], status: os.stat_result, content_type: str
) -> FilePart:
    """Decide how a GET or HEAD of a file is answered: conditions first, then its range.

    Args:
        method: The request's.
        headers: The request's.
        status: The open file's.
        content_type: The file's.
    """
    size = status.st_size
    validators = validators_of(status)
    fields = {**validators.fields(), "Accept-Ranges": "bytes"}
    refusal = validators.refusal(method, headers)
    if refusal is not None:
        return FilePart(refusal, fields, 0, 0)
    fields["Content-Type"] = content_type
    if method == "GET" and "Range" in headers and validators.allows_range(headers):
        try:
            part = parse_range(headers["Range"], size)
        except RangeNotSatisfiable:
            return FilePart(416, {"Content-Range": unsatisfied_range(size)}, 0, 0)
        if part is not None:
            fields["Content-Range"] = content_range(*part, size)
            return FilePart(206, fields, *part)
    return FilePart(200, fields, 0, size)
