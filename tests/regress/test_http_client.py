"""libevent's regress cases of evhttp's client (``test/regress_http.c``), against our own server."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

import pytest
from certificates import Authority
from loops import run_until
from nameserver import name_server, zone

from libevent_py import (
    DNSBase,
    EventBase,
    HTTPClientRequest,
    HTTPConnection,
    HTTPError,
    HTTPServer,
    TLSContext,
    lib,
)

BODY = b"This is funny"
HAS_TLS = hasattr(lib, "bufferevent_openssl_socket_new")


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[TLSContext, TLSContext]:
    """A server's, and a client's that trusts it."""
    if not HAS_TLS:
        pytest.skip("this build has no OpenSSL")
    authority = Authority(tmp_path_factory.mktemp("regress"))
    pem = authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1")
    return TLSContext.server(pem), TLSContext.client(authority.ca)


@pytest.fixture(params=["http", "https"])
def served(request: pytest.FixtureRequest, base: EventBase) -> tuple[Any, dict[str, Any]]:
    """The address of a server, plain and with TLS, and how a client has to be made for it."""
    tls, context = request.getfixturevalue("contexts") if request.param == "https" else (None, None)
    return serve(base, tls), {} if context is None else {"context": context}


def serve(base: EventBase, tls: TLSContext | None = None) -> Any:
    """As http_setup() does it; its address."""
    delayed: list[Any] = []
    server = HTTPServer(base, lambda request: request.reply(404), tls=tls)
    server.route("/test", lambda request: request.reply(body=b"" if "Empty" in request.headers else BODY))
    server.route("/delay", delayed.append)
    server.route("/large", lambda request: request.reply(body=b"x" * 16 * 1024 * 1024))
    server.route("/streamed", streamed)
    return server.listen(("127.0.0.1", 0)).address


def streamed(request: Any) -> None:
    """A reply in chunks."""
    request.start_reply()
    for number in range(10):
        request.write(b"%d" % number)
    request.end()


def ask(base: EventBase, connection: HTTPConnection, *words: Any, **options: Any) -> HTTPClientRequest:
    """A request and its outcome."""
    done: list[HTTPClientRequest] = []
    request = connection.request(*words, on_complete=done.append, **options)
    run_until(base, lambda: done)
    assert done == [request]
    return request


def collect(pieces: list[bytes], request: HTTPClientRequest, data: bytes) -> None:
    """An on_data."""
    pieces.append(data)


@pytest.mark.parametrize("persistent", [True, False])
def test_http_connection(persistent: bool, base: EventBase, served: Any) -> None:
    """Three requests, over one connection or over two."""
    address, options = served
    with HTTPConnection(base, address, **options) as connection:
        assert ask(base, connection, "GET", "/test", {"Host": "somehost"}).result().body == BODY
        link = connection._link
        fields = {"Host": "somehost", **({} if persistent else {"Connection": "close"})}
        assert ask(base, connection, "GET", "/test", fields).result().body == BODY
        assert ask(base, connection, "GET", "/test", {"Empty": "itis"}).result().body == b""
        assert (connection._link is link) == persistent


def test_http_connection_async(base: EventBase) -> None:
    """The same with a name server, by name."""
    address = serve(base)
    with name_server(base, zone({"localhost.test": ["127.0.0.1"]})) as server:
        dns = DNSBase(base, [server.address])
        with HTTPConnection(base, ("localhost.test", address[1]), dns=dns) as connection:
            for fields in ({}, {"Connection": "close"}, {"Empty": "itis"}):
                assert ask(base, connection, "GET", "/test", fields).result().status == 200
        dns.close()


def test_http_autofree_connection(base: EventBase) -> None:
    """A connection that nobody keeps ends when its requests are done."""
    address = serve(base)
    done: list[HTTPClientRequest] = []
    connection = HTTPConnection(base, address, keep_alive=0)
    connection.request("GET", "/test", on_complete=done.append)
    connection.request("GET", "/test", {"Empty": "itis"}, on_complete=done.append)
    del connection
    run_until(base, lambda: len(done) == 2)
    assert [request.result().body for request in done] == [BODY, b""]


@pytest.mark.parametrize("where", ["server", "inactive server", "by host", "no name server", "full backlog"])
def test_http_cancel(where: str, base: EventBase) -> None:
    """Wherever it stands still a request can be cancelled, and another one made on the connection."""
    address = serve(base)
    with socket.socket() as silent, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        nobody.bind(("127.0.0.1", 0))
        full = []
        if where == "full backlog":
            for _ in range(3):
                full.append(socket.socket())
                full[-1].setblocking(False)
                full[-1].connect_ex(silent.getsockname())
        with name_server(base, zone({"localhost.test": ["127.0.0.1"]})) as server:
            dns = DNSBase(base, [nobody.getsockname() if where == "no name server" else server.address])
            host = "localhost.test" if where in ("by host", "no name server") else "127.0.0.1"
            port = silent.getsockname()[1] if where in ("inactive server", "full backlog") else address[1]
            with HTTPConnection(base, (host, port), dns=dns) as connection:
                done: list[HTTPClientRequest] = []
                request = connection.request("GET", "/delay", on_complete=done.append)
                base.call_later(0.02, request.cancel)
                run_until(base, lambda: done)
                assert isinstance(request.error, HTTPError)
                assert request.error.code == lib.EVREQ_HTTP_REQUEST_CANCEL
                if where in ("server", "by host"):
                    assert ask(base, connection, "GET", "/test").result().body == BODY
                else:
                    again = ask(base, connection, "GET", "/test", timeout=0.05)
                    assert isinstance(again.error, TimeoutError)
            dns.close()
        for sock in full:
            sock.close()


def test_http_stream_in(base: EventBase, served: Any) -> None:
    """A body in pieces: of chunks, and of a large response; none of it is in the response."""
    address, options = served
    with HTTPConnection(base, address, **options) as connection:
        for target, size in (("/streamed", 10), ("/large", 16 * 1024 * 1024)):
            pieces: list[bytes] = []
            on_data = partial(collect, pieces)
            assert ask(base, connection, "GET", target, on_data=on_data).result().body == b""
            assert len(b"".join(pieces)) == size


def test_http_stream_in_cancel(base: EventBase) -> None:
    """Cancelled in on_data: that is the outcome, and on_data does not come again."""
    calls: list[int] = []

    def on_data(request: HTTPClientRequest, data: bytes) -> None:
        calls.append(len(data))
        request.cancel()

    with HTTPConnection(base, serve(base)) as connection:
        assert isinstance(ask(base, connection, "GET", "/large", on_data=on_data).error, HTTPError)
    assert len(calls) == 1


@pytest.mark.parametrize("context", [False, True])
def test_http_connection_fail(context: bool, base: EventBase, request: pytest.FixtureRequest) -> None:
    """Nobody listens: the outcome of each request is the system's error."""
    options = {"context": request.getfixturevalue("contexts")[1]} if context else {}
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with HTTPConnection(base, bound.getsockname(), **options) as connection:
            for _ in range(2):
                assert isinstance(ask(base, connection, "GET", "/").error, ConnectionRefusedError)


def test_http_connection_retry(base: EventBase, served: Any) -> None:
    """A connection that did not come about is tried anew by the next request, also by a name."""
    address, options = served
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with HTTPConnection(base, ("localhost", bound.getsockname()[1]), **options) as connection:
            assert isinstance(ask(base, connection, "GET", "/test").error, ConnectionRefusedError)
            object.__setattr__(connection._route, "address", ("localhost", address[1]))
            assert ask(base, connection, "GET", "/test").result().body == BODY
            assert ask(base, connection, "GET", "/test").result().body == BODY


@pytest.mark.parametrize("size", [8193, 64 * 1024 * 1024])
def test_http_data_length_constraints(size: int, base: EventBase) -> None:
    """What the server refuses early, 413 or 431, is an answer, also while the body still goes out."""
    server = HTTPServer(base, max_headers_size=8192, max_body_size=8192)
    address = server.listen(("127.0.0.1", 0)).address
    with HTTPConnection(base, address) as connection:
        long = ask(base, connection, "POST", "/", {"Long": "x" * 8192})
        assert long.result().status in (400, 413, 431)
        request = ask(base, connection, "POST", "/", body=(b"x" * 8193 for _ in range(size // 8193)))
        assert isinstance(request.error, (ConnectionError, HTTPError)) or request.result().status == 413


@pytest.mark.parametrize("family", [socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6])
def test_http_set_family(family: int, base: EventBase) -> None:
    """Of a name with addresses of both families the wanted one is taken."""
    asked: list[int] = []

    def answer(question: Any) -> Any:
        asked.append(question.type)
        return zone({"both.test": ["127.0.0.1", "::1"]})(question)

    address = serve(base)
    with name_server(base, answer) as server:
        dns = DNSBase(base, [server.address])
        with HTTPConnection(base, ("both.test", address[1]), dns=dns, family=family) as connection:
            outcome = ask(base, connection, "GET", "/test")
            assert connection.address == ("both.test", address[1])
        dns.close()
    assert set(asked) == {socket.AF_UNSPEC: {1, 28}, socket.AF_INET: {1}, socket.AF_INET6: {28}}[family]
    if family == socket.AF_INET6:
        assert isinstance(outcome.error, OSError)  # the server listens on IPv4 alone
    else:
        assert outcome.result().body == BODY


def test_http_request_own(base: EventBase) -> None:
    """A request, and its response, may be kept as long as one likes."""
    with HTTPConnection(base, serve(base)) as connection:
        kept = ask(base, connection, "GET", "/test")
    base.close()
    assert kept.result().body == BODY
    assert kept.result().headers["Content-Length"] == str(len(BODY))
