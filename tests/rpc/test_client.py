"""RPCPool: calls to an HTTPServer of ours, and to C's evrpc."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import evrpc
import pytest
from certificates import Authority
from evrpc import Message
from loops import run_until
from rpc_methods import KILL, MESSAGE, MSG

from libevent_py import (
    Buffer,
    ClosedError,
    EventBase,
    HTTPClient,
    HTTPError,
    HTTPServer,
    RPCError,
    TLSContext,
    ffi,
    lib,
)
from libevent_py.rpc import RPCCall, RPCMethod, RPCPool, RPCRequest, register

Handler = Any


@pytest.fixture
def server(base: EventBase) -> Iterator[HTTPServer]:
    """At a port of its own."""
    with HTTPServer(base) as made:
        made.listen(("127.0.0.1", 0))
        yield made


@pytest.fixture
def pool(base: EventBase, server: HTTPServer) -> Iterator[RPCPool]:
    """Of connections to the server."""
    with HTTPClient(base) as client:
        yield RPCPool(client, f"http://127.0.0.1:{server.listeners[0].address[1]}")


def outcome(base: EventBase, pool: RPCPool, message: Any = MSG, **options: Any) -> RPCCall[Message]:
    """A call of MESSAGE's, when it is done."""
    done: list[RPCCall[Message]] = []
    call = pool.call(MESSAGE, message, done.append, **options)
    assert not call.done
    with pytest.raises(RuntimeError, match="not done yet"):
        call.result()
    run_until(base, lambda: bool(done))
    assert done == [call]
    assert call.done
    return call


def test_a_call(base: EventBase, server: HTTPServer, pool: RPCPool) -> None:
    """The reply comes, and the next call goes over the same connection."""
    seen = []

    def handler(request: RPCRequest[Message, Message]) -> None:
        seen.append((request.message, request.http.remote_address))
        request.reply(KILL)

    register(server, MESSAGE, handler)
    calls = [outcome(base, pool) for _ in range(2)]
    assert [call.result() for call in calls] == [KILL, KILL]
    assert [call.error for call in calls] == [None, None]
    assert calls[0].http.result().status == 200
    assert repr(calls[0]) == "<RPCCall Message (done)>"
    assert seen == [(MSG, seen[0][1])] * 2


def test_calls_beside_one_another(base: EventBase, server: HTTPServer, pool: RPCPool) -> None:
    """Over several connections, each with its own reply."""
    register(server, MESSAGE, lambda request: request.reply({**KILL, "weapon": request.message["to_name"]}))
    replies: list[str] = []
    for number in range(20):
        pool.call(
            MESSAGE, {**MSG, "to_name": str(number)}, lambda call: replies.append(call.result()["weapon"])
        )
    run_until(base, lambda: len(replies) == 20)
    assert sorted(replies, key=int) == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        pytest.param(None, "answered 404", id="no such method"),
        pytest.param(lambda request: request.fail(), "answered 503", id="it fails"),
        pytest.param(
            lambda request: request.http.reply(body=b"\xff" * 9), "no reply of Message", id="rubbish"
        ),
        pytest.param(lambda request: request.http.reply(body=b""), "no reply of Message", id="nothing"),
    ],
)
def test_no_reply(base: EventBase, server: HTTPServer, pool: RPCPool, handler: Handler, words: str) -> None:
    """An RPCError says what there is in its place."""
    if handler is not None:
        register(server, MESSAGE, handler)
    call = outcome(base, pool)
    assert isinstance(call.error, RPCError)
    with pytest.raises(RPCError, match=words):
        call.result()


def test_a_reader_that_raises(base: EventBase, server: HTTPServer, pool: RPCPool) -> None:
    """What is no fault of the server's is the call's outcome as it is."""

    def unmarshal(buffer: Buffer) -> Message:
        raise ZeroDivisionError

    method = RPCMethod("Message", MESSAGE.marshal_request, str, str, unmarshal)  # type: ignore[var-annotated]
    register(server, MESSAGE, lambda request: request.reply(KILL))
    done: list[Any] = []
    pool.call(method, MSG, done.append)
    run_until(base, lambda: bool(done))
    assert isinstance(done[0].error, ZeroDivisionError)


def test_nobody_is_there(base: EventBase) -> None:
    """The connection's error is the call's."""
    with socket.socket() as sock, HTTPClient(base) as client:
        sock.bind(("127.0.0.1", 0))  # held, and not listening
        call = outcome(base, RPCPool(client, f"http://127.0.0.1:{sock.getsockname()[1]}/"))
    assert isinstance(call.error, ConnectionRefusedError)


def test_a_timeout_and_a_cancelled_call(base: EventBase, server: HTTPServer, pool: RPCPool) -> None:
    """A call that nobody answers ends by either."""
    kept: list[Any] = []
    register(server, MESSAGE, kept.append)
    assert isinstance(outcome(base, pool, timeout=0.05).error, TimeoutError)
    done: list[RPCCall[Message]] = []
    call = pool.call(MESSAGE, MSG, done.append)
    run_until(base, lambda: len(kept) == 2)
    call.cancel()
    run_until(base, lambda: bool(done))
    assert isinstance(done[0].error, HTTPError)
    call.cancel()


def test_a_message_that_cannot_be_written(pool: RPCPool) -> None:
    """Nothing is sent."""
    with pytest.raises(KeyError):
        pool.call(MESSAGE, {}, print)


def test_a_closed_client(base: EventBase) -> None:
    """It says so."""
    client = HTTPClient(base)
    pool = RPCPool(client, "http://127.0.0.1:1")
    client.close()
    with pytest.raises(ClosedError):
        pool.call(MESSAGE, MSG, print)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("127.0.0.1:80", ValueError),
        ("ftp://127.0.0.1", ValueError),
        ("http:///", ValueError),
        ("http://x/path", ValueError),
        ("http://x/?a=b", ValueError),
        ("http://x y/", ValueError),
        (b"http://x", TypeError),
    ],
)
def test_no_server(base: EventBase, url: Any, error: type[Exception]) -> None:
    """What is no server's URL is refused at once."""
    with HTTPClient(base) as client, pytest.raises(error):
        RPCPool(client, url)


def test_wrong_arguments(base: EventBase, pool: RPCPool) -> None:
    """Exceptions before anything is sent."""
    with pytest.raises(TypeError, match="HTTPClient"):
        RPCPool(base, "http://x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="RPCMethod"):
        pool.call("Message", MSG, print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_complete"):
        pool.call(MESSAGE, MSG, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="RPCPool"):
        RPCCall()


def test_a_server_in_c(base: EventBase) -> None:
    """C's evrpc answers, and says 503 where its handler leaves the reply empty."""

    def answer(state: Any) -> None:
        assert ffi.from_handle(lib.evrpc_get_request(state)) == MSG
        if not seen:
            ffi.from_handle(lib.evrpc_get_reply(state)).update(KILL)
        lib.evrpc_request_done(state)

    seen: list[Any] = []
    server = evrpc.Server(base.pointer)
    server.register(b"Message", answer)
    with HTTPClient(base) as client:
        pool = RPCPool(client, f"http://127.0.0.1:{server.port}")
        seen.append(outcome(base, pool).result())
        call = outcome(base, pool)
    server.close()
    assert seen == [KILL]
    assert isinstance(call.error, RPCError)
    assert evrpc.errors == []
    assert evrpc._kept == {}


@pytest.mark.skipif(not hasattr(lib, "bufferevent_openssl_socket_new"), reason="built without OpenSSL")
def test_over_tls(base: EventBase, tmp_path: Path) -> None:
    """As any HTTPS."""
    authority = Authority(tmp_path)
    certificate = authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1")
    with HTTPServer(base, tls=TLSContext.server(certificate)) as server:
        port = server.listen(("127.0.0.1", 0)).address[1]
        register(server, MESSAGE, lambda request: request.reply(KILL))
        with HTTPClient(base, context=TLSContext.client(authority.ca)) as client:
            assert outcome(base, RPCPool(client, f"https://127.0.0.1:{port}")).result() == KILL
