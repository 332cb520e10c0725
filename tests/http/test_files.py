"""How a file answers a request."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libevent_py.http.files import FilePart, choose_part, content_type, validators_of
from libevent_py.http.headers import HTTPHeaders


@pytest.fixture
def status(tmp_path: Path) -> os.stat_result:
    """Of a file of ten bytes."""
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    os.utime(file, (784111777, 784111777))
    return file.stat()


def part(status: os.stat_result, method: str = "GET", **fields: str) -> FilePart:
    """The answer to a request with these fields."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return choose_part(method, HTTPHeaders(named), status, "text/plain")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html"),
        ("A.JPG", "image/jpeg"),
        ("app.js", "text/javascript"),
        ("module.mjs", "text/javascript"),
        ("font.woff2", "font/woff2"),
        ("all.tar.gz", "application/gzip"),
        ("data:text/html,x", "application/octet-stream"),
        ("Makefile", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("x.\udcff", "application/octet-stream"),
    ],
)
def test_the_type_is_by_the_name(name: str, kind: str) -> None:
    """The same on every machine."""
    assert content_type(name) == kind


def test_the_whole(status: os.stat_result) -> None:
    """With all that a client may ask with next time."""
    whole = part(status)
    assert (whole.status, whole.offset, whole.length) == (200, 0, 10)
    assert whole.fields == {
        "ETag": validators_of(status).etag,
        "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
        "Accept-Ranges": "bytes",
        "Content-Type": "text/plain",
    }


def test_a_part(status: os.stat_result) -> None:
    """It says which one."""
    some = part(status, Range="bytes=2-4")
    assert (some.status, some.offset, some.length) == (206, 2, 3)
    assert some.fields["Content-Range"] == "bytes 2-4/10"


def test_head_has_no_part(status: os.stat_result) -> None:
    """Range is for GET only."""
    assert part(status, "HEAD", Range="bytes=2-4").status == 200


def test_a_part_that_is_not_there(status: os.stat_result) -> None:
    """The client learns the size, and nothing of the type."""
    assert part(status, Range="bytes=10-") == FilePart(416, {"Content-Range": "bytes */10"}, 0, 0)


def test_conditions_come_first(status: os.stat_result) -> None:
    """A version that the client has is not sent again, nor a part of it."""
    etag = validators_of(status).etag
    assert etag is not None
    assert part(status, If_None_Match=etag, Range="bytes=2-4").status == 304
    assert part(status, If_Match='"other"', Range="bytes=2-4").status == 412
    assert part(status, If_Range='"other"', Range="bytes=2-4").status == 200
    assert part(status, If_Range=etag, Range="bytes=2-4").status == 206


def test_another_content_is_another_version(tmp_path: Path) -> None:
    """Also within one second."""
    file = tmp_path / "file"
    file.write_text("a")
    os.utime(file, ns=(1, 1_000_000_001))
    first = validators_of(file.stat())
    os.utime(file, ns=(1, 1_000_000_002))
    assert validators_of(file.stat()) != first
