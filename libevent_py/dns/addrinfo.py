"""Hints and results of getaddrinfo, between Python and C (floor 6)."""

from __future__ import annotations

import socket
from typing import Any

from .. import _convert
from .._ffi import CData, ffi
from . import names

#: Family, type, protocol, canonical name, address: as in ``socket.getaddrinfo``.
AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]

_LARGEST = (1 << 31) - 1


def hints(family: int, type: int, proto: int, flags: int) -> CData:
    """``struct evutil_addrinfo`` that says what is wanted."""
    _convert.integer(flags, "flags", 0, _LARGEST)
    _convert.integer(proto, "proto", 0, _LARGEST)
    _convert.integer(type, "type", 0, _LARGEST)
    if family not in (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6):
        raise ValueError(f"family must be AF_UNSPEC, AF_INET or AF_INET6, not {family!r}")
    wanted = ffi.new("struct evutil_addrinfo *")
    wanted.ai_family = family
    wanted.ai_socktype = type
    wanted.ai_protocol = proto
    wanted.ai_flags = flags
    return wanted


def node(host: str | bytes | None) -> tuple[bytes | None, int]:
    """*host* as C takes it, and AI_NUMERICHOST where it is an address and no name that can be asked for.

    Otherwise libevent would ask for an address of the other family as a name.
    """
    if host is None:
        return None, 0
    if isinstance(host, bytes):
        host = names.decode(host)
    if not isinstance(host, str):
        raise TypeError(f"host must be a str, bytes or None, not {type(host).__name__}")
    address = host.partition("%")[0]
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except (OSError, ValueError):
            continue
        if "\0" in host:
            raise ValueError("a host must not contain NUL")
        return host.encode("ascii", "surrogateescape"), socket.AI_NUMERICHOST
    return names.encode(host, "host"), 0


def service(port: str | bytes | int | None) -> bytes | None:
    """*port* as C takes it: a number, or a service's name."""
    if port is None:
        return None
    if isinstance(port, int):
        return b"%d" % _convert.integer(port, "port", 0, 65535)
    if isinstance(port, str):
        port = port.encode()
    if not isinstance(port, bytes):
        raise TypeError(f"port must be an int, str, bytes or None, not {type(port).__name__}")
    if b"\0" in port:
        raise ValueError(f"{port!r} is no port and no service")
    return port


def wants_mapped(family: int, flags: int) -> bool:
    """Whether IPv4 addresses are to come as IPv6 ones, which evdns does not do by itself."""
    return family == socket.AF_INET6 and bool(flags & socket.AI_V4MAPPED)


def mapped(found: list[AddressInfo], flags: int) -> list[AddressInfo]:
    """*found*, of both families, as IPv6 alone; without AI_ALL its IPv4 counts only where it has no IPv6."""
    six = [each for each in found if each[0] == socket.AF_INET6]
    if six and not flags & socket.AI_ALL:
        return six
    return six + [
        (socket.AF_INET6, kind, proto, name, (f"::ffff:{address[0]}", address[1], 0, 0))
        for family, kind, proto, name, address in found
        if family == socket.AF_INET
    ]


def results(first: CData) -> list[AddressInfo]:
    """The list that begins with *first*, which stays the caller's."""
    found: list[AddressInfo] = []
    each = first
    # Of a name from a hosts file libevent gives the port to the first of a stream and a datagram alone.
    port = _address(first)[1] if first else 0
    while each:
        name = ffi.string(each.ai_canonname).decode("utf-8", "replace") if each.ai_canonname else ""
        host, _, *rest = _address(each)
        found.append(
            (
                socket.AddressFamily(each.ai_family),
                socket.SocketKind(each.ai_socktype),
                each.ai_protocol,
                name,
                (host, port, *rest),
            )
        )
        each = each.ai_next
    return found


def _address(info: CData) -> tuple[Any, ...]:
    raw = bytes(ffi.buffer(ffi.cast("char *", info.ai_addr), info.ai_addrlen))
    address: tuple[Any, ...] = _convert.python_address(raw)
    return address
