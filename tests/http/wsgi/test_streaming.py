"""Streaming: each piece goes at once, no faster than the client takes it, and it ends with the client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from served import PATIENCE, Served, serving

from libevent_py.http import HTTPRequest
from libevent_py.http.wsgi import WSGIHandler

TEXT = [("Content-Type", "text/plain")]
GET = "GET / HTTP/1.1\nHost: a\nConnection: close\n\n"
PIECE = b"#" * 65536


class Endless:
    """A body without an end, which counts what it gave; or with one, after *pieces*."""

    def __init__(self, pieces: float = float("inf")) -> None:
        self.given = 0
        self.pieces = pieces
        self.is_closed = threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """The application."""
        start_response("200 OK", TEXT)
        return self

    def __iter__(self) -> Iterator[bytes]:
        while self.given < self.pieces:
            self.given += 1
            yield PIECE

    def close(self) -> None:
        """Note it."""
        self.is_closed.set()


@contextmanager
def reading_little(served: Served) -> Iterator[socket.socket]:
    """A client whose receive buffer is small, and which has read only a little."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(PATIENCE)
        sock.connect(served.address)
        sock.sendall(GET.replace("\n", "\r\n").encode())
        assert sock.recv(100)
        yield sock


def is_at_rest(served: Served, body: Endless) -> bool:
    """Whether it gives no more: the loop has done all that it can."""
    asked = threading.Event()
    for _ in range(20):
        given = body.given
        asked.clear()
        served.base.call_soon_threadsafe(served.base.call_later, 0.05, asked.set)
        assert asked.wait(PATIENCE)
        if given == body.given:
            return True
    return False


def test_a_piece_goes_at_once(serve: Any) -> None:
    """Before the next one is there."""
    go_on = threading.Event()

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"first"
        assert go_on.wait(PATIENCE)
        yield b"second"

    served = serve(application)
    with served.connect() as sock, sock.makefile("rb") as answer:
        sock.sendall(GET.replace("\n", "\r\n").encode())
        while answer.readline() != b"first\r\n":
            pass
        go_on.set()
        assert b"second" in answer.read()


def test_a_slow_client_holds_the_application_back(serve: Any) -> None:
    """It is asked for no more than fits into the sockets and what may wait; all of it arrives."""
    body = Endless(200)
    served = serve(body)
    with reading_little(served) as sock:
        assert is_at_rest(served, body)
        # What the kernel keeps is some megabytes at most.
        assert body.given < 190
        with sock.makefile("rb") as answer:
            assert answer.read().count(b"#") >= 199 * len(PIECE)
    assert body.given == 200
    assert body.is_closed.wait(PATIENCE)


def test_others_are_served_meanwhile(serve: Any) -> None:
    """While one client reads slowly."""
    body = Endless()

    def application(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/":
            return body(environ, start_response)
        start_response("200 OK", TEXT)
        return [b"hello"]

    served = serve(application)
    with reading_little(served):
        assert is_at_rest(served, body)
        for _ in range(3):
            assert served.say(GET.replace("/ ", "/other ", 1)).endswith(b"hello")
    assert body.is_closed.wait(PATIENCE)


def test_a_fast_client_does_not_keep_the_loop(serve: Any) -> None:
    """Others have their turn although there is always something to send."""
    body = Endless()
    ended = threading.Event()

    def application(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/":
            return body(environ, start_response)
        start_response("200 OK", TEXT)
        return [b"hello"]

    def read(sock: socket.socket) -> None:
        while not ended.is_set() and sock.recv(1 << 20):
            pass

    served = serve(application)
    with served.connect() as sock:
        sock.sendall(GET.replace("\n", "\r\n").encode())
        reader = threading.Thread(target=read, args=(sock,))
        reader.start()
        try:
            assert served.say(GET.replace("/ ", "/other ", 1)).endswith(b"hello")
        finally:
            ended.set()
            reader.join()
    assert body.is_closed.wait(PATIENCE)


@pytest.mark.parametrize("reset", [True, False])
def test_a_client_that_goes_ends_it(serve: Any, reset: bool) -> None:
    """While it reads, or while the application waits for it."""
    body = Endless()
    served = serve(body)
    with reading_little(served):
        if not reset:
            assert is_at_rest(served, body)
    assert body.is_closed.wait(PATIENCE)


def test_write_says_that_the_client_is_gone(serve: Any, threads: int) -> None:
    """By a ConnectionError: the application may clean up."""
    raised: list[BaseException] = []
    ended = threading.Event()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", TEXT)
        try:
            while True:
                write(PIECE)
        except BaseException as error:
            raised.append(error)
            raise
        finally:
            ended.set()

    if not threads:
        pytest.skip("in the loop write() does not wait, nor hear of the client")
    with reading_little(serve(application)):
        pass
    assert ended.wait(PATIENCE)
    assert isinstance(raised[0], ConnectionError)


def test_a_client_that_only_says_no_more_gets_all(serve: Any) -> None:
    """After shutdown(SHUT_WR), as nc does."""
    served = serve(Endless(3))
    with served.connect() as sock, sock.makefile("rb") as answer:
        sock.sendall(GET.replace("\n", "\r\n").encode())
        sock.shutdown(socket.SHUT_WR)
        assert answer.read().count(b"#") >= 3 * len(PIECE)


def test_pieces_larger_than_what_may_wait(serve: Any) -> None:
    """One at a time."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        for _ in range(5):
            yield b"#" * (3 * HTTPRequest.HIGH_MARK)

    assert serve(application).say(GET).count(b"#") == 5 * 3 * HTTPRequest.HIGH_MARK


def test_closing_ends_what_waits(threads: int) -> None:
    """The handler's close() lets no thread behind."""
    body = Endless()
    with serving(WSGIHandler(body, threads=threads)) as served, reading_little(served):
        assert is_at_rest(served, body)
    assert body.is_closed.wait(PATIENCE)


def test_after_close_requests_are_refused() -> None:
    """With 503."""
    handler = WSGIHandler(Endless(1), threads=1)
    handler.close()
    handler.close()
    with serving(handler) as served:
        assert served.say(GET).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_ends_the_loop(end: type[BaseException]) -> None:
    """Where the application is called in the loop; the client is answered."""

    def application(environ: Any, start_response: Any) -> Any:
        raise end

    with pytest.raises(end), serving(WSGIHandler(application)) as served:
        assert served.say(GET).startswith(b"HTTP/1.1 500 ")
