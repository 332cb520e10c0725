"""Names and addresses of DNS, checked before C sees them (floor 6)."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from .. import _convert
from .._ffi import CData, ffi

#: Bytes of the longest name, and of its longest part.
LONGEST = 253
_LONGEST_LABEL = 63

#: Where name servers listen.
PORT = 53


def encode(name: str, what: str = "name") -> bytes:
    """*name* as it is asked for: ASCII, IDNA where it is not, without a dot at the end.

    Raises:
        ValueError: DNS has no such name.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, not {type(name).__name__}")
    try:
        encoded = name.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        try:
            encoded = name.encode("idna")
        except UnicodeError as error:
            raise ValueError(f"{name!r} is no host name: {error}") from None
    encoded = encoded[:-1] if encoded.endswith(b".") else encoded
    if b"\0" in encoded:
        raise ValueError(f"a {what} must not contain NUL")
    labels = encoded.split(b".")
    if not all(labels):
        raise ValueError(f"{name!r} is no host name: a part of it is empty")
    if any(len(label) > _LONGEST_LABEL for label in labels) or len(encoded) > LONGEST:
        raise ValueError(
            f"{name!r} is no host name: it has {LONGEST} bytes at most, and {_LONGEST_LABEL} between dots"
        )
    return encoded


def decode(name: bytes) -> str:
    """A name from a packet: what is not ASCII survives a way back through :func:`encode`."""
    return name.decode("ascii", "surrogateescape")


def packed(address: str) -> bytes:
    """A numeric IPv4 or IPv6 *address* as its 4 or 16 bytes."""
    if not isinstance(address, str):
        raise TypeError(f"address must be a str, not {type(address).__name__}")
    try:
        return ipaddress.ip_address(address.partition("%")[0]).packed
    except ValueError:
        raise ValueError(f"{address!r} is not a numeric IPv4 or IPv6 address") from None


def server_address(address: _convert.Address | str) -> tuple[Any, ...]:
    """*address* of a name server, ``"127.0.0.1"`` or with a port, as ``socket.getsockname`` shows it."""
    if isinstance(address, str):
        address = (address, PORT)
    family, where = _convert.socket_address(address)
    if family not in (socket.AF_INET, socket.AF_INET6):
        raise ValueError(f"a name server has an IPv4 or IPv6 address, not {address!r}")
    _convert.integer(where[1], "port", 1, 65535)
    # "%eth0" becomes a number there.
    found = socket.getaddrinfo(where[0], where[1], family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)
    host, port, *rest = found[0][4]
    return (host, port, *(where[2:4] if len(where) == 4 else rest))


def sockaddr(address: tuple[Any, ...]) -> bytes:
    """*address*, as :func:`server_address` gives it, as a ``struct sockaddr``."""
    host, port, *rest = address
    raw: CData
    if rest:
        raw = ffi.new("struct sockaddr_in6 *")
        raw.sin6_family = socket.AF_INET6
        raw.sin6_port = socket.htons(port)
        raw.sin6_flowinfo, raw.sin6_scope_id = rest
        raw.sin6_addr.s6_addr = packed(host)
    else:
        raw = ffi.new("struct sockaddr_in *")
        raw.sin_family = socket.AF_INET
        raw.sin_port = socket.htons(port)
        ffi.memmove(ffi.addressof(raw, "sin_addr"), packed(host), 4)
    return bytes(ffi.buffer(raw))
