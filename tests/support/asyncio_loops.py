"""Running any asyncio loop step by step, and transports to do that with."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

AnyLoop = asyncio.AbstractEventLoop


def turn(loop: AnyLoop, count: int = 1) -> None:
    """So many passes that do not wait."""
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


def make_transport(loop: AnyLoop, protocol: Any = asyncio.Protocol) -> tuple[Any, Any, socket.socket]:
    """A transport over a socket pair, its protocol, and the peer."""
    ours, theirs = socket.socketpair()
    transport, made = loop.run_until_complete(loop.create_connection(protocol, sock=ours))
    turn(loop)
    return transport, made, theirs


def end(loop: AnyLoop, transport: Any, peer: socket.socket) -> None:
    """Both."""
    transport.abort()
    turn(loop, 2)
    peer.close()
