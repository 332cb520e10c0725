"""resolv.conf(5), read by Python (floor 6).

libevent's own parser takes a comment behind an address for a part of it, hides what it cannot
read, and takes evdns's options from the file.  And DNSBase has to know what it said.
"""

from __future__ import annotations

import os
import socket
from typing import Any, NamedTuple

from .names import encode, server_address

#: As glibc does.
_MOST_SERVERS = 3
_MOST_DOTS = 15
_MOST_SECONDS = 30
_MOST_ATTEMPTS = 5


class ResolvConf(NamedTuple):
    """What such a file says."""

    nameservers: list[tuple[Any, ...]]
    search: list[str]
    ndots: int
    timeout: int | None
    attempts: int | None


def read(path: str | os.PathLike[str]) -> ResolvConf:
    """Read the file *path*; what makes no sense in it is passed over, as resolvers do.

    Raises:
        OSError: It cannot be read.
    """
    with open(os.fspath(path), encoding="utf-8", errors="replace") as file:
        return parse(file.read())


def parse(text: str) -> ResolvConf:
    """What *text* says; without a ``search`` line the domain of this host's own name is searched."""
    nameservers: list[tuple[Any, ...]] = []
    search: list[str] | None = None
    numbers: dict[str, int] = {}
    for line in text.splitlines():
        keyword, *words = line.partition("#")[0].partition(";")[0].split() or [""]
        if keyword == "nameserver" and words:
            server = _server(words[0])
            if server is not None and server not in nameservers and len(nameservers) < _MOST_SERVERS:
                nameservers.append(server)
        elif keyword in ("domain", "search"):
            search = [word for word in map(_domain, words) if word]
        elif keyword == "options":
            for word in words:
                name, colon, value = word.partition(":")
                if colon and value.isdecimal():
                    numbers[name] = int(value)
    if search is None:
        domain = _domain(socket.gethostname().partition(".")[2])
        search = [domain] if domain else []
    timeout, attempts = numbers.get("timeout"), numbers.get("attempts")
    return ResolvConf(
        nameservers,
        search,
        min(numbers.get("ndots", 1), _MOST_DOTS),
        None if timeout is None else min(max(timeout, 1), _MOST_SECONDS),
        None if attempts is None else min(max(attempts, 1), _MOST_ATTEMPTS),
    )


def _server(word: str) -> tuple[Any, ...] | None:
    try:
        return server_address(word)
    except (ValueError, OSError):
        return None


def _domain(word: str) -> str | None:
    try:
        return encode(word.lstrip(".")).decode()
    except ValueError:
        return None
