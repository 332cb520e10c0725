"""Probes of evhttp, by requests to a server of its own on loopback (floor 7)."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

from .._ffi import CData, ffi, lib

_PATIENCE = 10.0  # seconds


def trailers_are_discarded() -> bool:
    """A field behind a chunked body is none of the header's."""
    found = []

    def look(request: CData) -> None:
        headers = lib.evhttp_request_get_input_headers(request)
        found.append(lib.evhttp_find_header(headers, b"X-Trailer"))

    _ask(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\nx\r\n0\r\nX-Trailer: y\r\n\r\n",
        look,
    )
    return found in ([], [ffi.NULL])  # a server that refuses them is as safe


def lengths_are_unambiguous() -> bool:
    """Both kinds of length, or a transfer coding behind chunked.

    Two of one kind, Content-Length twice, are let pass by libevent with the fix too.
    """
    request = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    wrong = "Content-Length: 11\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked, gzip"
    return all(_ask(request.format(fields)).startswith(b"HTTP/1.1 400") for fields in wrong)


def line_breaks_are_refused() -> bool:
    """A value with a line break and a blank behind it, an obsolete folding."""
    headers = ffi.new("struct evkeyvalq *")
    lib.lepy_evkeyvalq_init(headers)
    return int(lib.evhttp_add_header(headers, b"One", b"Two\r\n Three")) == -1


def long_addresses_fit() -> bool:
    """A client whose address is longer than those of IPv6.

    Without the fix an assertion ends the process, or, where they are compiled out, memory behind
    the address is overwritten.
    """
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind("")  # a free name of Linux's abstract ones
        listener.listen()
        client.bind(f"\0libevent_py doctor {os.getpid()} ".ljust(100, "x"))
        client.connect(listener.getsockname())
        answer = _answer(listener, client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    return answer.startswith(b"HTTP/1.1 200")


def _ask(request: str, look: Callable[[CData], None] = lambda request: None) -> bytes:
    """What a server on 127.0.0.1 answers; it shows *look* each request that it accepts."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        return _answer(listener, client, request, look)


def _answer(
    listener: socket.socket,
    client: socket.socket,
    request: str,
    look: Callable[[CData], None] = lambda request: None,
) -> bytes:
    """What evhttp on *listener* answers *client*, which is connected to it, until it hangs up."""

    @ffi.callback("void(struct evhttp_request *, void *)")
    def reply(request: CData, argument: CData) -> None:
        look(request)
        lib.evhttp_send_reply(request, 200, b"OK", ffi.NULL)

    listener.setblocking(False)
    base = lib.event_base_new()
    server = lib.evhttp_new(base)
    lib.evhttp_set_gencb(server, reply, ffi.NULL)
    lib.evhttp_accept_socket(server, os.dup(listener.fileno()))
    client.sendall(request.encode())
    client.setblocking(False)
    answer = b""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        lib.event_base_loop(base, lib.EVLOOP_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            data = client.recv(4096)
            if not data:
                break
            answer += data
    lib.evhttp_free(server)
    lib.event_base_free(base)
    return answer
