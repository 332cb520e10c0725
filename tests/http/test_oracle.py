"""Malformed requests by the thousand: what an HTTPServer accepts, h11 reads in the same way."""

from __future__ import annotations

import random
from typing import Any

import pytest

from libevent_py.http import HTTPRequest

h11 = pytest.importorskip("h11")

#: What requests are made of; a mutation takes, doubles, drops and exchanges bytes of them.
SEEDS = [
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /a%20b?c HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nX: y\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x\r\nabc\r\n0\r\n\r\n",
    b"PATCH /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: u\r\n\r\n",
    b"HEAD / HTTP/1.0\r\nAccept: */*\r\n\r\n",
    b"M-SEARCH * HTTP/1.1\r\nHost: h:80\r\nContent-Length: 0\r\n\r\n",
]
PIECES = [
    *(bytes([each]) for each in b"\r\n\0 \t:;,+-/%#@\x7f\xe4aF01x"),
    b"\r\n",
    b"\r\n ",
    b"\r\n\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Connection: close\r\n",
    b"Host: h\r\n",
    b"0x",
    b"0\r\n\r\n",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"%00",
]


def mutated(chance: random.Random) -> bytes:
    """A request, nearly."""
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            data[at:at] = chance.choice(PIECES)
        elif kind == 1:
            del data[at : at + chance.randint(1, 4)]
        elif kind == 2:
            data[at : at + 1] = chance.choice(PIECES)
        else:
            end = at + chance.randint(1, 20)
            data[at:at] = data[at:end]
    return bytes(data)


def by_h11(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Method, target and body of each request in *data*, up to the first that h11 refuses.

    It goes on where h11 would close, which HTTPServer does in cases of its own.
    """
    found = []
    while True:
        while data.startswith(b"\r\n"):  # RFC 9112 lets a server leave them out; h11 does not
            data = data[2:]
        if not data:
            return found
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        connection.receive_data(data)
        body = b""
        try:
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    break
            else:
                return found
        except h11.RemoteProtocolError:
            return found
        found.append((bytes(request.method), bytes(request.target), body))
        data = connection.trailing_data[0]


def test_as_h11_reads_it(serve: Any, connect: Any) -> None:
    """Each request that reaches a handler is the one that h11 finds at the same place."""
    seen: list[tuple[bytes, bytes, bytes]] = []

    def handler(request: HTTPRequest) -> None:
        seen.append((request.method.encode(), request.target.encode(), request.body))
        request.reply()

    server = serve(handler)
    chance = random.Random(9112)
    accepted = refused = 0
    for _ in range(3000):
        data = mutated(chance)
        seen.clear()
        # Behind it stands one that shows where it was believed to end.
        peer = connect(server, data + b"GET /last HTTP/1.0\r\n\r\n")
        peer.sock.shutdown(1)
        peer.end()
        peer.close()
        expected = by_h11(data + b"GET /last HTTP/1.0\r\n\r\n")
        assert seen == expected[: len(seen)], data
        accepted += len(seen)
        refused += not seen
    assert accepted > 500
    assert refused > 500
