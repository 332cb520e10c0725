"""DNSBase.set_option(): what libevent would take in silence is refused."""

from __future__ import annotations

from typing import Any

import pytest

from libevent_py import DNSBase, EventBase, UnsupportedError
from libevent_py._features import has

GOOD: list[tuple[str, Any]] = [
    ("attempts", 1),
    ("attempts", 255),
    ("bind-to", "127.0.0.1"),
    ("bind-to", "::1"),
    ("getaddrinfo-allow-skew", 0.5),
    ("initial-probe-timeout", 3600),
    ("max-inflight", 65000),
    ("max-timeouts", 3),
    ("randomize-case", 1),
    ("randomize-case", True),
    ("so-rcvbuf", 10240),
    ("so-sndbuf", 10240),
    ("timeout", 0.001),
]


@pytest.fixture
def dns(base: EventBase) -> DNSBase:
    """A DNSBase that asks nobody."""
    return DNSBase(base, [])


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_an_option_is_taken(dns: DNSBase, name: str, value: Any) -> None:
    """At both ends of its range."""
    dns.set_option(name, value)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("attempts", 0, ValueError),
        ("attempts", 256, ValueError),
        ("attempts", "3", TypeError),
        ("bind-to", "localhost", ValueError),
        ("bind-to", "127.0.0.1:5353", ValueError),
        ("bind-to", "fe80::1%lo", ValueError),
        ("bind-to", 5, TypeError),
        ("max-inflight", 0, ValueError),
        ("max-inflight", 65001, ValueError),
        ("max-timeouts", -1, ValueError),
        ("randomize-case", 2, ValueError),
        ("so-rcvbuf", 0, ValueError),
        ("so-sndbuf", 1 << 31, ValueError),
        ("timeout", 0, ValueError),
        ("timeout", 0.0001, ValueError),
        ("timeout", float("nan"), ValueError),
        ("timeout", float("inf"), ValueError),
        ("timeout", "5", TypeError),
        ("initial-probe-timeout", 3601, ValueError),
        ("ndots", 1, ValueError),
        ("timeout:", 1, ValueError),
        ("", 1, ValueError),
        (5, 1, TypeError),
    ],
)
def test_nonsense_is_refused(dns: DNSBase, name: Any, value: Any, error: type[Exception]) -> None:
    """Before C is called."""
    with pytest.raises(error):
        dns.set_option(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("edns-udp-size", 1232), ("use-vc", 1), ("ignore-tc", 1), ("tcp-idle-timeout", 5),
     ("probe-backoff-factor", 3), ("max-probe-timeout", 60)],
)  # fmt: skip
def test_what_libevent_2_2_has_more(dns: DNSBase, name: str, value: int) -> None:
    """Taken there, UnsupportedError here."""
    if has("DNS_QUERY_USEVC"):
        dns.set_option(name, value)
    else:
        with pytest.raises(UnsupportedError, match=name):
            dns.set_option(name, value)


def test_a_socket_buffer_that_cannot_be(dns: DNSBase) -> None:
    """A name server that cannot be bound to is an OSError, and is not there."""
    dns.set_option("bind-to", "::1")
    with pytest.raises(OSError, match="192"):
        dns.add_nameserver("192.0.2.1")
    assert dns.nameservers == []
