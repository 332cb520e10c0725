"""evhttp by its raw calls: a server on 127.0.0.1, and what it says to bytes from a socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from raw import RawBase, address_of

from libevent_py import ffi, lib

ON_REQUEST = "void(struct evhttp_request *, void *)"


class RawServer:
    """An evhttp.

    Attributes:
        base: Its RawBase.
        http: The ``struct evhttp *``.
        bound: The ``struct evhttp_bound_socket *`` of its one port.
        address: Where it listens.
    """

    def __init__(self, base: RawBase) -> None:
        self.base = base
        self.http = lib.evhttp_new(base.pointer)
        self.bound = lib.evhttp_bind_socket_with_handle(self.http, b"127.0.0.1", 0)
        assert self.bound
        self.address = address_of(lib.evhttp_bound_socket_get_fd(self.bound))

    def on_request(self, function: Callable[[Any], None]) -> Any:
        """*function* for C, as a callback of requests."""
        return self.base.callback(ON_REQUEST, lambda request, arg: function(request))

    def catch_all(self, function: Callable[[Any], None]) -> None:
        """Let *function* have every request."""
        lib.evhttp_set_gencb(self.http, self.on_request(function), ffi.NULL)

    def ask(self, data: bytes) -> bytes:
        """What comes back for *data* until the server closes; no more is sent."""
        with socket.create_connection(self.address) as sock:
            return exchange(self.base, sock, data)

    def get(self, path: str = "/", host: str = "test", more: str = "") -> bytes:
        """The answer to a GET that asks for the connection's end."""
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n".encode())


def exchange(base: RawBase, sock: socket.socket, data: bytes) -> bytes:
    """Send *data*, run the base until the end of the answer."""
    sock.sendall(data)
    sock.setblocking(False)
    answer = b""

    def on_readable(fd: int, what: int, arg: Any) -> None:
        nonlocal answer
        part = sock.recv(100_000)
        answer += part
        if not part:
            base.stop()

    callback = base.callback("event_callback_fn", on_readable)
    event = lib.event_new(base.pointer, sock.fileno(), lib.EV_READ | lib.EV_PERSIST, callback, ffi.NULL)
    lib.event_add(event, ffi.NULL)
    try:
        base.run()
    finally:
        lib.event_free(event)
    return answer


@contextmanager
def raw_server(base: RawBase) -> Iterator[RawServer]:
    """A RawServer, freed at the end."""
    server = RawServer(base)
    try:
        yield server
    finally:
        lib.evhttp_free(server.http)


def reply(request: Any, body: bytes, code: int = 200) -> None:
    """Answer with *body*."""
    buffer = lib.evbuffer_new()
    lib.evbuffer_add(buffer, body, len(body))
    lib.evhttp_send_reply(request, code, b"OK", buffer)
    lib.evbuffer_free(buffer)
