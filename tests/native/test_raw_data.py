"""Structs, strings and constants cross between Python and C whole."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from libevent_py import ffi, lib


@pytest.fixture
def base() -> Iterator[Any]:
    """A fresh event_base."""
    made = lib.event_base_new()
    assert made != ffi.NULL
    yield made
    lib.event_base_free(made)


@pytest.fixture
def buffer() -> Iterator[Any]:
    """A fresh evbuffer."""
    made = lib.evbuffer_new()
    yield made
    lib.evbuffer_free(made)


def timeval(seconds: float) -> Any:
    """A ``struct timeval`` of that many seconds."""
    whole = int(seconds)
    return ffi.new("struct timeval *", (whole, round((seconds - whole) * 1_000_000)))


def content(buffer: Any) -> bytes:
    """All that *buffer* holds, taken out of it."""
    length = lib.evbuffer_get_length(buffer)
    room = ffi.new("char []", length)
    assert lib.evbuffer_remove(buffer, room, length) == length
    return bytes(ffi.buffer(room, length))


def test_constants_are_the_systems() -> None:
    """The getaddrinfo constants are those that Python's socket module has."""
    for name in ("FAIL", "FAMILY", "MEMORY", "NONAME", "SERVICE", "SOCKTYPE", "AGAIN", "BADFLAGS", "NODATA"):
        if hasattr(socket, f"EAI_{name}"):
            assert getattr(lib, f"EVUTIL_EAI_{name}") == getattr(socket, f"EAI_{name}"), name
    for name in ("PASSIVE", "CANONNAME", "NUMERICHOST", "NUMERICSERV", "V4MAPPED", "ALL", "ADDRCONFIG"):
        assert getattr(lib, f"EVUTIL_AI_{name}") == getattr(socket, f"AI_{name}"), name


def test_integer_limits() -> None:
    """The limits are the full values, signed and unsigned."""
    assert lib.EV_UINT64_MAX == 2**64 - 1
    assert lib.EV_INT64_MIN == -(2**63)
    assert lib.EV_UINT8_MAX == 255
    assert 2 ** (8 * ffi.sizeof("size_t")) - 1 == lib.EV_SIZE_MAX
    assert lib.EVUTIL_INVALID_SOCKET == -1


def test_ipv4_address_round_trip() -> None:
    """evutil_parse_sockaddr_port fills a sockaddr_in, evutil_inet_ntop reads it back."""
    address, length = ffi.new("struct sockaddr_in *"), ffi.new("int *", ffi.sizeof("struct sockaddr_in"))
    generic = ffi.cast("struct sockaddr *", address)
    assert lib.evutil_parse_sockaddr_port(b"192.0.2.7:8080", generic, length) == 0
    assert address.sin_family == generic.sa_family == socket.AF_INET
    assert socket.ntohs(address.sin_port) == 8080
    text = ffi.new("char [46]")
    assert lib.evutil_inet_ntop(socket.AF_INET, ffi.addressof(address, "sin_addr"), text, 46) == text
    assert ffi.string(text) == b"192.0.2.7"
    assert lib.evutil_sockaddr_cmp(generic, generic, 1) == 0


def test_ipv6_address_round_trip() -> None:
    """evutil_inet_pton writes the sixteen bytes of an in6_addr."""
    address = ffi.new("struct sockaddr_in6 *")
    assert lib.evutil_inet_pton(socket.AF_INET6, b"2001:db8::1", ffi.addressof(address, "sin6_addr")) == 1
    expected = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    assert bytes(address.sin6_addr.s6_addr) == expected
    index = ffi.new("unsigned *")
    assert (
        lib.evutil_inet_pton_scope(socket.AF_INET6, b"::1", ffi.addressof(address, "sin6_addr"), index) == 1
    )


def test_unix_address_has_its_path() -> None:
    """sockaddr_un has the platform's own path length, sockaddr_storage holds any of them."""
    address = ffi.new("struct sockaddr_un *", {"sun_family": socket.AF_UNIX, "sun_path": b"/tmp/x"})
    assert ffi.string(address.sun_path) == b"/tmp/x"
    assert len(address.sun_path) >= 92
    for other in ("sockaddr_in", "sockaddr_in6", "sockaddr_un"):
        assert ffi.sizeof("struct sockaddr_storage") >= ffi.sizeof(f"struct {other}")


def test_getaddrinfo_list() -> None:
    """evutil_getaddrinfo gives a list of evutil_addrinfo, which is freed whole."""
    hints = ffi.new(
        "struct evutil_addrinfo *",
        {
            "ai_family": socket.AF_INET,
            "ai_socktype": socket.SOCK_STREAM,
            "ai_flags": lib.EVUTIL_AI_NUMERICHOST,
        },
    )
    found = ffi.new("struct evutil_addrinfo **")
    assert lib.evutil_getaddrinfo(b"127.0.0.1", b"80", hints, found) == 0
    address = ffi.cast("struct sockaddr_in *", found[0].ai_addr)
    assert socket.ntohs(address.sin_port) == 80
    assert found[0].ai_next == ffi.NULL
    lib.evutil_freeaddrinfo(found[0])
    assert lib.evutil_getaddrinfo(b"not a number", ffi.NULL, hints, found) == lib.EVUTIL_EAI_NONAME
    assert ffi.string(lib.evutil_gai_strerror(lib.EVUTIL_EAI_NONAME))


def test_buffer_positions_come_by_value(buffer: Any) -> None:
    """A search returns a struct evbuffer_ptr, whose pos is the offset or -1."""
    lib.evbuffer_add(buffer, b"one two three", 13)
    found = lib.evbuffer_search(buffer, b"two", 3, ffi.NULL)
    assert found.pos == 4
    assert lib.evbuffer_search(buffer, b"four", 4, ffi.NULL).pos == -1
    start = ffi.new("struct evbuffer_ptr *")
    assert lib.evbuffer_ptr_set(buffer, start, 5, lib.EVBUFFER_PTR_SET) == 0
    room = ffi.new("char [8]")
    assert lib.evbuffer_copyout_from(buffer, start, room, 8) == 8
    assert bytes(ffi.buffer(room)) == b"wo three"


def test_peek_and_reserve_use_iovecs(buffer: Any) -> None:
    """Peeking shows the buffer's memory, reserving and committing writes into it."""
    vectors = ffi.new("struct evbuffer_iovec [2]")
    count = lib.evbuffer_reserve_space(buffer, 64, vectors, 1)
    assert count == 1
    assert vectors[0].iov_len >= 64
    ffi.memmove(vectors[0].iov_base, b"committed", 9)
    vectors[0].iov_len = 9
    assert lib.evbuffer_commit_space(buffer, vectors, 1) == 0
    assert lib.evbuffer_peek(buffer, -1, ffi.NULL, vectors, 2) == 1
    assert bytes(ffi.buffer(vectors[0].iov_base, vectors[0].iov_len)) == b"committed"


def test_strings_of_libevent_are_freed_with_free(buffer: Any) -> None:
    """evbuffer_readln hands over a string for lib.free."""
    lib.evbuffer_add(buffer, b"line\r\nrest", 10)
    length = ffi.new("size_t *")
    line = lib.evbuffer_readln(buffer, length, lib.EVBUFFER_EOL_CRLF)
    assert (ffi.string(line), length[0]) == (b"line", 4)
    lib.free(line)
    assert lib.evbuffer_readln(buffer, length, lib.EVBUFFER_EOL_CRLF) == ffi.NULL


def test_buffer_callback_info(buffer: Any) -> None:
    """A change callback gets the sizes in a struct evbuffer_cb_info."""
    seen = []

    @ffi.callback("evbuffer_cb_func")
    def on_change(buffer: Any, info: Any, arg: Any) -> None:
        seen.append((info.orig_size, info.n_added, info.n_deleted))

    entry = lib.evbuffer_add_cb(buffer, on_change, ffi.NULL)
    lib.evbuffer_add(buffer, b"12345", 5)
    lib.evbuffer_drain(buffer, 2)
    assert seen == [(0, 5, 0), (5, 0, 2)]
    assert lib.evbuffer_remove_cb_entry(buffer, entry) == 0


def test_keyvalq_walk() -> None:
    """A list of our own is filled, walked in order with repeats, and emptied."""
    queue = ffi.new("struct evkeyvalq *")
    lib.lepy_evkeyvalq_init(queue)
    assert lib.lepy_evkeyvalq_first(queue) == ffi.NULL
    for key, value in ((b"Accept", b"a"), (b"X", b"1"), (b"Accept", b"b")):
        assert lib.evhttp_add_header(queue, key, value) == 0
    pairs = []
    entry = lib.lepy_evkeyvalq_first(queue)
    assert entry == queue.tqh_first
    while entry != ffi.NULL:
        pairs.append((ffi.string(entry.key), ffi.string(entry.value)))
        entry = lib.lepy_evkeyvalq_next(entry)
    assert pairs == [(b"Accept", b"a"), (b"X", b"1"), (b"Accept", b"b")]
    assert ffi.string(lib.evhttp_find_header(queue, b"accept")) == b"a"
    lib.evhttp_clear_headers(queue)
    assert lib.lepy_evkeyvalq_first(queue) == ffi.NULL


def test_request_fields(base: Any) -> None:
    """The fields without an accessor of libevent's are read by ours, over a real exchange."""
    seen: dict[str, Any] = {}

    @ffi.callback("void(struct evhttp_request *, void *)")
    def on_request(request: Any, arg: Any) -> None:
        seen["kind"] = lib.lepy_evhttp_request_get_kind(request)
        seen["version"] = (
            lib.lepy_evhttp_request_get_major(request),
            lib.lepy_evhttp_request_get_minor(request),
        )
        seen["host"] = ffi.string(lib.lepy_evhttp_request_get_remote_host(request))
        seen["port"] = lib.lepy_evhttp_request_get_remote_port(request)
        address, port = ffi.new("const char **"), ffi.new("ev_uint16_t *")
        lib.evhttp_connection_get_peer(lib.evhttp_request_get_connection(request), address, port)
        seen["peer"] = ffi.string(address[0]), port[0]
        lib.evhttp_send_reply_start(request, 200, b"OK")
        chunk = lib.evbuffer_new()
        lib.evbuffer_add(chunk, b"body", 4)
        lib.evhttp_send_reply_chunk(request, chunk)
        lib.evbuffer_free(chunk)
        lib.evhttp_send_reply_end(request)

    @ffi.callback("void(struct evhttp_request *, void *)")
    def on_answer(request: Any, arg: Any) -> None:
        seen["answer"] = lib.lepy_evhttp_request_get_kind(request)
        seen["chunked"] = lib.lepy_evhttp_request_get_chunked(request)
        seen["body"] = content(lib.evhttp_request_get_input_buffer(request))
        lib.event_base_loopbreak(base)

    http = lib.evhttp_new(base)
    lib.evhttp_set_gencb(http, on_request, ffi.NULL)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]
    assert lib.evhttp_accept_socket(http, listening.detach()) == 0
    connection = lib.evhttp_connection_base_new(base, ffi.NULL, b"127.0.0.1", port)
    lib.evhttp_connection_set_timeout(connection, 10)
    request = lib.evhttp_request_new(on_answer, ffi.NULL)
    assert lib.evhttp_make_request(connection, request, lib.EVHTTP_REQ_GET, b"/") == 0
    assert lib.event_base_dispatch(base) == 0
    lib.evhttp_connection_free(connection)
    lib.evhttp_free(http)
    assert (seen["kind"], seen["answer"]) == (lib.EVHTTP_REQUEST, lib.EVHTTP_RESPONSE)
    assert seen["version"] == (1, 1)
    assert seen["peer"] == (seen["host"], seen["port"]) == (b"127.0.0.1", seen["port"])
    assert (seen["chunked"], seen["body"]) == (1, b"body")


def test_tags_round_trip(buffer: Any) -> None:
    """What evtag marshals, it unmarshals."""
    lib.evtag_marshal_int(buffer, 7, 4711)
    lib.evtag_marshal_string(buffer, 8, b"text")
    tag, number, text = ffi.new("ev_uint32_t *"), ffi.new("ev_uint32_t *"), ffi.new("char **")
    assert lib.evtag_peek(buffer, tag) >= 0
    assert tag[0] == 7
    assert lib.evtag_unmarshal_int(buffer, 7, number) != -1
    assert lib.evtag_unmarshal_string(buffer, 8, text) != -1
    assert (number[0], ffi.string(text[0])) == (4711, b"text")
    lib.free(text[0])


def test_dns_callback_type_arrives_as_bytes(base: Any) -> None:
    """The answer to a name in the hosts file comes with its type as one byte, addresses as structs."""
    seen = []

    @ffi.callback("evdns_getaddrinfo_cb")
    def on_answer(result: int, found: Any, arg: Any) -> None:
        address = ffi.cast("struct sockaddr_in *", found.ai_addr)
        seen.append((result, address.sin_addr.s_addr))
        lib.evutil_freeaddrinfo(found)

    resolver = lib.evdns_base_new(base, 0)
    assert lib.evdns_getaddrinfo(resolver, b"127.0.0.1", b"80", ffi.NULL, on_answer, ffi.NULL) == ffi.NULL
    lib.evdns_base_free(resolver, 0)
    assert seen == [(0, socket.htonl(0x7F000001))]


def test_a_question_name_is_longer_than_its_field() -> None:
    """The name in a DNS question is read through a cast, as its field is one byte."""
    size = ffi.offsetof("struct evdns_server_question", "name") + 12
    memory = ffi.new("char []", size)
    question = ffi.cast("struct evdns_server_question *", memory)
    question.type = lib.EVDNS_TYPE_A
    question.dns_question_class = lib.EVDNS_CLASS_INET
    ffi.memmove(ffi.addressof(question, "name"), b"example.org\0", 12)
    assert ffi.string(ffi.cast("char *", question.name)) == b"example.org"


@pytest.mark.skipif(not hasattr(lib, "evthread_set_lock_callbacks"), reason="libevent without threads")
def test_lock_callback_structs() -> None:
    """The thread callback structs can be made and filled."""
    locks = ffi.new("struct evthread_lock_callbacks *")
    locks.lock_api_version = lib.EVTHREAD_LOCK_API_VERSION
    locks.supported_locktypes = lib.EVTHREAD_LOCKTYPE_RECURSIVE
    assert locks.alloc == ffi.NULL
    conditions = ffi.new("struct evthread_condition_callbacks *")
    conditions.condition_api_version = lib.EVTHREAD_CONDITION_API_VERSION
    assert conditions.wait_condition == ffi.NULL


@pytest.mark.skipif(not hasattr(lib, "evwatch_free"), reason="libevent before 2.2")
def test_watchers_run(base: Any) -> None:
    """Prepare and check watchers run around the wait."""
    seen = []

    @ffi.callback("evwatch_prepare_cb")
    def on_prepare(watcher: Any, info: Any, arg: Any) -> None:
        timeout = timeval(0)
        seen.append(lib.evwatch_prepare_get_timeout(info, timeout))

    @ffi.callback("evwatch_check_cb")
    def on_check(watcher: Any, info: Any, arg: Any) -> None:
        seen.append("check")

    prepare = lib.evwatch_prepare_new(base, on_prepare, ffi.NULL)
    check = lib.evwatch_check_new(base, on_check, ffi.NULL)
    assert lib.evwatch_base(prepare) == base
    lib.event_base_loopexit(base, timeval(0))
    assert lib.event_base_dispatch(base) == 0
    assert seen == [1, "check"]
    lib.evwatch_free(prepare)
    lib.evwatch_free(check)


@pytest.mark.skipif(not hasattr(lib, "evhttp_parse_query_str_flags"), reason="libevent before 2.2")
def test_query_flags() -> None:
    """With EVHTTP_URI_QUERY_LAST_VAL the last of several values stays."""
    queue = ffi.new("struct evkeyvalq *")
    assert lib.evhttp_parse_query_str_flags(b"a=1&a=2", queue, lib.EVHTTP_URI_QUERY_LAST_VAL) == 0
    assert ffi.string(lib.evhttp_find_header(queue, b"a")) == b"2"
    lib.evhttp_clear_headers(queue)
