"""What the machine's name resolution knows."""

from __future__ import annotations

import socket

import pytest


def _knows_localhost() -> bool:
    try:
        socket.getaddrinfo("localhost", 80)
    except OSError:
        return False
    return True


needs_localhost = pytest.mark.skipif(
    not _knows_localhost(), reason="this machine does not know the name localhost (/etc/hosts)"
)
