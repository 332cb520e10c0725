"""Ports of libevent's regress_util.c, by the raw layer: docs/regress.md has the table."""

from __future__ import annotations

import calendar
import email.utils
import errno
import os
import random
import socket
import struct
import time
from typing import Any

import pytest

from libevent_py import _convert, ffi, lib

#: A form that is written as it was read, one that is read only, one that is no address.
CANONICAL, NORMAL, BAD = "canonical", "normal", "bad"

IPV4 = [
    ("1.2.3.4", (0x01020304,), CANONICAL),
    ("255.255.255.255", (0xFFFFFFFF,), CANONICAL),
    ("256.0.0.0", None, BAD),
    ("ABC", None, BAD),
    ("1.2.3.4.5", None, BAD),
    ("176.192.208.244", (0xB0C0D0F4,), CANONICAL),
]

IPV6 = [
    ("::", (0, 0, 0, 0), CANONICAL),
    ("0:0:0:0:0:0:0:0", (0, 0, 0, 0), NORMAL),
    ("::1", (0, 0, 0, 1), CANONICAL),
    ("::1.2.3.4", (0, 0, 0, 0x01020304), CANONICAL),
    ("ffff:1::", (0xFFFF0001, 0, 0, 0), CANONICAL),
    ("ffff:0000::", (0xFFFF0000, 0, 0, 0), NORMAL),
    ("ffff::1234", (0xFFFF0000, 0, 0, 0x1234), CANONICAL),
    ("0102::1.2.3.4", (0x01020000, 0, 0, 0x01020304), NORMAL),
    ("::9:c0a8:1:1", (0, 0, 0x0009C0A8, 0x00010001), CANONICAL),
    ("::ffff:1.2.3.4", (0, 0, 0xFFFF, 0x01020304), CANONICAL),
    ("FFFF::", (0xFFFF0000, 0, 0, 0), NORMAL),
    *(
        (text, None, BAD)
        for text in (
            "foobar.",
            "foobar",
            "fo:obar",
            "ffff",
            "fffff::",
            "::1.0.1.1000",
            "1:2:33333:4::",
            "1:2:3:4:5:6:7:8:9",
            "1::2::3",
            ":::1",
        )
    ),
]


@pytest.mark.parametrize(
    ("family", "text", "words", "form"),
    [(socket.AF_INET, *entry) for entry in IPV4] + [(socket.AF_INET6, *entry) for entry in IPV6],
)
def test_ip_parse(family: int, text: str, words: Any, form: str) -> None:
    """Addresses are read and written as they should, IPv4 and IPv6."""
    size = 4 if family == socket.AF_INET else 16
    raw = ffi.new("unsigned char[]", size)
    assert lib.evutil_inet_pton(family, text.encode(), raw) == (form != BAD)
    if form == BAD:
        return
    assert struct.unpack(f"!{size // 4}I", bytes(raw)) == words
    room = ffi.new("char[128]")
    assert lib.evutil_inet_ntop(family, raw, room, len(room)) == room
    if form == CANONICAL:
        assert ffi.string(room).decode() == text


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("2001:DB8::", 0),
        ("2001:DB8::%0", 0),
        ("2001:DB8::%1", 1),
        ("foobar.", None),
        ("2001:DB8::%does-not-exist", None),
    ],
)
def test_ipv6_parse_scope(text: str, scope: int | None) -> None:
    """A scope is a number or an interface."""
    raw, found = ffi.new("unsigned char[16]"), ffi.new("unsigned *")
    assert lib.evutil_inet_pton_scope(socket.AF_INET6, text.encode(), raw, found) == (scope is not None)
    if scope is not None:
        assert bytes(raw)[:4] == b"\x20\x01\x0d\xb8" and not any(bytes(raw)[4:])
        assert found[0] == scope


def parse(text: str) -> Any:
    """What evutil_parse_sockaddr_port makes of *text*, as a Python address; None where it refuses."""
    storage, length = (
        ffi.new("struct sockaddr_storage *"),
        ffi.new("int *", ffi.sizeof("struct sockaddr_storage")),
    )
    if lib.evutil_parse_sockaddr_port(text.encode(), ffi.cast("struct sockaddr *", storage), length) < 0:
        return None
    raw = bytes(ffi.buffer(storage, length[0]))
    assert len(raw) == ffi.sizeof("struct sockaddr_in6" if "::" in text else "struct sockaddr_in")
    return _convert.python_address(raw)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[ffff::1]:1000", ("ffff::1", 1000, 0, 0)),
        ("[ffff::1]", ("ffff::1", 0, 0, 0)),
        ("[ffff::1", None),
        ("[ffff::1]:65599", None),
        ("[ffff::1]:0", None),
        ("[ffff::1]:-1", None),
        ("::1", ("::1", 0, 0, 0)),
        ("1:2::1", ("1:2::1", 0, 0, 0)),
        ("192.168.0.1:50", ("192.168.0.1", 50)),
        ("1.2.3.4", ("1.2.3.4", 0)),
        # sockaddr_port_format: the function is internal, Python's own form stands for it.
        ("192.168.1.1:80", ("192.168.1.1", 80)),
        ("[ff00::8010]:999", ("ff00::8010", 999, 0, 0)),
    ],
)
def test_sockaddr_port_parse(text: str, address: Any) -> None:
    """Address and port in one text."""
    assert parse(text) == address


def test_evutil_strtoll() -> None:
    """Numbers beyond 32 bits, and where they end."""
    assert lib.evutil_strtoll(b"5000000000", ffi.NULL, 10) == 5_000_000_000
    assert lib.evutil_strtoll(b"-5000000000", ffi.NULL, 10) == -5_000_000_000
    text, end = ffi.new("char[]", b" 99999stuff"), ffi.new("char **")
    assert lib.evutil_strtoll(text, end, 10) == 99999
    assert end[0] == text + 6
    assert lib.evutil_strtoll(b"foo", ffi.NULL, 10) == 0


def test_evutil_snprintf() -> None:
    """What does not fit is cut, and the length is told all the same."""
    room = ffi.new("char[16]")

    def printed(form: bytes, *arguments: Any) -> tuple[int, bytes]:
        return lib.evutil_snprintf(room, len(room), form, *arguments), ffi.string(room)

    def number(value: int, kind: str = "int") -> Any:
        return ffi.cast(kind, value)

    assert printed(b"%d %d", number(50), number(100)) == (6, b"50 100")
    assert printed(b"longish %d", number(1234567890)) == (18, b"longish 1234567")
    assert printed(b"%llu", number(200_000_000_000, "unsigned long long")) == (12, b"200000000000")
    assert printed(b"%lld", number(-200_000_000_000, "long long")) == (13, b"-200000000000")
    assert printed(b"%zu %zd", number(8000, "size_t"), number(-9000, "ssize_t")) == (10, b"8000 -9000")


def test_evutil_casecmp() -> None:
    """ASCII letters compare without regard to case, up to n of them."""

    def sign(value: int) -> int:
        return (value > 0) - (value < 0)

    for one, other, expected in [
        (b"ABC", b"ABC", 0),
        (b"ABC", b"abc", 0),
        (b"ABC", b"abcd", -1),
        (b"ABC", b"abb", 1),
        (b"ABCd", b"abc", 1),
    ]:
        assert sign(lib.evutil_ascii_strcasecmp(one, other)) == expected
    for one, other, count, expected in [
        (b"Libevent", b"LibEvEnT", 100, 0),
        (b"Libevent", b"LibEvEnT", 4, 0),
        (b"Libevent", b"LibEXXXX", 4, 0),
        (b"Libevent", b"LibE", 4, 0),
        (b"Libe", b"LibEvEnT", 4, 0),
        (b"Lib", b"LibEvEnT", 4, -1),
        (b"abc", b"def", 99, -1),
        (b"Z", b"qrst", 1, 1),
    ]:
        assert sign(lib.evutil_ascii_strncasecmp(one, other, count)) == expected


def test_integers() -> None:
    """The integer types have their sizes, and the limits of those."""
    for bits in 8, 16, 32, 64:
        assert ffi.sizeof(f"ev_int{bits}_t") == ffi.sizeof(f"ev_uint{bits}_t") == bits // 8
        assert getattr(lib, f"EV_UINT{bits}_MAX") == 2**bits - 1
        assert getattr(lib, f"EV_INT{bits}_MAX") == 2 ** (bits - 1) - 1
        assert getattr(lib, f"EV_INT{bits}_MIN") == -(2 ** (bits - 1))
    assert ffi.sizeof("ev_ssize_t") == ffi.sizeof("size_t")
    assert lib.EV_SIZE_MAX == 2 * lib.EV_SSIZE_MAX + 1
    assert lib.EV_SSIZE_MIN == -lib.EV_SSIZE_MAX - 1
    assert ffi.sizeof("intptr_t") == ffi.sizeof("uintptr_t") == ffi.sizeof("void *")


def test_rand() -> None:
    """Random bytes fill what they are asked to, all of it and nothing beside it."""
    random.seed(12346789)
    lib.evutil_secure_rng_init()
    for _ in range(32):
        start, end = random.randrange(4), 32 - random.randrange(4)
        seen = [0] * 32
        for _ in range(8):
            room = ffi.new("unsigned char[32]")
            lib.evutil_secure_rng_get_bytes(room + start, end - start)
            got = bytes(room)
            assert not any(got[:start]) and not any(got[end:])
            seen = [before | now for before, now in zip(seen, got)]
        # 2**-64 that a byte was set to zero eight times.
        assert all(seen[start:end])


def look_up(node: bytes | None, service: bytes | None, **hints: int) -> list[tuple[Any, int, int]]:
    """What evutil_getaddrinfo finds: address, socket type, protocol; OSError with its error."""
    wanted = ffi.new("struct evutil_addrinfo *", {f"ai_{name}": value for name, value in hints.items()})
    result = ffi.new("struct evutil_addrinfo **")
    error = lib.evutil_getaddrinfo(
        ffi.NULL if node is None else node, ffi.NULL if service is None else service, wanted, result
    )
    if error:
        assert result[0] == ffi.NULL
        raise OSError(error, ffi.string(lib.evutil_gai_strerror(error)).decode())
    found = []
    each = result[0]
    while each:
        raw = bytes(ffi.buffer(each.ai_addr, each.ai_addrlen))
        found.append((_convert.python_address(raw), each.ai_socktype, each.ai_protocol))
        each = each.ai_next
    lib.evutil_freeaddrinfo(result[0])
    return found


STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP


class TestGetaddrinfo:
    """The case getaddrinfo, which asks no name server."""

    def test_numeric_addresses(self) -> None:
        """As inet_pton, with the type or the protocol as a hint."""
        assert look_up(b"1.2.3.4", b"8080", socktype=STREAM) == [(("1.2.3.4", 8080), STREAM, TCP)]
        found = look_up(b"1001:b0b::f00f", b"4321", protocol=UDP)
        assert found == [(("1001:b0b::f00f", 4321, 0, 0), DATAGRAM, UDP)]

    @pytest.mark.parametrize(
        ("family", "passive", "address"),
        [
            (socket.AF_INET, True, ("0.0.0.0", 9999)),
            (socket.AF_INET, False, ("127.0.0.1", 9999)),
            (socket.AF_INET6, True, ("::", 9999, 0, 0)),
            (socket.AF_INET6, False, ("::1", 9999, 0, 0)),
        ],
    )
    def test_no_host(self, family: int, passive: bool, address: Any) -> None:
        """Where to bind, or this machine."""
        flags = lib.EVUTIL_AI_PASSIVE if passive else 0
        assert look_up(None, b"9999", family=family, protocol=TCP, flags=flags) == [(address, STREAM, TCP)]

    def test_no_host_of_any_family(self) -> None:
        """One address of each."""
        found = look_up(None, b"9996", protocol=TCP, flags=lib.EVUTIL_AI_PASSIVE)
        assert {address for address, _, _ in found} == {("0.0.0.0", 9996), ("::", 9996, 0, 0)}

    def test_numeric_host(self) -> None:
        """NUMERICHOST takes an address, for each protocol, and no name."""
        found = look_up(b"1.2.3.4", None, flags=lib.EVUTIL_AI_NUMERICHOST)
        assert {(("1.2.3.4", 0), STREAM, TCP), (("1.2.3.4", 0), DATAGRAM, UDP)} <= set(found)
        with pytest.raises(OSError) as caught:
            look_up(b"www.example.invalid", b"80", flags=lib.EVUTIL_AI_NUMERICHOST)
        assert caught.value.errno == lib.EVUTIL_EAI_NONAME

    def test_service_names(self) -> None:
        """NUMERICSERV takes no name; without it the system knows some."""
        with pytest.raises(OSError) as caught:
            look_up(b"1.2.3.4", b"http", socktype=STREAM, flags=lib.EVUTIL_AI_NUMERICSERV)
        assert caught.value.errno == lib.EVUTIL_EAI_NONAME
        try:
            port = socket.getservbyname("http", "tcp")
        except OSError:
            pytest.skip("this system knows no service http (/etc/services)")
        assert look_up(b"1.2.3.4", b"http", socktype=STREAM) == [(("1.2.3.4", port), STREAM, TCP)]

    @pytest.mark.parametrize("address", [("127.0.0.1", 80), ("::1", 80, 0, 0)], ids=["ipv4", "ipv6"])
    def test_addrconfig(self, address: Any) -> None:
        """AI_ADDRCONFIG leaves out the families that this machine has not."""
        flags = lib.EVUTIL_AI_PASSIVE | lib.EVUTIL_AI_ADDRCONFIG
        try:
            found = look_up(address[0].encode(), b"80", socktype=STREAM, flags=flags)
        except OSError:
            pytest.skip(f"no network interface has an address of the family of {address[0]}")
        assert found == [(address, STREAM, TCP)]

    def test_live(self) -> None:
        """A name that the system's resolver knows: this machine's own, for no name server is asked here."""
        found = look_up(b"localhost", b"80", family=socket.AF_INET, socktype=STREAM, protocol=TCP)
        assert found
        for (host, port), socktype, protocol in found:
            assert host.startswith("127.")
            assert (port, socktype, protocol) == (80, STREAM, TCP)


@pytest.fixture(
    params=[0, lib.EV_MONOT_PRECISE, lib.EV_MONOT_FALLBACK], ids=["coarse", "precise", "fallback"]
)
def clock(request: pytest.FixtureRequest) -> Any:
    """A function that reads a monotonic timer in microseconds; its flags are in ``clock.flags``."""
    timer = ffi.gc(lib.evutil_monotonic_timer_new(), lib.evutil_monotonic_timer_free)
    assert lib.evutil_configure_monotonic_time(timer, request.param) == 0
    value = ffi.new("struct timeval *")

    def read() -> int:
        assert lib.evutil_gettime_monotonic(timer, value) == 0
        return int(value.tv_sec) * 1_000_000 + int(value.tv_usec)

    read.flags = request.param  # type: ignore[attr-defined]
    return read


def test_monotonic_res(clock: Any) -> None:
    """It goes on as fast as Python's, give or take a tick."""
    ours, begin = time.monotonic(), clock()  # Python's is read first and last
    time.sleep(0.05)
    passed, latest = clock() - begin, (time.monotonic() - ours) * 1e6
    tick = 0 if clock.flags else 10_000
    assert 50_000 - tick <= passed <= latest + tick


def test_monotonic_prc(clock: Any) -> None:
    """It never goes back, and its steps are small: below 25 ms, below 1 ms where it is precise."""
    steps = []
    last = clock()
    while len(steps) < 9:
        now = clock()
        assert now >= last
        if now != last:
            steps.append(now - last)
            last = now
    # The smallest: on a busy machine others take their turns in between.
    assert min(steps) < (1000 if clock.flags == lib.EV_MONOT_PRECISE else 25_000)


DATES = [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (946684799, "Fri, 31 Dec 1999 23:59:59 GMT"),
    (946684800, "Sat, 01 Jan 2000 00:00:00 GMT"),
    (1456704000, "Mon, 29 Feb 2016 00:00:00 GMT"),
    (1435708800, "Wed, 01 Jul 2015 00:00:00 GMT"),
    (4294967296, "Sun, 07 Feb 2106 06:28:16 GMT"),
    (253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"),
]


def date_rfc1123(seconds: int, size: int = 30) -> str:
    """What evutil_date_rfc1123 writes for *seconds* since 1970."""
    when = time.gmtime(seconds)
    fields = {
        "tm_sec": when.tm_sec,
        "tm_min": when.tm_min,
        "tm_hour": when.tm_hour,
        "tm_mday": when.tm_mday,
        "tm_mon": when.tm_mon - 1,
        "tm_year": when.tm_year - 1900,
        "tm_wday": (when.tm_wday + 1) % 7,
        "tm_yday": when.tm_yday - 1,
    }
    room = ffi.new("char[]", size)
    lib.evutil_date_rfc1123(room, size, ffi.new("struct tm *", fields))
    return ffi.string(room).decode()


def test_date_rfc1123() -> None:
    """Dates of HTTP, cut where there is no room; each month and weekday as Python writes it."""
    assert date_rfc1123(0, 8) == "Thu, 01"
    for seconds, text in DATES:
        assert date_rfc1123(seconds) == text
    for month in range(1, 13):
        seconds = calendar.timegm((2000 + month, month, month, 0, 0, 0))
        assert date_rfc1123(seconds) == email.utils.formatdate(seconds, usegmt=True)


def test_socket_errors() -> None:
    """An errno in libevent's words is the system's (part of the case log)."""
    text = ffi.string(lib.evutil_socket_error_to_string(errno.EAGAIN)).decode()
    assert text == os.strerror(errno.EAGAIN)
