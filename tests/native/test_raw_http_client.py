"""The client's side of http.h, call by call, against an evhttp in the same loop."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from raw import RawBase, content, evbuffer, raw_base, text, timeval
from raw_http import ON_REQUEST, RawServer, raw_server, reply

from libevent_py import ffi, lib

needs_22 = pytest.mark.skipif(
    not hasattr(lib, "evhttp_connection_set_connect_timeout_tv"), reason="libevent before 2.2"
)


@pytest.fixture
def base() -> Iterator[RawBase]:
    """An event_base."""
    with raw_base() as made:
        yield made


@pytest.fixture
def server(base: RawBase) -> Iterator[RawServer]:
    """It answers with the method's number and the port that the client has."""
    with raw_server(base) as made:

        def on_request(request: Any) -> None:
            port = lib.lepy_evhttp_request_get_remote_port(request)
            reply(request, b"%d %d" % (lib.evhttp_request_get_command(request), port))

        made.catch_all(on_request)
        yield made


class Client:
    """One connection, and what has come back.

    Attributes:
        connection: The ``struct evhttp_connection *``.
        answers: Status, its words, and body of each; None where there was no answer.
        errors: What error callbacks were told.
    """

    def __init__(self, base: RawBase, port: int) -> None:
        self.base = base
        self.connection = lib.evhttp_connection_base_new(base.pointer, ffi.NULL, b"127.0.0.1", port)
        self.answers: list[Any] = []
        self.errors: list[int] = []

    def request(self, on_answer: Callable[[Any], None] | None = None) -> Any:
        """A new one, whose errors are noted, and whose answer is, or is *on_answer*'s."""

        def note(request: Any) -> None:
            if request == ffi.NULL:
                self.answers.append(None)
                return
            status = lib.evhttp_request_get_response_code(request)
            line = text(lib.evhttp_request_get_response_code_line(request))
            body = content(lib.evhttp_request_get_input_buffer(request))
            self.answers.append((status, line, body))

        def on_done(request: Any, arg: Any) -> None:
            (on_answer or note)(request)
            self.base.stop()

        made = lib.evhttp_request_new(self.base.callback(ON_REQUEST, on_done), ffi.NULL)
        noted = self.base.callback(
            "void(enum evhttp_request_error, void *)", lambda error, arg: self.errors.append(error)
        )
        lib.evhttp_request_set_error_cb(made, noted)
        lib.evhttp_add_header(lib.evhttp_request_get_output_headers(made), b"Host", b"test")
        return made

    def send(self, request: Any, method: int = lib.EVHTTP_REQ_GET, uri: bytes = b"/") -> None:
        """Send it, and run until it is over."""
        assert lib.evhttp_make_request(self.connection, request, method, uri) == 0
        self.base.run()


@pytest.fixture
def client(base: RawBase, server: RawServer) -> Iterator[Client]:
    """A connection to the server."""
    made = Client(base, server.address[1])
    yield made
    if made.connection is not None:
        lib.evhttp_connection_free(made.connection)


def test_settings(client: Client) -> None:
    """They are taken before it connects, and the answer comes."""
    connection = client.connection
    lib.evhttp_connection_set_family(connection, socket.AF_INET)
    assert lib.evhttp_connection_set_flags(connection, lib.EVHTTP_CON_REUSE_CONNECTED_ADDR) == 0
    assert lib.evhttp_connection_set_flags(connection, 1 << 20) == 1
    lib.evhttp_connection_set_max_headers_size(connection, 10_000)
    lib.evhttp_connection_set_max_body_size(connection, 10_000)
    lib.evhttp_connection_set_timeout(connection, 10)
    lib.evhttp_connection_set_timeout_tv(connection, timeval(10))
    lib.evhttp_connection_set_local_address(connection, b"127.0.0.1")
    lib.evhttp_connection_set_local_port(connection, 0)
    client.send(client.request())
    ((status, line, body),) = client.answers
    assert (status, line) == (200, "OK")
    assert body.startswith(b"%d " % lib.EVHTTP_REQ_GET)


@needs_22
def test_times_of_their_own(client: Client) -> None:
    """For connecting, reading and writing."""
    lib.evhttp_connection_set_connect_timeout_tv(client.connection, timeval(10))
    lib.evhttp_connection_set_read_timeout_tv(client.connection, timeval(10))
    lib.evhttp_connection_set_write_timeout_tv(client.connection, timeval(10))
    client.send(client.request())
    assert client.answers[0][0] == 200


def test_too_much(client: Client) -> None:
    """A body over the limit is an error, and no answer."""
    lib.evhttp_connection_set_max_body_size(client.connection, 1)
    client.send(client.request())
    assert client.errors == [lib.EVREQ_HTTP_DATA_TOO_LONG]


def test_retries(base: RawBase) -> None:
    """A port where nobody listens is tried again, after a pause."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # held, and not listening
        client = Client(base, sock.getsockname()[1])
        lib.evhttp_connection_set_retries(client.connection, 2)
        lib.evhttp_connection_set_initial_retry_tv(client.connection, timeval(0.001))
        client.send(client.request())
        assert client.answers in ([None], [(0, None, b"")])
        lib.evhttp_connection_free(client.connection)


def test_callbacks_on_the_way(base: RawBase, server: RawServer, client: Client) -> None:
    """The header is told, and each part of the body; what is told is not kept."""
    seen: list[Any] = []

    def on_request(request: Any) -> None:
        lib.evhttp_send_reply_start(request, 200, b"OK")
        for part in (b"one", b"two"):
            with evbuffer(part) as chunk:
                lib.evhttp_send_reply_chunk(request, chunk)
        lib.evhttp_send_reply_end(request)

    def on_header(request: Any, arg: Any) -> int:
        seen.append(lib.evhttp_request_get_response_code(request))
        return 0

    def on_part(request: Any, arg: Any) -> None:
        seen.append(content(lib.evhttp_request_get_input_buffer(request)))

    server.catch_all(on_request)
    request = client.request()
    lib.evhttp_request_set_header_cb(
        request, base.callback("int(struct evhttp_request *, void *)", on_header)
    )
    lib.evhttp_request_set_chunked_cb(request, base.callback(ON_REQUEST, on_part))
    client.send(request)
    assert seen == [200, b"one", b"two"]
    assert client.answers == [(200, "OK", b"")]


def test_a_request_that_is_kept(client: Client) -> None:
    """It is the program's own after its callback, and the program frees it."""
    kept: list[Any] = []

    def on_answer(request: Any) -> None:
        lib.evhttp_request_own(request)
        kept.append(request)

    client.send(client.request(on_answer))
    assert lib.evhttp_request_is_owned(kept[0])
    assert content(lib.evhttp_request_get_input_buffer(kept[0]))
    lib.evhttp_request_free(kept[0])


def test_a_request_is_cancelled(base: RawBase, server: RawServer, client: Client) -> None:
    """Its error says so; its callback is not called."""
    server.catch_all(lambda request: (kept.append(request), base.stop())[0])
    kept: list[Any] = []
    request = client.request()
    client.send(request)
    lib.evhttp_cancel_request(request)
    assert client.errors == [lib.EVREQ_HTTP_REQUEST_CANCEL]
    assert client.answers == []
    reply(kept[0], b"too late")


def test_a_connection_that_frees_itself(client: Client) -> None:
    """When its last request is done, if that asks for the connection's end."""
    lib.evhttp_connection_free_on_completion(client.connection)
    connection, client.connection = client.connection, None
    request = client.request()
    lib.evhttp_add_header(lib.evhttp_request_get_output_headers(request), b"Connection", b"close")
    assert lib.evhttp_make_request(connection, request, lib.EVHTTP_REQ_GET, b"/") == 0
    client.base.run()
    assert client.answers[0][0] == 200
    for _ in range(5):  # what is freed in a callback is let go by the loop
        client.base.turn()


@pytest.mark.skipif(
    not hasattr(lib, "evhttp_connection_base_bufferevent_unix_new"), reason="libevent before 2.2"
)
def test_a_unix_socket(base: RawBase, server: RawServer, tmp_path: Path) -> None:
    """By its path."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    listening.listen()
    listening.setblocking(False)
    assert lib.evhttp_accept_socket(server.http, listening.detach()) == 0
    client = Client(base, 1)
    lib.evhttp_connection_free(client.connection)
    client.connection = lib.evhttp_connection_base_bufferevent_unix_new(
        base.pointer, ffi.NULL, bytes(tmp_path / "socket")
    )
    client.send(client.request())
    assert client.answers[0][0] == 200
    lib.evhttp_connection_free(client.connection)


@pytest.mark.skipif(
    not hasattr(lib, "evhttp_connection_base_bufferevent_reuse_new"), reason="libevent before 2.2"
)
def test_a_bufferevent_that_is_connected(base: RawBase, server: RawServer) -> None:
    """The connection takes it over."""
    sock = socket.create_connection(server.address)
    sock.setblocking(False)
    bev = lib.bufferevent_socket_new(base.pointer, sock.detach(), lib.BEV_OPT_CLOSE_ON_FREE)
    client = Client(base, 1)
    lib.evhttp_connection_free(client.connection)
    client.connection = lib.evhttp_connection_base_bufferevent_reuse_new(base.pointer, ffi.NULL, bev)
    client.send(client.request())
    assert client.answers[0][0] == 200
    lib.evhttp_connection_free(client.connection)


@pytest.mark.skipif(not hasattr(lib, "evhttp_connection_set_ext_method_cmp"), reason="libevent before 2.2")
def test_a_method_of_ones_own(base: RawBase, server: RawServer, client: Client) -> None:
    """Both sides know it by the same function."""
    name = ffi.new("char[]", b"CUSTOM")

    def on_method(method: Any) -> int:
        if method.method == ffi.NULL:
            if method.type != 1 << 20:
                return -1
            method.method = name
        elif ffi.string(method.method) != b"CUSTOM":
            return -1
        method.type = 1 << 20
        return 0

    callback = base.callback("evhttp_ext_method_cb", on_method, -1)
    lib.evhttp_set_allowed_methods(server.http, 0xFFFFFFFF)
    lib.evhttp_set_ext_method_cmp(server.http, callback)
    lib.evhttp_connection_set_ext_method_cmp(client.connection, callback)
    client.send(client.request(), 1 << 20)
    assert client.answers[0][2].startswith(b"%d " % (1 << 20))
