"""HTTPRequest: answered from other threads, dropped, aborted, and left by its client."""

from __future__ import annotations

import gc
import socket
import struct
import threading
from typing import Any

import pytest

from libevent_py.http import HTTPRequest

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def test_from_other_threads(serve: Any, connect: Any) -> None:
    """Whichever way it is answered in another thread, the loop carries it out in order."""
    threads = []

    def answer(request: HTTPRequest) -> None:
        if request.path == "/whole":
            request.reply(body=b"whole")
        else:
            request.start_reply()
            for number in range(10):
                assert request.write(b"%d" % number)
            request.end()

    def handler(request: HTTPRequest) -> None:
        threads.append(threading.Thread(target=answer, args=(request,)))
        threads[-1].start()

    peer = connect(serve(handler))
    for path, body in (("/whole", b"whole"), ("/pieces", b"0123456789")) * 20:
        assert peer.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()).answer().body == body
    for thread in threads:
        thread.join()


def test_while_no_loop_runs(serve: Any, connect: Any) -> None:
    """An answer between two calls of loop() is sent."""
    held: list[HTTPRequest] = []
    peer = connect(serve(held.append), GET)
    peer.run(lambda: held)
    held.pop().reply(body=b"later")
    assert peer.answer().body == b"later"


def test_dropped_without_an_answer(serve: Any, connect: Any) -> None:
    """A request that nobody answers is answered 500, once."""
    peer = connect(serve(lambda request: None), GET)

    def got() -> bool:
        gc.collect()  # PyPy's finalizers
        return bool(peer.received)

    peer.base.loop(1)
    peer.run(got)
    assert peer.answer().status == 500
    assert not peer.received


def test_dropped_in_the_middle(serve: Any, connect: Any) -> None:
    """An answer that nobody ends is cut off, by which the client knows."""

    def handler(request: HTTPRequest) -> None:
        request.start_reply()
        request.write(b"abc")

    peer = connect(serve(handler), GET)

    def ended() -> bool:
        gc.collect()
        return peer.ended

    peer.run(ended)
    assert peer.received.endswith(b"3\r\nabc\r\n")


def test_abort(serve: Any, connect: Any) -> None:
    """abort() closes the connection, before and in the middle of an answer."""

    def handler(request: HTTPRequest) -> None:
        if request.path == "/middle":
            request.start_reply()
        request.abort()
        request.abort()
        with pytest.raises(RuntimeError):
            request.reply()

    server = serve(handler)
    assert connect(server, GET).end() == b""
    assert b"chunked" in connect(server, b"GET /middle HTTP/1.1\r\nHost: h\r\n\r\n").end()


def reset(peer: Any) -> None:
    """Go away at once."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@pytest.mark.parametrize("go", [lambda peer: peer.close(), reset])
@pytest.mark.parametrize("started", [False, True])
def test_a_client_that_goes_away(serve: Any, connect: Any, go: Any, started: bool) -> None:
    """It is noticed while its request is pending, and answers to it are thrown away."""
    held: list[HTTPRequest] = []
    gone = []

    def handler(request: HTTPRequest) -> None:
        request.set_callbacks(on_disconnect=gone.append)
        if started:
            request.start_reply()
        held.append(request)

    peer = connect(serve(handler), GET)
    peer.run(lambda: held)
    request = held[0]
    assert not request.is_disconnected
    go(peer)
    peer.run(lambda: gone)
    assert gone == [request]
    assert request.is_disconnected
    if started:
        for _ in range(20):
            request.write(b"x" * 100_000)
        request.end()
    else:
        request.reply(body=b"nobody")
    peer.run(lambda: request._server.connection_count == 0)
    assert gone == [request]


def test_a_client_that_sends_no_more(serve: Any, connect: Any) -> None:
    """Who has only ended its own side gets the answer."""
    held: list[HTTPRequest] = []
    peer = connect(serve(held.append), GET)
    peer.sock.shutdown(socket.SHUT_WR)
    peer.run(lambda: held and held[0].is_disconnected)
    held.pop().reply(body=b"x" * 1_000_000)
    answer = peer.answer()
    assert (len(answer.body), answer.fields["connection"]) == (1_000_000, "close")


def test_a_client_that_sends_on(serve: Any, connect: Any) -> None:
    """What it sends while its request is pending waits, and not without bound."""
    held: list[HTTPRequest] = []
    server = serve(held.append)
    peer = connect(server, GET)
    peer.run(lambda: held)
    sent = 0
    with pytest.raises(BlockingIOError):
        for _ in range(100_000):
            sent += peer.sock.send(GET * 1000)
            server.base.loop(2)
    count = sent // len(GET) + 1
    for number in range(200):
        peer.run(lambda: held)
        held.pop().reply(body=str(number).encode())
        assert peer.answer().body == str(number).encode()
    assert count > 200
