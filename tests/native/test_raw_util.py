"""What of util.h tests/regress/test_util.py has not, call by call."""

from __future__ import annotations

import os
import socket

import pytest
from child import check_child
from raw import taken

from libevent_py import ffi, lib


def option(sock: socket.socket, level: int, name: int) -> int:
    """One that is a number."""
    return sock.getsockopt(level, name)


def test_a_listening_sockets_options() -> None:
    """Each function sets the one of its name."""
    with socket.socket(socket.AF_INET6) as sock:
        fd = sock.fileno()
        assert lib.evutil_make_listen_socket_reuseable(fd) == 0
        assert option(sock, socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert lib.evutil_make_listen_socket_reuseable_port(fd) == 0
        assert option(sock, socket.SOL_SOCKET, socket.SO_REUSEPORT)
        assert lib.evutil_make_listen_socket_ipv6only(fd) == 0
        assert option(sock, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        assert lib.evutil_make_tcp_listen_socket_deferred(fd) == 0


@pytest.mark.skipif(not hasattr(lib, "evutil_make_listen_socket_not_ipv6only"), reason="libevent before 2.2")
def test_both_families() -> None:
    """The opposite of ipv6only."""
    with socket.socket(socket.AF_INET6) as sock:
        assert lib.evutil_make_listen_socket_ipv6only(sock.fileno()) == 0
        assert lib.evutil_make_listen_socket_not_ipv6only(sock.fileno()) == 0
        assert not option(sock, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


@pytest.mark.skipif(not hasattr(lib, "evutil_set_tcp_keepalive"), reason="libevent before 2.2")
def test_keepalive() -> None:
    """On, and off."""
    with socket.socket() as sock:
        assert lib.evutil_set_tcp_keepalive(sock.fileno(), 1, 60) == 0
        assert option(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert lib.evutil_set_tcp_keepalive(sock.fileno(), 0, 60) == 0
        assert not option(sock, socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_socket_pair() -> None:
    """Its flags are set one by one; what is written at one end is read at the other."""
    pair = ffi.new("evutil_socket_t[2]")
    assert lib.evutil_socketpair(socket.AF_UNIX, socket.SOCK_STREAM, 0, pair) == 0
    one, other = pair
    assert lib.evutil_make_socket_nonblocking(one) == 0
    assert lib.evutil_make_socket_closeonexec(one) == 0
    assert not os.get_blocking(one)
    assert not os.get_inheritable(one)
    os.write(one, b"x")
    assert os.read(other, 2) == b"x"
    assert lib.evutil_closesocket(one) == 0
    assert os.read(other, 1) == b""
    assert lib.evutil_closesocket(other) == 0


def test_the_random_device() -> None:
    """Another one may be named where libevent reads it itself, before it is first used."""
    code = """
        from libevent_py import ffi, lib
        name = ffi.new("char[]", b"/dev/urandom")
        assert lib.evutil_secure_rng_set_urandom_device_file(name) in (0, -1)
        room = ffi.new("char[8]")
        lib.evutil_secure_rng_get_bytes(room, 8)
        print(len(bytes(ffi.buffer(room))))
    """
    assert check_child(code) == "8\n"


@pytest.mark.skipif(not hasattr(lib, "evutil_secure_rng_add_bytes"), reason="not in this libevent")
def test_more_randomness() -> None:
    """Bytes of one's own are stirred in."""
    lib.evutil_secure_rng_add_bytes(b"stirred in", 10)
    room = ffi.new("char[16]")
    lib.evutil_secure_rng_get_bytes(room, 16)
    assert any(bytes(ffi.buffer(room)))


def test_memory_for_libevent_to_free() -> None:
    """calloc and free are those that libevent uses for the strings that it hands out."""
    memory = lib.calloc(4, 4)
    assert bytes(ffi.buffer(memory, 16)) == bytes(16)
    lib.free(memory)
    assert taken(lib.evhttp_encode_uri(b"a b")) == "a%20b"
