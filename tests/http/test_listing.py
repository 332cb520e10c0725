"""The page that lists a directory."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urljoin

import pytest

from libevent_py.http.listing import render_listing


class Links(HTMLParser):
    """What a browser sees of a page: links, texts and tags."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


def listed(directory: Path, parts: list[bytes]) -> bytes:
    """The page of a directory."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        return render_listing(descriptor, parts, is_root=not parts)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    "name",
    [
        b"plain.txt",
        b'"><script>alert(1)</script>',
        b"a:b",
        b"//evil",
        b"a?b#c%41",
        b"\xff\xfe",
        "ä'&amp;".encode(),
        b"line\nbreak",
    ],
)
def test_a_link_leads_to_its_file(tmp_path: Path, name: bytes) -> None:
    """Whatever is in its name, which is nothing but text."""
    file = name.replace(b"/", b"")
    Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), file))).touch()
    page = Links(listed(tmp_path, []))
    (link,) = page.links
    assert unquote_to_bytes(urljoin("http://host/files/", link)) == b"http://host/files/" + file
    assert page.tags == {"html", "head", "meta", "title", "body", "h1", "ul", "li", "a"}


def test_what_is_not_served_is_not_listed(tmp_path: Path) -> None:
    """Hidden names and links; directories have a slash, and the way up."""
    (tmp_path / ".hidden").touch()
    (tmp_path / "link").symlink_to("b")
    (tmp_path / "b").touch()
    (tmp_path / "a").mkdir()
    assert Links(listed(tmp_path, [])).links == ["./a/", "./b"]
    assert Links(listed(tmp_path, [b"x"])).links == ["../", "./a/", "./b"]


def test_the_title_is_the_path(tmp_path: Path) -> None:
    """As text too."""
    page = listed(tmp_path, [b"<b>", b"\xff"]).decode()
    assert re.search("<title>(.*)</title>", page)[1] == "/&lt;b&gt;/\N{REPLACEMENT CHARACTER}/"  # type: ignore[index]
