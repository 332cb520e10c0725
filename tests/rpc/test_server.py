"""Calls to an HTTPServer: by plain HTTP, and by C's evrpc."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import evrpc
import pytest
from evrpc import Message, Pool
from http_peer import Peer
from rpc_methods import KILL, MESSAGE, MSG

from libevent_py import Buffer, EventBase, ffi, lib
from libevent_py.http import HTTPServer
from libevent_py.rpc import RPCMethod, RPCRequest, register

POST = b"POST /.rpc.Message HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"


@pytest.fixture
def server(base: EventBase) -> Iterator[HTTPServer]:
    """At a port of its own."""
    with HTTPServer(base) as made:
        made.listen(("127.0.0.1", 0))
        yield made


def post(server: HTTPServer, body: bytes) -> Any:
    """The answer to a POST to the method."""
    with Peer(server.base, server.listeners[0].address) as peer:
        return peer.send(POST % (len(body), body)).answer()


def test_a_call_is_answered(server: HTTPServer) -> None:
    """The handler gets the message and who asks; the client gets the reply."""
    seen = []

    def handler(request: RPCRequest[Message, Message]) -> None:
        seen.append((request.message, request.http.remote_address[0], repr(request)))
        request.reply(KILL)

    register(server, MESSAGE, handler)
    answer = post(server, bytes(evrpc.marshal_msg(MSG)))
    assert (answer.status, answer.fields["content-type"]) == (200, "application/octet-stream")
    assert evrpc.unmarshal_kill(Buffer(answer.body)) == KILL
    assert seen == [(MSG, "127.0.0.1", "<RPCRequest Message>")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(POST % (13, b"Some Nonsense"), id="no message"),
        pytest.param(POST % (3, bytes(evrpc.marshal_msg(MSG))[:3]), id="half a message"),
        pytest.param(POST % (0, b""), id="nothing"),
        pytest.param(b"GET /.rpc.Message HTTP/1.1\r\nHost: x\r\n\r\n", id="no POST"),
    ],
)
def test_what_is_no_call(server: HTTPServer, data: bytes) -> None:
    """It is answered 503, and the handler does not hear of it."""
    register(server, MESSAGE, lambda request: pytest.fail("called"))
    with Peer(server.base, server.listeners[0].address) as peer:
        assert peer.send(data).answer().status == 503


def test_an_unknown_method(server: HTTPServer) -> None:
    """Is a path like any other."""
    assert post(server, b"x").status == 404


def test_an_answer_later(server: HTTPServer) -> None:
    """As evrpc's pause and resume: the request is kept, and answered when the handler likes."""
    kept: list[RPCRequest[Message, Message]] = []

    def handler(request: RPCRequest[Message, Message]) -> None:
        kept.append(request)
        server.base.call_soon(lambda: kept.pop().reply(KILL))

    register(server, MESSAGE, handler)
    assert post(server, bytes(evrpc.marshal_msg(MSG))).status == 200
    assert kept == []


def test_a_call_fails(server: HTTPServer) -> None:
    """By the handler's word; after that it has no answer any more."""

    def handler(request: RPCRequest[Message, Message]) -> None:
        request.fail()
        with pytest.raises(RuntimeError, match="answered already"):
            request.reply(KILL)

    register(server, MESSAGE, handler)
    assert post(server, bytes(evrpc.marshal_msg(MSG))).status == 503


def test_a_reply_that_cannot_be_written(server: HTTPServer) -> None:
    """The exception is the handler's, and the call waits for a better one."""

    def handler(request: RPCRequest[Message, Message]) -> None:
        with pytest.raises(KeyError):
            request.reply({})
        request.reply(KILL)

    register(server, MESSAGE, handler)
    assert post(server, bytes(evrpc.marshal_msg(MSG))).status == 200


def test_a_virtual_host(server: HTTPServer) -> None:
    """Has methods of its own."""
    host = server.virtual_host("other")
    register(host, MESSAGE, lambda request: request.reply(KILL))
    body = bytes(evrpc.marshal_msg(MSG))
    assert post(server, body).status == 404
    with Peer(server.base, server.listeners[0].address) as peer:
        data = (POST % (len(body), body)).replace(b"Host: x", b"Host: other")
        assert peer.send(data).answer().status == 200


def test_a_method_twice(server: HTTPServer) -> None:
    """Is refused."""
    register(server, MESSAGE, lambda request: request.fail())
    with pytest.raises(ValueError, match="route"):
        register(server, MESSAGE, lambda request: request.fail())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("a b", str, str, str, str), ValueError),
        (("", str, str, str, str), ValueError),
        (("a/../b", str, str, str, str), ValueError),
        ((b"a", str, str, str, str), TypeError),
        (("a", str, str, None, str), TypeError),
    ],
)
def test_no_method(arguments: Any, error: type[Exception]) -> None:
    """A name or a function that is none is refused at once."""
    with pytest.raises(error):
        RPCMethod(*arguments)


def test_wrong_arguments(base: EventBase, server: HTTPServer) -> None:
    """They are refused, and nothing is registered."""
    for host, method, handler in ((base, MESSAGE, print), (server, "Message", print), (server, MESSAGE, 1)):
        with pytest.raises(TypeError):
            register(host, method, handler)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="register"):
        RPCRequest()
    assert post(server, b"x").status == 404


def test_a_client_in_c(base: EventBase, server: HTTPServer) -> None:
    """C's evrpc_pool calls it, and gets the reply, or BADPAYLOAD where there is none.

    evrpc says no Host, which HTTP/1.1 demands: a hook of the pool's adds it.
    """
    seen: list[Any] = []

    def add_host(context: Any, request: Any, buffer: Any, arg: Any) -> int:
        lib.evhttp_add_header(lib.evhttp_request_get_output_headers(request), b"Host", b"x")
        return lib.EVRPC_CONTINUE

    hook = ffi.callback("int(void *, struct evhttp_request *, struct evbuffer *, void *)", add_host)
    register(server, MESSAGE, lambda request: request.reply(KILL) if not seen else request.fail())

    def done(error: int, reply: Message, request: Any) -> None:
        seen.append((error, dict(reply)))
        base.loopbreak()

    pool = Pool(base.pointer, server.listeners[0].address[1])
    lib.evrpc_add_hook(pool.pool, lib.EVRPC_OUTPUT, hook, ffi.NULL)
    for _ in range(2):
        pool.send(b"Message", MSG, done)
        base.dispatch()
    pool.close()
    assert seen == [(lib.EVRPC_STATUS_ERR_NONE, KILL), (lib.EVRPC_STATUS_ERR_BADPAYLOAD, {})]
    assert evrpc.errors == []
