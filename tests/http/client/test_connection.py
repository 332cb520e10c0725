"""HTTPConnection: one request after the other over a connection that is kept."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from http_servers import ScriptedServer, response, wait_for_end
from loops import run_until

from libevent_py import (
    ClosedError,
    EventBase,
    HTTPConnection,
    HTTPError,
    TLSContext,
    UnsupportedError,
    lib,
)


def test_a_response_is_what_the_server_said(outcomes: Any, connections: Any) -> None:
    """Status, reason, version, fields in their order, and the body."""
    said = b"HTTP/1.1 404 Not here\r\nA: 1\r\nB: x\r\na: 2\r\nContent-Length: 4\r\n\r\nnone"
    with ScriptedServer([said]) as server:
        request = connections(server.address).request("GET", "/a?b=c", on_complete=outcomes)
        found = outcomes.wait().result()
    assert (found.status, found.reason, found.version, found.body) == (404, "Not here", (1, 1), b"none")
    assert found.headers.fields() == [("A", "1"), ("B", "x"), ("a", "2"), ("Content-Length", "4")]
    assert server.requests == [b"GET /a?b=c HTTP/1.1\r\nHost: " + server.host + b"\r\n\r\n"]
    assert (request.response, request.error, request.method, request.target) == (found, None, "GET", "/a?b=c")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_methods(method: str, outcomes: Any, connections: Any) -> None:
    """Each of evhttp's methods goes out by its name; HEAD's response has no body."""
    answer = response(b"" if method == "HEAD" else b"x")
    with ScriptedServer([answer.replace(b"Length: 0", b"Length: 5")]) as server:
        connections(server.address).request(method, "/", on_complete=outcomes)
        assert outcomes.wait().result().body == (b"" if method == "HEAD" else b"x")
    assert server.requests[0].startswith(method.encode() + b" / HTTP/1.1\r\n")


def test_the_connection_is_kept(outcomes: Any, connections: Any) -> None:
    """Requests go over one connection, in the order in which they were made."""
    with ScriptedServer([response(b"1"), response(b"2"), response(b"3")]) as server:
        connection = connections(server.address)
        for target in ("/1", "/2"):
            connection.request("GET", target, on_complete=outcomes)
        assert connection.pending == 2
        outcomes.wait(2)
        connection.request("GET", "/3", on_complete=outcomes)
        outcomes.wait(3)
    assert [request.result().body for request in outcomes] == [b"1", b"2", b"3"]
    assert server.accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
    ],
)
def test_the_connection_is_not_kept(answer: bytes, outcomes: Any, connections: Any) -> None:
    """Where the server does not want it, or has said more than it was asked, the next request has its own."""
    with ScriptedServer([answer, wait_for_end], [response(b"2")]) as server:
        connection = connections(server.address)
        connection.request("GET", "/", on_complete=outcomes)
        connection.request("GET", "/", on_complete=outcomes)
        outcomes.wait(2)
    assert [request.result().body for request in outcomes] == [b"x", b"2"]
    assert server.accepted == 2


def test_a_body_up_to_the_end(outcomes: Any, connections: Any) -> None:
    """Without a length the body ends with the connection, whatever Connection says."""
    for fields in (b"", b"Connection: keep-alive\r\n", b"Connection: close\r\n", b"Connection: x, close\r\n"):
        with ScriptedServer([b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nall of it"]) as server:
            connections(server.address).request("GET", "/", on_complete=outcomes)
            assert outcomes.wait(len(outcomes) + 1).result().body == b"all of it"


def test_interim_responses_are_passed_over(outcomes: Any, connections: Any) -> None:
    """100 and 103 are no answers; several may come."""
    said = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + response(b"real")
    with ScriptedServer([said]) as server:
        connections(server.address).request("GET", "/", on_complete=outcomes)
        found = outcomes.wait().result()
    assert (found.status, found.body, "Link" in found.headers) == (200, b"real", False)


def test_a_head_in_single_bytes(outcomes: Any, connections: Any) -> None:
    """However the response is cut, it is the same."""

    def drip(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for (
            byte
        ) in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n":
            sock.send(bytes((byte,)))

    with ScriptedServer([drip]) as server:
        connections(server.address).request("GET", "/", on_complete=outcomes)
        found = outcomes.wait().result()
    assert found.body == b"abcde"
    assert "T" not in found.headers


def test_a_dropped_connection_is_made_anew(outcomes: Any, connections: Any) -> None:
    """The server has closed the kept connection, and the loop has seen it: a new one is made."""
    with ScriptedServer([response(b"1")], [response(b"2")]) as server:
        connection = connections(server.address)
        connection.request("GET", "/", on_complete=outcomes)
        outcomes.wait()
        run_until(connection._base, lambda: connection._link is None)
        connection.request("POST", "/", on_complete=outcomes)
        assert outcomes.wait(2).result().body == b"2"


def close_when_asked(sock: socket.socket) -> None:
    """Take a request, and close instead of answering."""
    sock.recv(65536)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
def test_what_is_safe_is_asked_again(method: str, outcomes: Any, connections: Any) -> None:
    """A kept connection ends without an answer: what does no harm twice is sent on another one."""
    with ScriptedServer([response(b""), close_when_asked], [response(b"")]) as server:
        connection = connections(server.address)
        for _ in range(2):
            connection.request(method, "/", on_complete=outcomes)
        outcomes.wait(2)
    assert [request.result().status for request in outcomes] == [200, 200]
    assert server.accepted == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_is_not_safe_is_not_asked_again(method: str, outcomes: Any, connections: Any) -> None:
    """What may have been done already fails instead."""
    with ScriptedServer([response(b""), close_when_asked], [response(b"")]) as server:
        connection = connections(server.address)
        for _ in range(2):
            connection.request(method, "/", on_complete=outcomes)
        outcomes.wait(2)
        assert isinstance(outcomes[1].error, (HTTPError, ConnectionError))
        assert server.accepted == 1


def test_what_is_asked_again_is_so_once(outcomes: Any, connections: Any) -> None:
    """The second connection was new: when it ends without an answer, that is the outcome."""
    with ScriptedServer([response(b""), close_when_asked], [close_when_asked], [response(b"")]) as server:
        connection = connections(server.address)
        for _ in range(2):
            connection.request("GET", "/", on_complete=outcomes)
        outcomes.wait(2)
        assert isinstance(outcomes[1].error, (HTTPError, ConnectionError))
        assert server.accepted == 2


def test_an_answer_that_has_begun_is_not_asked_for_again(outcomes: Any, connections: Any) -> None:
    """Half a status line is an answer too."""

    def begin(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.")

    with ScriptedServer([response(b""), begin], [response(b"")]) as server:
        connection = connections(server.address)
        for _ in range(2):
            connection.request("GET", "/", on_complete=outcomes)
        outcomes.wait(2)
        assert isinstance(outcomes[1].error, HTTPError)
        assert outcomes[1].error.code == lib.EVREQ_HTTP_EOF
        assert server.accepted == 1


def test_the_loop_ends_with_the_connection(base: EventBase, outcomes: Any, connections: Any) -> None:
    """close() in the last callback leaves nothing for the loop to wait for."""
    with ScriptedServer([response(b""), wait_for_end]) as server:
        connection = connections(server.address)
        connection.request("GET", "/", on_complete=lambda request: (outcomes(request), connection.close()))
        base.dispatch()
    assert len(outcomes) == 1


def test_an_unused_connection_is_closed(base: EventBase, outcomes: Any, connections: Any) -> None:
    """After keep_alive seconds, and then the loop has nothing more to wait for."""
    with ScriptedServer([response(b""), wait_for_end]) as server:
        connections(server.address, keep_alive=0.02).request("GET", "/", on_complete=outcomes)
        base.dispatch()
        assert len(outcomes) == 1


def test_nothing_is_kept_with_keep_alive_0(outcomes: Any, connections: Any) -> None:
    """Each request has its own connection."""
    with ScriptedServer([response(b""), wait_for_end], [response(b""), wait_for_end]) as server:
        connection = connections(server.address, keep_alive=0)
        for _ in range(2):
            connection.request("GET", "/", on_complete=outcomes)
        outcomes.wait(2)
        assert server.accepted == 2


def test_a_unix_socket(tmp_path: Path, outcomes: Any, connections: Any) -> None:
    """By "unix:/path"; Host is localhost, or what is given."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen()
    with ScriptedServer([response(b"1"), response(b"2")], listening=listening) as server:
        connection = connections(f"unix:{tmp_path / 's'}")
        connection.request("GET", "/", on_complete=outcomes)
        connection.request("GET", "/", {"hOST": "other"}, on_complete=outcomes)
        assert outcomes.wait(2).result().body == b"2"
    assert [b"Host: localhost\r\n" in each for each in server.requests] == [True, False]
    assert b"Host: other\r\n" in server.requests[1]


def test_no_such_socket(tmp_path: Path, outcomes: Any, connections: Any) -> None:
    """What fails at once is told from the loop too, and each request is tried."""
    connection = connections(f"unix:{tmp_path / 'none'}")
    for _ in range(2):
        connection.request("GET", "/", on_complete=outcomes)
    assert not outcomes
    outcomes.wait(2)
    assert all(isinstance(request.error, FileNotFoundError) for request in outcomes)
    with pytest.raises(FileNotFoundError):
        outcomes[0].result()


def test_nobody_listens(outcomes: Any, connections: Any) -> None:
    """The system's error, as an OSError of its kind."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        connections(bound.getsockname()).request("GET", "/", on_complete=outcomes)
        assert isinstance(outcomes.wait().error, ConnectionRefusedError)


def test_a_name(outcomes: Any, connections: Any) -> None:
    """A host's name is looked up."""
    with ScriptedServer([response(b"x")]) as server:
        connections(("localhost", server.address[1])).request("GET", "/", on_complete=outcomes)
        assert outcomes.wait().result().body == b"x"
    assert b"Host: localhost:%d\r\n" % server.address[1] in server.requests[0]


def test_on_each_backend(backend_base: EventBase) -> None:
    """Whatever the system waits with."""
    found: list[Any] = []
    with (
        ScriptedServer([response(b"x")]) as server,
        HTTPConnection(backend_base, server.address) as connection,
    ):
        connection.request(
            "GET", "/", on_complete=lambda request: (found.append(request), connection.close())
        )
        backend_base.dispatch()
    assert found[0].result().body == b"x"


def test_close_fails_what_waits(base: EventBase, outcomes: Any, connections: Any) -> None:
    """From the loop, with ClosedError; a closed connection takes no more."""
    with ScriptedServer([wait_for_end]) as server:
        connection = connections(server.address)
        for _ in range(3):
            connection.request("GET", "/", on_complete=outcomes)
        connection.close()
        connection.close()
        assert not outcomes
        outcomes.wait(3)
    assert all(isinstance(request.error, ClosedError) for request in outcomes)
    with pytest.raises(ClosedError):
        connection.request("GET", "/", on_complete=outcomes)
    with pytest.raises(ClosedError):
        connection.pending  # noqa: B018
    base.dispatch()
    assert len(outcomes) == 3


def test_the_bases_end_tells_nobody(outcomes: Any) -> None:
    """Requests of a base that is closed have no outcome, and cancelling them does nothing."""
    with ScriptedServer([wait_for_end]) as server:
        with EventBase() as other:
            connection = HTTPConnection(other, server.address)
            request = connection.request("GET", "/", on_complete=outcomes)
            other.loop(lib.EVLOOP_NONBLOCK)
        request.cancel()
        assert connection.closed
        connection.close()
    assert not outcomes


@pytest.mark.parametrize(
    ("address", "options", "error"),
    [
        ("127.0.0.1", {}, ValueError),
        (("127.0.0.1", 0), {}, ValueError),
        (("127.0.0.1", "80"), {}, TypeError),
        ((b"127.0.0.1", 80), {}, TypeError),
        (("a b", 80), {}, ValueError),
        (("", 80), {}, ValueError),
        (("a/b", 80), {}, ValueError),
        (("a", 80, 0), {}, TypeError),
        (("a", 80), {"context": object()}, TypeError),
        (("a", 80), {"connect_timeout": 0}, ValueError),
        (("a", 80), {"idle_timeout": -1}, ValueError),
        (("a", 80), {"keep_alive": None}, TypeError),
        (("a", 80), {"max_headers_size": 0}, ValueError),
        (("a", 80), {"max_body_size": -1}, ValueError),
        (("a", 80), {"proxy": "proxy:80"}, ValueError),
        (("a", 80), {"family": socket.AF_UNIX}, ValueError),
        (("a", 80), {"proxy_headers": {"a b": "c"}}, ValueError),
        ("unix:/x", {"proxy": ("b", 80)}, ValueError),
    ],
)
def test_wrong_arguments(base: EventBase, address: Any, options: Any, error: Any) -> None:
    """Each is refused when the connection is made, and leaves nothing behind."""
    with pytest.raises(error):
        HTTPConnection(base, address, **options)
    assert base._delivery.table.open_count == 0


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("get", "/"), {}, UnsupportedError),
        (("FOO", "/"), {}, UnsupportedError),
        (("UNKNOWN_", "/"), {}, UnsupportedError),
        (("CONNECT", "a:1"), {}, ValueError),
        ((b"GET", "/"), {}, TypeError),
        (("GET", "/a b"), {}, ValueError),
        (("GET", "/\r\nX: y"), {}, ValueError),
        (("GET", "/ä"), {}, ValueError),
        (("GET", ""), {}, ValueError),
        (("GET", "http://other/"), {}, ValueError),
        (("GET", b"/"), {}, TypeError),
        (("GET", "/", {"A": "b\r\nc"}), {}, ValueError),
        (("GET", "/", {"A b": "c"}), {}, ValueError),
        (("GET", "/", {"Transfer-Encoding": "chunked"}), {}, ValueError),
        (("GET", "/", {"Content-Length": "1"}), {}, ValueError),
        (("PUT", "/", {"Content-Length": "x"}, [b"a"]), {}, ValueError),
        (("PUT", "/", {}, "text"), {}, TypeError),
        (("PUT", "/", {}, 5), {}, TypeError),
        (("GET", "/"), {"on_complete": None}, TypeError),
        (("GET", "/"), {"on_data": 5}, TypeError),
        (("GET", "/"), {"on_response": 5}, TypeError),
        (("GET", "/"), {"timeout": 0}, ValueError),
        (("GET", "/"), {"timeout": float("nan")}, ValueError),
        (("GET", "/"), {"max_body_size": "x"}, TypeError),
    ],
)
def test_wrong_requests(arguments: Any, options: Any, error: Any, connections: Any) -> None:
    """Each is refused before anything is sent, or connected."""
    connection = connections(("127.0.0.1", 9))
    with pytest.raises(error):
        connection.request(*arguments, **{"on_complete": print, **options})
    assert connection.pending == 0


@pytest.mark.skipif(not hasattr(lib, "lepy_tls_new"), reason="this build has no OpenSSL")
def test_a_servers_context(base: EventBase, authority: Any) -> None:
    """A client needs a client's; and a name to expect on a unix socket."""
    with pytest.raises(ValueError, match="server's"):
        HTTPConnection(base, ("a", 80), context=TLSContext.server(authority.certificate("localhost")))
    with pytest.raises(ValueError, match="server_hostname"):
        HTTPConnection(base, "unix:/x", context=TLSContext.client())


def test_repr(connections: Any) -> None:
    """It says where it goes."""
    assert connections(("a", 80)).address == ("a", 80)
    assert repr(connections(("a", 80))) == "<HTTPConnection http://a:80>"
    connection = connections("unix:/x")
    assert repr(connection) == "<HTTPConnection http://unix:/x>"
    connection.close()
    assert repr(connection) == "<HTTPConnection closed>"
