"""The PROXY protocol, versions 1 and 2: who the client of a proxy's client is.

https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Optional

#: Bytes that begin a header of version 2.
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_PREFIX = b"PROXY "

#: The longest header of version 1, and of version 2 that is taken.
LONGEST_LINE = 107
LONGEST_BINARY = 16 + 2048

_FAMILIES = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}

#: Source and destination, each a ``(host, port)``; None where the header names nobody.
Addresses = Optional[tuple[tuple[str, int], tuple[str, int]]]


class ProtocolError(ValueError):
    """What came is no PROXY header."""


def wanted(head: bytes, peeked: bytes) -> int:
    """How many of the *peeked* bytes, which follow *head*, belong to the header for certain.

    Raises:
        ProtocolError: They are no header.
    """
    together = head + peeked
    if together.startswith(SIGNATURE):
        if len(together) < 16:
            return len(peeked)
        total: int = 16 + struct.unpack_from("!H", together, 14)[0]
        if total > LONGEST_BINARY:
            raise ProtocolError(f"a PROXY header of {total} bytes")
        return min(total - len(head), len(peeked))
    if SIGNATURE.startswith(together) or _PREFIX.startswith(together):
        return len(peeked)
    if not together.startswith(_PREFIX):
        raise ProtocolError(f"no PROXY header, but {together[:16]!r}")
    end = together.find(b"\r\n")
    if (len(together) if end < 0 else end + 2) > LONGEST_LINE:
        raise ProtocolError("a PROXY line without an end")
    return len(peeked) if end < 0 else end + 2 - len(head)


def is_whole(head: bytes) -> bool:
    """Whether *head*, made of what wanted() said, is a whole header."""
    if head.startswith(SIGNATURE):
        return len(head) >= 16 and len(head) == 16 + struct.unpack_from("!H", head, 14)[0]
    return head.startswith(_PREFIX) and head.endswith(b"\r\n")


def parse(head: bytes) -> Addresses:
    """The addresses in a whole header.

    Raises:
        ProtocolError: It makes no sense.
    """
    try:
        return _parse_binary(head) if head.startswith(SIGNATURE) else _parse_line(head)
    except (ValueError, struct.error, OSError) as error:
        raise ProtocolError(
            f"a PROXY header that makes no sense ({error}): {head[:LONGEST_LINE]!r}"
        ) from None


def _parse_line(head: bytes) -> Addresses:
    words = head[:-2].decode("ascii").split(" ")
    if words[1] == "UNKNOWN":
        return None
    _, name, source, destination, source_port, destination_port = words
    family = {"TCP4": socket.AF_INET, "TCP6": socket.AF_INET6}[name] if name in ("TCP4", "TCP6") else None
    if family is None:
        raise ValueError(f"no protocol {name}")
    for host in (source, destination):
        socket.inet_pton(family, host)
    return (source, _port(source_port)), (destination, _port(destination_port))


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise ValueError(f"no port {text}")
    return int(text)


def _parse_binary(head: bytes) -> Addresses:
    version_command, family_protocol = head[12], head[13]
    if version_command >> 4 != 2 or version_command & 15 > 1:
        raise ValueError(f"version and command {version_command:#x}")
    if version_command & 15 == 0 or family_protocol not in _FAMILIES:
        return None  # LOCAL, a health check say; or neither TCP4 nor TCP6
    family, size = _FAMILIES[family_protocol]
    body = head[16:]
    if len(body) < 2 * size + 4:
        raise ValueError("too short for its addresses")
    ports = struct.unpack_from("!HH", body, 2 * size)
    hosts = socket.inet_ntop(family, body[:size]), socket.inet_ntop(family, body[size : 2 * size])
    return (hosts[0], ports[0]), (hosts[1], ports[1])


def build(version: int, source: Any, destination: Any) -> bytes:
    """The header that says who the client is.

    Args:
        version: 1 or 2.
        source: The client's address as the socket module shows it.
        destination: The address that it connected to, likewise.
    """
    known = _known(source, destination)
    if version == 1:
        if known is None:
            return b"PROXY UNKNOWN\r\n"
        family, hosts, ports = known
        name = "TCP4" if family == socket.AF_INET else "TCP6"
        return f"PROXY {name} {hosts[0]} {hosts[1]} {ports[0]} {ports[1]}\r\n".encode()
    if known is None:
        return SIGNATURE + b"\x21\0\0\0"
    family, hosts, ports = known
    body = b"".join(socket.inet_pton(family, host) for host in hosts) + struct.pack("!HH", *ports)
    code = 0x11 if family == socket.AF_INET else 0x21
    return SIGNATURE + struct.pack("!BBH", 0x21, code, len(body)) + body


def _known(source: Any, destination: Any) -> tuple[int, tuple[str, str], tuple[int, int]] | None:
    """Family, hosts and ports, where both are IP addresses of one family."""
    if not isinstance(source, tuple) or not isinstance(destination, tuple):
        return None
    hosts = source[0].partition("%")[0], destination[0].partition("%")[0]
    families = {socket.AF_INET6 if ":" in host else socket.AF_INET for host in hosts}
    return (families.pop(), hosts, (source[1], destination[1])) if len(families) == 1 else None
