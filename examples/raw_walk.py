"""libevent from Python call by call, with nothing in between: events, then bufferevents.

Part one watches a socket pair with a plain event. Part two is an echo server and
its client: a listener, a bufferevent on each side, watermarks, timeouts, EOF. Each
step says what happens; the program fails if anything is not as it should be.

    python examples/raw_walk.py
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from libevent_py import ffi, lib

#: What went wrong in a callback. C cannot pass an exception on, so it waits here.
errors: list[BaseException] = []


def check(is_so: bool, what: str) -> None:
    """Say *what* happened, or fail."""
    if not is_so:
        raise AssertionError(f"not as expected: {what}")
    print(f"  {what}")


def seconds(whole: int) -> Any:
    """A ``struct timeval``."""
    return ffi.new("struct timeval *", (whole, 0))


class Walk:
    """What the callbacks share; they get it back from the ``void *`` that C carries."""

    def __init__(self) -> None:
        self.base = lib.event_base_new()
        if self.base == ffi.NULL:
            raise OSError("event_base_new failed")
        self.handle = ffi.new_handle(self)  # C holds only a pointer: this reference keeps it good
        self.writer = -1
        self.reads: list[bytes] = []
        self.served: list[bytes] = []
        self.echoed = b""
        self.events: list[str] = []


def stop(kind: Any, error: BaseException, traceback: Any) -> None:
    """Keep a callback's exception and leave the loop; ``onerror`` of every callback here."""
    errors.append(error)
    lib.event_base_loopbreak(walk.base)


def run(me: Walk, what: str) -> None:
    """Dispatch, and raise what a callback raised."""
    result = lib.event_base_dispatch(me.base)
    if errors:
        raise errors[0]
    check(result in (0, 1), what)


# Part one: an event


@ffi.callback("event_callback_fn", onerror=stop)
def on_readable(fd: int, what: int, arg: Any) -> None:
    """The descriptor has data; after the third piece the loop ends."""
    me = ffi.from_handle(arg)
    check(bool(what & lib.EV_READ), "the event's callback runs with EV_READ")
    me.reads.append(os.read(fd, 100))
    if len(me.reads) == 3:
        lib.event_base_loopbreak(me.base)
    else:
        os.write(me.writer, b"again")


def walk_event(me: Walk) -> None:
    """event_new, event_add, dispatch, event_del, event_free."""
    print("An event on a socket pair:")
    ends = ffi.new("evutil_socket_t [2]")
    check(lib.evutil_socketpair(socket.AF_UNIX, socket.SOCK_STREAM, 0, ends) == 0, "evutil_socketpair")
    reader, me.writer = ends[0], ends[1]
    event = lib.event_new(me.base, reader, lib.EV_READ | lib.EV_PERSIST, on_readable, me.handle)
    check(event != ffi.NULL, "event_new, with EV_READ | EV_PERSIST")
    check(lib.event_add(event, ffi.NULL) == 0, "event_add, without a timeout")
    os.write(me.writer, b"first")
    run(me, "event_base_dispatch runs until the callback breaks the loop")
    check(me.reads == [b"first", b"again", b"again"], f"EV_PERSIST: one event, three callbacks: {me.reads}")
    check(lib.event_del(event) == 0, "event_del")
    check(lib.event_base_dispatch(me.base) == 1, "dispatch returns 1: there is no event left")
    lib.event_free(event)
    for fd in (reader, me.writer):
        lib.evutil_closesocket(fd)


# Part two: bufferevents


@ffi.callback("evconnlistener_cb", onerror=stop)
def on_accept(listener: Any, fd: int, address: Any, length: int, arg: Any) -> None:
    """A client is there: give its socket a bufferevent."""
    me = ffi.from_handle(arg)
    peer = ffi.cast("struct sockaddr_in *", address)
    check(peer.sin_family == socket.AF_INET, "the listener accepts a connection")
    server = lib.bufferevent_socket_new(me.base, fd, lib.BEV_OPT_CLOSE_ON_FREE)
    lib.bufferevent_setcb(server, on_server_read, ffi.NULL, on_server_event, arg)
    # Fewer than 5 bytes do not call on_server_read; what exceeds 10 waits in the kernel.
    lib.bufferevent_setwatermark(server, lib.EV_READ, 5, 10)
    check(lib.bufferevent_get_enabled(server) == lib.EV_WRITE, "EV_WRITE is enabled from the start")
    check(lib.bufferevent_enable(server, lib.EV_READ) == 0, "EV_READ is now enabled too")


@ffi.callback("bufferevent_data_cb", onerror=stop)
def on_server_read(bufferevent: Any, arg: Any) -> None:
    """Between 5 and 10 bytes are there: send them back."""
    ffi.from_handle(arg).served.append(echo(bufferevent))


def receive(bufferevent: Any) -> bytes:
    """Take everything out of the input buffer."""
    length = lib.evbuffer_get_length(lib.bufferevent_get_input(bufferevent))
    room = ffi.new("char []", length)
    return bytes(ffi.buffer(room, lib.bufferevent_read(bufferevent, room, length)))


def echo(bufferevent: Any) -> bytes:
    """Take all that has come in, and write it back."""
    data = receive(bufferevent)
    lib.bufferevent_write(bufferevent, data, len(data))
    return data


@ffi.callback("bufferevent_event_cb", onerror=stop)
def on_server_event(bufferevent: Any, what: int, arg: Any) -> None:
    """The client has shut down: what is below the watermark is still to be read."""
    me = ffi.from_handle(arg)
    check(what == lib.BEV_EVENT_READING | lib.BEV_EVENT_EOF, "the server sees READING | EOF")
    rest = echo(bufferevent)
    check(rest == b"bye", f"{rest!r} was below the low watermark: the EOF callback has to take it")
    me.served.append(rest)
    # Freeing now would lose what is not written yet: the write callback says when it is.
    lib.bufferevent_setcb(bufferevent, ffi.NULL, on_server_drained, ffi.NULL, arg)


@ffi.callback("bufferevent_data_cb", onerror=stop)
def on_server_drained(bufferevent: Any, arg: Any) -> None:
    """All is written: free the server's side, which closes its socket."""
    check(True, "the server's output has drained; bufferevent_free closes its socket")
    lib.bufferevent_free(bufferevent)


@ffi.callback("bufferevent_event_cb", onerror=stop)
def on_client_event(bufferevent: Any, what: int, arg: Any) -> None:
    """Connected; or the read timeout; or the server's end."""
    me = ffi.from_handle(arg)
    if what & lib.BEV_EVENT_CONNECTED:
        me.events.append("connected")
        check(True, "the client is connected, and writes")
        lib.bufferevent_write(bufferevent, b"hello, libevent", 15)
    elif what & lib.BEV_EVENT_TIMEOUT:
        me.events.append("timeout")
        check(bool(what & lib.BEV_EVENT_READING), "the client's read timeout: READING | TIMEOUT")
        check(lib.bufferevent_get_enabled(bufferevent) == lib.EV_WRITE, "which has disabled EV_READ")
        lib.bufferevent_set_timeouts(bufferevent, seconds(10), ffi.NULL)
        lib.bufferevent_enable(bufferevent, lib.EV_READ)
        lib.bufferevent_setcb(bufferevent, on_client_read, on_client_written, on_client_event, arg)
        lib.bufferevent_write(bufferevent, b"bye", 3)
    elif what & lib.BEV_EVENT_EOF:
        me.events.append("eof")
        me.echoed += receive(bufferevent)
        lib.event_base_loopbreak(me.base)
    else:
        raise OSError(ffi.errno, os.strerror(ffi.errno))


@ffi.callback("bufferevent_data_cb", onerror=stop)
def on_client_read(bufferevent: Any, arg: Any) -> None:
    """Some of the echo has come."""
    ffi.from_handle(arg).echoed += receive(bufferevent)


@ffi.callback("bufferevent_data_cb", onerror=stop)
def on_client_written(bufferevent: Any, arg: Any) -> None:
    """'bye' has left the output buffer: no more from this side."""
    with socket.socket(fileno=os.dup(lib.bufferevent_getfd(bufferevent))) as client:
        client.setblocking(False)  # the duplicate shares its mode with the original
        client.shutdown(socket.SHUT_WR)
    lib.bufferevent_setcb(bufferevent, on_client_read, ffi.NULL, on_client_event, arg)
    check(True, "the client's write callback: all is sent, so it shuts its side down")


def loopback(port: int) -> Any:
    """A ``struct sockaddr_in`` on 127.0.0.1."""
    address = ffi.new("struct sockaddr_in *", {"sin_family": socket.AF_INET, "sin_port": socket.htons(port)})
    if lib.evutil_inet_pton(socket.AF_INET, b"127.0.0.1", ffi.addressof(address, "sin_addr")) != 1:
        raise AssertionError("evutil_inet_pton failed")
    return address


def walk_bufferevents(me: Walk) -> None:
    """A listener, a client that connects to it, and an echo with all that belongs to it."""
    print("An echo over TCP:")
    size = ffi.sizeof("struct sockaddr_in")
    anywhere = loopback(0)  # a name: ffi.cast makes a pointer that keeps nothing alive
    flags = lib.LEV_OPT_CLOSE_ON_FREE | lib.LEV_OPT_REUSEABLE
    address = ffi.cast("struct sockaddr *", anywhere)
    listener = lib.evconnlistener_new_bind(me.base, on_accept, me.handle, flags, -1, address, size)
    check(listener != ffi.NULL, "evconnlistener_new_bind on 127.0.0.1, port 0")
    with socket.socket(fileno=os.dup(lib.evconnlistener_get_fd(listener))) as listening:
        listening.setblocking(False)
        there = loopback(listening.getsockname()[1])

    client = lib.bufferevent_socket_new(me.base, -1, lib.BEV_OPT_CLOSE_ON_FREE)
    check(client != ffi.NULL, "bufferevent_socket_new with -1: no descriptor before connecting")
    lib.bufferevent_setcb(client, on_client_read, ffi.NULL, on_client_event, me.handle)
    lib.bufferevent_set_timeouts(client, seconds(1), ffi.NULL)
    lib.bufferevent_enable(client, lib.EV_READ)
    address = ffi.cast("struct sockaddr *", there)
    check(lib.bufferevent_socket_connect(client, address, size) == 0, "bufferevent_socket_connect")

    run(me, "the loop has run until the client saw the server's end")
    check(me.events == ["connected", "timeout", "eof"], f"the client's events, in order: {me.events}")
    check(me.served == [b"hello, lib", b"event", b"bye"], f"watermarks 5 and 10 cut the data: {me.served}")
    check(me.echoed == b"hello, libeventbye", f"the echo is whole: {me.echoed!r}")
    lib.bufferevent_free(client)
    lib.evconnlistener_free(listener)


walk = Walk()


def main() -> int:
    """Walk through both parts; 0 if all was as expected."""
    version, method = lib.event_get_version(), lib.event_base_get_method(walk.base)
    print(f"libevent {ffi.string(version).decode()}, waiting with {ffi.string(method).decode()}")
    try:
        walk_event(walk)
        walk_bufferevents(walk)
    except (AssertionError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    # bufferevent_free finishes in the loop: one pass closes the descriptors.
    lib.event_base_loop(walk.base, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)
    lib.event_base_free(walk.base)
    print("event_base_free; done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
