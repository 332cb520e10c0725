"""HTTPRequest: how it is answered, and once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from libevent_py.http import HTTPHeaders, HTTPRequest

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"


def ask(serve: Any, connect: Any, handler: Any, data: bytes = GET) -> Any:
    """What a handler answers."""
    return connect(serve(handler), data).answer(to_head=data.startswith(b"HEAD"))


def test_a_whole_answer(serve: Any, connect: Any) -> None:
    """Status, reason, headers and body are what the handler says."""

    def handler(request: HTTPRequest) -> None:
        request.reply(418, bytearray(b"tea"), {"X": "1", "Date": "today"}, reason="Short and stout")

    peer = connect(serve(handler), GET)
    answer = peer.answer()
    assert (answer.status, answer.body) == (418, b"tea")
    assert answer.fields == {"x": "1", "date": "today", "content-length": "3"}
    raw = connect(serve(handler), GET)
    raw.run(lambda: raw.received.endswith(b"tea"))
    assert raw.received.startswith(b"HTTP/1.1 418 Short and stout\r\n")


def test_several_fields_of_a_name(serve: Any, connect: Any) -> None:
    """Pairs and HTTPHeaders keep them all."""
    pairs = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    for headers in (pairs, HTTPHeaders(pairs)):
        peer = connect(serve(lambda request, headers=headers: request.reply(headers=headers)), GET)
        peer.run(lambda peer=peer: b"\r\n\r\n" in peer.received)
        assert b"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n" in peer.received


@pytest.mark.parametrize(
    "headers",
    [
        {"A": "b\r\nC: d"},
        {"A": "b\0"},
        {"A\r\nB": "c"},
        {"A B": "c"},
        {"": "c"},
        {"A": "\u20ac"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "upgrade"},
        {"Content-Length": "-1"},
        {"Content-Length": "7"},
        [("Content-Length", "0"), ("Content-Length", "0")],
    ],
)
def test_headers_that_change_the_message(serve: Any, connect: Any, headers: Any) -> None:
    """They are refused, and the request can be answered otherwise."""

    def handler(request: HTTPRequest) -> None:
        with pytest.raises(ValueError, match="."):
            request.reply(headers=headers)
        request.reply(200)

    assert ask(serve, connect, handler).status == 200


def test_wrong_arguments(serve: Any, connect: Any) -> None:
    """Wrong statuses, reasons and bodies are refused."""

    def handler(request: HTTPRequest) -> None:
        for wrong in ((100,), (1000,), (204, b"body"), (304, b"body"), (200, b"", (), "a\r\nb")):
            with pytest.raises(ValueError, match="."):
                request.reply(*wrong[:3], reason=wrong[3] if len(wrong) > 3 else None)
        for bad in (("200",), (200, "text"), (200, None), (200, b"", {"A": 1})):
            with pytest.raises(TypeError):
                request.reply(*bad)  # type: ignore[arg-type]
        request.reply(204)

    answer = ask(serve, connect, handler)
    assert answer.status == 204
    assert "content-length" not in answer.fields


def test_once(serve: Any, connect: Any) -> None:
    """A second answer is refused, whichever way."""

    def handler(request: HTTPRequest) -> None:
        with pytest.raises(RuntimeError, match="between"):
            request.write(b"x")
        with pytest.raises(RuntimeError, match="between"):
            request.end()
        request.reply(body=b"first")
        for again in (request.reply, request.start_reply):
            with pytest.raises(RuntimeError, match="already"):
                again()
        request.abort()

    peer = connect(serve(handler), GET)
    assert peer.answer().body == b"first"
    assert peer.send(GET).answer().body == b"first"


def test_head(serve: Any, connect: Any) -> None:
    """HEAD gets the head of what GET would, in every way."""

    def handler(request: HTTPRequest) -> None:
        if request.path == "/reply":
            request.reply(body=b"12345")
        elif request.path == "/length":
            request.reply(headers={"Content-Length": "77"})
        else:
            request.start_reply()
            assert request.write(b"123")
            request.end()

    peer = connect(serve(handler))
    for path, name, value in (
        ("/reply", "content-length", "5"),
        ("/length", "content-length", "77"),
        ("/stream", "transfer-encoding", "chunked"),
    ):
        answer = peer.send(f"HEAD {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()).answer(to_head=True)
        assert answer.fields[name] == value
    assert not peer.received


def test_in_chunks(serve: Any, connect: Any) -> None:
    """What is written comes in chunks, later too, and the connection goes on."""
    held = []

    def handler(request: HTTPRequest) -> None:
        request.start_reply(200, {"X": "y"})
        assert request.write(b"abc")
        assert request.write(b"")
        held.append(request)

    peer = connect(serve(handler), GET)
    peer.run(lambda: peer.received.endswith(b"abc\r\n"))
    request = held.pop()
    request.write(memoryview(b"defg"))
    request.end()
    assert peer.answer().body == b"abcdefg"
    peer.send(GET).run(lambda: held)
    held.pop().end()
    assert peer.answer().body == b"abc"


def test_with_a_length(serve: Any, connect: Any) -> None:
    """With a Content-Length no more is taken, and less closes the connection."""

    def handler(request: HTTPRequest) -> None:
        request.start_reply(200, {"Content-Length": "5"})
        request.write(b"123")
        with pytest.raises(ValueError, match="leaves 2"):
            request.write(b"456")
        if request.path == "/whole":
            request.write(b"45")
        request.end()

    server = serve(handler)
    assert connect(server, b"GET /whole HTTP/1.1\r\nHost: h\r\n\r\n").answer().body == b"12345"
    assert connect(server, GET).end().endswith(b"\r\n\r\n123")


def test_to_http_1_0_until_the_end(serve: Any, connect: Any) -> None:
    """An old client gets what is written until the connection ends."""

    def handler(request: HTTPRequest) -> None:
        request.start_reply()
        request.write(b"abc")
        request.end()

    raw = connect(serve(handler), b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").end()
    assert b"chunked" not in raw
    assert raw.endswith(b"\r\n\r\nabc")


def test_back_pressure(serve: Any, connect: Any) -> None:
    """write() says when it is enough, on_drained when it goes on; nothing is lost, and little waits."""
    piece = b"x" * 65536
    sent = []
    most = []

    def more(request: HTTPRequest) -> None:
        while len(sent) < 200:
            sent.append(1)
            if not request.write(piece):
                most.append(request._waiting)
                return
        request.end()

    def handler(request: HTTPRequest) -> None:
        request.set_callbacks(on_drained=more)
        held.append(request)
        request.start_reply()
        more(request)

    held: list[HTTPRequest] = []
    peer = connect(serve(handler))
    peer.stop_reading()
    peer.send(GET).run(lambda: held)
    if len(sent) == 200:
        pytest.skip("the sockets here take thirteen megabytes that nobody reads")
    peer.read_again()
    peer.run(lambda: peer.received.endswith(b"0\r\n\r\n"))
    assert peer.answer().body == piece * 200
    assert max(most) <= HTTPRequest.HIGH_MARK + len(piece) + 16


def test_who_does_not_listen_to_it(serve: Any, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes on and on gets BufferError."""
    monkeypatch.setattr(HTTPRequest, "MOST_WAITING", 1024 * 1024)
    done = []

    def handler(request: HTTPRequest) -> None:
        request.start_reply()
        with pytest.raises(BufferError, match="on_drained"):
            for _ in range(1000):
                request.write(b"x" * 1024 * 1024)
        request.abort()
        done.append(request)

    peer = connect(serve(handler), GET)
    peer.stop_reading()
    peer.run(lambda: done)


def test_a_file(serve: Any, connect: Any, tmp_path: Path) -> None:
    """A part of a file is sent, and the file may be closed at once."""
    path = tmp_path / "file"
    data = bytes(range(256)) * 4000
    path.write_bytes(data)

    def handler(request: HTTPRequest) -> None:
        with path.open("rb") as file:
            if request.path == "/part":
                request.reply_file(file, 100, 50, 206, {"Content-Range": "bytes 100-149/1024000"})
            else:
                request.reply_file(file)

    peer = connect(serve(handler), GET)
    assert peer.answer().body == data
    answer = peer.send(b"GET /part HTTP/1.1\r\nHost: h\r\n\r\n").answer()
    assert (answer.status, answer.body) == (206, data[100:150])
    assert peer.send(HEAD).answer(to_head=True).fields["content-length"] == str(len(data))
    path.write_bytes(b"")
    assert peer.send(GET).answer().body == b""


def test_files_that_cannot_be_sent(serve: Any, connect: Any, tmp_path: Path) -> None:
    """What is no regular file, or not in it, is refused."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    def handler(request: HTTPRequest) -> None:
        with path.open("rb") as file:
            for wrong in ((6,), (0, 6), (-1,), (0, -1), (3, 3)):
                with pytest.raises(ValueError, match="."):
                    request.reply_file(file, *wrong)
            with pytest.raises(ValueError, match="no body"):
                request.reply_file(file, status=304)
        with pytest.raises(OSError, match="."), open(tmp_path) as folder:
            request.reply_file(folder)
        request.reply(404)

    assert ask(serve, connect, handler).status == 404
