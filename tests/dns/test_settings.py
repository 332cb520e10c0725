"""A DNSBase's servers and search domains."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from answers import answers
from loops import run_until
from nameserver import NameServer

from libevent_py import DNSBase, EventBase


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        (("127.0.0.1", 5353), ("127.0.0.1", 5353)),
        ("2001:db8::0:1", ("2001:db8::1", 53, 0, 0)),
        (("::1", 5353), ("::1", 5353, 0, 0)),
        (("fe80::1", 53, 0, 1), ("fe80::1", 53, 0, 1)),
    ],
)
def test_nameservers(base: EventBase, address: Any, shown: tuple[Any, ...]) -> None:
    """As given, in the form of getsockname."""
    dns = DNSBase(base, [])
    try:
        dns.add_nameserver(address)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    host, *rest = dns.nameservers[0]
    assert (host.partition("%")[0], *rest) == shown
    with pytest.raises(ValueError, match="already"):
        dns.add_nameserver(address)


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("localhost", ValueError),
        ("127.0.0.1:53", ValueError),
        (("127.0.0.1", 0), ValueError),
        (("127.0.0.1", 65536), ValueError),
        (("127.0.0.1",), TypeError),
        (5, TypeError),
        (None, TypeError),
        ("unix:/tmp/x", ValueError),
        (b"127.0.0.1", TypeError),
    ],
)
def test_no_nameservers(base: EventBase, address: Any, error: type[Exception]) -> None:
    """Refused, in the constructor too; one str is not several addresses."""
    dns = DNSBase(base, [])
    with pytest.raises(error):
        dns.add_nameserver(address)
    with pytest.raises(error):
        DNSBase(base, [address])
    wrong: Any = "127.0.0.1"
    with pytest.raises(TypeError):
        DNSBase(base, wrong)
    with pytest.raises(TypeError):
        DNSBase(base, 5)  # type: ignore[arg-type]


def test_out_of_descriptors(base: EventBase) -> None:
    """A server that finds no socket is an OSError."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    dns = DNSBase(base, [])
    with socket.socket() as highest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno(), hard))
        try:
            with pytest.raises(OSError, match="name server"):
                dns.add_nameserver("127.0.0.1")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert dns.nameservers == []


def asked(dns: DNSBase, server: NameServer, name: str, **options: Any) -> list[str]:
    """What the server is asked for, when nothing is found."""
    server.asked.clear()
    answers(dns, ("resolve_ipv4", name), **options)
    return server.names


def test_search(dns: DNSBase, server: NameServer) -> None:
    """In the order of the list; a name with enough dots is tried as it is first."""
    dns.search = ["a.example", "b.example"]
    assert dns.search == ["a.example", "b.example"]
    assert asked(dns, server, "www") == ["www.a.example", "www.b.example", "www"]
    assert asked(dns, server, "www.x") == ["www.x", "www.x.a.example", "www.x.b.example"]
    dns.ndots = 2
    assert asked(dns, server, "www.x") == ["www.x.a.example", "www.x.b.example", "www.x"]
    assert asked(dns, server, "www", search=False) == ["www"]
    assert asked(dns, server, "www.") == ["www"]
    dns.search = []
    assert dns.ndots == 2
    assert asked(dns, server, "www") == ["www"]


def test_a_name_too_long_to_be_searched(dns: DNSBase, server: NameServer) -> None:
    """It is tried as it is, not refused."""
    name = ".".join(["a" * 60] * 4)
    dns.search = ["much.too.long.example"]
    assert asked(dns, server, name) == [name]


def test_changing_search_while_it_is_used(dns: DNSBase, server: NameServer) -> None:
    """A request that has begun goes on with the domains it began with."""
    dns.search = ["a.example", "b.example"]
    told: list[Any] = []
    dns.resolve_ipv4("www", told.append)
    dns.search = ["c.example"]
    run_until(dns.base, lambda: told)
    assert server.names == ["www.a.example", "www.b.example", "www"]


@pytest.mark.parametrize(
    ("domains", "error"),
    [
        ("example.com", TypeError),
        ([5], TypeError),
        (["a..b"], ValueError),
        ([""], ValueError),
        (5, TypeError),
    ],
)
def test_no_search_domains(dns: DNSBase, domains: Any, error: type[Exception]) -> None:
    """Refused, and the old ones stay."""
    dns.search = ["a.example"]
    with pytest.raises(error):
        dns.search = domains
    assert dns.search == ["a.example"]


@pytest.mark.parametrize(("dots", "error"), [(-1, ValueError), (256, ValueError), ("1", TypeError)])
def test_no_ndots(dns: DNSBase, dots: Any, error: type[Exception]) -> None:
    """Refused."""
    with pytest.raises(error):
        dns.ndots = dots
    assert dns.ndots == 1
