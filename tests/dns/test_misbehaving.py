"""Name servers that lose, delay, cut and forge: a DNSBase gets the right answer or says what went wrong."""

from __future__ import annotations

import random
import socket
import struct

import pytest
from answers import answer, answers
from loops import run_until
from nameserver import (
    CNAME,
    FORMERR,
    NOTIMP,
    PTR,
    REFUSED,
    SERVFAIL,
    TRUNCATED,
    A,
    Asked,
    NameServer,
    name_server,
    record,
    wire,
)

from libevent_py import DNSBase, DNSError, DNSRequest, EventBase, Timer, lib

RIGHT = "192.0.2.1"
FORGED = "192.0.2.66"


def code_of(request: DNSRequest) -> int:
    """The DNSError's code."""
    assert isinstance(request.error, DNSError)
    return request.error.code


def test_loss(dns: DNSBase, server: NameServer) -> None:
    """A question that is lost is asked again."""
    server.behaviour = lambda asked: asked.answer(RIGHT) if len(server.asked) > 2 else None
    dns.set_option("timeout", 0.02)
    assert answer(dns, "resolve_ipv4", "a.com").records == [RIGHT]
    assert len(server.asked) == 3


def test_total_loss(dns: DNSBase, server: NameServer) -> None:
    """After so many attempts it is DNS_ERR_TIMEOUT, before the deadline."""
    server.behaviour = lambda asked: None
    dns.set_option("timeout", 0.01)
    dns.set_option("attempts", 2)
    (request,) = answers(dns, ("resolve_ipv4", "a.com"))
    assert code_of(request) == lib.DNS_ERR_TIMEOUT
    assert server.names == ["a.com", "a.com"]


def test_delay(dns: DNSBase, server: NameServer) -> None:
    """An answer that comes after its question was asked again is taken once; the second is nobody's."""

    def behaviour(asked: Asked) -> None:
        packet = asked.answer(RIGHT)
        Timer(dns.base, 0.05, lambda timer: server.sock.sendto(packet, asked.client))

    server.behaviour = behaviour
    dns.set_option("timeout", 0.02)
    assert answer(dns, "resolve_ipv4", "a.com").records == [RIGHT]
    assert len(server.asked) > 1


def test_an_answer_after_the_deadline(dns: DNSBase, server: NameServer) -> None:
    """Too late is too late, and hurts nobody."""
    late: list[Asked] = []

    def behaviour(asked: Asked) -> bytes | None:
        if asked.name == "late.com":
            late.append(asked)
            return None
        return asked.answer(RIGHT)

    server.behaviour = behaviour
    (request,) = answers(dns, ("resolve_ipv4", "late.com"), deadline=0.02)
    assert code_of(request) == lib.DNS_ERR_TIMEOUT
    server.sock.sendto(late[0].answer(RIGHT), late[0].client)
    assert answer(dns, "resolve_ipv4", "a.com").records == [RIGHT]
    assert code_of(request) == lib.DNS_ERR_TIMEOUT


@pytest.mark.skipif(hasattr(lib, "DNS_QUERY_USEVC"), reason="libevent 2.2 asks again by TCP")
def test_truncation(dns: DNSBase, server: NameServer) -> None:
    """Told as such, where libevent cannot ask again by TCP."""
    server.behaviour = lambda asked: asked.answer(RIGHT, flags=TRUNCATED)
    (request,) = answers(dns, ("resolve_ipv4", "a.com"))
    assert code_of(request) == lib.DNS_ERR_TRUNCATED


@pytest.mark.parametrize("code", [FORMERR, NOTIMP, REFUSED, 9, 15])
def test_error_codes(dns: DNSBase, server: NameServer, code: int) -> None:
    """Each is told, and known by libevent's number; unknown ones are DNS_ERR_UNKNOWN."""
    server.behaviour = lambda asked: asked.answer(code=code)
    (request,) = answers(dns, ("resolve_ipv4", "a.com"))
    assert code_of(request) == (code if code <= REFUSED else lib.DNS_ERR_UNKNOWN)


def test_servfail_is_asked_again(dns: DNSBase, server: NameServer) -> None:
    """And where it stays so, the error's text tells of it."""
    server.behaviour = lambda asked: asked.answer(RIGHT, code=SERVFAIL if len(server.asked) < 2 else 0)
    assert answer(dns, "resolve_ipv4", "a.com").records == [RIGHT]
    server.behaviour = lambda asked: asked.answer(code=SERVFAIL)
    (request,) = answers(dns, ("resolve_ipv4", "a.com"))
    assert code_of(request) in (lib.DNS_ERR_TIMEOUT, lib.DNS_ERR_SERVERFAILED)
    assert "SERVFAIL" in str(request.error)


def test_a_forged_number(dns: DNSBase, server: NameServer) -> None:
    """Answers with other numbers than the question's are nobody's."""

    def behaviour(asked: Asked) -> list[bytes]:
        forged = [asked.answer(FORGED, number=(asked.number + i) & 0xFFFF) for i in range(1, 100)]
        return [*forged, asked.answer(RIGHT)]

    server.behaviour = behaviour
    assert answer(dns, "resolve_ipv4", "a.com").records == [RIGHT]


def test_a_forged_sender(dns: DNSBase, server: NameServer) -> None:
    """An answer from another address or port than the server's is not taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", server.address[1]))

        def behaviour(asked: Asked) -> bytes:
            other.sendto(asked.answer(FORGED), asked.client)
            return asked.answer(RIGHT)

        server.behaviour = behaviour
        assert answer(dns, "resolve_ipv4", "a.com").records == [RIGHT]


@pytest.mark.parametrize("name", ["b.com", "A.com", "a.com.evil.com", ""])
def test_a_forged_question(dns: DNSBase, server: NameServer, name: str) -> None:
    """An answer to another question is an error, never an answer; the case of letters counts too."""

    def behaviour(asked: Asked) -> bytes:
        return asked.answer(FORGED, name=name or ".")

    server.behaviour = behaviour
    (request,) = answers(dns, ("resolve_ipv4", "a.com"))
    assert code_of(request) == lib.DNS_ERR_UNKNOWN


def test_records_of_other_types(dns: DNSBase, server: NameServer) -> None:
    """What was not asked for is not given."""
    server.behaviour = lambda asked: asked.answer(
        "2001:db8::1", records=(record("a.com", PTR, wire("b.com")), record("a.com", CNAME, wire("c.com")))
    )
    (request,) = answers(dns, ("resolve_ipv4", "a.com"))
    assert code_of(request) == lib.DNS_ERR_NODATA


def test_a_question_sent_back(dns: DNSBase, server: NameServer) -> None:
    """Is no answer."""
    server.behaviour = lambda asked: [asked.raw, asked.answer(RIGHT)]
    assert answer(dns, "resolve_ipv4", "a.com").records == [RIGHT]


def test_a_dead_port(base: EventBase) -> None:
    """Nobody listens: the kernel's refusals are no answer, and the deadline holds."""
    with name_server(base, lambda asked: None) as gone:
        pass
    dns = DNSBase(base, [gone.address], deadline=0.1)
    (request,) = answers(dns, ("getaddrinfo", "a.com", 80))
    assert code_of(request) == lib.DNS_ERR_TIMEOUT


def test_random_answers(dns: DNSBase, server: NameServer) -> None:
    """Packets of the right number and a broken rest: each request ends, and the next one is answered."""
    chance = random.Random(1)

    def behaviour(asked: Asked) -> bytes:
        more = (record("a.com", PTR, wire("b.com")), record("a.com", A, b"1234567"))
        packet = bytearray(asked.answer(RIGHT, "2001:db8::1", records=more))
        for _ in range(chance.randrange(1, 8)):
            byte = chance.choice((0, 1, 0xC0, 0xFF, chance.randrange(256)))
            packet[chance.randrange(2, len(packet))] = byte
        struct.pack_into("!H", packet, 2, 0x8180 | chance.choice((0, 0, 0, 3)))
        return bytes(packet[: chance.randrange(4, len(packet) + 1)])

    server.behaviour = behaviour
    dns.set_option("timeout", 0.01)
    dns.set_option("attempts", 1)
    questions = [
        ("resolve_ipv4", "a.com"),
        ("resolve_ipv6", "a.com"),
        ("resolve_reverse", "192.0.2.1"),
        ("getaddrinfo", "a.com", 80),
    ]
    for _ in range(40):
        for request in answers(dns, *questions * 4, deadline=1):
            assert request.done
    server.behaviour = lambda asked: asked.answer(RIGHT)
    told: list[DNSRequest] = []
    run_until(dns.base, lambda: dns.resolve_ipv4("a.com", told.append) and any(not r.error for r in told))
