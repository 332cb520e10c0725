"""What a client takes for a response, and what RFC 9112 says that it must not."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from http_servers import ScriptedServer, response, wait_for_end

from libevent_py import HTTPError, lib

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

BAD_HEADS = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n\r\n",
    "version of two digits": b"HTTP/1.11 200 OK\r\n\r\n",
    "lower case": b"http/1.1 200 OK\r\n\r\n",
    "a line before": b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status with a sign": b"HTTP/1.1 +20 OK\r\n\r\n",
    "status 0": b"HTTP/1.1 000 OK\r\n\r\n",
    "two blanks": b"HTTP/1.1  200 OK\r\n\r\n",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\n\r\n",
    "101 that nobody asked for": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    "no colon": OK + b"Foo\r\n\r\n",
    "no name": OK + b": foo\r\n\r\n",
    "blank before the colon": OK + b"Content-Length : 0\r\n\r\n",
    "blank in the name": OK + b"A B: x\r\n\r\n",
    "NUL in a name": OK + b"A\0: x\r\n\r\n",
    "NUL in a value": OK + b"A: x\0y\r\n\r\n",
    "CR in a value": OK + b"A: x\ry\r\n\r\n",
    "DEL in a value": OK + b"A: x\x7f\r\n\r\n",
    "a continuation of nothing": OK + b" A: x\r\n\r\n",
}

BAD_FRAMINGS = {
    "length with a sign": OK + b"Content-Length: +1\r\n\r\nx",
    "negative length": OK + b"Content-Length: -1\r\n\r\nx",
    "hexadecimal length": OK + b"Content-Length: 0x1\r\n\r\nx",
    "two lengths in one": OK + b"Content-Length: 1, 1\r\n\r\nx",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "the same length twice": OK + b"Content-Length: 1\r\ncontent-length: 1\r\n\r\nx",
    "empty length": OK + b"Content-Length:\r\n\r\nx",
    "length beyond 64 bits": OK + b"Content-Length: 18446744073709551617\r\n\r\nx",
    "length and chunks": OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "chunks and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two codings": OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": OK + b"Transfer-Encoding: identity\r\n\r\nx",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}

BAD_CHUNKS = {
    "0x": b"0x1\r\nx\r\n0\r\n\r\n",
    "sign": b"+1\r\nx\r\n0\r\n\r\n",
    "negative": b"-1\r\nx\r\n0\r\n\r\n",
    "blank before": b" 1\r\nx\r\n0\r\n\r\n",
    "no size": b"\r\nx\r\n0\r\n\r\n",
    "no digits": b"g\r\nx\r\n0\r\n\r\n",
    "digits behind a blank": b"1 1\r\nx\r\n0\r\n\r\n",
    "too many digits": b"0000000000000001\r\nx\r\n0\r\n\r\n",
    "too large": b"ffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "single line feed": b"1\nx\r\n0\r\n\r\n",
    "longer than its size": b"1\r\nxy\r\n0\r\n\r\n",
    "line feed behind": b"1\r\nx\n\r\n0\r\n\r\n",
    "NUL in an extension": b"1;a\0b\r\nx\r\n0\r\n\r\n",
    "CR in an extension": b"1;a\rb\r\nx\r\n0\r\n\r\n",
    "a line without end": b"1;" + b"a" * 5000,
    "trailers without end": b"0\r\n" + b"a: b\r\n" * 20000,
    "a trailer without end": b"0\r\n" + b"a" * 5000,
}


def outcome_of(said: bytes, outcomes: Any, connections: Any, **options: Any) -> Any:
    """What comes of a response that *said* is, of a server that then waits."""

    def say(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(said)
        wait_for_end(sock)

    with ScriptedServer([say]) as server:
        connection = connections(server.address, **options)
        connection.request("GET", "/", on_complete=outcomes)
        try:
            return outcomes.wait(len(outcomes) + 1)
        finally:
            connection.close()


@pytest.mark.parametrize("said", BAD_HEADS.values(), ids=BAD_HEADS)
def test_bad_heads(said: bytes, outcomes: Any, connections: Any) -> None:
    """Refused at once, while the server still waits."""
    error = outcome_of(said, outcomes, connections).error
    assert isinstance(error, HTTPError)
    assert error.code == lib.EVREQ_HTTP_INVALID_HEADER


@pytest.mark.parametrize("said", BAD_FRAMINGS.values(), ids=BAD_FRAMINGS)
def test_bad_framings(said: bytes, outcomes: Any, connections: Any) -> None:
    """Where the body ends must be certain."""
    error = outcome_of(said, outcomes, connections).error
    assert isinstance(error, HTTPError)
    assert error.code == lib.EVREQ_HTTP_INVALID_HEADER


@pytest.mark.parametrize("said", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_bad_chunks(said: bytes, outcomes: Any, connections: Any) -> None:
    """What is not chunked as RFC 9112 says is refused, whatever libevent thinks of it."""
    error = outcome_of(CHUNKED + said, outcomes, connections).error
    assert isinstance(error, HTTPError)
    assert "chunks" in str(error)


@pytest.mark.parametrize(
    ("said", "body", "fields"),
    [
        (CHUNKED + b'5;a=b;c="d"\r\nhello\r\n00\r\nT: x\r\nContent-Length: 3\r\n\r\n', b"hello", []),
        (CHUNKED + b"A \t;x\r\n0123456789\r\n0\r\n\r\n", b"0123456789", []),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", b"x", []),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", b"", []),
        (b"HTTP/1.1 200 \r\nContent-Length: 00\r\n\r\n", b"", []),
        (b"HTTP/1.9 999 Odd\r\nContent-Length: 1\r\n\r\nx", b"x", []),
        (b"HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\nx", b"x", [("A", "b")]),
        (OK + b"A: b\r\n  c\r\n\td \r\nContent-Length: 1\r\n\r\nx", b"x", [("A", "b c d")]),
        (OK + b"A:\t b \t\r\nB:\r\nContent-Length: 1\r\n\r\nx", b"x", [("A", "b"), ("B", "")]),
        (OK + b"A: \xe4\xff:\r\nContent-Length: 1\r\n\r\nx", b"x", [("A", "\xe4\xff:")]),
        (b"HTTP/1.1 204 No\r\n\r\n", b"", []),
        (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", b"", []),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", b"", []),
    ],
)
def test_good_oddities(said: bytes, body: bytes, fields: Any, outcomes: Any, connections: Any) -> None:
    """What is unusual but allowed is taken; trailers and extensions are passed over."""
    found = outcome_of(said, outcomes, connections).result()
    assert found.body == body
    left = [field for field in found.headers.fields() if field[0] in ("A", "B", "T")]
    assert left == fields


@pytest.mark.parametrize(
    "said",
    [
        OK + b"A: " + b"x" * 2000,
        OK + b"A: " + b"x" * 2000 + b"\r\n\r\n",
        OK + b"A: b\r\n" * 300,
        b"HTTP/1.1 200 " + b"x" * 2000,
        b"x" * 2000,
        b"HTTP/1.1 103 Early\r\nA: " + b"x" * 2000,
    ],
)
def test_a_head_has_its_limit(said: bytes, outcomes: Any, connections: Any) -> None:
    """max_headers_size is not exceeded, whole or not."""
    error = outcome_of(said, outcomes, connections, max_headers_size=1000).error
    assert isinstance(error, HTTPError)
    assert error.code == lib.EVREQ_HTTP_DATA_TOO_LONG
    assert "max_headers_size" in str(error)


def test_a_head_within_its_limit(outcomes: Any, connections: Any) -> None:
    """As long as it may be."""
    said = response(b"x", "200 OK", "A: " + "y" * 60000)
    assert outcome_of(said, outcomes, connections).result().headers["A"] == "y" * 60000


@pytest.mark.parametrize(
    "said",
    [
        response(b"x" * 101),
        OK + b"Content-Length: 101\r\n\r\n",
        OK + b"\r\n" + b"x" * 101,
        CHUNKED + b"64\r\n" + b"x" * 100 + b"\r\n1\r\nx\r\n",
        CHUNKED + b"fffffffffff\r\n" + b"x" * 101,
    ],
)
def test_a_body_has_its_limit(said: bytes, outcomes: Any, connections: Any) -> None:
    """max_body_size is not exceeded, however the body is framed."""
    error = outcome_of(said, outcomes, connections, max_body_size=100).error
    assert isinstance(error, HTTPError)
    assert error.code == lib.EVREQ_HTTP_DATA_TOO_LONG
    assert "max_body_size" in str(error)


@pytest.mark.parametrize(
    "said",
    [response(b"x" * 100), OK + b"\r\n" + b"x" * 100, CHUNKED + b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n"],
)
def test_a_body_within_its_limit(said: bytes, outcomes: Any, connections: Any) -> None:
    """As long as it may be."""
    with ScriptedServer([said]) as server:
        connections(server.address, max_body_size=100).request("GET", "/", on_complete=outcomes)
        assert outcomes.wait().result().body == b"x" * 100


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTT",
        OK,
        OK + b"Content-Length: 5\r\n",
        OK + b"Content-Length: 5\r\n\r\nhell",
        CHUNKED,
        CHUNKED + b"5",
        CHUNKED + b"5\r\nhell",
        CHUNKED + b"5\r\nhello",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\nA: b\r\n",
    ],
)
def test_a_response_that_ends_too_early(said: bytes, outcomes: Any, connections: Any) -> None:
    """Is an HTTPError, and never a short body."""
    with ScriptedServer([said]) as server:
        connections(server.address).request("GET", "/", on_complete=outcomes)
        error = outcomes.wait().error
    assert isinstance(error, HTTPError)
    assert error.code == lib.EVREQ_HTTP_EOF


@pytest.mark.parametrize("framing", ["length", "one chunk", "end"])
def test_a_large_body_is_never_there_as_a_whole(framing: str, outcomes: Any, connections: Any) -> None:
    """However it is framed, on_data gets what one reading has brought, and nothing is kept."""
    total = 64 * 1024 * 1024
    head = {"length": OK + b"Content-Length: %d\r\n\r\n" % total, "end": OK + b"\r\n"}
    largest = received = 0

    def pour(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(head.get(framing, CHUNKED + b"%x\r\n" % total))
        for _ in range(64):
            sock.sendall(b"x" * (total // 64))
        if framing == "one chunk":
            sock.sendall(b"\r\n0\r\n\r\n")

    def on_data(request: Any, data: bytes) -> None:
        nonlocal largest, received
        largest = max(largest, len(data))
        received += len(data)

    with ScriptedServer([pour]) as server:
        connections(server.address).request("GET", "/", on_complete=outcomes, on_data=on_data)
        outcomes.wait().result()
    assert received == total
    assert largest <= 1024 * 1024


def test_a_chunk_is_not_waited_for(outcomes: Any, connections: Any) -> None:
    """Of a chunk of a gigabyte each byte that is there is given, as it comes."""
    pieces: list[bytes] = []

    def begin(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(CHUNKED + b"40000000\r\n" + b"x" * 100_000)
        wait_for_end(sock)

    def on_data(request: Any, data: bytes) -> None:
        pieces.append(data)
        if sum(map(len, pieces)) == 100_000:
            request.cancel()

    with ScriptedServer([begin]) as server:
        connections(server.address).request("GET", "/", on_complete=outcomes, on_data=on_data)
        outcomes.wait()
    assert b"".join(pieces) == b"x" * 100_000
