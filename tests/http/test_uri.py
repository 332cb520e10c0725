"""URI against libevent's own table and against Python's urllib."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlsplit

import pytest

from libevent_py import URI

GOOD = {
    "mailto:foo@bar": {"scheme": "mailto", "path": "foo@bar"},
    "http://www.test.com/?q=t%33est": {
        "scheme": "http",
        "host": "www.test.com",
        "path": "/",
        "query": "q=t%33est",
    },
    "http://%77ww.test.com": {"scheme": "http", "host": "%77ww.test.com"},
    "http://www.test.com#fragment": {"scheme": "http", "host": "www.test.com", "fragment": "fragment"},
    "http://8000/": {"scheme": "http", "host": "8000", "path": "/"},
    "http://:8000/": {"scheme": "http", "host": "", "port": 8000, "path": "/"},
    "ftp://[::1]:999/?q=test": {
        "scheme": "ftp",
        "host": "[::1]",
        "port": 999,
        "path": "/",
        "query": "q=test",
    },
    "ftp://[v99.not_(any:time)_soon]/": {"scheme": "ftp", "host": "[v99.not_(any:time)_soon]", "path": "/"},
    "scheme://user:pass@foo.com:42/?q=test&s=some+thing#fragment": {
        "scheme": "scheme",
        "userinfo": "user:pass",
        "host": "foo.com",
        "port": 42,
        "path": "/",
        "query": "q=test&s=some+thing",
        "fragment": "fragment",
    },
    "file:///some/path": {"scheme": "file", "host": "", "path": "/some/path"},
    "///some/path": {"host": "", "path": "/some/path"},
    "/s:ome/path?q=99#fred": {"path": "/s:ome/path", "query": "q=99", "fragment": "fred"},
    "relative/path/with/co:lon": {"path": "relative/path/with/co:lon"},
    "bob?q=99&q2=q?33#fr?ed": {"path": "bob", "query": "q=99&q2=q?33", "fragment": "fr?ed"},
    "#fr?ed": {"fragment": "fr?ed"},
    "": {},
}

BAD = [
    "http://www.\x01.test.com/",
    "http://www.%7test.com/",
    "h%3ttp://www.test.com/",
    "99:99/foo",
    "http://www.test.com:999x/",
    "http://www.test.com:x/",
    "http://[hello-there]/",
    "http://[::1]]/",
    "http://[::1/",
    "http://[foob/",
    "http://[/",
    "http://[ffff:ffff:ffff:ffff:Ffff:ffff:ffff:ffff:ffff]/",
    "http://[vX.foo]/",
    "http://[v.foo]/",
    "http://[v5.fo%o]/",
    "http://[v5X]/",
    "http://[v5]/",
    "http://[]/",
    "http://f\x01red@www.example.com/",
    "http://f%0red@www.example.com/",
    "http://www.example.com:9999999999999999999999999999999999999/",
    "://www.example.com/",
    "http://h:65536/",
]


@pytest.mark.parametrize("text", GOOD)
def test_the_parts(text: str) -> None:
    """parse() finds them, str() joins them, and the class makes the same of them."""
    uri = URI.parse(text)
    assert uri == URI(**GOOD[text])  # type: ignore[arg-type]
    assert str(uri) == text


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_uri(text: str) -> None:
    """A ValueError that shows it."""
    with pytest.raises(ValueError, match="is not a URI"):
        URI.parse(text)


def test_an_empty_port_is_none() -> None:
    """RFC 3986 allows the colon without a number."""
    assert URI.parse("http://h:/").port is None


@pytest.mark.parametrize("text", ["http://www.test.com/why hello", "/a|b", "/café?x={1}"])
def test_nonconformant(text: str) -> None:
    """Taken only when asked for, with all that is in it."""
    with pytest.raises(ValueError, match="is not a URI"):
        URI.parse(text)
    assert str(URI.parse(text, nonconformant=True)) == text


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        ({"scheme": "1"}, "cannot be the scheme"),
        ({"host": "a b"}, "cannot be the host"),
        ({"host": "h", "userinfo": "a@b"}, "cannot be the userinfo"),
        ({"path": "/a b"}, "cannot be the path"),
        ({"query": "#"}, "cannot be the query"),
        ({"fragment": "\x7f"}, "cannot be the fragment"),
        ({"path": "a\0b"}, "NUL"),
        ({"host": "h", "path": "x"}, "begin with a slash"),
        ({"path": "//evil/x"}, "would be read as URI.*host='evil'"),
        ({"userinfo": "me"}, "would be read as"),
        ({"port": 80}, "would be read as"),
        ({"path": None}, "would be read as"),
        ({"host": "h", "port": 65536}, "between 0 and 65535"),
    ],
)
def test_parts_that_make_no_uri(parts: dict[str, Any], match: str) -> None:
    """Nothing is joined that would be read as something else."""
    with pytest.raises(ValueError, match=match):
        URI(**parts)


def test_wrong_types() -> None:
    """TypeError, before C."""
    with pytest.raises(TypeError, match="a URI must be a str"):
        URI.parse(b"http://h/")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="path must be a str"):
        URI(path=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="port must be an int"):
        URI(host="h", port="80")  # type: ignore[arg-type]


def test_another_one() -> None:
    """A URI does not change; replace() makes one, with the same care."""
    uri = URI.parse("http://h:81/x?q")
    with pytest.raises(AttributeError):
        uri.port = 80  # type: ignore[misc]
    assert str(dataclasses.replace(uri, port=None, query=None)) == "http://h/x"
    with pytest.raises(ValueError, match="would be read as"):
        dataclasses.replace(uri, host=None)
    assert len({uri, URI.parse("http://h:81/x?q")}) == 1


hypothesis = pytest.importorskip("hypothesis")


@hypothesis.given(hypothesis.strategies.text("/:?#[]@!$&'()*+,;=%40aZ-._~ é\x01", max_size=20))
def test_as_urllib_does(text: str) -> None:
    """What libevent takes, urllib takes apart in the same way, and it comes back whole."""
    try:
        uri = URI.parse(text)
    except ValueError:
        return
    theirs = urlsplit(text)
    assert (uri.path, uri.query or "", uri.fragment or "") == (theirs.path, theirs.query, theirs.fragment)
    assert URI.parse(str(uri)) == uri


def test_a_long_one_in_one_piece() -> None:
    """Read from the memory that libevent wrote it into, which is large enough to have been given back."""
    path = "/" + "a" * 3_000_000
    assert str(URI(host="h", path=path)) == "//h" + path
