"""Ports that stay as they are found.

One that the kernel has just handed out and taken back is the next that it may hand out, to any
program; what another address has on it, it does not look at either.
"""

from __future__ import annotations

import errno
import random
import socket
from contextlib import ExitStack

#: Below what Linux and the BSDs hand out by themselves (from 32,768 and 49,152 on).
_OURS = range(10_000, 32_000)


def unused_port(*hosts: str, kinds: tuple[int, ...] = (socket.SOCK_STREAM,)) -> int:
    """A port that nothing uses at any of *hosts* (127.0.0.1), nor will by chance: there it is refused."""
    while True:
        port = random.choice(_OURS)
        with ExitStack() as stack:
            try:
                for host in hosts or ("127.0.0.1",):
                    for kind in kinds:
                        family = socket.AF_INET6 if ":" in host else socket.AF_INET
                        stack.enter_context(socket.socket(family, kind)).bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        return port
