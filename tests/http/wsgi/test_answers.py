"""Answers: start_response, iterables, write(), lengths, and what applications get wrong."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.validate import validator

import pytest
from served import PATIENCE, serving

from libevent_py.http.wsgi import WSGIHandler

TEXT = [("Content-Type", "text/plain")]
GET = "GET / HTTP/1.1\nHost: a\nConnection: close\n\n"


class Body:
    """An iterable that counts its close()."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.closed = 0
        self._closing = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def close(self) -> None:
        """Count."""
        self.closed += 1
        self._closing.set()

    def is_closed_once(self) -> bool:
        """By now, or soon: the client may have its answer before."""
        return self._closing.wait(PATIENCE) and self.closed == 1


def answering(body: Any, status: str = "200 OK", headers: Any = None) -> Any:
    """An application that gives *body*."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response(status, TEXT if headers is None else headers)
        return body

    return application


def split(answer: bytes) -> tuple[bytes, bytes]:
    """The head and the body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def test_one_piece_has_a_length(serve: Any) -> None:
    """Which the application need not tell."""
    head, body = split(serve(answering([b"hello"])).say(GET))
    assert b"Content-Length: 5" in head
    assert b"Content-Type: text/plain" in head
    assert body == b"hello"


def test_pieces_go_in_chunks(serve: Any) -> None:
    """Empty ones, which would end it, are left out."""
    body = Body(b"", b"he", b"", b"llo")
    head, sent = split(serve(answering(body)).say(GET))
    assert b"Transfer-Encoding: chunked" in head
    assert sent == b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    assert body.is_closed_once()


def test_pieces_with_a_length_do_not(serve: Any) -> None:
    """They are the length's bytes."""
    headers = [*TEXT, ("Content-Length", "5")]
    head, sent = split(serve(validator(answering(Body(b"he", b"llo"), headers=headers))).say(GET))
    assert b"chunked" not in head
    assert sent == b"hello"


def test_the_connection_is_kept(serve: Any) -> None:
    """Three answers of three kinds on one."""
    served = serve(
        lambda environ, start: answering(Body(*[b"a"] * len(environ["PATH_INFO"])))(environ, start)
    )
    asked = "".join(f"GET {path} HTTP/1.1\nHost: a\n\n" for path in ("/", "/1", "/12"))
    assert served.say(asked + GET).count(b"HTTP/1.1 200 OK") == 4


def test_head_has_no_body(serve: Any) -> None:
    """And the same fields."""
    served = serve(validator(answering([b"hello"], headers=[*TEXT, ("Content-Length", "5")])))
    head, body = split(served.say(GET.replace("GET", "HEAD")))
    assert b"Content-Length: 5" in head
    assert body == b""


def test_nothing_is_an_answer_too(serve: Any) -> None:
    """An iterable without pieces."""
    for body in [], Body(), [b""], (b"",):
        head, sent = split(serve(answering(body)).say(GET))
        assert b"Content-Length: 0" in head
        assert sent == b""


@pytest.mark.parametrize(
    ("status", "headers"),
    [("204 No Content", [("Content-Length", "0")]), ("304 Not Modified", []), ("204 No Content", [])],
)
def test_statuses_without_a_body(serve: Any, status: str, headers: Any) -> None:
    """What the application gives all the same is not sent."""
    body = Body(b"not", b"sent")
    head, sent = split(serve(answering(body, status, headers)).say(GET))
    assert head.startswith(f"HTTP/1.1 {status}".encode())
    assert b"Content-Length" not in head
    assert sent == b""
    assert body.is_closed_once()


def test_the_reason_is_the_applications(serve: Any) -> None:
    """Whatever it says."""
    assert serve(answering([b""], "299 Quite so")).say(GET).startswith(b"HTTP/1.1 299 Quite so\r\n")


def test_write(serve: Any) -> None:
    """Its pieces come before those of the iterable."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", TEXT)
        write(b"one ")
        write(b"two ")
        return [b"three"]

    _, body = split(serve(validator(application)).say(GET.replace("1.1", "1.0")))
    assert body == b"one two three"


def test_start_response_in_a_generator(serve: Any) -> None:
    """The first piece may be late."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"hello"

    assert b"5\r\nhello\r\n" in serve(application).say(GET)


def test_start_response_again_before_anything_is_sent(serve: Any) -> None:
    """With exc_info the second counts."""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        try:
            raise KeyError("x")
        except KeyError:
            start_response("500 Oh", TEXT, sys.exc_info())
        return [b"sorry"]

    answer = serve(application).say(GET)
    assert answer.startswith(b"HTTP/1.1 500 Oh\r\n")
    assert answer.endswith(b"sorry")


def test_start_response_again_when_it_is_sent(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The exception goes on, and the client sees that something is missing."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"begun"
        try:
            raise KeyError("too late")
        except KeyError:
            start_response("500 Oh", TEXT, sys.exc_info())
        yield b"never"

    answer = serve(application).say(GET)
    assert b"begun" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert b"never" not in answer
    assert "KeyError: 'too late'" in caplog.text


def twice(environ: Any, start_response: Any) -> list[bytes]:
    """Calls start_response twice."""
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b""]


@pytest.mark.parametrize(
    ("application", "told"),
    [
        (lambda environ, start_response: [b"x"], "before it called start_response"),
        (lambda environ, start_response: None, "TypeError"),
        (lambda environ, start_response: 1 / 0, "ZeroDivisionError"),
        (twice, "again it needs exc_info"),
        (answering(Body(ValueError("mine"))), "ValueError: mine"),
        (answering([b"x"], "OK"), "a status is like '200 OK'"),
        (answering([b"x"], "99 Too low"), "a status is like"),
        (answering([b"x"], headers=[("a b", "c")]), "a header's name"),
        (answering([b"x"], headers=[("a", "b\r\nc: d")]), "line breaks"),
        (answering([b"x"], headers=[("Transfer-Encoding", "chunked")]), "the server chooses"),
        (answering([b"xyz"], headers=[("Content-Length", "2")]), "Content-Length is 2"),
        (answering([b""], headers=[("Content-Length", "2")]), "Content-Length is 2"),
        (answering(["text"]), "bytes, not str"),
        (answering(Body("text")), "bytes, not str"),
    ],
)
def test_what_is_wrong_is_answered_500(
    serve: Any, caplog: pytest.LogCaptureFixture, application: Any, told: str
) -> None:
    """And logged, with the request; the next one is served."""
    served = serve(application)
    for _ in range(2):
        assert served.say(GET).startswith(b"HTTP/1.1 500 ")
    assert told in caplog.text
    assert "GET /: the application raised" in caplog.text
    assert "Traceback" not in served.say(GET).decode()


@pytest.mark.parametrize(
    ("length", "pieces"), [("9", [b"abc", b"def"]), ("4", [b"abc", b"def"]), ("3", [b"abc", b"def"])]
)
def test_a_wrong_length_is_seen(serve: Any, length: str, pieces: list[bytes]) -> None:
    """By the client: with too few bytes the connection ends, and too many are not sent."""
    body = Body(*pieces)
    served = serve(answering(body, headers=[("Content-Length", length)]))
    _, sent = split(served.say("GET / HTTP/1.1\nHost: a\n\n" if length != "3" else GET))
    assert sent == {"9": b"abcdef", "4": b"abc", "3": b"abc"}[length]
    assert body.is_closed_once()


@pytest.mark.parametrize("pieces", [(b"a", OSError("x")), (OSError("x"),), (b"a", b"b"), ()])
def test_close_is_called(serve: Any, pieces: Any) -> None:
    """However it ends, once for each request."""
    body = Body(*pieces)
    serve(answering(body)).say(GET)
    assert body.is_closed_once()


def test_a_close_that_raises_is_logged(threads: int, caplog: pytest.LogCaptureFixture) -> None:
    """The answer is whole by then."""

    class Bad(Body):
        def close(self) -> None:
            raise OSError("cannot")

    with serving(WSGIHandler(answering(Bad(b"hello")), threads=threads)) as served:
        assert served.say(GET).endswith(b"0\r\n\r\n")
    assert "close() raised" in caplog.text


def test_100_continue(serve: Any) -> None:
    """The client is told to go on before its body is read."""
    served = serve(lambda environ, start: answering([environ["wsgi.input"].read()])(environ, start))
    with served.connect() as sock, sock.makefile("rb") as answer:
        fields = b"Host: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        sock.sendall(b"POST / HTTP/1.1\r\n" + fields)
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answer.readline() == b"\r\n"
        sock.sendall(b"hello")
        assert answer.read().endswith(b"hello")


def test_nothing_is_logged_of_what_is_right(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Not a word."""
    with caplog.at_level(logging.DEBUG):
        serve(answering(Body(b"a", b"b"))).say(GET)
    assert caplog.records == []


@pytest.mark.parametrize("wrong", [None, "module:app", 5])
def test_what_cannot_be_called_is_no_application(wrong: Any) -> None:
    """Said when the handler is made."""
    with pytest.raises(TypeError, match="a WSGI application is callable"):
        WSGIHandler(wrong)


@pytest.mark.parametrize("threads", [-1, 10_001, 1.5, "4"])
def test_threads_are_a_number(threads: Any) -> None:
    """Not below none."""
    with pytest.raises((TypeError, ValueError), match="threads"):
        WSGIHandler(twice, threads=threads)
