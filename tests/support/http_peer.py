"""A client of an HTTPServer in the same loop, which says exactly the bytes that a test wants."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from libevent_py import Event, EventBase, EventFlags, LoopFlags, Timer


class Answer(NamedTuple):
    """One answer as it came."""

    status: int
    fields: dict[str, str]
    body: bytes


class Peer:
    """A connection to *address*.

    Args:
        base: Where the server is; :meth:`run` runs it.
        address: The server's, as its listener shows it.
    """

    def __init__(self, base: EventBase, address: Any) -> None:
        self.base = base
        self.received = bytearray()
        self.ended = False
        family = socket.AF_UNIX if isinstance(address, (str, bytes)) else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(address)
        self.sock.setblocking(False)
        self._waiting = b""
        self._event = Event(base, self.sock, EventFlags.READ | EventFlags.PERSIST, self._readable)
        self._event.add()

    def _readable(self, event: Event, what: EventFlags) -> None:
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if data:
            self.received += data
        else:
            self.ended = True
            self._event.remove()

    def stop_reading(self) -> None:
        """Leave what comes in the kernel."""
        self._event.remove()

    def read_again(self) -> None:
        """Read what was left there, and what comes."""
        self._event.add()

    def send(self, data: bytes) -> Peer:
        """Say *data*, which may take passes of the loop; nothing where the server has closed."""
        with contextlib.suppress(ConnectionError):
            while data:
                try:
                    data = data[self.sock.send(data) :]
                except BlockingIOError:
                    self.base.loop(LoopFlags.NONBLOCK)
        return self

    def run(self, until: Callable[[], object]) -> Peer:
        """Run the loop until that is so; ten seconds at most."""

        def late(timer: Timer) -> None:
            raise AssertionError(f"ten seconds, and only this came: {bytes(self.received)!r}")

        with Timer(self.base, 10, late):
            while not until():
                self.base.loop(LoopFlags.ONCE)
        return self

    def answer(self, *, to_head: bool = False) -> Answer:
        """Take the next answer off what was received, having waited for it."""
        found: list[tuple[Answer, int]] = []

        def whole() -> bool:
            parsed = _parse(self.received, self.ended, to_head)
            if parsed is not None:
                found.append(parsed)
            assert parsed is not None or not self.ended, bytes(self.received)
            return parsed is not None

        self.run(whole)
        answer, length = found[0]
        del self.received[:length]
        return answer

    def end(self) -> bytes:
        """Wait for the server to close, and give what came before that."""
        self.run(lambda: self.ended)
        return bytes(self.received)

    def close(self) -> None:
        """Close the socket."""
        self._event.close()
        self.sock.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _parse(data: bytearray, ended: bool, to_head: bool) -> tuple[Answer, int] | None:
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    first, *lines = data[:head_end].decode("latin-1").split("\r\n")
    status = int(first.split()[1])
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        assert name.lower() not in fields or name.lower() == "set-cookie", data
        fields[name.lower()] = value.strip()
    at = head_end + 4
    if to_head or status in (204, 304) or status < 200:
        return Answer(status, fields, b""), at
    if fields.get("transfer-encoding") == "chunked":
        assert "content-length" not in fields
        return _parse_chunks(status, fields, data, at)
    if "content-length" in fields:
        end_at = at + int(fields["content-length"])
        return (Answer(status, fields, bytes(data[at:end_at])), end_at) if len(data) >= end_at else None
    return (Answer(status, fields, bytes(data[at:])), len(data)) if ended else None


def _parse_chunks(status: int, fields: dict[str, str], data: bytearray, at: int) -> tuple[Answer, int] | None:
    body = []
    while True:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(data[at:line_end], 16)
        at = line_end + 2
        if len(data) < at + size + 2:
            return None
        assert data[at + size : at + size + 2] == b"\r\n"
        body.append(bytes(data[at : at + size]))
        at += size + 2
        if size == 0:
            return Answer(status, fields, b"".join(body)), at
