"""DNSBase.getaddrinfo() beside socket.getaddrinfo()."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from answers import answer, answers
from nameserver import CNAME, NameServer, record, wire

from libevent_py import DNSBase

STREAM = socket.SOCK_STREAM


def test_both_families(dns: DNSBase) -> None:
    """All addresses, in the shape of socket.getaddrinfo."""
    found = answer(dns, "getaddrinfo", "host.example.com", 80, type=STREAM)
    assert sorted(found) == [
        (socket.AF_INET, STREAM, socket.IPPROTO_TCP, "", ("192.0.2.1", 80)),
        (socket.AF_INET, STREAM, socket.IPPROTO_TCP, "", ("192.0.2.2", 80)),
        (socket.AF_INET6, STREAM, socket.IPPROTO_TCP, "", ("2001:db8::1", 80, 0, 0)),
    ]
    assert isinstance(found[0][0], socket.AddressFamily)
    assert isinstance(found[0][1], socket.SocketKind)


@pytest.mark.parametrize(
    ("family", "hosts"), [(socket.AF_INET, {"192.0.2.1", "192.0.2.2"}), (socket.AF_INET6, {"2001:db8::1"})]
)
def test_one_family(dns: DNSBase, server: NameServer, family: int, hosts: set[str]) -> None:
    """Only that is asked for."""
    found = answer(dns, "getaddrinfo", "host.example.com", 80, family=family, type=STREAM)
    assert {each[4][0] for each in found} == hosts
    assert len(server.asked) == 1


def test_one_family_is_missing(dns: DNSBase) -> None:
    """A name with addresses of one kind has those."""
    for name, host in (("four.example.com", "192.0.2.4"), ("six.example.com", "2001:db8::6")):
        assert [each[4][0] for each in answer(dns, "getaddrinfo", name, 80, type=STREAM)] == [host]


def test_not_found(dns: DNSBase) -> None:
    """A gaierror with the errno that socket.getaddrinfo gives."""
    (request,) = answers(dns, ("getaddrinfo", "nobody.example.com", 80))
    assert type(request.error) is socket.gaierror
    assert request.error.errno == socket.EAI_NONAME
    assert "nobody.example.com" in str(request.error)


NUMERIC: list[tuple[Any, ...]] = [
    ("127.0.0.1", 80),
    ("::1", 80),
    ("127.0.0.1", "http"),
    (b"127.0.0.1", b"80"),
    ("127.0.0.1", None),
    (None, 80),
]


@pytest.mark.parametrize("question", NUMERIC, ids=str)
@pytest.mark.parametrize("kind", [STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("flags", [0, socket.AI_PASSIVE, socket.AI_NUMERICHOST])
def test_as_socket_getaddrinfo(dns: DNSBase, question: tuple[Any, ...], kind: int, flags: int) -> None:
    """What needs no server has the same result, or fails with the same error."""
    (request,) = answers(dns, ("getaddrinfo", *question), type=kind, flags=flags)
    try:
        expected = socket.getaddrinfo(*question, type=kind, flags=flags)
    except socket.gaierror:
        assert isinstance(request.error, socket.gaierror) or question[1] == "http"
        return
    assert sorted(request.result()) == sorted(expected)


@pytest.mark.parametrize(
    ("question", "options"),
    [
        (("host.example.com", 80), {"flags": socket.AI_NUMERICHOST}),
        (("127.0.0.1", "no-such-service"), {}),
        (("127.0.0.1", "http"), {"flags": socket.AI_NUMERICSERV}),
        ((None, None), {}),
        (("127.0.0.1", 80), {"family": socket.AF_INET6}),
    ],
)
def test_errors_are_gaierrors(dns: DNSBase, question: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Where socket.getaddrinfo raises, so does the result."""
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(*question, **options)
    with pytest.raises(socket.gaierror):
        answer(dns, "getaddrinfo", *question, **options)


@pytest.mark.parametrize(("host", "family"), [("::1", socket.AF_INET), ("127.0.0.1", socket.AF_INET6)])
def test_an_address_of_the_other_family(dns: DNSBase, server: NameServer, host: str, family: int) -> None:
    """An error, and nobody is asked for it as a name."""
    with pytest.raises(socket.gaierror):
        answer(dns, "getaddrinfo", host, 80, family=family)
    assert server.asked == []


def test_canonical_name(dns: DNSBase, server: NameServer) -> None:
    """AI_CANONNAME gives what a CNAME record says, in the first entry."""
    server.behaviour = lambda asked: asked.answer(
        "192.0.2.5", records=(record(asked.name, CNAME, wire("real.example.com")),)
    )
    options = {"family": socket.AF_INET, "type": STREAM, "flags": socket.AI_CANONNAME}
    found = answer(dns, "getaddrinfo", "alias.example.com", 80, **options)
    assert [each[3] for each in found] == ["real.example.com"]


@pytest.mark.parametrize(
    ("name", "flags", "hosts"),
    [
        ("four.example.com", socket.AI_V4MAPPED, ["::ffff:192.0.2.4"]),
        ("six.example.com", socket.AI_V4MAPPED, ["2001:db8::6"]),
        ("host.example.com", socket.AI_V4MAPPED, ["2001:db8::1"]),
        (
            "host.example.com",
            socket.AI_V4MAPPED | socket.AI_ALL,
            ["2001:db8::1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"],
        ),
    ],
)
def test_mapped(dns: DNSBase, name: str, flags: int, hosts: list[str]) -> None:
    """AI_V4MAPPED and AI_ALL, which evdns itself does not know."""
    found = answer(dns, "getaddrinfo", name, 80, family=socket.AF_INET6, type=STREAM, flags=flags)
    assert [each[4][0] for each in found] == hosts
    assert {each[0] for each in found} == {socket.AF_INET6}


def test_hosts_file(dns: DNSBase, server: NameServer, tmp_path: Path) -> None:
    """Names of a hosts file are not asked for, until they are forgotten."""
    hosts = tmp_path / "hosts"
    hosts.write_text("# comment\n192.0.2.8 here also\n2001:db8::8 here\nnonsense here\n")
    dns.load_hosts(hosts)
    found = answer(dns, "getaddrinfo", "HERE", 80)
    assert {(each[4][:2]) for each in found} == {("192.0.2.8", 80), ("2001:db8::8", 80)}
    assert not server.asked
    (request,) = answers(dns, ("getaddrinfo", "also", 80), family=socket.AF_INET6)
    assert isinstance(request.error, socket.gaierror)
    dns.clear_host_addresses()
    (request,) = answers(dns, ("getaddrinfo", "here", 80))
    assert request.error is not None
    assert server.asked


def test_the_late_family_is_not_waited_for(dns: DNSBase, server: NameServer) -> None:
    """``getaddrinfo-allow-skew`` after the first answer, that is the result."""
    dns.set_option("getaddrinfo-allow-skew", 0.05)
    server.behaviour = lambda asked: asked.answer("192.0.2.1") if asked.type == 1 else None
    found = answer(dns, "getaddrinfo", "host.example.com", 80, type=STREAM)
    assert [each[4][0] for each in found] == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((5, 80), {}, TypeError),
        (("a.com", 80.0), {}, TypeError),
        (("a.com", 65536), {}, ValueError),
        (("a.com", -1), {}, ValueError),
        (("a.com", "h\0ttp"), {}, ValueError),
        (("1.2.3.4\0", 80), {}, ValueError),
        (("fe80::1%a\0b", 80), {}, ValueError),
        (("a.com", 80), {"family": 9999}, ValueError),
        (("a.com", 80), {"family": socket.AF_UNIX}, ValueError),
        (("a.com", 80), {"flags": -1}, ValueError),
        (("a.com", 80), {"type": 1 << 40}, ValueError),
        (("a.com", 80), {"proto": None}, TypeError),
    ],
)
def test_wrong_arguments(
    dns: DNSBase, arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception]
) -> None:
    """Refused at once."""
    with pytest.raises(error):
        dns.getaddrinfo(*arguments, print, **options)
