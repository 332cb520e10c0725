"""Ports of libevent's regress_http.c, the server's side: docs/regress.md has the table."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from http_peer import Peer

from libevent_py import EventBase, HTTPRequest, HTTPServer, LoopFlags

#: What a request to each path of http_setup() is answered.
TEXT = b"This is funny"


def basic(request: HTTPRequest) -> None:
    """Answer with some text; of a request that says so, say nonsense of its length."""
    request.reply(body=TEXT)


@pytest.fixture
def server(base: EventBase) -> Iterator[HTTPServer]:
    """What http_setup() makes: two ports, and the paths that the cases ask for."""
    with HTTPServer(base) as made:
        made.listen(("127.0.0.1", 0))
        made.listen(("127.0.0.1", 0))
        made.route("/test", basic)
        made.route("/large", lambda request: request.reply(body=b"x" * (1 << 20)))
        yield made


def ask(server: HTTPServer, *parts: bytes, port: int = 0) -> Any:
    """The answer to a request that comes in several parts; the server closes behind it."""
    with Peer(server.base, server.listeners[port].address) as peer:
        for part in parts:
            peer.send(part)
            server.base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
        answer = peer.answer()
        peer.end()
        return answer


CLOSE = b"Host: somehost\r\nConnection: close\r\n\r\n"


def test_http_basic(backend_base: EventBase) -> None:
    """In two halves, at a second port, and with an absolute URI."""
    with HTTPServer(backend_base) as server:
        for _ in range(2):
            server.listen(("127.0.0.1", 0))
        server.route("/test", basic)
        first = ask(server, b"GET /test HTTP/1.1\r\nHost: some", b"host\r\nConnection: close\r\n\r\n")
        second = ask(server, b"GET /test HTTP/1.1\r\n" + CLOSE, port=1)
        third = ask(server, b"GET http://somehost.net/test HTTP/1.1\r\n" + CLOSE, port=1)
    assert [(each.status, each.body) for each in (first, second, third)] == [(200, TEXT)] * 3


def test_http_basic_trailing_space(server: HTTPServer) -> None:
    """Behind the version a blank is one too many, where libevent forgives it."""
    assert ask(server, b"GET /test HTTP/1.1 \r\n" + CLOSE).status == 400


def test_http_bad_request(server: HTTPServer) -> None:
    """Nothing at all brings no answer; a path that is not there a 404, and HTTP/1.0 may stay."""
    with Peer(server.base, server.listeners[0].address) as peer:
        peer.sock.shutdown(socket.SHUT_WR)
        assert peer.end() == b""
    with Peer(server.base, server.listeners[1].address) as peer:
        for _ in range(2):
            answer = peer.send(b"GET /badrequest HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").answer()
            assert answer.status == 404


def test_http_failure(server: HTTPServer) -> None:
    """What is no request is answered 400."""
    assert ask(server, b"illegal request\r\n\r\n").status == 400


def test_http_virtual_host(server: HTTPServer) -> None:
    """Hosts within hosts are one after the other here; aliases, and any case."""
    server.virtual_host("foo.com").route("/funnybunny", lambda request: request.reply(body=b"foo"))
    bar = server.virtual_host("*.bar.*.foo.com")
    bar.route("/blackcoffee", lambda request: request.reply(body=b"bar"))
    server.alias("manolito.info")
    bar.alias("bar.magic.nobody")

    def body(path: bytes, host: bytes) -> Any:
        answer = ask(server, b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (path, host))
        return answer.body if answer.status == 200 else answer.status

    assert body(b"/funnybunny", b"somehost") == 404
    assert body(b"/funnybunny", b"foo.com") == b"foo"
    assert body(b"/blackcoffee", b"foo.com") == 404
    assert body(b"/blackcoffee", b"bar.magic.foo.com") == 404
    assert body(b"/blackcoffee", b"x.bar.magic.FOO.com") == b"bar"
    assert body(b"/blackcoffee", b"bar.magic.nobody") == b"bar"
    assert body(b"/test", b"manolito.info:8000") == TEXT


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_http_post(server: HTTPServer, method: str) -> None:
    """The body reaches the handler of its method whole."""
    seen = []

    def on_request(request: HTTPRequest) -> None:
        seen.append((request.method, request.body))
        request.reply(body=TEXT)

    server.route("/postit", on_request, methods=[method])
    body = b"Okay.  Not really printf"
    head = f"{method} /postit HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    assert ask(server, head.encode(), body).body == TEXT
    assert seen == [(method, body)]


def test_http_delete(server: HTTPServer) -> None:
    """DELETE needs no body, and gets an answer."""
    server.route("/deleteit", basic, methods=["DELETE"])
    assert ask(server, b"DELETE /deleteit HTTP/1.1\r\n" + CLOSE).body == TEXT


def test_http_allowed_methods(server: HTTPServer) -> None:
    """A route says which: others are answered 405, with those that are; 501 is for none here."""
    server.route("/patch", basic, methods=["PATCH"])
    refused = ask(server, b"GET /patch HTTP/1.1\r\n" + CLOSE)
    assert (refused.status, refused.fields["allow"]) == (405, "PATCH")
    assert ask(server, b"PATCH /patch HTTP/1.1\r\n" + CLOSE).status == 200
    assert ask(server, b"FLOOP /patch HTTP/1.1\r\n" + CLOSE).status == 405


def test_http_on_complete(base: EventBase) -> None:
    """When an answer is sent, the access log is told, once."""
    told = []
    with HTTPServer(base, basic, access_log=told.append) as server:
        server.listen(("127.0.0.1", 0))
        assert ask(server, b"GET /oncomplete HTTP/1.1\r\n" + CLOSE).body == TEXT
    assert [(each.request_line, each.status, each.size) for each in told] == [
        ("GET /oncomplete HTTP/1.1", 200, len(TEXT))
    ]


def test_http_dispatcher(server: HTTPServer) -> None:
    """Of a path and a catch-all for the rest the path is chosen, with a query too."""
    server.handler = lambda request: request.reply(body=b"DISPATCHER_TEST")
    assert ask(server, b"GET /?arg=val HTTP/1.1\r\n" + CLOSE).body == b"DISPATCHER_TEST"
    assert ask(server, b"GET /test?arg=val HTTP/1.1\r\n" + CLOSE).body == TEXT


def test_http_multi_line_header(server: HTTPServer) -> None:
    """Folded lines are refused, where libevent joins them (RFC 9112 5.2)."""
    folded = b"GET /test HTTP/1.1\r\nHost: somehost\r\nX-Multi:  aaaaaaaa\r\n a\r\n\tEND\r\n\r\n"
    assert ask(server, folded).status == 400


def test_http_negative_content_length(server: HTTPServer) -> None:
    """A handler cannot say one."""
    caught = []

    def on_request(request: HTTPRequest) -> None:
        with pytest.raises(ValueError, match="Content-Length") as error:
            request.reply(body=TEXT, headers={"Content-Length": "-100"})
        caught.append(error.type)
        request.reply(204)

    server.route("/negative", on_request)
    assert ask(server, b"GET /negative HTTP/1.1\r\n" + CLOSE).status == 204
    assert caught == [ValueError]


CHUNKS = [b"This is funny", b"but not hilarious.", b"bwv 1052"]


def test_http_chunk_out(server: HTTPServer) -> None:
    """Piece by piece: in chunks to HTTP/1.1, bare to HTTP/1.0 until the end."""

    def on_request(request: HTTPRequest) -> None:
        request.start_reply()
        pieces = iter(CHUNKS)

        def go_on() -> None:
            piece = next(pieces, None)
            if piece is None:
                request.end()
                return
            request.write(piece)
            server.base.call_soon(go_on)

        go_on()

    server.route("/chunked", on_request)
    new = ask(server, b"GET /chunked HTTP/1.1\r\n" + CLOSE)
    assert (new.fields["transfer-encoding"], new.body) == ("chunked", b"".join(CHUNKS))
    old = ask(server, b"GET /chunked HTTP/1.0\r\nHost: x\r\n\r\n")
    assert "transfer-encoding" not in old.fields
    assert old.body == b"".join(CHUNKS)


@pytest.mark.parametrize("oneshot", [False, True])
def test_http_terminate_chunked(server: HTTPServer, oneshot: bool) -> None:
    """A client that goes in the middle is noticed; what is written then goes nowhere."""
    seen = []

    def on_request(request: HTTPRequest) -> None:
        request.start_reply()
        request.set_callbacks(on_disconnect=lambda request: seen.append(request.is_disconnected))
        request.write(b"a piece")
        if oneshot:
            request.end()
        else:
            kept.append(request)

    kept: list[HTTPRequest] = []
    server.route("/stream", on_request)
    peer = Peer(server.base, server.listeners[0].address)
    peer.send(b"GET /stream HTTP/1.1\r\nHost: some\r\n\r\n").run(lambda: b"a piece" in peer.received)
    peer.close()
    if oneshot:
        assert seen == []
        return
    while not seen:
        server.base.loop(LoopFlags.ONCE)
    assert seen == [True]
    kept[0].write(b"nobody")
    kept[0].end()


def test_http_incomplete(base: EventBase) -> None:
    """A head that does not end: the client goes, or the server has waited long enough (408)."""
    with HTTPServer(base, basic, header_timeout=0.05) as server:
        server.listen(("127.0.0.1", 0))
        with Peer(base, server.listeners[0].address) as peer:
            peer.send(b"GET /test HTTP/1.1\r\nHost: somehost\r\n")
            assert peer.end().startswith(b"HTTP/1.1 408 ")
        with Peer(base, server.listeners[0].address) as peer:
            peer.send(b"GET /test HTTP/1.1\r\nHost: somehost\r\n")
            peer.sock.shutdown(socket.SHUT_WR)
            peer.end()


def test_http_data_length_constraints(base: EventBase) -> None:
    """Too long a field, target or body: 431, 414 and 413, with Expect before it is sent."""
    with HTTPServer(base, basic, max_headers_size=1000, max_body_size=1000) as server:
        server.listen(("127.0.0.1", 0))
        much = b"a" * 1001
        post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
        assert ask(server, b"GET /?arg=val HTTP/1.1\r\nHost: x\r\nLong: " + much + b"\r\n\r\n").status == 431
        assert ask(server, b"GET /" + much + b" HTTP/1.1\r\nHost: x\r\n\r\n").status == 414
        assert ask(server, post % 1001 + b"\r\n" + much).status == 413
        assert ask(server, post % 1001 + b"Expect: 100-continue\r\n\r\n").status == 413
        assert ask(server, post % 4 + b"Expect: 101-continue\r\n\r\n").status == 417
        with Peer(base, server.listeners[0].address) as peer:
            peer.send(post % 4 + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
            assert peer.answer().status == 100
            assert peer.send(b"body").answer().status == 200


def test_http_lingering_close(base: EventBase) -> None:
    """A body that is too large is read on, so that the client gets to see the refusal."""
    with HTTPServer(base, basic, max_body_size=100) as server:
        server.listen(("127.0.0.1", 0))
        body = b"x" * 300_000
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert ask(server, head, body).status == 413


def test_http_get_addr(server: HTTPServer) -> None:
    """The client's address is the one that it has."""
    seen = []

    def on_request(request: HTTPRequest) -> None:
        seen.append(request.remote_address)
        request.reply()

    server.route("/addr", on_request)
    with Peer(server.base, server.listeners[0].address) as peer:
        peer.send(b"GET /addr HTTP/1.1\r\nHost: x\r\n\r\n").answer()
        assert seen == [peer.sock.getsockname()]


def test_http_write_during_read(server: HTTPServer) -> None:
    """A client that sends rubbish while a large answer comes gets that, and then a 400."""
    with Peer(server.base, server.listeners[0].address) as peer:
        peer.stop_reading()
        peer.send(b"GET /large HTTP/1.1\r\nHost: somehost\r\n\r\n")
        server.base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
        peer.send(b"foobar\r\n\r\n")
        server.base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
        peer.read_again()
        answer = peer.answer()
        assert (answer.status, len(answer.body)) == (200, 1 << 20)
        assert peer.answer().status == 400


def test_http_request_own(server: HTTPServer) -> None:
    """A request that the handler keeps is answered when it likes."""
    kept: list[HTTPRequest] = []

    def on_request(request: HTTPRequest) -> None:
        kept.append(request)
        server.base.call_soon(lambda: kept.pop().reply(body=TEXT))

    server.route("/delay", on_request)
    assert ask(server, b"GET /delay HTTP/1.1\r\n" + CLOSE).body == TEXT


def test_http_request_extra_body(server: HTTPServer) -> None:
    """HEAD with a body is refused; it is no second request."""
    body = b"this is the body that HEAD should not have" * 1000
    head = b"HEAD /test HTTP/1.1\r\nHost: somehost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    with Peer(server.base, server.listeners[0].address) as peer:
        peer.send(head + body)
        everything = peer.end()
    assert everything.startswith(b"HTTP/1.1 400 ")
    assert everything.count(b"HTTP/1.1 ") == 1


def test_http_highport(base: EventBase) -> None:
    """A port beyond 32767 is told as it is."""
    with HTTPServer(base) as server:
        for _ in range(200):
            if server.listen(("127.0.0.1", 0)).address[1] > 32767:
                break
        assert max(each.address[1] for each in server.listeners) > 32767
