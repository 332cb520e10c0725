"""Ports of libevent's regress_http.c, what needs no connection: docs/regress.md has the table."""

from __future__ import annotations

import pytest
from raw import raw_base, taken, text

from libevent_py import URI, HTTPHeaders, ffi, lib
from libevent_py.http import htmlescape, parse_query, uridecode, uriencode


def test_http_primitives() -> None:
    """HTML is escaped; a path has one callback, which can be taken away once."""
    assert htmlescape("<script>") == "&lt;script&gt;"
    assert htmlescape("\"'&") == "&quot;&#039;&amp;"
    with raw_base() as base:
        http = lib.evhttp_new(base.pointer)
        callback = base.callback("void(struct evhttp_request *, void *)", lambda request, arg: None)
        assert lib.evhttp_set_cb(http, b"/test", callback, http) == 0
        assert lib.evhttp_set_cb(http, b"/test", callback, http) == -1
        assert lib.evhttp_del_cb(http, b"/test") == 0
        assert lib.evhttp_del_cb(http, b"/test") == -1
        assert lib.evhttp_set_cb(http, b"/test", callback, http) == 0
        lib.evhttp_free(http)


def test_http_base() -> None:
    """Ports are bound, and let go one by one, or with the server."""
    with raw_base() as base:
        http = lib.evhttp_new(base.pointer)
        bound = [lib.evhttp_bind_socket_with_handle(http, b"127.0.0.1", 0) for _ in range(3)]
        assert all(bound)
        assert len({lib.evhttp_bound_socket_get_fd(each) for each in bound}) == 3
        lib.evhttp_del_accept_socket(http, bound[1])
        lib.evhttp_free(http)


@pytest.mark.parametrize(
    ("name", "value", "is_good"),
    [
        ("One", "Two", True),
        ("One", "Two\r\n Three", False),  # true in libevent before 2.1.13: folding is obsolete
        ("One\r", "Two", False),
        ("One\n", "Two", False),
        ("One", "Two\r", False),
        ("One", "Two\n", False),
    ],
)
def test_http_bad_headers(name: str, value: str, is_good: bool) -> None:
    """Nothing that could begin a line."""
    headers = HTTPHeaders()
    if is_good:
        headers.add(name, value)
        assert headers[name] == value
    else:
        with pytest.raises(ValueError, match="must not have|is made of"):
            headers.add(name, value)


QUERIES = [
    ("q=test", [("q", "test")]),
    ("q=test&foo=bar", [("q", "test"), ("foo", "bar")]),
    ("q=test+foo", [("q", "test foo")]),
    ("q=test%0Afoo", [("q", "test\nfoo")]),
    ("q=test%0Dfoo", [("q", "test\rfoo")]),
    ("q=test&&q2", None),
    ("q=test+this", [("q", "test this")]),
    ("q=test&q2=foo", [("q", "test"), ("q2", "foo")]),
    ("q&q2=foo", None),
    ("q=foo&q2", None),
    ("q=foo&q2&q3=x", None),
    ("q=&q2=&q3=", [("q", ""), ("q2", ""), ("q3", "")]),
]


@pytest.mark.parametrize(("query", "pairs"), QUERIES)
def test_http_parse_query(query: str, pairs: list[tuple[str, str]] | None) -> None:
    """In a URI, by the raw call, and by itself."""
    queue = ffi.new("struct evkeyvalq *")
    done = lib.evhttp_parse_query(f"http://www.test.com/?{query}".encode(), queue)
    assert done == (0 if pairs is not None else -1)
    for name, value in pairs or ():
        assert text(lib.evhttp_find_header(queue, name.encode())) == value
    lib.evhttp_clear_headers(queue)
    if pairs is None:
        with pytest.raises(ValueError, match="name=value"):
            parse_query(query)
    else:
        assert parse_query(query) == pairs


def test_http_parse_query_str() -> None:
    """A URI is no query: its name is all before the ``=``."""
    assert "q" not in dict(parse_query("http://www.test.com/?q=test"))
    assert parse_query("q=test") == [("q", "test")]


BAD = [
    "http://www.\x01.test.com/why-hello",
    "http://www.%7test.com/why-hello",
    "h%3ttp://www.test.com/why-hello",
    "99:99/foo",
    "http://www.test.com:999x/",
    "http://www.test.com:x/",
    "http://[hello-there]/",
    "http://[::1]]/",
    "http://[::1/",
    "http://[foob/",
    "http://[/",
    "http://[ffff:ffff:ffff:ffff:Ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]/",
    "http://[vX.foo]/",
    "http://[v.foo]/",
    "http://[v5.fo%o]/",
    "http://[v5X]/",
    "http://[v5]/",
    "http://[]/",
    "http://f\x01red@www.example.com/",
    "http://f%0red@www.example.com/",
    "http://www.example.com:9999999999999999999999999999999999999/",
    "http://www.example.com:hihi/",
    "://www.example.com/",
]
NONCONFORMANT = [
    "http://www.test.com/ why hello",
    "http://www.test.com/why-hell%7o",
    "http://www.test.com/why-hello%7",
    "http://www.test.com/foo?ba%r",
    "http://www.test.com/foo#ba%r",
]
GOOD = [
    "mailto:foo@bar",
    "http://www.test.com/?q=t%33est",
    "http://%77ww.test.com",
    "http://www.test.com?q=test",
    "http://www.test.com#fragment",
    "http://8000/",
    "http://:8000/",
    "ftp://www.test.com/?q=test",
    "ftp://[::1]:999/?q=test",
    "ftp://[ff00::127.0.0.1]/?q=test",
    "ftp://[v99.not_(any:time)_soon]/?q=test",
    "scheme://user:pass@foo.com:42/?q=test&s=some+thing#fragment",
    "scheme://user@foo.com/#fragment",
    "scheme://%75ser@foo.com/#frag@ment",
    "file:///some/path/to/the/file",
    "///some/path/to/the-file",
    "/s:ome/path/to/the-file?q=99#fred",
    "relative/path/with/co:lon",
    "bob?q=99&q2=q?33#fr?ed",
    "#fr?ed",
]


@pytest.mark.parametrize("nonconformant", [False, True])
def test_http_parse_uri(nonconformant: bool) -> None:
    """What is one comes back from its parts, what is none is refused; some only with the flag."""
    for uri in GOOD:
        assert str(URI.parse(uri, nonconformant=nonconformant)) == uri
    for uri in BAD:
        with pytest.raises(ValueError, match="is not a URI"):
            URI.parse(uri, nonconformant=nonconformant)
    for uri in NONCONFORMANT:
        if nonconformant:
            assert str(URI.parse(uri, nonconformant=True)) == uri
        else:
            with pytest.raises(ValueError, match="is not a URI"):
                URI.parse(uri)
    assert str(URI.parse("http://www.test.com:/")) == "http://www.test.com/"
    for parts in (
        {"scheme": "33"},
        {"scheme": "hi!"},
        {"host": "["},
        {"host": "www.[foo].com"},
        {"port": -3},
    ):
        with pytest.raises(ValueError):
            URI(**{"host": "x", "path": "/", **parts})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="slash"):
        URI(host="www.example.com", path="hi_mom")


@pytest.mark.parametrize(
    ("plain", "encoded", "plus"),
    [
        ("Hello", "Hello", False),
        ("99", "99", False),
        ("", "", False),
        ("abcxyzABCXYZ123456789-.~_", "abcxyzABCXYZ123456789-.~_", False),
        (" ", "%20", False),
        (" ", "+", True),
        (b"\xff\xf0\xe0".decode("utf-8", "surrogateescape"), "%FF%F0%E0", False),
        ("\x01\x19", "%01%19", True),
        ("http://www.ietf.org/x", "http%3A%2F%2Fwww.ietf.org%2Fx", True),
        ("1+2=3", "1%2B2%3D3", True),
        ("1+2=3", "1%2B2%3D3", False),
        ("hello\0world", "hello%00world", False),
        ("\0\0x\0\0", "%00%00x%00%00", True),
    ],
)
def test_http_uriencode(plain: str, encoded: str, plus: bool) -> None:
    """There and back."""
    assert uriencode(plain, plus=plus) == encoded
    assert uridecode(encoded, plus=plus) == plain


def test_http_uriencode_of_what_is_none() -> None:
    """Malformed sequences stay; the old call decodes a plus only behind the question mark."""
    assert uridecode("%%xhello th+ere ") == "%%xhello th+ere "
    assert uridecode("plus+should%20work+", plus=True) == "plus should work "
    assert uridecode("%f0%9f%92%a9") == "\U0001f4a9"
    found = taken(lib.evhttp_decode_uri(b"http://example.com/normal+path/?key=val+with+spaces"))
    assert found == "http://example.com/normal+path/?key=val with spaces"
