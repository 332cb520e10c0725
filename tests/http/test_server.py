"""HTTPServer: listening, virtual hosts, the access log, and how it ends."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from http_peer import Peer

from libevent_py import ClosedError, EventBase, WrongThreadError
from libevent_py.http import HTTPAccess, HTTPRequest, HTTPServer

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def hello(request: HTTPRequest) -> None:
    """Answer with the path."""
    request.reply(body=request.path.encode())


def test_it_answers(serve: Any, connect: Any) -> None:
    """A request reaches the handler, and its answer the client, on a connection that stays."""
    peer = connect(serve(hello), b"GET /a HTTP/1.1\r\nHost: here\r\n\r\n")
    answer = peer.answer()
    assert (answer.status, answer.body) == (200, b"/a")
    assert "date" in answer.fields and "connection" not in answer.fields
    assert peer.send(GET).answer().body == b"/"


def test_it_serves_on_each_backend(backend_base: EventBase) -> None:
    """Each of libevent's ways to wait serves."""
    server = HTTPServer(backend_base, hello)
    with Peer(backend_base, server.listen(("127.0.0.1", 0)).address) as peer:
        for _ in range(3):
            assert peer.send(GET).answer().body == b"/"


def test_it_listens_at_a_unix_socket(base: EventBase, tmp_path: Path) -> None:
    """A path is an address, and is removed with the listener; its clients have no address."""
    seen = []
    server = HTTPServer(base, lambda request: (seen.append(request.remote_address), request.reply()))
    listener = server.listen(f"unix:{tmp_path}/http")
    with Peer(base, listener.address) as peer:
        assert peer.send(GET).answer().status == 200
    assert seen == [""]
    listener.close()
    assert not (tmp_path / "http").exists()
    assert server.listeners == []


def test_it_listens_at_several_addresses(base: EventBase) -> None:
    """listen() adds an address, and takes a bound socket too."""
    server = HTTPServer(base, hello)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    listeners = [server.listen(("127.0.0.1", 0)), server.listen(sock)]
    assert server.listeners == listeners
    for listener in listeners:
        with Peer(base, listener.address) as peer:
            assert peer.send(GET).answer().status == 200
    assert "HTTPListener at" in repr(listeners[0])
    assert str(listeners[0].address) in repr(server)


def test_a_listener_rests(serve: Any, connect: Any) -> None:
    """Who connects to a disabled listener is served when it is enabled."""
    server = serve(hello)
    server.listeners[0].disable()
    peer = connect(server, GET)
    server.base.loop(2)
    assert server.connection_count == 0
    server.listeners[0].enable()
    assert peer.answer().status == 200


def test_virtual_hosts(serve: Any, connect: Any) -> None:
    """A host's routes answer for its pattern and its aliases, the server's own for the others."""
    server = serve(lambda request: request.reply(body=b"default"))
    host = server.virtual_host("*.example.org", lambda request: request.reply(body=b"example"))
    host.alias("other.net")
    host.fixed("/fixed", b"fixed")
    server.virtual_host("late.example.org", lambda request: pytest.fail("the first that matches answers"))
    peer = connect(server)

    def ask(name: bytes, path: bytes = b"/") -> bytes:
        return peer.send(b"GET " + path + b" HTTP/1.1\r\nHost: " + name + b"\r\n\r\n").answer().body

    assert ask(b"WWW.example.org:8080") == b"example"
    assert ask(b"late.example.org") == b"example"
    assert ask(b"other.net") == b"example"
    assert ask(b"www.example.org", b"/fixed") == b"fixed"
    assert ask(b"here") == b"default"
    assert ask(b"here", b"/fixed") == b"default"
    host.remove_alias("other.net")
    assert ask(b"other.net") == b"default"
    with pytest.raises(ValueError, match="no alias"):
        host.remove_alias("other.net")


def test_access_log(serve: Any, connect: Any) -> None:
    """The log hears of each answer, of C's too."""
    seen: list[HTTPAccess] = []
    server = serve(hello, access_log=seen.append)
    server.fixed("/fixed", b"12345")
    peer = connect(
        server, b"GET /ab HTTP/1.1\r\nHost: h\r\n\r\nGET /fixed HTTP/1.1\r\nHost: h\r\n\r\nno\r\n\r\n"
    )
    peer.end()
    assert [(each.request_line, each.status, each.size) for each in seen] == [
        ("GET /ab HTTP/1.1", 200, 3),
        ("GET /fixed HTTP/1.1", 200, 5),
        ("", 400, 16),
    ]
    assert {each.remote_address for each in seen} == {peer.sock.getsockname()}


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: 11\r\n\r\n", 413),
        (b"Transfer-Encoding: chunked\r\n\r\nb\r\n", 413),
        (b"Transfer-Encoding: chunked\r\n\r\n0x1\r\n", 400),
        (b"Content-Length: 5\r\n\r\nabc", 408),
        (b"Content-Length: 0x1\r\n\r\n", 400),
    ],
)
def test_access_log_of_what_is_refused(serve: Any, connect: Any, rest: bytes, status: int) -> None:
    """It tells what was asked for, where only the body is no good; not even that of a bad head."""
    seen: list[HTTPAccess] = []
    server = serve(hello, access_log=seen.append, max_body_size=10, idle_timeout=0.1)
    peer = connect(server, GET + b"PUT /it HTTP/1.1\r\nHost: h\r\n" + rest)
    peer.end()
    line = "" if b": 0x1" in rest else "PUT /it HTTP/1.1"
    assert [(each.request_line, each.status) for each in seen[1:]] == [(line, status)]


def test_an_access_log_that_raises(serve: Any, connect: Any) -> None:
    """Its exception comes out of the loop, and the client has its answer all the same."""
    threads: list[threading.Thread] = []

    def log(access: HTTPAccess) -> None:
        raise LookupError(access.request_line)

    def handler(request: HTTPRequest) -> None:
        if request.path == "/thread":
            threads.append(threading.Thread(target=request.reply))
            threads[0].start()
        elif request.path == "/pieces":
            request.start_reply()
            request.end()
        else:
            request.reply()

    server = serve(handler, access_log=log)
    server.fixed("/fixed", b"")
    peer = connect(server)
    for path in ("/whole", "/pieces", "/fixed", "/thread"):
        peer.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        with pytest.raises(LookupError, match=path):
            peer.run(lambda: False)
        assert peer.answer().status == 200
    threads[0].join()


def test_access_log_to_a_logger(serve: Any, connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A logger gets a line for each."""
    with caplog.at_level(logging.INFO, "http"):
        connect(serve(hello, access_log=logging.getLogger("http")), GET).answer()
    assert "GET / HTTP/1.1 200 1" in caplog.text


def test_shutdown_finishes_what_runs(serve: Any, connect: Any, base: EventBase) -> None:
    """shutdown() closes who waits for nothing, answers what has come, and is closed behind that."""
    waiting = []
    server = serve(waiting.append)
    idle = connect(server)
    busy = connect(server, GET)
    busy.run(lambda: waiting and server.connection_count == 2)
    (listener,) = server.listeners
    server.shutdown()
    assert listener.closed
    assert idle.end() == b""
    assert not server.closed
    waiting.pop().reply(body=b"late")
    answer = busy.answer()
    assert (answer.body, answer.fields["connection"]) == (b"late", "close")
    busy.run(lambda: server.closed)


def test_shutdown_has_an_end(serve: Any, connect: Any) -> None:
    """What is not answered in time is closed."""
    waiting = []
    server = serve(waiting.append)
    peer = connect(server, GET)
    peer.run(lambda: waiting)
    server.shutdown(0.01)
    assert peer.end() == b""
    assert server.closed


def test_shutdown_of_an_idle_server_closes_it(serve: Any) -> None:
    """Where nobody is connected it is closed at once, and the loop has nothing left."""
    server = serve(hello)
    server.shutdown()
    assert server.closed
    server.base.dispatch()


def test_closing_it_in_a_handler(serve: Any, connect: Any) -> None:
    """A handler may close the server, whose requests cannot be answered any more."""

    def handler(request: HTTPRequest) -> None:
        request._server.close()
        with pytest.raises(ClosedError):
            request.reply()

    assert connect(serve(handler), GET).end() == b""


def test_a_handler_that_raises(serve: Any, connect: Any) -> None:
    """Its client gets 500, the exception comes out of the loop, and the server goes on."""

    def handler(request: HTTPRequest) -> None:
        if request.path == "/bad":
            raise LookupError("handler")
        request.reply()

    server = serve(handler)
    peer = connect(server, b"GET /bad HTTP/1.1\r\nHost: h\r\n\r\n")
    with pytest.raises(LookupError, match="handler"):
        peer.answer()
    assert peer.answer().status == 500
    assert peer.send(GET).answer().status == 200


def test_a_server_that_is_closed(serve: Any) -> None:
    """It refuses everything, and says so."""
    server = serve(hello)
    listener = server.listeners[0]
    server.close()
    assert listener.closed
    assert repr(server) == "<HTTPServer closed>"
    for refused in (lambda: server.listen(("127.0.0.1", 0)), server.shutdown, lambda: server.fixed("/", b"")):
        with pytest.raises(ClosedError):
            refused()


def test_wrong_arguments(base: EventBase) -> None:
    """Limits are numbers in their ranges, and no limit can be left out."""
    for options in (
        {"max_headers_size": 0},
        {"max_body_size": -1},
        {"header_timeout": 0},
        {"idle_timeout": float("nan")},
        {"max_connections": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(options))):
            HTTPServer(base, **options)  # type: ignore[arg-type]
    for wrong in ({"handler": 1}, {"tls": 1}, {"access_log": 1}, {"idle_timeout": None}):
        with pytest.raises(TypeError):
            HTTPServer(base, **wrong)  # type: ignore[arg-type]
    server = HTTPServer(base)
    with pytest.raises(ValueError, match="pattern"):
        server.virtual_host("a b")
    with pytest.raises(RuntimeError):
        HTTPServer.__init__(server, base)


def test_max_connections(serve: Any, connect: Any) -> None:
    """Who comes when it is full waits until somebody has gone."""
    server = serve(hello, max_connections=2)
    first, second, third = (connect(server, GET) for _ in range(3))
    assert first.answer().status == second.answer().status == 200
    assert server.connection_count == 2
    assert not third.received
    first.close()
    assert third.answer().status == 200


def test_other_threads_are_refused(serve: Any, connect: Any) -> None:
    """While the loop runs, another thread gets WrongThreadError of the server itself."""
    errors: list[BaseException] = []

    def other(server: HTTPServer) -> None:
        try:
            server.listen(("127.0.0.1", 0))
        except BaseException as error:
            errors.append(error)

    def handler(request: HTTPRequest) -> None:
        thread = threading.Thread(target=other, args=(request._server,))
        thread.start()
        thread.join()
        request.reply()

    connect(serve(handler), GET).answer()
    assert [type(error) for error in errors] == [WrongThreadError]
