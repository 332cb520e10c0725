"""A socket that asks a DNSServer, packet by packet."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from loops import run_until, settle
from nameserver import RECURSE, A, wire

from libevent_py import DNSServer, DNSServerRequest, EventBase

Handler = Callable[[DNSServerRequest], object]


class Client:
    """A socket that asks one server."""

    def __init__(self, base: EventBase, server: DNSServer) -> None:
        self.base = base
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect(server.address)
        self.sock.setblocking(False)

    def ask(self, name: str, type: int = A, number: int = 7) -> None:
        """Send a question."""
        header = struct.pack("!HHHHHH", number, RECURSE, 1, 0, 0, 0)
        self.sock.send(header + wire(name) + struct.pack("!HH", type, 1))

    def answer(self) -> bytes:
        """The next packet."""
        got: list[bytes] = []

        def received() -> bool:
            try:
                got.append(self.sock.recv(65536))
            except BlockingIOError:
                return False
            return True

        run_until(self.base, received)
        return got[0]

    def code(self) -> int:
        """The error code of the next packet."""
        return self.answer()[3] & 15

    def nothing(self) -> bool:
        """Whether no answer comes."""
        settle(self.base)
        try:
            self.sock.recv(65536)
        except BlockingIOError:
            return True
        return False
