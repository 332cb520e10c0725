"""Types of command-line arguments, whose errors argparse prints (exit status 2)."""

from __future__ import annotations

import argparse
import re
from typing import Any, Union

#: ``(host, port)`` or ``"unix:/path"``.
Address = Union[tuple[str, int], str]


def positive_integer(text: str) -> int:
    """A whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def positive_seconds(text: str) -> float:
    """Seconds, more than none and at most a day."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 86400:  # False for NaN too
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0, up to 86400")
    return number


def port(text: str) -> int:
    """A TCP port, or 0 for any free one."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 (any free one) to 65535")
    return number


def path(text: str) -> str:
    """A path, which is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("need a path, not an empty word")
    return text


def size(text: str) -> int:
    """A number of bytes of at least 1: 1000, 64k, 10M, 1G."""
    found = re.fullmatch(r"(\d+)([kKmMgG]?)", text)
    number = int(found[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[found[2].lower()] if found else 0
    if not 0 < number < 1 << 50:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes: 1000, 64k, 10M or 1G, say")
    return number


def address(text: str) -> Address:
    """Where a stream comes from or goes to: HOST:PORT, [IPV6]:PORT or unix:PATH."""
    if text.startswith("unix:"):
        return f"unix:{path(text[len('unix:') :])}"
    host, colon, number = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if is_bracketed:
        host = host[1:-1]
    if not colon or not host or (":" in host) is not is_bracketed:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, [IPV6]:PORT or unix:PATH")
    return host, port(number)


def shown(address: Any) -> str:
    """A socket's address as people write it: 127.0.0.1:7777, [::1]:7777, unix:/a/path."""
    if isinstance(address, tuple):
        host, number = address[:2]
        return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
    text = address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
    return text if text.startswith("unix:") else f"unix:{text}"
