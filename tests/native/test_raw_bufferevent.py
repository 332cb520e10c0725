"""What of buffer.h, bufferevent.h, bufferevent_ssl.h and listener.h no class uses, call by call."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raw import RawBase, content, evbuffer, raw_base

from libevent_py import EventBase, TLSBufferEvent, TLSContext, ffi, lib

needs_22 = pytest.mark.skipif(not hasattr(lib, "bufferevent_replacefd"), reason="libevent before 2.2")
needs_tls = pytest.mark.skipif(
    not hasattr(lib, "bufferevent_openssl_socket_new"), reason="built without OpenSSL"
)


@pytest.fixture
def raw() -> Iterator[RawBase]:
    """An event_base."""
    with raw_base() as made:
        yield made


@pytest.fixture
def bev(raw: RawBase) -> Iterator[Any]:
    """A bufferevent without a socket."""
    made = lib.bufferevent_socket_new(raw.pointer, -1, lib.BEV_OPT_CLOSE_ON_FREE)
    yield made
    lib.bufferevent_free(made)


def test_a_buffers_flags() -> None:
    """The one that there is, set and cleared."""
    with evbuffer() as buffer:
        assert lib.evbuffer_set_flags(buffer, lib.EVBUFFER_FLAG_DRAINS_TO_FD) == 0
        assert lib.evbuffer_clear_flags(buffer, lib.EVBUFFER_FLAG_DRAINS_TO_FD) == 0


def test_deferred_callbacks(raw: RawBase) -> None:
    """A change is told from the loop."""
    seen = []

    def on_change(buffer: Any, info: Any, arg: Any) -> None:
        seen.append(info.n_added)

    with evbuffer() as buffer:
        assert lib.evbuffer_defer_callbacks(buffer, raw.pointer) == 0
        lib.evbuffer_add_cb(buffer, raw.callback("evbuffer_cb_func", on_change), ffi.NULL)
        lib.evbuffer_add(buffer, b"12", 2)
        lib.evbuffer_add(buffer, b"345", 3)
        assert seen == []
        raw.turn()
    assert seen == [5]


def test_printing_and_pulling_up() -> None:
    """Formatted text behind other bytes, made contiguous."""
    with evbuffer(b"n") as buffer:
        assert lib.evbuffer_add_printf(buffer, b"=%d", ffi.cast("int", 42)) == 3
        assert bytes(ffi.buffer(lib.evbuffer_pullup(buffer, -1), 4)) == b"n=42"


def test_a_file(tmp_path: Path) -> None:
    """A part of one; the descriptor is the buffer's then."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with evbuffer() as buffer:
        assert lib.evbuffer_add_file(buffer, os.open(path, os.O_RDONLY), 2, 5) == 0
        assert content(buffer) == b"23456"


@pytest.mark.skipif(not hasattr(lib, "evbuffer_add_reference_with_offset"), reason="libevent before 2.2")
def test_a_reference_with_an_offset() -> None:
    """To memory that stays as long as the buffer."""
    memory = ffi.new("char[]", b"0123456789")
    with evbuffer() as buffer:
        assert lib.evbuffer_add_reference_with_offset(buffer, memory, 4, 3, ffi.NULL, ffi.NULL) == 0
        assert content(buffer) == b"456"


@pytest.mark.skipif(not hasattr(lib, "evbuffer_set_max_read"), reason="libevent before 2.2")
def test_how_much_is_read_at_once() -> None:
    """A limit that is there and may be another."""
    with evbuffer() as buffer:
        assert lib.evbuffer_set_max_read(buffer, 100) == 0
        assert lib.evbuffer_get_max_read(buffer) == 100


def test_a_locked_bufferevent(raw: RawBase) -> None:
    """It is entered several times by the thread that has it."""
    made = lib.bufferevent_socket_new(raw.pointer, -1, lib.BEV_OPT_THREADSAFE)
    for _ in range(2):
        lib.bufferevent_lock(made)
    for _ in range(2):
        lib.bufferevent_unlock(made)
    lib.bufferevent_free(made)


def test_another_base(raw: RawBase, bev: Any) -> None:
    """A bufferevent moves to another base while it waits for nothing."""
    with raw_base() as other:
        lib.bufferevent_disable(bev, lib.EV_READ | lib.EV_WRITE)
        assert lib.bufferevent_base_set(other.pointer, bev) == 0
        assert lib.bufferevent_get_base(bev) == other.pointer
        assert lib.bufferevent_base_set(raw.pointer, bev) == 0


@pytest.mark.parametrize("hints", [False, pytest.param(True, marks=needs_22)])
def test_connecting_to_a_name(raw: RawBase, bev: Any, hints: bool) -> None:
    """Which is a number here, so that no resolver is asked; what was sent comes in another buffer."""
    seen = []

    def on_event(bev: Any, what: int, arg: Any) -> None:
        seen.append(what)
        raw.stop()

    def on_read(bev: Any, arg: Any) -> None:
        with evbuffer(b"first ") as buffer:
            assert lib.bufferevent_read_buffer(bev, buffer) == 0
            seen.append(content(buffer))
        raw.stop()

    read_cb = raw.callback("bufferevent_data_cb", on_read)
    event_cb = raw.callback("bufferevent_event_cb", on_event)
    lib.bufferevent_setcb(bev, read_cb, ffi.NULL, event_cb, ffi.NULL)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if hints:
            wanted = ffi.new("struct evutil_addrinfo *")
            wanted.ai_family, wanted.ai_socktype = socket.AF_INET, socket.SOCK_STREAM
            done = lib.bufferevent_socket_connect_hostname_hints(bev, ffi.NULL, wanted, b"127.0.0.1", port)
        else:
            done = lib.bufferevent_socket_connect_hostname(bev, ffi.NULL, socket.AF_INET, b"127.0.0.1", port)
        assert done == 0
        assert lib.bufferevent_socket_get_dns_error(bev) == 0
        raw.run()
        lib.bufferevent_enable(bev, lib.EV_READ)
        peer = server.accept()[0]
        with peer:
            peer.sendall(b"then")
            raw.run()
    assert seen == [lib.BEV_EVENT_CONNECTED, b"first then"]


def test_the_other_end_of_a_pair(raw: RawBase) -> None:
    """Each has the other."""
    pair = ffi.new("struct bufferevent *[2]")
    assert lib.bufferevent_pair_new(raw.pointer, 0, pair) == 0
    assert lib.bufferevent_pair_get_partner(pair[0]) == pair[1]
    assert lib.bufferevent_pair_get_partner(pair[1]) == pair[0]
    for each in pair:
        lib.bufferevent_free(each)


def test_a_rate_limit_is_told(bev: Any) -> None:
    """The very one that was set."""
    limit = lib.ev_token_bucket_cfg_new(1000, 1000, 1000, 1000, ffi.NULL)
    assert lib.bufferevent_set_rate_limit(bev, limit) == 0
    assert lib.bufferevent_get_token_bucket_cfg(bev) == limit
    assert lib.bufferevent_set_rate_limit(bev, ffi.NULL) == 0
    lib.ev_token_bucket_cfg_free(limit)


@needs_22
def test_another_descriptor(bev: Any) -> None:
    """The old one is closed."""
    one, other = socket.socketpair()
    third, fourth = socket.socketpair()
    with other, third, fourth:
        assert lib.bufferevent_setfd(bev, one.detach()) == 0
        assert lib.bufferevent_replacefd(bev, third.detach()) == 0
        assert other.recv(1) == b""


@needs_tls
def test_what_a_tls_bufferevent_tells(base: EventBase) -> None:
    """Its SSL, its errors, and whether it takes an end without close_notify."""
    ours, peer = socket.socketpair()
    with peer, TLSBufferEvent(base, TLSContext.client(verify=False), ours) as bev:
        pointer = bev.pointer
        assert lib.bufferevent_openssl_get_ssl(pointer)
        assert lib.bufferevent_get_openssl_error(pointer) == 0
        assert lib.bufferevent_openssl_get_allow_dirty_shutdown(pointer) == 0
        lib.bufferevent_openssl_set_allow_dirty_shutdown(pointer, 1)
        assert lib.bufferevent_openssl_get_allow_dirty_shutdown(pointer) == 1
        if hasattr(lib, "bufferevent_ssl_set_flags"):
            dirty = lib.BUFFEREVENT_SSL_DIRTY_SHUTDOWN
            assert lib.bufferevent_ssl_get_flags(pointer) & dirty
            lib.bufferevent_ssl_clear_flags(pointer, dirty)
            assert not lib.bufferevent_ssl_get_flags(pointer) & dirty
            lib.bufferevent_ssl_set_flags(pointer, dirty)
            assert lib.bufferevent_ssl_get_flags(pointer) & dirty


def test_a_listeners_callback(raw: RawBase) -> None:
    """It is given later; the listener knows its base."""
    seen = []

    def on_accept(listener: Any, fd: int, address: Any, length: int, arg: Any) -> None:
        seen.append(ffi.cast("struct sockaddr *", address).sa_family)
        socket.socket(fileno=fd).close()
        raw.stop()

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    address = listening.getsockname()
    listener = lib.evconnlistener_new(
        raw.pointer, ffi.NULL, ffi.NULL, lib.LEV_OPT_CLOSE_ON_FREE, 0, listening.detach()
    )
    assert lib.evconnlistener_get_base(listener) == raw.pointer
    with socket.create_connection(address):
        lib.evconnlistener_set_cb(listener, raw.callback("evconnlistener_cb", on_accept), ffi.NULL)
        raw.run()
    lib.evconnlistener_free(listener)
    assert seen == [socket.AF_INET]
