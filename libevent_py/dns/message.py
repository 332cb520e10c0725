"""DNS messages as bytes, for what does not go through evdns (floor 6, RFC 1035)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from . import names

_HEADER = struct.Struct("!HHHHHH")
_IS_ANSWER = 0x8000
_OPCODE = 0x7800
#: Recursion desired, checking disabled: what an answer repeats.
_REPEATED = 0x0110

#: Bytes of the longest message.
LONGEST = 65535
#: Nothing asks more at once, and a hostile message could say 65535.
_MOST_QUESTIONS = 16


class DNSQuestion(NamedTuple):
    """One question of a request.

    Attributes:
        name: The name, as it was asked for; "" is the root.
        type: A number, ``DNSServerRequest.A`` say.
        rclass: Nearly always 1, the Internet's.
    """

    name: str
    type: int
    rclass: int


class Query(NamedTuple):
    """What a client sent."""

    number: int
    flags: int
    questions: list[DNSQuestion]


def parse(message: bytes) -> Query | None:
    """The questions of *message*; None where it is none that can be answered."""
    try:
        number, flags, count, *_ = _HEADER.unpack_from(message)
        if flags & (_IS_ANSWER | _OPCODE) or not 0 < count <= _MOST_QUESTIONS:
            return None
        position = _HEADER.size
        questions = []
        for _ in range(count):
            name, position = _name(message, position)
            questions.append(DNSQuestion(names.decode(name), *struct.unpack_from("!HH", message, position)))
            position += 4
    except (struct.error, IndexError):
        return None
    return Query(number, flags & _REPEATED, questions)


def _name(message: bytes, position: int) -> tuple[bytes, int]:
    """The name at *position*, which must be written out, and where it ends."""
    labels = []
    while length := message[position]:
        if length > 63:
            raise IndexError("a question needs no pointer to another name")
        label = message[position + 1 : position + 1 + length]
        labels.append(label)
        position += 1 + length
    return b".".join(labels), position + 1


def wire_name(name: bytes) -> bytes:
    """A name, as :func:`names.encode` gives it, in a message."""
    labels = name.split(b".") if name else []
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(owner: bytes, type: int, rclass: int, ttl: int, data: bytes) -> bytes:
    """A resource record."""
    return wire_name(owner) + struct.pack("!HHIH", type, rclass, ttl, len(data)) + data


def build(query: Query, flags: int, code: int, sections: Iterable[list[bytes]]) -> bytes:
    """The answer to *query*: records of its three sections."""
    asked = b"".join(
        wire_name(question.name.encode("ascii", "surrogateescape")) + struct.pack("!HH", *question[1:])
        for question in query.questions
    )
    sections = list(sections)
    counts = (len(query.questions), *map(len, sections))
    header = _HEADER.pack(query.number, _IS_ANSWER | query.flags | flags | code, *counts)
    return b"".join([header, asked, *(each for section in sections for each in section)])
