"""Fixtures for DNS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dns_client import Client, Handler
from nameserver import NameServer, name_server, zone

from libevent_py import DNSBase, DNSServer, EventBase

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


@pytest.fixture
def serve(base: EventBase) -> Iterator[Callable[..., Client]]:
    """A function that makes a DNSServer with a handler, and gives a client of it."""
    clients: list[Client] = []

    def serve(handler: Handler, **options: Any) -> Client:
        clients.append(Client(base, DNSServer(base, ("127.0.0.1", 0), handler, **options)))
        return clients[-1]

    yield serve
    for client in clients:
        client.sock.close()
