"""HTTPRequest: what a handler can ask it."""

from __future__ import annotations

import copy
import socket
import struct
from typing import Any

import pytest

from libevent_py import ClosedError, LoopFlags
from libevent_py.http import HTTPRequest


def test_its_parts(serve: Any, connect: Any) -> None:
    """Method, target, path, query, version, headers, body, host and address are the client's."""
    seen: list[Any] = []

    def handler(request: HTTPRequest) -> None:
        seen.append(
            (request.method, request.target, request.path, request.query, request.version, request.body)
        )
        seen.append((request.host, request.remote_address, request.is_tls, request.tls))
        seen.append(
            (request.headers.get_all("x"), request.headers["HOST"], request.headers is request.headers)
        )
        assert repr(request) == "<HTTPRequest PUT /a%20%C3%A4/b?c=%20d>"
        assert request.pointer
        request.reply()
        assert repr(request).endswith("(answered)>")
        with pytest.raises(ClosedError):
            request.pointer  # noqa: B018

    peer = connect(
        serve(handler),
        b"PUT /a%20%C3%A4/b?c=%20d HTTP/1.1\r\n"
        b"host: Here:80\r\nX: 1\r\nx:  \xe4 \r\nContent-Length: 3\r\n\r\nabc",
    )
    assert peer.answer().status == 200
    assert seen == [
        ("PUT", "/a%20%C3%A4/b?c=%20d", "/a ä/b", "c=%20d", (1, 1), b"abc"),
        ("Here", peer.sock.getsockname(), False, None),
        (["1", "ä"], "Here:80", True),
    ]


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("/", "/", "", "h"),
        ("/a?b?c", "/a", "b?c", "h"),
        ("//a//b", "//a//b", "", "h"),
        ("/%ff", "/\udcff", "", "h"),
        ("/a%2Fb/../c", "/a/b/../c", "", "h"),
        ("http://other:81/a?b", "/a", "b", "other"),
        ("http://user@other", "/", "", "other"),
        ("http://other?b", "/", "b", "other"),
        ("http://[::1]:80/a", "/a", "", "[::1]"),
        ("*", "*", "", "h"),
        ("/a://b", "/a://b", "", "h"),
    ],
)
def test_targets(serve: Any, connect: Any, target: str, path: str, query: str, host: str) -> None:
    """Path, query and host are found in every form of a target."""
    seen = []

    def handler(request: HTTPRequest) -> None:
        seen.append((request.path, request.query, request.host))
        request.reply()

    connect(serve(handler), f"GET {target} HTTP/1.1\r\nHost: h:80\r\n\r\n".encode()).answer()
    assert seen == [(path, query, host)]


def test_a_long_body(serve: Any, connect: Any) -> None:
    """A body that does not ride along with its record is whole too, as is one from many requests at once."""
    body = bytes(range(256)) * 2000
    seen = []
    server = serve(lambda request: (seen.append(request.body), request.reply()))
    peer = connect(server)
    for size in (16 * 1024, 16 * 1024 + 1, len(body)):
        peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size + body[:size])
        assert peer.answer().status == 200
        assert seen.pop() == body[:size]
    # More than the records' memory holds in one pass.
    peers = [
        connect(server, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16000\r\n\r\n" + body[:16000])
        for _ in range(40)
    ]
    assert [each.answer().status for each in peers] == [200] * 40
    assert seen == [body[:16000]] * 40


def test_http_1_0(serve: Any, connect: Any) -> None:
    """Its connections end behind the answer, unless the client wants to keep it."""
    server = serve(lambda request: request.reply(body=str(request.version).encode()))
    answer = connect(server, b"GET / HTTP/1.0\r\n\r\n").answer()
    assert (answer.body, answer.fields["connection"]) == (b"(1, 0)", "close")
    peer = connect(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert peer.answer().fields["connection"] == "keep-alive"
    assert peer.send(b"GET / HTTP/1.0\r\n\r\n").answer().status == 200
    assert peer.end() == b""


@pytest.mark.parametrize("value", ["close", "Close", "x, close", "keep-alive, close"])
def test_the_client_wants_to_close(serve: Any, connect: Any, value: str) -> None:
    """However it says so, the connection ends behind the answer."""
    server = serve(lambda request: request.reply())
    peer = connect(server, f"GET / HTTP/1.1\r\nHost: h\r\nConnection: {value}\r\n\r\n".encode())
    assert peer.answer().fields["connection"] == "close"
    assert peer.end() == b""


def test_nobody_makes_or_copies_one(serve: Any, connect: Any) -> None:
    """Only a server makes requests."""
    with pytest.raises(TypeError, match="HTTPServer makes"):
        HTTPRequest()

    def handler(request: HTTPRequest) -> None:
        with pytest.raises(TypeError):
            copy.copy(request)
        request.reply()

    assert connect(serve(handler), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").answer().status == 200


def test_a_body_whose_client_is_gone(serve: Any, connect: Any) -> None:
    """Where a client goes before its request is told of, no handler gets a body that was not sent."""
    bodies = []

    def handler(request: HTTPRequest) -> None:
        bodies.append(request.body)
        request.reply()
        if len(bodies) == 1:
            raise LookupError("the other request is told of later")

    server = serve(handler)
    peers = [connect(server) for _ in range(2)]
    for peer in peers:
        peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    with pytest.raises(LookupError):
        peers[0].run(lambda: False)
    for peer in peers:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
    while server.connection_count:
        server.base.loop(LoopFlags.ONCE)
    server.base.loop(LoopFlags.NONBLOCK)
    assert set(bodies) == {b"x" * 100_000}
