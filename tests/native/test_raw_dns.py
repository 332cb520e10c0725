"""What of dns.h no class uses, call by call: name servers of a base, and answers with a name to them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raw import RawBase, raw_base, text

from libevent_py import _convert, ffi, lib

needs_22 = pytest.mark.skipif(not hasattr(lib, "evdns_cache_write"), reason="libevent before 2.2")


@pytest.fixture
def base() -> Iterator[RawBase]:
    """An event_base."""
    with raw_base() as made:
        yield made


@pytest.fixture
def resolver(base: RawBase) -> Iterator[Any]:
    """An evdns_base without name servers."""
    made = lib.evdns_base_new(base.pointer, 0)
    yield made
    lib.evdns_base_free(made, 0)


def nameservers(resolver: Any) -> list[Any]:
    """Their addresses as Python's."""
    found = []
    room = ffi.new("struct sockaddr_storage *")
    for index in range(lib.evdns_base_count_nameservers(resolver)):
        size = lib.evdns_base_get_nameserver_addr(
            resolver, index, ffi.cast("struct sockaddr *", room), ffi.sizeof("struct sockaddr_storage")
        )
        found.append(_convert.python_address(bytes(ffi.buffer(room, size))))
    return found


def test_name_servers(base: RawBase, resolver: Any, tmp_path: Path) -> None:
    """By number, by text, from a file; all are forgotten, and questions wait for others."""
    assert lib.evdns_base_nameserver_add(resolver, socket.htonl(0x7F000001)) == 0
    assert lib.evdns_base_nameserver_ip_add(resolver, b"127.0.0.1:5353") == 0
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.2\n")
    assert lib.evdns_base_resolv_conf_parse(resolver, lib.DNS_OPTIONS_ALL, bytes(path)) == 0
    assert sorted(nameservers(resolver)) == [("127.0.0.1", 53), ("127.0.0.1", 5353), ("127.0.0.2", 53)]
    assert lib.evdns_base_clear_nameservers_and_suspend(resolver) == 0
    assert nameservers(resolver) == []
    assert lib.evdns_base_resume(resolver) == 0


@pytest.mark.skipif(not hasattr(lib, "evdns_base_get_nameserver_fd"), reason="libevent before 2.2")
def test_a_name_servers_socket(resolver: Any) -> None:
    """Each has one."""
    lib.evdns_base_nameserver_ip_add(resolver, b"127.0.0.1")
    assert lib.evdns_base_get_nameserver_fd(resolver, 0) >= 0


def test_errors_have_words() -> None:
    """For people."""
    assert text(lib.evdns_err_to_string(lib.DNS_ERR_NONE)) == "no error"
    assert text(lib.evdns_err_to_string(lib.DNS_ERR_NOTEXIST)) == "name does not exist"


def test_the_log(base: RawBase) -> None:
    """evdns says to a function of the program's what goes on."""
    seen = []

    def on_log(is_warning: int, message: Any) -> None:
        seen.append((is_warning, text(message)))

    log = base.callback("evdns_debug_log_fn_type", on_log)
    lib.evdns_set_log_fn(log)
    try:
        resolver = lib.evdns_base_new(base.pointer, 0)
        lib.evdns_base_nameserver_ip_add(resolver, b"127.0.0.1")
        lib.evdns_base_free(resolver, 0)
    finally:
        lib.evdns_set_log_fn(ffi.NULL)
    assert any("127.0.0.1" in (message or "") for _, message in seen)


@pytest.mark.skipif(not hasattr(lib, "evdns_set_transaction_id_fn"), reason="gone in libevent 2.2")
def test_what_does_nothing_any_more() -> None:
    """Randomness is libevent's own affair since 2.0."""
    lib.evdns_set_transaction_id_fn(ffi.NULL)
    lib.evdns_set_random_bytes_fn(ffi.NULL)


ANSWERS = {
    (lib.EVDNS_TYPE_A, "host.test"): lambda request: lib.evdns_server_request_add_a_reply(
        request, b"host.test", 2, ffi.new("unsigned char[]", bytes([192, 0, 2, 1, 192, 0, 2, 2])), 60
    ),
    (lib.EVDNS_TYPE_AAAA, "host.test"): lambda request: lib.evdns_server_request_add_aaaa_reply(
        request, b"host.test", 1, ffi.new("unsigned char[]", socket.inet_pton(socket.AF_INET6, "::1")), 60
    ),
    (lib.EVDNS_TYPE_PTR, "1.2.0.192.in-addr.arpa"): lambda request: lib.evdns_server_request_add_ptr_reply(
        request, ffi.new("struct in_addr *", [socket.htonl(0xC0000201)]), ffi.NULL, b"host.test", 60
    ),
    (lib.EVDNS_TYPE_A, "alias.test"): lambda request: (
        lib.evdns_server_request_add_cname_reply(request, b"alias.test", b"host.test", 60)
        or ANSWERS[lib.EVDNS_TYPE_A, "host.test"](request)
    ),
}


@pytest.fixture
def server(base: RawBase, resolver: Any) -> Iterator[Any]:
    """A server that knows ANSWERS, which the resolver asks."""

    def on_request(request: Any, arg: Any) -> None:
        question = request.questions[0]
        name = ffi.string(ffi.cast("char *", question.name)).decode()
        assert ANSWERS[question.type, name.lower()](request) == 0
        assert lib.evdns_server_request_respond(request, 0) == 0

    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    lib.evdns_base_nameserver_ip_add(resolver, b"127.0.0.1:%d" % sock.getsockname()[1])
    port = lib.evdns_add_server_port_with_base(
        base.pointer, sock.detach(), 0, base.callback("evdns_request_callback_fn_type", on_request), ffi.NULL
    )
    yield port
    lib.evdns_close_server_port(port)


def ask(base: RawBase, question: Any, *arguments: Any) -> list[Any]:
    """The addresses or names that come back."""
    found: list[Any] = []

    def on_answer(result: int, kind: bytes, count: int, ttl: int, addresses: Any, arg: Any) -> None:
        assert result == lib.DNS_ERR_NONE
        if kind[0] == lib.DNS_PTR:
            found.extend(text(name) for name in ffi.cast("char *[1]", addresses))
        else:
            size = 4 if kind[0] == lib.DNS_IPv4_A else 16
            family = socket.AF_INET if size == 4 else socket.AF_INET6
            raw = bytes(ffi.buffer(addresses, size * count))
            found.extend(
                socket.inet_ntop(family, raw[start : start + size]) for start in range(0, len(raw), size)
            )
        base.stop()

    assert question(
        *arguments, lib.DNS_QUERY_NO_SEARCH, base.callback("evdns_callback_type", on_answer), ffi.NULL
    )
    base.run()
    return found


@pytest.mark.usefixtures("server")
def test_answers(base: RawBase, resolver: Any) -> None:
    """Each kind has a function of its own, and is asked for by one."""
    address = ffi.new("struct in_addr *", [socket.htonl(0xC0000201)])
    assert ask(base, lib.evdns_base_resolve_ipv4, resolver, b"host.test") == ["192.0.2.1", "192.0.2.2"]
    assert ask(base, lib.evdns_base_resolve_ipv6, resolver, b"host.test") == ["::1"]
    assert ask(base, lib.evdns_base_resolve_reverse, resolver, address) == ["host.test"]
    assert ask(base, lib.evdns_base_resolve_ipv4, resolver, b"alias.test") == ["192.0.2.1", "192.0.2.2"]


@needs_22
def test_the_cache(resolver: Any) -> None:
    """What is written there is found."""
    hints = ffi.new("struct evutil_addrinfo *")
    hints.ai_family, hints.ai_socktype = socket.AF_INET, socket.SOCK_STREAM
    hints.ai_flags = lib.EVUTIL_AI_NUMERICHOST
    result = ffi.new("struct evutil_addrinfo **")
    assert lib.evutil_getaddrinfo(b"192.0.2.1", b"80", hints, result) == 0
    name = ffi.new("char[]", b"cached.test")
    lib.evdns_cache_write(resolver, name, result[0], 60)
    lib.evutil_freeaddrinfo(result[0])
    hints.ai_flags = 0
    assert lib.evdns_cache_lookup(resolver, name, hints, 80, result) == 0
    raw = bytes(ffi.buffer(result[0].ai_addr, result[0].ai_addrlen))
    assert _convert.python_address(raw) == ("192.0.2.1", 80)
    lib.evutil_freeaddrinfo(result[0])


@pytest.mark.skipif(not hasattr(lib, "evdns_add_server_port_with_listener"), reason="libevent before 2.2")
def test_a_server_of_streams(base: RawBase) -> None:
    """On a listener, with limits of its own."""
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    listener = lib.evconnlistener_new(
        base.pointer, ffi.NULL, ffi.NULL, lib.LEV_OPT_CLOSE_ON_FREE, 0, sock.detach()
    )
    callback = base.callback("evdns_request_callback_fn_type", lambda request, arg: None)
    port = lib.evdns_add_server_port_with_listener(base.pointer, listener, 0, callback, ffi.NULL)
    assert port
    assert lib.evdns_server_port_set_option(port, lib.EVDNS_SOPT_TCP_MAX_CLIENTS, 5) == 0
    lib.evdns_close_server_port(port)
