"""Limits and deadlines of an HTTPServer: sizes, slow clients, idle ones, and how much is held."""

from __future__ import annotations

import contextlib
import resource
import socket
from typing import Any

import pytest
from http_peer import Peer

from libevent_py import LoopFlags
from libevent_py.http import HTTPRequest

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"


def hello(request: HTTPRequest) -> None:
    """Answer with the length of the body."""
    request.reply(body=str(len(request.body)).encode())


def test_the_size_of_the_head(serve: Any, connect: Any) -> None:
    """A head of just the size passes, one byte more is 431, and a line without end is 414."""
    server = serve(hello, max_headers_size=1000)
    start = b"GET / HTTP/1.1\r\nHost: h\r\nA: "
    for size, status in ((1000, 200), (1001, 431), (100_000, 431)):
        peer = connect(server, start + b"a" * (size - len(start) - 4) + b"\r\n\r\n")
        assert peer.answer().status == status
    assert connect(server, b"GET /" + b"a" * 100_000).answer().status == 414
    assert connect(server, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000).answer().status == 431


def test_the_size_of_the_body(serve: Any, connect: Any) -> None:
    """A body of just the size passes, one byte more is 413, before it is there."""
    server = serve(hello, max_body_size=1000)
    assert connect(server, POST + b"Content-Length: 1000\r\n\r\n" + b"a" * 1000).answer().body == b"1000"
    assert connect(server, POST + b"Content-Length: 1001\r\n\r\n").answer().status == 413
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert (
        connect(server, chunked + (b"1f4\r\n" + b"a" * 500 + b"\r\n") * 2 + b"0\r\n\r\n").answer().body
        == b"1000"
    )
    assert (
        connect(server, chunked + (b"1f4\r\n" + b"a" * 500 + b"\r\n") * 2 + b"1\r\n").answer().status == 413
    )


def test_no_body_at_all(serve: Any, connect: Any) -> None:
    """A limit of 0 takes requests without a body."""
    server = serve(hello, max_body_size=0)
    assert connect(server, POST + b"Content-Length: 0\r\n\r\n").answer().status == 200
    assert connect(server, POST + b"Content-Length: 1\r\n\r\na").answer().status == 413
    assert connect(server, POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").answer().status == 200
    assert connect(server, POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n").answer().status == 413


@pytest.mark.parametrize(
    "head", [b"Content-Length: 1000000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_body_that_does_not_end(serve: Any, connect: Any, head: bytes) -> None:
    """The client reads its refusal though it goes on."""
    server = serve(hello, max_body_size=100_000)
    peer = connect(server, POST + head)
    piece = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    for _ in range(400):
        peer.send(piece)
        server.base.loop(LoopFlags.NONBLOCK)
    assert peer.answer().status == 413


def test_a_chunk_size_line_that_does_not_end(serve: Any, connect: Any) -> None:
    """It is refused at its 4096th byte."""
    peer = connect(serve(hello), POST + b"Transfer-Encoding: chunked\r\n\r\n1;")
    for _ in range(100):
        peer.send(b"a" * 1000)
        peer.base.loop(LoopFlags.NONBLOCK)
    assert peer.answer().status == 400


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\nHost: h\r\n", b"HTTP/1.1 408 "),
        (b"\r\n\r\n\r\n", b""),
    ],
)
def test_the_header_deadline(serve: Any, connect: Any, data: bytes, answer: bytes) -> None:
    """Who does not say a whole head in time is told so, or closed where nothing was begun."""
    peer = connect(serve(hello, header_timeout=0.05, idle_timeout=60), data)
    came = peer.end()
    assert came.startswith(answer)
    assert bool(came) == bool(answer)


def test_slow_clients(serve: Any, connect: Any) -> None:
    """However steadily a client drips, its head has one deadline."""
    server = serve(hello, header_timeout=0.3, idle_timeout=60)
    peers: list[Peer] = [connect(server) for _ in range(100)]
    for byte in b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100_000:
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sock.send(bytes([byte]))
        server.base.loop(LoopFlags.NONBLOCK)
        if all(peer.received for peer in peers):
            break
    assert {peer.answer().status for peer in peers} == {408}
    assert connect(server, GET).answer().status == 200


@pytest.mark.parametrize("parts", [(b"\r\n",), (b"\r", b"\n")], ids=["lines", "halves"])
def test_nothing_but_empty_lines(serve: Any, connect: Any, parts: tuple[bytes, ...]) -> None:
    """Empty lines are no beginning of a head: who sends nothing else is closed at the deadline."""
    server = serve(hello, header_timeout=0.2, idle_timeout=60)
    peer = connect(server)
    ended = []
    server.base.call_later(10, ended.append, 1)
    while not (peer.ended or ended):
        for part in parts:
            peer.send(part)
            server.base.loop(LoopFlags.NONBLOCK)
    assert not ended


def test_a_slow_head_does_not_take_its_time_from_the_next(serve: Any, connect: Any) -> None:
    """The deadline begins anew with each request."""
    server = serve(hello, header_timeout=1, idle_timeout=60)
    peer = connect(server)
    for _ in range(4):
        ready: list[int] = []
        server.base.call_later(0.3, ready.append, 1)
        peer.send(GET[:10]).run(lambda ready=ready: ready)
        assert peer.send(GET[10:]).answer().status == 200


def test_the_idle_deadline(serve: Any, connect: Any) -> None:
    """A connection on which nothing moves ends: between requests, and in a body."""
    server = serve(hello, header_timeout=60, idle_timeout=0.1)
    peer = connect(server, GET)
    assert peer.answer().status == 200
    assert peer.end() == b""
    assert connect(server, POST + b"Content-Length: 10\r\n\r\nabc").end().startswith(b"HTTP/1.1 408 ")


def test_a_handler_may_take_its_time(serve: Any, connect: Any) -> None:
    """No deadline is a handler's."""
    server = serve(None, header_timeout=0.05, idle_timeout=0.05)
    server.handler = lambda request: server.base.call_later(0.3, request.reply)
    assert connect(server, GET).answer().status == 200


def test_who_does_not_read(serve: Any, connect: Any) -> None:
    """An answer that stands still is given up."""
    server = serve(lambda request: request.reply(body=b"a" * 50_000_000), idle_timeout=0.2)
    peer = connect(server, GET)
    peer.stop_reading()
    peer.run(lambda: server.connection_count)
    peer.run(lambda: not server.connection_count)


def test_what_single_bytes_take(serve: Any, connect: Any) -> None:
    """A head in single bytes takes about as much memory as one at once."""
    server = serve(hello)
    peer = connect(server, b"GET / HTTP/1.1\r\nHost: h\r\nA: ")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5000):
        peer.sock.send(b"a")
        server.base.loop(LoopFlags.NONBLOCK)
    assert peer.send(b"\r\n\r\n").answer().status == 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * 1024


def test_a_body_that_comes_while_an_answer_is_read(serve: Any, connect: Any) -> None:
    """A request that is held when the answer before it is sent is read on, however much was held."""

    def answer(request: HTTPRequest) -> None:
        if request.method == "POST":
            hello(request)
            return
        request.start_reply()
        while not request._waiting:
            request.write(b"a" * 8000)
        request.end()

    server = serve(answer)
    peer = connect(server)
    peer.stop_reading()
    peer.send(GET + POST + b"Content-Length: 200000\r\n\r\n" + b"b" * 65_000)
    for _ in range(20):
        server.base.loop(LoopFlags.NONBLOCK)
    # In one pass the last bytes of the answer are taken, and so many come that reading rests.
    with contextlib.suppress(BlockingIOError):
        while True:
            peer.received += peer.sock.recv(1 << 20)
    peer.send(b"b" * 1000)
    peer.read_again()
    assert peer.answer().status == 200
    assert peer.send(b"b" * 134_000).answer().body == b"200000"


@pytest.mark.slow
def test_slow_clients_by_the_thousand(serve: Any, connect: Any) -> None:
    """All are closed at their deadline, and others are served meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(1000, (hard - 200) // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * count + 200)), hard))
    socks = []
    try:
        server = serve(hello, header_timeout=2, idle_timeout=60)
        address = server.listeners[0].address
        for _ in range(count):
            sock = socket.create_connection(address)
            sock.send(b"GET / HTTP/1.1\r\nA")
            socks.append(sock)
            server.base.loop(LoopFlags.NONBLOCK)
        peer = connect(server, GET)
        assert peer.answer().status == 200
        peer.run(lambda: server.connection_count <= 1)
        assert all(sock.recv(12) == b"HTTP/1.1 408" for sock in socks)
    finally:
        for sock in socks:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
