"""A name server in the test's own loop, which answers as it is told: well, badly or not at all."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Union

from libevent_py import Event, EventBase, EventFlags

A, NS, CNAME, SOA, PTR, TXT, AAAA = 1, 2, 5, 6, 12, 16, 28
FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 1, 2, 3, 4, 5

#: Bits of a packet's flags.
ANSWER, TRUNCATED, RECURSE = 0x8000, 0x0200, 0x0100


def wire(name: str) -> bytes:
    """*name* as packets have it."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(name: str, type: int, data: bytes, ttl: int = 60) -> bytes:
    """A resource record."""
    return wire(name) + struct.pack("!HHIH", type, 1, ttl, len(data)) + data


class Asked(NamedTuple):
    """One question that has come, and how to answer it."""

    number: int
    name: str
    type: int
    raw: bytes
    client: tuple[str, int]

    def answer(
        self,
        *addresses: str,
        ttl: int = 60,
        code: int = 0,
        flags: int = 0,
        records: tuple[bytes, ...] = (),
        number: int | None = None,
        name: str | None = None,
    ) -> bytes:
        """A packet with A or AAAA records of the addresses, and more *records*."""
        asked = wire(name or self.name) + struct.pack("!HH", self.type, 1)
        own = [
            record(self.name, AAAA, socket.inet_pton(socket.AF_INET6, each), ttl)
            if ":" in each
            else record(self.name, A, socket.inet_aton(each), ttl)
            for each in addresses
        ]
        number = self.number if number is None else number
        count = len(own) + len(records)
        header = struct.pack("!HHHHHH", number, ANSWER | RECURSE | flags | code, 1, count, 0, 0)
        return header + asked + b"".join([*own, *records])

    def names(self, name: str, ttl: int = 60) -> bytes:
        """A packet with a PTR record."""
        return self.answer(records=(record(self.name, PTR, wire(name), ttl),))


Behaviour = Callable[[Asked], Union[bytes, list[bytes], None]]


def silent(asked: Asked) -> None:
    """Lose the question."""


class NameServer:
    """Answers each question with what *behaviour* gives: a packet, several, or nothing."""

    def __init__(self, base: EventBase, behaviour: Behaviour, host: str = "127.0.0.1") -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((host, 0))
        self.address = self.sock.getsockname()
        self._event = Event(base, self.sock, EventFlags.READ | EventFlags.PERSIST, self._ready)
        self._event.add()

    def _ready(self, event: Event, what: EventFlags) -> None:
        raw, client = self.sock.recvfrom(4096)
        asked = parse(raw, client)
        self.asked.append(asked)
        answers = self.behaviour(asked)
        for packet in [answers] if isinstance(answers, bytes) else answers or []:
            self.sock.sendto(packet, client)

    @property
    def names(self) -> list[str]:
        """What was asked for, in order."""
        return [asked.name for asked in self.asked]

    def close(self) -> None:
        """Go; who asks then is refused by the kernel."""
        self._event.close()
        self.sock.close()


def parse(raw: bytes, client: tuple[str, int]) -> Asked:
    """The one question of a packet."""
    (number,) = struct.unpack_from("!H", raw)
    labels, position = [], 12
    while raw[position]:
        labels.append(raw[position + 1 : position + 1 + raw[position]].decode())
        position += 1 + raw[position]
    (type,) = struct.unpack_from("!H", raw, position + 1)
    return Asked(number, ".".join(labels), type, raw, client)


@contextmanager
def name_server(base: EventBase, behaviour: Behaviour, host: str = "127.0.0.1") -> Iterator[NameServer]:
    """A NameServer, closed at the end."""
    server = NameServer(base, behaviour, host)
    try:
        yield server
    finally:
        server.close()


def zone(records: dict[str, list[str]]) -> Behaviour:
    """Answer by name; NXDOMAIN for the rest, and no data for the other family."""

    def behaviour(asked: Asked) -> bytes:
        found = records.get(asked.name.lower())
        if found is None:
            return asked.answer(code=NXDOMAIN)
        if asked.type == PTR:
            return asked.names(found[0])
        return asked.answer(*(each for each in found if (":" in each) == (asked.type == AAAA)))

    return behaviour
