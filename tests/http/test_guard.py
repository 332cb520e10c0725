"""What an HTTPServer refuses, and how it reads what it does not: RFC 9112 on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from libevent_py import LoopFlags
from libevent_py.http import HTTPRequest

#: What each is, and the status that it gets.
REFUSED = {
    "TE with CL": (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        400,
    ),
    "CL with TE": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "two CL": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "the same CL twice": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        400,
    ),
    "a list of CL": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", 400),
    "a CL with a sign": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", 400),
    "a negative CL": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc", 400),
    "a hexadecimal CL": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc", 400),
    "an empty CL": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400),
    "an endless CL": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
    "two TE": (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "another TE": (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "TE that ends otherwise": (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, x\r\n\r\n", 501),
    "TE with a prefix": (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
    "TE of HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "obs-fold": (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400),
    "obs-fold at once": (b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    "a blank before the colon": (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\nHost: h\r\nbad\r\n\r\n", 400),
    "no name": (b"GET / HTTP/1.1\r\nHost: h\r\n: bad\r\n\r\n", 400),
    "NUL in a name": (b"GET / HTTP/1.1\r\nHost: h\r\nA\0: b\r\n\r\n", 400),
    "CR in a name": (b"GET / HTTP/1.1\r\nHost: h\r\nA\rB: c\r\n\r\n", 400),
    "LF in a name": (b"GET / HTTP/1.1\r\nHost: h\r\nA\nB: c\r\n\r\n", 400),
    "LF in a value": (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\nc\r\n\r\n", 400),
    "NUL in a value": (b"GET / HTTP/1.1\r\nHost: h\r\nA: \0b\r\n\r\n", 400),
    "CR in a value": (b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", 400),
    "LF without CR": (b"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", 400),
    "LF alone": (b"GET / HTTP/1.1\nHost: h\n\n", 400),
    "NUL in a decoded path": (b"GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "CR in a decoded path": (b"GET /a%0Db HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "LF in a decoded path": (b"GET /a%0ab HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "NUL in the target": (b"GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "bytes over ASCII in the target": (b"GET /\xe4 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a blank in the target": (b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "two blanks": (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a blank at the end": (b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
    "a fragment": (b"GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a host longer than any": (b"GET / HTTP/1.1\r\nHost: " + b"." * 30_000 + b"\r\n\r\n", 400),
    "such a host in the target": (
        b"GET http://" + b"." * 30_000 + b"/ HTTP/1.1\r\nHost: h\r\n\r\n",
        400,
    ),
    "a target that is no path": (b"GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a scheme that is none": (b"GET a/://b/c HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "more than a star": (b"OPTIONS *a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "CONNECT to a path": (b"CONNECT a/b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "HTTP/0.9's": (b"GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505),
    "HTTP/0.0": (b"GET / HTTP/0.0\r\nHost: h\r\n\r\n", 505),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505),
    "a longer version": (b"GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400),
    "another protocol": (b"GET / ICE/1.0\r\nHost: h\r\n\r\n", 400),
    "a method that is none": (b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "a Host that is none": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "a body to HEAD": (b"HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 400),
    "a body to TRACE": (b"TRACE / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "an expectation": (b"POST / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\na", 417),
    "TLS to a plain server": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
}

CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

#: Bodies in chunks that are refused, and how.
REFUSED_CHUNKS = {
    "a size with 0x": (b"0x1\r\na\r\n0\r\n\r\n", 400),
    "a size with a sign": (b"+0\r\n\r\n", 400),
    "a negative size": (b"-1\r\n\r\n", 400),
    "a blank before the size": (b" 1\r\na\r\n0\r\n\r\n", 400),
    "a blank behind the size": (b"1 \r\na\r\n0\r\n\r\n", 400),
    "no size": (b"\r\na\r\n0\r\n\r\n", 400),
    "an endless size": (b"ffffffffffffffffff\r\n", 413),
    "a size over the limit": (b"100001\r\n", 413),
    "sizes over the limit together": (b"1\r\na\r\n100000\r\n", 413),
    "an endless chunk-size line": (b"1;" + b"x" * 5000, 400),
    "zeros without end": (b"0" * 5000, 400),
    "a control character in an extension": (b"1;\x01\r\na\r\n0\r\n\r\n", 400),
    "LF without CR behind the size": (b"1\na\r\n0\r\n\r\n", 400),
    "more than the size": (b"1\r\nab\r\n0\r\n\r\n", 400),
    "LF behind the chunk": (b"1\r\na\n0\r\n\r\n", 400),
    "a trailer that is none": (b"0\r\nbad\r\n\r\n", 400),
    "a trailer with a NUL": (b"0\r\nA: \0\r\n\r\n", 400),
    "a trailer with a CR": (b"0\r\nA: b\rc\r\n\r\n", 400),
    "a trailer with an LF": (b"0\r\nA: b\nc\r\n\r\n", 400),
    "a folded trailer": (b"0\r\nA: b\r\n c\r\n\r\n", 400),
    "trailers without end": (b"0\r\n" + b"A: b\r\n" * 20_000, 431),
    "a trailer without end": (b"0\r\nA: " + b"b" * 70_000, 431),
}


def echo(request: HTTPRequest) -> None:
    """Answer with all that the request says."""
    text = f"{request.method}|{request.target}|{request.body!r}"
    request.reply(body=text.encode())


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(serve: Any, connect: Any, what: str) -> None:
    """It gets its status, no handler hears of it, and the connection ends."""
    data, status = REFUSED[what]
    peer = connect(serve(lambda request: pytest.fail(repr(request))), data)
    answer = peer.answer()
    assert (answer.status, answer.fields["connection"]) == (status, "close")
    assert peer.end() == b""


@pytest.mark.parametrize("what", REFUSED_CHUNKS)
def test_chunks_that_are_refused(serve: Any, connect: Any, what: str) -> None:
    """A body that is no good gets its status, and no handler hears of it."""
    data, status = REFUSED_CHUNKS[what]
    peer = connect(serve(lambda request: pytest.fail(repr(request))), CHUNKED + data)
    assert peer.answer().status == status
    assert peer.end() == b""


@pytest.mark.parametrize("what", ["TE with CL", "obs-fold", "LF alone", "NUL in a decoded path"])
def test_behind_a_good_request(serve: Any, connect: Any, what: str) -> None:
    """What was asked before is answered before the refusal."""
    good = b"GET /good HTTP/1.1\r\nHost: h\r\n\r\n"
    peer = connect(serve(echo), good + good + REFUSED[what][0] + good)
    assert [peer.answer().status for _ in range(3)] == [200, 200, 400]
    assert peer.end() == b""


def test_trailers_are_thrown_away(serve: Any, connect: Any) -> None:
    """What stands behind the chunks becomes no header."""
    seen = []
    server = serve(lambda request: (seen.append(request.headers.fields()), request.reply(body=request.body)))
    peer = connect(server, CHUNKED + b"3\r\nabc\r\n0\r\nHost: other\r\nX: y\r\n\r\n")
    assert peer.answer().body == b"abc"
    assert seen == [[("Host", "h"), ("Transfer-Encoding", "chunked")]]
    assert peer.send(CHUNKED + b"0\r\n\r\n").answer().body == b""


@pytest.mark.parametrize(
    "chunks",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
        b"005\r\nhello\r\n000\r\n\r\n",
        b'5;name=value;other="a b"\r\nhello\r\n0;last\r\n\r\n',
    ],
)
def test_chunks(serve: Any, connect: Any, chunks: bytes) -> None:
    """However it is cut, the body is the same, and the next request stands behind it."""
    for pieces in ([CHUNKED + chunks], [bytes([each]) for each in CHUNKED + chunks]):
        peer = connect(serve(echo))
        for piece in pieces:
            peer.send(piece)
            peer.base.loop(2)
        assert peer.answer().body == b"POST|/|b'hello'"
        assert peer.send(b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n").answer().body == b"GET|/next|b''"


@pytest.mark.parametrize(
    "method", ["PROPFIND", "M-SEARCH", "get", "X", "CONNECT", "PATCH", "OPTIONS", "DELETE", "GET"]
)
def test_every_method_may_have_a_body(serve: Any, connect: Any, method: str) -> None:
    """A body is read whatever the method is, and never taken for a request."""
    body = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    start = f"{method} /a HTTP/1.1\r\nHost: h\r\n".encode()
    peer = connect(serve(echo))
    for data in (
        start + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        start + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n",
    ):
        assert peer.send(data).answer().body == f"{method}|/a|{body!r}".encode()
    assert peer.send(b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n").answer().body == b"GET|/next|b''"


def test_byte_by_byte(serve: Any, connect: Any) -> None:
    """A request that comes in single bytes is the same."""
    peer = connect(serve(echo))
    for byte in b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc":
        peer.send(bytes([byte]))
        peer.base.loop(2)
    assert peer.answer().body == b"POST|/a?b|b'abc'"


def test_many_requests_at_once(serve: Any, connect: Any) -> None:
    """What is pipelined is answered one by one, in order."""
    requests = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab" % number
        if number % 3
        else b"PUT /%d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n" % number
        for number in range(1000)
    )
    peer = connect(serve(echo), requests)
    for number in range(1000):
        assert peer.answer().body == f"{'POST' if number % 3 else 'PUT'}|/{number}|b'ab'".encode()


def test_empty_lines_before_a_request(serve: Any, connect: Any) -> None:
    """They are left out, as RFC 9112 wants it."""
    peer = connect(serve(echo), b"\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    assert peer.answer().body == b"GET|/a|b''"


def test_an_empty_line_in_parts(serve: Any, connect: Any) -> None:
    """What comes behind an empty line whose CR came alone is read from its first byte on."""
    peer = connect(serve(echo))
    peer.run(lambda: peer.base.loop(LoopFlags.NONBLOCK) or True)
    for part in (b"\r", b"\n", b"\n"):
        peer.send(part)
        for _ in range(3):
            peer.base.loop(LoopFlags.NONBLOCK)
    assert peer.answer().status == 400


def test_expect_continue(serve: Any, connect: Any) -> None:
    """Who waits for it is told to go on, unless the body would be too long or is there."""
    head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
    server = serve(echo, max_body_size=10)
    peer = connect(server, head + b"3\r\n\r\n")
    assert peer.answer().status == 100
    assert peer.send(b"abc").answer().body == b"POST|/|b'abc'"
    assert peer.send(head + b"3\r\n\r\nabc").answer().status == 200
    assert peer.send(head + b"11\r\n\r\n").answer().status == 413


def test_paths_that_evhttp_would_read_otherwise(serve: Any, connect: Any) -> None:
    """Doubled slashes name no host, and a target without a path finds no route."""
    server = serve(echo)
    server.virtual_host("evil", lambda request: pytest.fail("a path is no host"))
    server.fixed("//evil/a", b"fixed")
    peer = connect(
        server, b"GET //evil/a HTTP/1.1\r\nHost: h\r\n\r\nGET //evil/b HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    assert peer.answer().body == b"fixed"
    assert peer.answer().body == b"GET|//evil/b|b''"
    assert peer.send(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").answer().body == b"OPTIONS|*|b''"
    assert peer.send(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n").answer().body == b"CONNECT|a:80|b''"


@pytest.mark.parametrize("target", ["http://h:99999/", "http://[::1/", "http://h:x/", "a://[/b"])
def test_targets_that_evhttp_refuses(serve: Any, connect: Any, target: str) -> None:
    """They are answered by evhttp itself, whatever the client says meanwhile."""
    server = serve(echo, header_timeout=0.05)
    peer = connect(server, f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\nGET / HT".encode())
    assert peer.answer().status in (200, 400)
    peer.send(b"GET /").end()
    assert connect(server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").answer().status == 200
