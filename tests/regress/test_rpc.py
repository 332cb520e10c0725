"""Ports of libevent's regress_rpc.c, by the raw layer: docs/regress.md has the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import evrpc
import pytest
from evrpc import Message, Pool, Server

from libevent_py import Buffer, ffi, lib, tagging

MSG = {"from_name": "niels", "to_name": "tester"}
KILL = {"weapon": "dagger", "action": "wave around like an idiot"}


@pytest.fixture
def base() -> Iterator[Any]:
    """An event_base; no callback may have raised, and no message be left."""
    made = lib.event_base_new()
    yield made
    lib.event_base_free(made)
    found, evrpc.errors[:] = list(evrpc.errors), []
    assert found == []
    assert evrpc._kept == {}


def answer(state: Any) -> None:
    """What MessageCb replies."""
    assert ffi.from_handle(lib.evrpc_get_request(state)) == MSG
    ffi.from_handle(lib.evrpc_get_reply(state)).update(KILL)
    lib.evrpc_request_done(state)


@pytest.fixture
def server(base: Any) -> Iterator[Server]:
    """With the method "Message"."""
    made = Server(base)
    made.register(b"Message", answer)
    yield made
    made.close()


@pytest.fixture
def pool(base: Any, server: Server) -> Iterator[Pool]:
    """With one connection to the server."""
    made = Pool(base, server.port)
    yield made
    made.close()


def dispatch(base: Any) -> None:
    """Run until loopbreak(), ten seconds at most."""
    lib.event_base_loopexit(base, ffi.new("struct timeval *", (10, 0)))
    assert lib.event_base_dispatch(base) == 0
    assert lib.event_base_got_break(base)


def post(base: Any, port: int, body: bytes, method: int) -> tuple[int, bytes]:
    """Ask by plain HTTP: the status and the body of the answer."""
    seen: list[tuple[int, bytes]] = []

    @ffi.callback("void(struct evhttp_request *, void *)")
    def on_answer(request: Any, arg: Any) -> None:
        input_buffer = lib.evhttp_request_get_input_buffer(request)
        room = ffi.new("char[]", 1000)
        count = lib.evbuffer_remove(input_buffer, room, 1000)
        seen.append((lib.evhttp_request_get_response_code(request), bytes(ffi.buffer(room, count))))
        lib.event_base_loopbreak(base)

    connection = lib.evhttp_connection_base_new(base, ffi.NULL, b"127.0.0.1", port)
    request = lib.evhttp_request_new(on_answer, ffi.NULL)
    lib.evhttp_add_header(lib.evhttp_request_get_output_headers(request), b"Host", b"somehost")
    lib.evbuffer_add(lib.evhttp_request_get_output_buffer(request), body, len(body))
    assert lib.evhttp_make_request(connection, request, method, b"/.rpc.Message") == 0
    dispatch(base)
    lib.evhttp_connection_free(connection)
    return seen[0]


def test_rpc_basic_test(base: Any, server: Server) -> None:
    """A payload that is no message is answered with 503."""
    assert post(base, server.port, b"Some Nonsense", lib.EVHTTP_REQ_POST)[0] == lib.HTTP_SERVUNAVAIL


def test_rpc_basic_message(base: Any, server: Server) -> None:
    """A message that somebody else has encoded is answered with one."""
    status, body = post(base, server.port, bytes(evrpc.marshal_msg(MSG)), lib.EVHTTP_REQ_POST)
    assert status == lib.HTTP_OK
    assert evrpc.unmarshal_kill(Buffer(body)) == KILL


def test_rpc_invalid_type(base: Any, server: Server) -> None:
    """A GET is no call."""
    assert post(base, server.port, b"Some Nonsense", lib.EVHTTP_REQ_GET)[0] == lib.HTTP_SERVUNAVAIL


Hook = Callable[[Any, Any, Any], int]


def hook(function: Hook) -> Any:
    """For evrpc_add_hook; *function* gets the context, the request and the buffer."""
    return ffi.callback(
        "int(void *, struct evhttp_request *, struct evbuffer *, void *)",
        lambda context, request, buffer, arg: function(context, request, buffer),
        error=lib.EVRPC_TERMINATE,
        onerror=evrpc._noted,
    )


def header(queue: Any, name: bytes) -> Any:
    """A header's value, or None."""
    found = lib.evhttp_find_header(queue, name)
    return ffi.string(found) if found else None


def test_rpc_basic_client(base: Any, server: Server, pool: Pool) -> None:
    """Hooks see headers both ways and find what one of them noted; a connection serves three calls."""
    seen = []

    @hook
    def note(context: Any, request: Any, buffer: Any) -> int:
        lib.evrpc_hook_add_meta(context, b"meta", b"test\0", 5)
        assert lib.evrpc_hook_get_connection(context)
        return lib.EVRPC_CONTINUE

    @hook
    def mark_input(context: Any, request: Any, buffer: Any) -> int:
        lib.evhttp_add_header(lib.evhttp_request_get_input_headers(request), b"X-Hook", b"input")
        assert lib.evrpc_hook_get_connection(context)
        return lib.EVRPC_CONTINUE

    @hook
    def mark_output(context: Any, request: Any, buffer: Any) -> int:
        assert header(lib.evhttp_request_get_input_headers(request), b"X-Hook") == b"input"
        lib.evhttp_add_header(lib.evhttp_request_get_output_headers(request), b"X-Hook", b"output")
        return lib.EVRPC_CONTINUE

    @hook
    def find(context: Any, request: Any, buffer: Any) -> int:
        headers = lib.evhttp_request_get_input_headers(request)
        assert header(headers, b"X-Hook") == b"output"
        lib.evhttp_remove_header(headers, b"X-Hook")
        data, size = ffi.new("void **"), ffi.new("size_t *")
        assert lib.evrpc_hook_find_meta(context, b"meta", data, size) == 0
        assert bytes(ffi.buffer(data[0], size[0])) == b"test\0"
        assert lib.evrpc_hook_find_meta(context, b"other", data, size) == -1
        seen.append("found")
        return lib.EVRPC_CONTINUE

    def done(error: int, reply: Message, request: Any) -> None:
        seen.append((error, dict(reply)))
        assert header(lib.evhttp_request_get_input_headers(request), b"X-Hook") is None
        lib.event_base_loopbreak(base)

    first = lib.evrpc_add_hook(server.rpc, lib.EVRPC_INPUT, mark_input, ffi.NULL)
    assert first
    assert lib.evrpc_add_hook(server.rpc, lib.EVRPC_OUTPUT, mark_output, ffi.NULL)
    assert lib.evrpc_add_hook(pool.pool, lib.EVRPC_OUTPUT, note, ffi.NULL)
    assert lib.evrpc_add_hook(pool.pool, lib.EVRPC_INPUT, find, ffi.NULL)
    for _ in range(2):
        assert pool.send(b"Message", MSG, done) == 0
        dispatch(base)
    context = pool.context(b"Message", MSG, done)
    assert lib.evrpc_request_get_pool(context) == pool.pool
    assert lib.evrpc_make_request(context) == 0
    dispatch(base)
    assert seen == ["found", (lib.EVRPC_STATUS_ERR_NONE, KILL)] * 3
    assert lib.evrpc_remove_hook(server.rpc, lib.EVRPC_INPUT, first) == 1
    assert lib.evrpc_remove_hook(server.rpc, lib.EVRPC_INPUT, first) == 0


def test_rpc_basic_queued_client(base: Any, pool: Pool) -> None:
    """A second call waits for the one connection, and goes out by it."""
    seen = []

    def done(number: int, reply: Message) -> None:
        seen.append((number, dict(reply)))
        if len(seen) == 2:
            lib.event_base_loopbreak(base)

    pool.send(b"Message", MSG, lambda error, reply, request: done(1, reply))
    pool.send(b"Message", MSG, lambda error, reply, request: done(2, reply))
    dispatch(base)
    assert seen == [(1, KILL), (2, KILL)]


def test_rpc_basic_client_with_pause(base: Any, server: Server, pool: Pool) -> None:
    """Each of four hooks pauses the call, and the loop resumes it."""
    resumed, keep, replies = [], [], []

    def pausing(owner: Any) -> Any:
        @hook
        def pause(context: Any, request: Any, buffer: Any) -> int:
            @ffi.callback("event_callback_fn", onerror=evrpc._noted)
            def on_time(fd: int, what: int, arg: Any) -> None:
                resumed.append(lib.evrpc_resume_request(owner, context, lib.EVRPC_CONTINUE))

            keep.append(on_time)
            lib.event_base_once(base, -1, lib.EV_TIMEOUT, on_time, ffi.NULL, ffi.NULL)
            return lib.EVRPC_PAUSE

        keep.append(pause)
        return pause

    for owner in (server.rpc, pool.pool):
        for kind in (lib.EVRPC_INPUT, lib.EVRPC_OUTPUT):
            assert lib.evrpc_add_hook(owner, kind, pausing(owner), ffi.NULL)

    def done(error: int, reply: Message, request: Any) -> None:
        replies.append((error, dict(reply)))
        lib.event_base_loopbreak(base)

    pool.send(b"Message", MSG, done)
    dispatch(base)
    lib.event_base_loop(base, lib.EVLOOP_NONBLOCK)
    assert replies == [(lib.EVRPC_STATUS_ERR_NONE, KILL)]
    assert resumed == [0] * 4
    assert lib.evrpc_resume_request(pool.pool, ffi.NULL, lib.EVRPC_CONTINUE) == -1


def test_rpc_client_timeout(base: Any, server: Server, pool: Pool) -> None:
    """A call that nobody answers ends by the pool's timeout, and clears the reply."""
    states, seen = [], []
    server.register(b"NeverReply", states.append)
    lib.evrpc_pool_set_timeout(pool.pool, 1)

    def done(error: int, reply: Message, request: Any) -> None:
        seen.append((error, dict(reply), request))
        lib.event_base_loopbreak(base)

    pool.send(b"NeverReply", MSG, done)
    dispatch(base)
    assert seen == [(lib.EVRPC_STATUS_ERR_TIMEOUT, {}, ffi.NULL)]
    lib.evrpc_request_done(states[0])  # an empty reply is not complete: 503, to nobody


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda pool, done: pool.send(b"Nothing", MSG, done), "BADPAYLOAD", id="no such method"),
        pytest.param(
            lambda pool, done: (
                lib.evrpc_add_hook(pool.pool, lib.EVRPC_INPUT, TERMINATING, ffi.NULL)
                and pool.send(b"Message", MSG, done)
            ),
            "HOOKABORTED",
            id="a hook of the reply's says no",
        ),
        pytest.param(
            lambda pool, done: (
                lib.evrpc_add_hook(pool.pool, lib.EVRPC_OUTPUT, TERMINATING, ffi.NULL)
                and pool.send(b"Message", MSG, done)
            ),
            "UNSTARTED",
            id="a hook of the request's says no",
        ),
    ],
)
def test_the_other_errors(base: Any, pool: Pool, make: Callable[..., Any], error: str) -> None:
    """Not upstream: each status that a call can end with."""
    seen = []

    def done(status: int, reply: Message, request: Any) -> None:
        seen.append((status, dict(reply)))
        lib.event_base_loopbreak(base)

    make(pool, done)
    if not seen:
        dispatch(base)
    assert seen == [(getattr(lib, f"EVRPC_STATUS_ERR_{error}"), {})]


TERMINATING = hook(lambda context, request, buffer: lib.EVRPC_TERMINATE)


def test_the_rest_of_the_calls(base: Any, server: Server) -> None:
    """Not upstream: a context's pool and callback change, a connection leaves, a method goes."""
    one, two = Pool(base, server.port, connections=0), Pool(base, server.port)
    seen = []

    def done(error: int, reply: Message, request: Any) -> None:
        seen.append((error, dict(reply)))
        lib.event_base_loopbreak(base)

    context = one.context(b"Message", MSG, None)
    lib.evrpc_request_set_pool(context, two.pool)
    lib.evrpc_request_set_cb(context, one.status_callback(done), ffi.NULL)
    lib.evrpc_make_request(context)
    dispatch(base)
    connection = two.add_connection(server.port)
    lib.evrpc_pool_remove_connection(two.pool, connection)
    lib.evhttp_connection_free(connection)
    assert lib.evrpc_unregister_rpc(server.rpc, b"Message") == 0
    assert lib.evrpc_unregister_rpc(server.rpc, b"Message") == -1
    two.send(b"Message", MSG, done)
    dispatch(base)
    assert seen == [(lib.EVRPC_STATUS_ERR_NONE, KILL), (lib.EVRPC_STATUS_ERR_BADPAYLOAD, {})]
    one.close()
    two.close()


def test_a_struct_evrpc(base: Any, server: Server, pool: Pool) -> None:
    """Not upstream: evrpc_register_rpc takes one of malloc's, as C's macros make it."""
    seen = []

    @ffi.callback("void(struct evrpc_req_generic *, void *)", onerror=evrpc._noted)
    def on_call(state: Any, arg: Any) -> None:
        answer(state)

    def done(error: int, reply: Message, request: Any) -> None:
        seen.append((error, dict(reply)))
        lib.event_base_loopbreak(base)

    rpc = ffi.cast("struct evrpc *", lib.calloc(1, ffi.sizeof("struct evrpc")))
    name = b"Other"
    rpc.uri = ffi.cast("char *", lib.calloc(1, len(name) + 1))
    ffi.memmove(rpc.uri, name, len(name))
    rpc.request_new = rpc.reply_new = evrpc.new_message
    rpc.request_free = rpc.reply_free = evrpc.release
    rpc.request_unmarshal, rpc.reply_marshal = evrpc.read_msg, evrpc.write_kill
    rpc.reply_complete = evrpc.kill_complete
    assert lib.evrpc_register_rpc(server.rpc, rpc, on_call, ffi.NULL) == 0
    pool.send(name, MSG, done)
    dispatch(base)
    assert seen == [(lib.EVRPC_STATUS_ERR_NONE, KILL)]


def test_rpc_test() -> None:
    """A message with a thousand messages in it comes back whole."""
    run = Buffer()
    tagging.marshal_string(run, 1, "very fast but with some data in it")
    tagging.marshal(run, 3, b"012345678901234567890123")
    tagging.marshal_string(run, 4, "this is my note")
    tagging.marshal_string(run, 4, "pps")
    tagging.marshal_int64(run, 5, 0xDEAD0A0BCAFEBEEF)
    for number in (0xDEAD0A0B, 0xBEEFCAFE):
        tagging.marshal_int(run, 6, number)
    message = evrpc.marshal_msg({"from_name": "niels", "to_name": "phoenix"})
    attack = evrpc.marshal_kill({"weapon": "feather", "action": "tickle"})
    for number in range(3):
        tagging.marshal_int(attack, 3, number)
    tagging.marshal_buffer(message, 3, attack)
    for _ in range(1000):
        tagging.marshal(message, 4, bytes(run))
    whole = Buffer()
    tagging.marshal_buffer(whole, 0xDEAF, message)

    assert tagging.peek(whole) == 0xDEAF
    received = Buffer(tagging.unmarshal(whole)[1])
    assert evrpc.unmarshal_msg(received) == {"from_name": "niels", "to_name": "phoenix"}
    tag, attacked = tagging.unmarshal(received)
    assert tag == 3
    attack = Buffer(attacked)
    assert evrpc.unmarshal_kill(attack) == {"weapon": "feather", "action": "tickle"}
    assert [tagging.unmarshal_int(attack, 3) for _ in range(3)] == [0, 1, 2]
    runs = []
    while received:
        runs.append(tagging.unmarshal(received))
    assert runs == [(4, bytes(run))] * 1000
    first = Buffer(runs[0][1])
    assert tagging.unmarshal_string(first, 1) == "very fast but with some data in it"
    assert tagging.unmarshal(first) == (3, b"012345678901234567890123")
    assert [tagging.unmarshal_string(first, 4) for _ in range(2)] == ["this is my note", "pps"]
    assert tagging.unmarshal_int64(first, 5) == 0xDEAD0A0BCAFEBEEF
    assert [tagging.unmarshal_int(first, 6) for _ in range(2)] == [0xDEAD0A0B, 0xBEEFCAFE]
    assert not first
