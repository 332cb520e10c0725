"""A DNSBase and a real name server, Debian's dnsmasq."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from answers import answer, answers
from dnsmasq import dnsmasq

from libevent_py import DNSBase, DNSError, EventBase, lib

SETTINGS = """
host-record=host.test,192.0.2.1,2001:db8::1,77
host-record=four.test,192.0.2.4
cname=alias.test,host.test
host-record=www.sub.test,192.0.2.9
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Where one dnsmasq for all of these tests listens."""
    many = "".join(f"host-record=many.test,192.0.2.{number}\n" for number in range(1, 101))
    with dnsmasq(tmp_path_factory.mktemp("dnsmasq"), SETTINGS + many) as address:
        yield address


@pytest.fixture
def real(base: EventBase, address: tuple[str, int]) -> DNSBase:
    """A DNSBase that asks it."""
    return DNSBase(base, [address])


def test_both_ways(real: DNSBase) -> None:
    """A, AAAA and PTR of both kinds, with the server's time to live."""
    assert answer(real, "resolve_ipv4", "host.test") == (["192.0.2.1"], 77)
    assert answer(real, "resolve_ipv6", "host.test").records == ["2001:db8::1"]
    assert answer(real, "resolve_reverse", "192.0.2.1").records == ["host.test"]
    assert answer(real, "resolve_reverse", "2001:db8::1").records == ["host.test"]


def test_an_alias(real: DNSBase) -> None:
    """CNAME is followed, and its target is the canonical name."""
    assert answer(real, "resolve_ipv4", "alias.test").records == ["192.0.2.1"]
    found = answer(real, "getaddrinfo", "alias.test", 80, flags=socket.AI_CANONNAME, type=socket.SOCK_STREAM)
    assert {each[4][0] for each in found} == {"192.0.2.1", "2001:db8::1"}
    assert found[0][3] == "host.test"


def test_getaddrinfo(real: DNSBase) -> None:
    """One family where there is only one."""
    found = answer(real, "getaddrinfo", "four.test", "443", type=socket.SOCK_STREAM)
    assert found == [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("192.0.2.4", 443))]


def test_no_such_name(real: DNSBase) -> None:
    """NXDOMAIN and no data."""
    missing, no_data = answers(real, ("resolve_ipv4", "missing.test"), ("resolve_ipv6", "four.test"))
    assert isinstance(missing.error, DNSError)
    assert missing.error.code == lib.DNS_ERR_NOTEXIST
    assert isinstance(no_data.error, DNSError)
    assert no_data.error.code == lib.DNS_ERR_NODATA


def test_search(real: DNSBase) -> None:
    """Through a list of domains."""
    real.search = ["other.test", "sub.test"]
    assert answer(real, "resolve_ipv4", "www").records == ["192.0.2.9"]


def test_truncation(real: DNSBase) -> None:
    """More than a datagram holds: an error with 2.1, asked again by TCP with 2.2."""
    (request,) = answers(real, ("resolve_ipv4", "many.test"))
    if hasattr(lib, "DNS_QUERY_USEVC"):
        assert len(request.result().records) >= 32
    else:
        assert isinstance(request.error, DNSError)
        assert request.error.code == lib.DNS_ERR_TRUNCATED


def test_many_at_once(real: DNSBase) -> None:
    """Hundreds of questions in one loop."""
    for request in answers(real, *[("getaddrinfo", "host.test", 80)] * 300):
        assert len(request.result()) == 4
