"""DNSServer, asked over a socket and by DNSBase."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from answers import answer, answers
from dns_client import Client, Handler
from leakguard import collect
from loops import run_until, settle, turn
from nameserver import AAAA, NXDOMAIN, PTR, RECURSE, SERVFAIL, TRUNCATED, TXT, A, wire

from libevent_py import (
    ClosedError,
    DNSBase,
    DNSError,
    DNSQuestion,
    DNSServer,
    DNSServerRequest,
    EventBase,
    lib,
)


def server_of(base: EventBase, handler: Handler) -> DNSBase:
    """A DNSBase that asks a DNSServer of *handler*."""
    return DNSBase(base, [DNSServer(base, ("127.0.0.1", 0), handler).address])


def test_addresses_and_names(base: EventBase) -> None:
    """A, AAAA and PTR, both ways."""
    seen: list[DNSQuestion] = []

    def handler(request: DNSServerRequest) -> None:
        (question,) = request.questions
        seen.append(question)
        if question.type == request.A:
            request.add_a_reply(question.name, ["192.0.2.1", "192.0.2.2"], ttl=5)
        elif question.type == request.AAAA:
            request.add_aaaa_reply(question.name, iter(["2001:db8::1"]))
        else:
            request.add_ptr_reply(question.name, "host.example.com")
        request.respond()

    dns = server_of(base, handler)
    assert answer(dns, "resolve_ipv4", "a.example.com") == (["192.0.2.1", "192.0.2.2"], 5)
    assert answer(dns, "resolve_ipv6", "a.example.com").records == ["2001:db8::1"]
    assert answer(dns, "resolve_reverse", "192.0.2.1").records == ["host.example.com"]
    assert answer(dns, "resolve_reverse", "2001:db8::1").records == ["host.example.com"]
    assert [question.type for question in seen] == [A, AAAA, PTR, PTR]
    assert seen[0] == ("a.example.com", A, 1)


def test_a_ptr_reply_takes_the_address_too(serve: Callable[..., Client]) -> None:
    """Its own name is made of it."""

    def handler(request: DNSServerRequest) -> None:
        request.add_ptr_reply("192.0.2.1", "host.example.com")
        request.respond()

    client = serve(handler)
    client.ask("1.2.0.192.in-addr.arpa", PTR)
    assert b"\x04host\x07example\x03com" in client.answer()


def test_cname(base: EventBase) -> None:
    """The answer of a CNAME is its target's address."""

    def handler(request: DNSServerRequest) -> None:
        request.add_cname_reply(request.questions[0].name, "real.example.com")
        request.add_a_reply("real.example.com", ["192.0.2.1"])
        request.respond()

    assert answer(server_of(base, handler), "resolve_ipv4", "alias.example.com").records == ["192.0.2.1"]


def test_txt_and_raw_records(serve: Callable[..., Client]) -> None:
    """Texts, raw bytes, names, in each section."""

    def handler(request: DNSServerRequest) -> None:
        request.set_authoritative()
        request.add_txt_reply("t.com", "grüße", b"\x00\xff", "")
        request.add_reply("m.com", request.MX, b"\0\x0a" + wire("mx.m.com"), 5)
        request.add_reply("n.com", request.NS, "ns.n.com", 5, section=request.AUTHORITY)
        request.add_reply("x.com", 65000, b"?", 5, section=request.ADDITIONAL, rclass=3)
        request.respond()

    client = serve(handler)
    client.ask("t.com", TXT)
    packet = client.answer()
    assert struct.unpack_from("!HHHHHH", packet)[2:] == (1, 2, 1, 1)
    assert struct.unpack_from("!H", packet, 2)[0] & 0x0400
    assert b"\x07gr\xc3\xbc\xc3\x9fe\x02\x00\xff\x00" in packet
    assert b"\0\x0a\x02mx\x01m\x03com\0" in packet
    assert b"\x02ns" in packet


def test_what_a_request_tells(serve: Callable[..., Client]) -> None:
    """Who asks, and what."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append)
    client.ask("www.example.com", 255)
    run_until(client.base, lambda: requests)
    (request,) = requests
    assert request.client == client.sock.getsockname()
    assert request.questions == [("www.example.com", 255, 1)]
    assert request.recursion_desired
    assert "www.example.com" in repr(request)
    request.drop()
    assert "closed" in repr(request)


@pytest.mark.parametrize("code", [0, NXDOMAIN, 15])
def test_error_codes(serve: Callable[..., Client], code: int) -> None:
    """As they are given."""
    client = serve(lambda request: request.respond(code))
    client.ask("a.com")
    assert client.code() == code


def test_later(serve: Callable[..., Client]) -> None:
    """A request that is kept may be answered at any time, others meanwhile."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append)
    for number in range(3):
        client.ask("a.com", number=number)
    run_until(client.base, lambda: len(requests) == 3)
    assert requests[0]._server.waiting == 3
    for number in (2, 0, 1):
        requests[number].respond()
        assert client.answer()[:2] == bytes([0, number])


def test_once(serve: Callable[..., Client]) -> None:
    """Who answers twice, or adds to an answer, gets ClosedError; drop() and close() do nothing then."""
    requests: list[DNSServerRequest] = []
    client = serve(lambda request: (requests.append(request), request.respond()))
    client.ask("a.com")
    assert client.code() == 0
    (request,) = requests
    for use in (
        request.respond,
        lambda: request.add_a_reply("a.com", ["192.0.2.1"]),
        lambda: request.add_txt_reply("a.com", "x"),
        request.set_authoritative,
    ):
        with pytest.raises(ClosedError):
            use()
    request.drop()
    request.close()
    assert client.nothing()


def test_dropped(serve: Callable[..., Client]) -> None:
    """The client hears nothing."""
    client = serve(lambda request: request.drop())
    client.ask("a.com")
    assert client.nothing()


def test_forgotten(serve: Callable[..., Client]) -> None:
    """A request that the handler lets go is answered SERVFAIL when it is collected."""
    client = serve(lambda request: None)
    client.ask("a.com")
    turn(client.base, 2)
    collect()
    assert client.code() == SERVFAIL


def test_closed_without_an_answer(serve: Callable[..., Client]) -> None:
    """As ``with`` does it."""

    def handler(request: DNSServerRequest) -> None:
        with request:
            pass

    client = serve(handler)
    client.ask("a.com")
    assert client.code() == SERVFAIL


def test_a_handler_that_raises(serve: Callable[..., Client]) -> None:
    """SERVFAIL for the client, the exception for the loop; the server goes on."""

    def handler(request: DNSServerRequest) -> None:
        if request.questions[0].name == "bad.com":
            raise ZeroDivisionError
        request.respond()

    client = serve(handler)
    client.ask("bad.com")
    with pytest.raises(ZeroDivisionError):
        client.base.dispatch()
    assert client.code() == SERVFAIL
    client.ask("good.com")
    assert client.code() == 0


def test_too_many(serve: Callable[..., Client]) -> None:
    """Above the limit requests are dropped, until some are answered."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append, max_requests=2)
    for number in range(5):
        client.ask("a.com", number=number)
    settle(client.base)
    assert len(requests) == 2
    requests[0].respond()
    client.ask("a.com")
    run_until(client.base, lambda: len(requests) == 3)
    for request in requests:
        request.drop()


def test_a_long_answer_is_cut(serve: Callable[..., Client]) -> None:
    """At 512 bytes, with the bit that says so; a DNSBase is told of it."""

    def handler(request: DNSServerRequest) -> None:
        request.add_a_reply(request.questions[0].name, (f"192.0.2.{number}" for number in range(200)))
        request.respond()

    client = serve(handler)
    client.ask("a.com")
    packet = client.answer()
    assert len(packet) == 512
    assert struct.unpack_from("!H", packet, 2)[0] & TRUNCATED
    if not hasattr(lib, "DNS_QUERY_USEVC"):  # which asks again by TCP, and nobody listens
        (request,) = answers(server_of(client.base, handler), ("resolve_ipv4", "a.com"))
        assert isinstance(request.error, DNSError)
        assert request.error.code == lib.DNS_ERR_TRUNCATED


HEADER = b"\0\x07\x01\0\0\1" + bytes(6)
NONSENSE = [
    *(bytes(size) for size in (0, 1, 11, 12, 2000)),
    bytes(4) + b"\xff\xff" + bytes(6),
    HEADER + b"\xc0\x0c\0\1\0\1",
    HEADER + b"\x3fshort\0\0\1\0\1",
    b"\0\x07\x81\0\0\1" + bytes(6) + b"\1a\0\0\1\0\1",
]


@pytest.mark.parametrize("packet", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense(serve: Callable[..., Client], packet: bytes) -> None:
    """Packets that are no question are dropped; the next question is answered."""
    client = serve(lambda request: request.respond())
    client.sock.send(packet)
    assert client.nothing()
    client.ask("a.com")
    assert client.code() == 0


@pytest.mark.parametrize("name", [b"\x03a.b\x00", b"\x02\xff\xfe\x03com\x00", b"\x00", b"\x04a\0bc\x00"])
def test_strange_names(serve: Callable[..., Client], name: bytes) -> None:
    """A question's name can be answered with whatever it is, or refused with ValueError; no crash."""
    seen: list[str] = []

    def handler(request: DNSServerRequest) -> None:
        seen.append(request.questions[0].name)
        request.add_a_reply(request.questions[0].name, ["192.0.2.1"])
        request.respond()

    client = serve(handler)
    client.sock.send(struct.pack("!HHHHHH", 7, RECURSE, 1, 0, 0, 0) + name + struct.pack("!HH", A, 1))
    assert client.code() == 0
    assert len(seen) == 1
