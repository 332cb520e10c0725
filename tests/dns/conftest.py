"""Fixtures for DNS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nameserver import NameServer, name_server, zone

from libevent_py import DNSBase, EventBase

RECORDS = {
    "host.example.com": ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
    "four.example.com": ["192.0.2.4"],
    "six.example.com": ["2001:db8::6"],
    "1.2.0.192.in-addr.arpa": ["host.example.com"],
    "1.0.0.0." + "0." * 20 + "8.b.d.0.1.0.0.2.ip6.arpa": ["six.example.com"],
}


@pytest.fixture
def server(base: EventBase) -> Iterator[NameServer]:
    """A name server that knows RECORDS."""
    with name_server(base, zone(RECORDS)) as server:
        yield server


@pytest.fixture
def dns(base: EventBase, server: NameServer) -> DNSBase:
    """A DNSBase that asks *server*, closed with the base."""
    return DNSBase(base, [server.address])
