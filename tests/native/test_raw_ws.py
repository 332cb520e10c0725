"""ws.h of libevent 2.2, call by call: the server's side of WebSockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from raw import RawBase, raw_base
from raw_http import RawServer, exchange, raw_server

from libevent_py import ffi, lib

pytestmark = pytest.mark.skipif(not hasattr(lib, "evws_new_session"), reason="libevent before 2.2")

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
def base() -> Iterator[RawBase]:
    """An event_base."""
    with raw_base() as made:
        yield made


@pytest.fixture
def server(base: RawBase) -> Iterator[RawServer]:
    """An evhttp whose connections close their sockets: a session only frees its bufferevent."""
    with raw_server(base) as made:
        signature = "struct bufferevent *(struct event_base *, void *)"

        def on_connection(event_base: Any, arg: Any) -> Any:
            return lib.bufferevent_socket_new(event_base, -1, lib.BEV_OPT_CLOSE_ON_FREE)

        lib.evhttp_set_bevcb(made.http, base.callback(signature, on_connection, ffi.NULL), ffi.NULL)
        yield made


def frame(opcode: int, data: bytes) -> bytes:
    """A whole frame of a client's, masked with zeros."""
    return bytes([0x80 | opcode, 0x80 | len(data), 0, 0, 0, 0]) + data


def test_a_session(base: RawBase, server: RawServer) -> None:
    """A message comes and is answered; the server closes, and its callback tells."""
    seen: list[Any] = []

    def on_message(session: Any, kind: int, data: Any, length: int, arg: Any) -> None:
        seen.append((kind, bytes(ffi.buffer(data, length))))
        assert lib.evws_connection_get_bufferevent(session)
        if hasattr(lib, "evws_send"):
            lib.evws_send(session, b"answer", 6)
        else:
            lib.evws_send_text(session, b"answer")
            lib.evws_send_binary(session, b"\0\1", 2)
        lib.evws_close(session, lib.WS_CR_NORMAL)

    def on_close(session: Any, arg: Any) -> None:
        seen.append("closed")

    message = base.callback("ws_on_msg_cb", on_message)
    close = base.callback("ws_on_close_cb", on_close)

    def on_request(request: Any) -> None:
        session = lib.evws_new_session(request, message, ffi.NULL, 0)
        assert session
        lib.evws_connection_set_closecb(session, close, ffi.NULL)
        base.stop()

    server.catch_all(on_request)
    with socket.create_connection(server.address) as sock:
        sock.sendall(HANDSHAKE)
        base.run()
        answer = exchange(base, sock, frame(0x1, b"question"))
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"answer" in answer
    assert seen == [(lib.WS_TEXT_FRAME, b"question"), "closed"]


def test_a_session_is_freed(base: RawBase, server: RawServer) -> None:
    """Without a word to the peer."""
    nothing = base.callback("ws_on_msg_cb", lambda *arguments: None)

    def on_request(request: Any) -> None:
        session = lib.evws_new_session(request, nothing, ffi.NULL, 0)
        lib.evws_connection_free(session)
        base.stop()

    server.catch_all(on_request)
    with socket.create_connection(server.address) as sock:
        sock.sendall(HANDSHAKE)
        base.run()
