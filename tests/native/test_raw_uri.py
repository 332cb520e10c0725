"""http.h's URIs, queries and escapes, call by call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from raw import taken, text

from libevent_py import ffi, lib

WHOLE = b"http://user@example.test:8080/path?query=1#end"


@pytest.fixture
def uri() -> Iterator[Any]:
    """An evhttp_uri with every part."""
    made = lib.evhttp_uri_parse(WHOLE)
    yield made
    lib.evhttp_uri_free(made)


def joined(uri: Any) -> str | None:
    """The whole of it as text."""
    room = ffi.new("char[100]")
    return text(lib.evhttp_uri_join(uri, room, 100))


def test_the_parts(uri: Any) -> None:
    """As they stand in the text."""
    assert text(lib.evhttp_uri_get_scheme(uri)) == "http"
    assert text(lib.evhttp_uri_get_userinfo(uri)) == "user"
    assert text(lib.evhttp_uri_get_host(uri)) == "example.test"
    assert lib.evhttp_uri_get_port(uri) == 8080
    assert text(lib.evhttp_uri_get_path(uri)) == "/path"
    assert text(lib.evhttp_uri_get_query(uri)) == "query=1"
    assert text(lib.evhttp_uri_get_fragment(uri)) == "end"


def test_setting_the_parts() -> None:
    """One by one; what cannot be one is refused."""
    uri = lib.evhttp_uri_new()
    assert lib.evhttp_uri_set_scheme(uri, b"https") == 0
    assert lib.evhttp_uri_set_userinfo(uri, b"me") == 0
    assert lib.evhttp_uri_set_host(uri, b"other.test") == 0
    assert lib.evhttp_uri_set_port(uri, 81) == 0
    assert lib.evhttp_uri_set_path(uri, b"/a") == 0
    assert lib.evhttp_uri_set_query(uri, b"b") == 0
    assert lib.evhttp_uri_set_fragment(uri, b"c") == 0
    assert joined(uri) == "https://me@other.test:81/a?b#c"
    assert lib.evhttp_uri_set_path(uri, b"a b") == -1
    lib.evhttp_uri_set_flags(uri, lib.EVHTTP_URI_NONCONFORMANT)
    assert lib.evhttp_uri_set_path(uri, b"/a b") == 0
    lib.evhttp_uri_free(uri)


def test_flags_of_parsing() -> None:
    """What RFC 3986 forbids is taken with one."""
    assert not lib.evhttp_uri_parse(b"http://example.test/a b")
    uri = lib.evhttp_uri_parse_with_flags(b"http://example.test/a b", lib.EVHTTP_URI_NONCONFORMANT)
    assert text(lib.evhttp_uri_get_path(uri)) == "/a b"
    lib.evhttp_uri_free(uri)


@pytest.mark.skipif(not hasattr(lib, "evhttp_uri_get_unixsocket"), reason="libevent before 2.2")
def test_a_unix_socket() -> None:
    """In the place of a host."""
    uri = lib.evhttp_uri_parse_with_flags(b"http://unix:/run/x:/path", lib.EVHTTP_URI_UNIX_SOCKET)
    assert text(lib.evhttp_uri_get_unixsocket(uri)) == "/run/x"
    assert lib.evhttp_uri_set_unixsocket(uri, b"/run/y") == 0
    assert text(lib.evhttp_uri_get_unixsocket(uri)) == "/run/y"
    lib.evhttp_uri_free(uri)


def test_escapes() -> None:
    """There and back, in the old spelling and the new one."""
    size = ffi.new("size_t *")
    assert taken(lib.evhttp_encode_uri(b"a b+c")) == "a%20b%2Bc"
    assert taken(lib.evhttp_uriencode(b"a b", -1, 1)) == "a+b"
    assert taken(lib.evhttp_decode_uri(b"a%20b")) == "a b"
    assert taken(lib.evhttp_uridecode(b"a+b", 1, size)) == "a b"
    assert size[0] == 3
    assert taken(lib.evhttp_htmlescape(b"<a>")) == "&lt;a&gt;"


@pytest.mark.parametrize(
    ("parse", "source"),
    [
        pytest.param(lib.evhttp_parse_query, b"http://example.test/?a=1&b=two+words", id="of a URI"),
        pytest.param(lib.evhttp_parse_query_str, b"a=1&b=two+words", id="by itself"),
    ],
)
def test_a_query(parse: Any, source: bytes) -> None:
    """Its names are found as headers are."""
    queue = ffi.new("struct evkeyvalq *")
    assert parse(source, queue) == 0
    assert text(lib.evhttp_find_header(queue, b"a")) == "1"
    assert text(lib.evhttp_find_header(queue, b"b")) == "two words"
    lib.evhttp_clear_headers(queue)
