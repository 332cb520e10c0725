"""The server's side of http.h, call by call, over real connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from raw import RawBase, address_of, evbuffer, raw_base, text, timeval
from raw_http import RawServer, exchange, raw_server, reply

from libevent_py import ffi, lib


@pytest.fixture
def base() -> Iterator[RawBase]:
    """An event_base."""
    with raw_base() as made:
        yield made


@pytest.fixture
def server(base: RawBase) -> Iterator[RawServer]:
    """An evhttp on a port of its own."""
    with raw_server(base) as made:
        yield made


def echo_path(request: Any) -> None:
    """Answer with the URI."""
    reply(request, ffi.string(lib.evhttp_request_get_uri(request)))


def bound_sockets(server: RawServer) -> list[Any]:
    """What it listens on."""
    found: list[Any] = []
    callback = server.base.callback(
        "evhttp_bound_socket_foreach_fn *", lambda bound, arg: found.append(bound)
    )
    lib.evhttp_foreach_bound_socket(server.http, callback, ffi.NULL)
    return found


def listening() -> socket.socket:
    """A socket for evhttp, which must not block."""
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def test_what_it_listens_on(base: RawBase, server: RawServer) -> None:
    """Four ways to say where; each socket is told, and let go again."""
    server.catch_all(echo_path)
    assert lib.evhttp_bind_socket(server.http, b"127.0.0.1", 0) == 0
    with_handle = listening()
    bound = lib.evhttp_accept_socket_with_handle(server.http, with_handle.detach())
    listener = lib.evconnlistener_new(
        base.pointer, ffi.NULL, ffi.NULL, lib.LEV_OPT_CLOSE_ON_FREE, 0, listening().detach()
    )
    of_listener = lib.evhttp_bind_listener(server.http, listener)
    assert lib.evhttp_bound_socket_get_listener(of_listener) == listener
    everything = bound_sockets(server)
    assert len(everything) == 4
    assert {server.bound, bound, of_listener} < set(everything)
    for each in everything:
        server.address = address_of(lib.evhttp_bound_socket_get_fd(each))
        assert server.get("/x").endswith(b"\r\n\r\n/x")
    lib.evhttp_del_accept_socket(server.http, of_listener)
    assert of_listener not in bound_sockets(server)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address)


def test_paths(server: RawServer) -> None:
    """A callback each, which goes again; what nobody has is a 404."""
    callback = server.on_request(lambda request: reply(request, b"here"))
    assert lib.evhttp_set_cb(server.http, b"/here", callback, ffi.NULL) == 0
    assert lib.evhttp_set_cb(server.http, b"/here", callback, ffi.NULL) == -1
    assert server.get("/here").endswith(b"here")
    assert server.get("/there").startswith(b"HTTP/1.1 404 ")
    assert lib.evhttp_del_cb(server.http, b"/here") == 0
    assert lib.evhttp_del_cb(server.http, b"/here") == -1
    assert server.get("/here").startswith(b"HTTP/1.1 404 ")


def test_virtual_hosts(base: RawBase, server: RawServer) -> None:
    """By pattern, and by an alias of the server's own name."""
    server.catch_all(lambda request: reply(request, b"main"))
    other = lib.evhttp_new(base.pointer)
    callback = server.on_request(lambda request: reply(request, b"other"))
    lib.evhttp_set_gencb(other, callback, ffi.NULL)
    assert lib.evhttp_add_virtual_host(server.http, b"*.other.test", other) == 0
    assert lib.evhttp_add_server_alias(other, b"alias.test") == 0
    assert server.get(host="a.other.test").endswith(b"other")
    assert server.get(host="alias.test").endswith(b"other")
    assert lib.evhttp_remove_server_alias(other, b"alias.test") == 0
    assert lib.evhttp_remove_server_alias(other, b"alias.test") == -1
    assert server.get(host="alias.test").endswith(b"main")
    assert lib.evhttp_remove_virtual_host(server.http, other) == 0
    assert server.get(host="a.other.test").endswith(b"main")
    lib.evhttp_free(other)


def test_what_a_request_tells(server: RawServer) -> None:
    """Command, URI, host, headers, and the connection that it has come by."""
    seen: dict[str, Any] = {}

    def on_request(request: Any) -> None:
        connection = lib.evhttp_request_get_connection(request)
        uri = lib.evhttp_request_get_evhttp_uri(request)
        seen["command"] = lib.evhttp_request_get_command(request)
        seen["uri"] = text(lib.evhttp_request_get_uri(request))
        seen["query"] = text(lib.evhttp_uri_get_query(uri))
        seen["host"] = text(lib.evhttp_request_get_host(request))
        seen["server"] = lib.evhttp_connection_get_server(connection)
        seen["base"] = lib.evhttp_connection_get_base(connection)
        seen["family"] = lib.evhttp_connection_get_addr(connection).sa_family
        seen["bufferevent"] = lib.bufferevent_get_base(lib.evhttp_connection_get_bufferevent(connection))
        headers = lib.evhttp_request_get_output_headers(request)
        lib.evhttp_add_header(headers, b"X-One", b"1")
        lib.evhttp_add_header(headers, b"X-Two", b"2")
        assert lib.evhttp_remove_header(headers, b"X-One") == 0
        body = lib.evhttp_request_get_output_buffer(request)
        lib.evbuffer_add(body, b"in the output", 13)
        lib.evhttp_send_reply(request, 200, b"OK", ffi.NULL)

    server.catch_all(on_request)
    answer = server.get("/path?a=b", host="name.test:81")
    assert answer.endswith(b"in the output")
    assert b"X-Two: 2\r\n" in answer
    assert b"X-One" not in answer
    assert seen == {
        "command": lib.EVHTTP_REQ_GET,
        "uri": "/path?a=b",
        "query": "a=b",
        "host": "name.test",
        "server": server.http,
        "base": server.base.pointer,
        "family": socket.AF_INET,
        "bufferevent": server.base.pointer,
    }


def test_methods_and_sizes(server: RawServer) -> None:
    """What is not allowed, or is too much, is refused without the program."""
    server.catch_all(echo_path)
    lib.evhttp_set_allowed_methods(server.http, lib.EVHTTP_REQ_GET | lib.EVHTTP_REQ_POST)
    lib.evhttp_set_max_headers_size(server.http, 200)
    lib.evhttp_set_max_body_size(server.http, 10)
    assert server.ask(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").startswith(b"HTTP/1.1 501 ")
    assert server.get(more="X: " + "y" * 300 + "\r\n").startswith(b"HTTP/1.1 400 ")
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nConnection: close\r\n\r\n12345678901"
    assert server.ask(post).startswith(b"HTTP/1.1 413 ")


def test_content_type(server: RawServer) -> None:
    """One for all that name none."""
    kind = ffi.new("char[]", b"text/x-test")  # which evhttp refers to
    lib.evhttp_set_default_content_type(server.http, kind)
    server.catch_all(echo_path)
    assert b"Content-Type: text/x-test\r\n" in server.get()


@pytest.mark.parametrize("how", ["seconds", "timeval"])
def test_a_silent_client(base: RawBase, server: RawServer, how: str) -> None:
    """Is let go, after a time that is given in either form."""
    if how == "seconds":
        lib.evhttp_set_timeout(server.http, 1)
    else:
        lib.evhttp_set_timeout_tv(server.http, timeval(0.05))
    assert server.ask(b"GET / HT") == b""


@pytest.mark.skipif(not hasattr(lib, "evhttp_set_read_timeout_tv"), reason="libevent before 2.2")
def test_a_time_for_each_direction(server: RawServer) -> None:
    """Reading and writing have their own."""
    lib.evhttp_set_read_timeout_tv(server.http, timeval(0.05))
    lib.evhttp_set_write_timeout_tv(server.http, timeval(5))
    assert server.ask(b"GET / HT") == b""


@pytest.mark.skipif(not hasattr(lib, "evhttp_set_max_connections"), reason="libevent before 2.2")
def test_how_many_connections(base: RawBase, server: RawServer) -> None:
    """They are counted, and limited."""
    lib.evhttp_set_max_connections(server.http, 1)
    server.catch_all(lambda request: reply(request, b"%d" % lib.evhttp_get_connection_count(server.http)))
    assert server.get().endswith(b"1")


def test_lingering(server: RawServer) -> None:
    """With the flag the whole of a body that is too large is read before the refusal."""
    assert lib.evhttp_set_flags(server.http, lib.EVHTTP_SERVER_LINGERING_CLOSE) == 0
    assert lib.evhttp_set_flags(server.http, 1 << 20) == 1
    lib.evhttp_set_max_body_size(server.http, 10)
    body = b"x" * 100_000
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    assert server.ask(head + body).startswith(b"HTTP/1.1 413 ")


def test_a_bufferevent_of_the_programs(base: RawBase, server: RawServer) -> None:
    """It makes that of each connection."""
    made = []

    def on_connection(event_base: Any, arg: Any) -> Any:
        made.append(lib.bufferevent_socket_new(event_base, -1, lib.BEV_OPT_CLOSE_ON_FREE))
        return made[-1]

    signature = "struct bufferevent *(struct event_base *, void *)"
    callback = base.callback(signature, on_connection, ffi.NULL)
    lib.evhttp_set_bevcb(server.http, callback, ffi.NULL)
    server.catch_all(echo_path)
    assert server.get("/y").endswith(b"/y")
    assert len(made) == 1


@pytest.mark.skipif(not hasattr(lib, "evhttp_bound_set_bevcb"), reason="libevent before 2.2")
def test_a_bufferevent_by_port(base: RawBase, server: RawServer) -> None:
    """One port's connections have a function of their own."""
    made = []

    def on_connection(event_base: Any, arg: Any) -> Any:
        made.append(lib.bufferevent_socket_new(event_base, -1, lib.BEV_OPT_CLOSE_ON_FREE))
        return made[-1]

    signature = "struct bufferevent *(struct event_base *, void *)"
    lib.evhttp_bound_set_bevcb(server.bound, base.callback(signature, on_connection, ffi.NULL), ffi.NULL)
    server.catch_all(echo_path)
    assert server.get("/y").endswith(b"/y")
    assert len(made) == 1


@pytest.mark.skipif(not hasattr(lib, "evhttp_set_newreqcb"), reason="libevent before 2.2")
def test_a_request_is_told_when_it_begins(base: RawBase, server: RawServer) -> None:
    """Before its first line is there; and an error's page may be the program's own."""
    seen = []

    def on_new(request: Any, arg: Any) -> int:
        seen.append("new")
        return 0

    def on_error(request: Any, buffer: Any, error: int, reason: Any, arg: Any) -> int:
        seen.append(error)
        lib.evbuffer_add(buffer, b"sorry", 5)
        return 0

    new = base.callback("int(struct evhttp_request *, void *)", on_new)
    signature = "int(struct evhttp_request *, struct evbuffer *, int, const char *, void *)"
    lib.evhttp_set_newreqcb(server.http, new, ffi.NULL)
    lib.evhttp_set_errorcb(server.http, base.callback(signature, on_error, -1), ffi.NULL)
    assert server.get("/none").endswith(b"sorry")
    assert seen == ["new", 404]


@pytest.mark.skipif(not hasattr(lib, "evhttp_set_ext_method_cmp"), reason="libevent before 2.2")
def test_a_method_of_ones_own(base: RawBase, server: RawServer) -> None:
    """Gets a number."""
    name = ffi.new("char[]", b"CUSTOM")

    def on_method(method: Any) -> int:
        if method.method == ffi.NULL:
            method.method = name
            return 0
        if ffi.string(method.method) != b"CUSTOM":
            return -1
        method.type = 1 << 20
        method.flags = 0
        return 0

    lib.evhttp_set_allowed_methods(server.http, 0xFFFFFFFF)
    lib.evhttp_set_ext_method_cmp(server.http, base.callback("evhttp_ext_method_cb", on_method, -1))
    server.catch_all(lambda request: reply(request, b"%d" % lib.evhttp_request_get_command(request)))
    answer = server.ask(b"CUSTOM / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.endswith(str(1 << 20).encode())


def test_an_error(server: RawServer) -> None:
    """With a page of libevent's."""
    server.catch_all(lambda request: lib.evhttp_send_error(request, 503, b"later"))
    answer = server.get()
    assert answer.startswith(b"HTTP/1.1 503 later\r\n")
    assert b"<html>" in answer.lower()


def test_a_reply_in_chunks(base: RawBase, server: RawServer) -> None:
    """Each tells when it is written; the request's own callback tells of the whole."""
    seen = []

    def on_written(connection: Any, arg: Any) -> None:
        seen.append("written")

    def on_complete(request: Any, arg: Any) -> None:
        seen.append("complete")

    written = base.callback("void(struct evhttp_connection *, void *)", on_written)
    complete = base.callback("void(struct evhttp_request *, void *)", on_complete)

    def on_request(request: Any) -> None:
        lib.evhttp_request_set_on_complete_cb(request, complete, ffi.NULL)
        lib.evhttp_send_reply_start(request, 200, b"OK")
        with evbuffer(b"one") as chunk:
            lib.evhttp_send_reply_chunk_with_cb(request, chunk, written, ffi.NULL)
        lib.evhttp_send_reply_end(request)

    server.catch_all(on_request)
    answer = server.get()
    assert answer.endswith(b"3\r\none\r\n0\r\n\r\n")
    assert seen[-1] == "complete"


def test_a_closed_connection_is_told(base: RawBase, server: RawServer) -> None:
    """When the client has gone, after its answer."""
    seen = []

    def on_close(connection: Any, arg: Any) -> None:
        seen.append("closed")

    callback = base.callback("void(struct evhttp_connection *, void *)", on_close)

    def on_request(request: Any) -> None:
        lib.evhttp_connection_set_closecb(lib.evhttp_request_get_connection(request), callback, ffi.NULL)
        reply(request, b"bye")

    server.catch_all(on_request)
    with socket.create_connection(server.address) as sock:
        exchange(base, sock, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert seen == ["closed"]


def test_a_request_is_kept(base: RawBase, server: RawServer) -> None:
    """Owned by the program, it is answered when it likes."""
    kept: list[Any] = []
    later = base.callback("event_callback_fn", lambda fd, what, arg: reply(kept[0], b"later"))

    def on_request(request: Any) -> None:
        assert not lib.evhttp_request_is_owned(request)
        kept.append(request)
        lib.event_base_once(base.pointer, -1, lib.EV_TIMEOUT, later, ffi.NULL, timeval(0))

    server.catch_all(on_request)
    assert server.get().endswith(b"later")
