"""evrpc by its raw calls: messages are dicts, in the encoding of libevent's regress.rpc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from raw import address_of

from libevent_py import Buffer, TagError, ffi, lib, tagging

Message = dict[str, Any]


def text_fields(**tags: int) -> tuple[Callable[[Message], Buffer], Callable[[Buffer], Message]]:
    """How a message of texts, each with its tag, is written and read."""

    def marshal(message: Message) -> Buffer:
        buffer = Buffer()
        for name, tag in tags.items():
            tagging.marshal_string(buffer, tag, message[name])
        return buffer

    def unmarshal(buffer: Buffer) -> Message:
        found = {}
        for name, tag in tags.items():
            found[name] = tagging.unmarshal_string(buffer, tag)
        return found

    return marshal, unmarshal


marshal_msg, unmarshal_msg = text_fields(from_name=1, to_name=2)
marshal_kill, unmarshal_kill = text_fields(weapon=0x10121, action=2)

#: What the callbacks raised; C cannot pass it on.
errors: list[BaseException] = []
#: Requests and replies that C has the handles of, by address.
_kept: dict[int, Any] = {}


def _noted(kind: Any, error: Any, traceback: Any) -> None:
    errors.append(error)


def address(pointer: Any) -> int:
    """Of any pointer."""
    return int(ffi.cast("uintptr_t", pointer))


def keep(value: Any) -> Any:
    """A handle of *value* for C, until release()."""
    handle = ffi.new_handle(value)
    _kept[address(handle)] = handle
    return handle


@ffi.callback("void *(void *)", onerror=_noted)
def new_message(arg: Any) -> Any:
    """An empty message."""
    return keep({})


@ffi.callback("void(void *)", onerror=_noted)
def release(message: Any) -> None:
    """Let go what keep() kept."""
    del _kept[address(message)]


@ffi.callback("void(void *)", onerror=_noted)
def clear(message: Any) -> None:
    """Make a message empty."""
    ffi.from_handle(message).clear()


def _reading(unmarshal: Callable[[Buffer], Message]) -> Any:
    @ffi.callback("int(void *, struct evbuffer *)", error=-1, onerror=_noted)
    def read(message: Any, evbuffer: Any) -> int:
        length = lib.evbuffer_get_length(evbuffer)
        room = ffi.new("char[]", length)
        lib.evbuffer_remove(evbuffer, room, length)
        try:
            with Buffer(bytes(ffi.buffer(room, length))) as buffer:
                ffi.from_handle(message).update(unmarshal(buffer))
        except (TagError, EOFError):
            return -1
        return 0

    return read


def _writing(marshal: Callable[[Message], Buffer]) -> Any:
    @ffi.callback("void(struct evbuffer *, void *)", onerror=_noted)
    def write(evbuffer: Any, message: Any) -> None:
        with marshal(ffi.from_handle(message)) as buffer:
            assert lib.evbuffer_add_buffer(evbuffer, buffer.pointer) == 0

    return write


read_msg, write_msg = _reading(unmarshal_msg), _writing(marshal_msg)
read_kill, write_kill = _reading(unmarshal_kill), _writing(marshal_kill)


@ffi.callback("int(void *)", error=-1, onerror=_noted)
def kill_complete(message: Any) -> int:
    """Whether all fields are there: 0, else -1."""
    return 0 if {"weapon", "action"} <= ffi.from_handle(message).keys() else -1


class Server:
    """An evhttp on 127.0.0.1 with an evrpc_base; close() it before the event_base.

    Attributes:
        rpc: The evrpc_base.
        port: Where it listens.
    """

    def __init__(self, base: Any) -> None:
        self.http = lib.evhttp_new(base)
        bound = lib.evhttp_bind_socket_with_handle(self.http, b"127.0.0.1", 0)
        assert bound
        self.port: int = address_of(lib.evhttp_bound_socket_get_fd(bound))[1]
        self.rpc = lib.evrpc_init(self.http)
        self._callbacks: list[Any] = []

    def register(self, name: bytes, handler: Callable[[Any], None]) -> None:
        """*handler* gets the request state of each call, and ends it with evrpc_request_done."""
        callback = ffi.callback(
            "void(struct evrpc_req_generic *, void *)", lambda state, arg: handler(state), onerror=_noted
        )
        self._callbacks.append(callback)
        null = ffi.NULL
        done = lib.evrpc_register_generic(
            self.rpc, name, callback, null, new_message, null, release, read_msg,
            new_message, null, release, kill_complete, write_kill,
        )  # fmt: skip
        assert done == 0

    def close(self) -> None:
        """Free all; what is registered goes with it."""
        lib.evrpc_free(self.rpc)
        lib.evhttp_free(self.http)


class Pool:
    """An evrpc_pool with connections to a port; close() it when no request is under way."""

    def __init__(self, base: Any, port: int, connections: int = 1) -> None:
        self.base = base
        self.pool = lib.evrpc_pool_new(base)
        self.handles: list[Any] = []
        for _ in range(connections):
            self.add_connection(port)

    def add_connection(self, port: int) -> Any:
        """One more, which the pool owns."""
        # Without a base of its own, as the pool gives it one, and aborts where there is one.
        bev = lib.bufferevent_socket_new(self.base, -1, lib.BEV_OPT_CLOSE_ON_FREE)
        connection = lib.evhttp_connection_base_bufferevent_new(ffi.NULL, ffi.NULL, bev, b"127.0.0.1", port)
        lib.evrpc_pool_add_connection(self.pool, connection)
        return connection

    def status_callback(self, done: Callable[[int, Message, Any], None]) -> Any:
        """For C; *done* gets the error, the reply, and the struct evhttp_request."""

        @ffi.callback("void(struct evrpc_status *, void *, void *, void *)", onerror=_noted)
        def on_status(status: Any, request: Any, reply: Any, arg: Any) -> None:
            done(status.error, ffi.from_handle(reply), status.http_req)

        self.handles.append(on_status)
        return on_status

    def send(self, name: bytes, message: Message, done: Callable[[int, Message, Any], None]) -> int:
        """Ask, by the one call for it."""
        request, reply = ffi.new_handle(message), ffi.new_handle({})
        self.handles += [request, reply]
        return lib.evrpc_send_request_generic(
            self.pool, request, reply, self.status_callback(done), ffi.NULL, name, write_msg, clear, read_kill
        )

    def context(self, name: bytes, message: Message, done: Callable[..., None] | None) -> Any:
        """A request to be sent with evrpc_make_request."""
        request, reply = ffi.new_handle(message), ffi.new_handle({})
        self.handles += [request, reply]
        callback = self.status_callback(done) if done else ffi.NULL
        return lib.evrpc_make_request_ctx(
            self.pool, request, reply, name, write_msg, clear, read_kill, callback, ffi.NULL
        )

    def close(self) -> None:
        """Free it and its connections."""
        lib.evrpc_pool_free(self.pool)
