"""DNSServer over TCP."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from answers import answers
from leakguard import collect
from loops import run_until, settle
from nameserver import NXDOMAIN, RECURSE, SERVFAIL, TXT, A, wire

from libevent_py import ClosedError, DNSBase, DNSServer, DNSServerRequest, EventBase, lib
from libevent_py.dns import stream


def question(name: str, type: int = A, number: int = 7) -> bytes:
    """A message with one question, and its length."""
    message = struct.pack("!HHHHHH", number, RECURSE, 1, 0, 0, 0) + wire(name) + struct.pack("!HH", type, 1)
    return struct.pack("!H", len(message)) + message


class Client:
    """A connection to the server."""

    def __init__(self, server: DNSServer) -> None:
        self.base = server.base
        self.sock = socket.create_connection(server.address)
        self.sock.setblocking(False)
        self.got = bytearray()
        self.ended = False

    def _read(self) -> None:
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        self.got += data
        self.ended = self.ended or not data

    def answer(self) -> bytes:
        """The next message."""

        def whole() -> bool:
            self._read()
            return len(self.got) >= 2 and len(self.got) >= 2 + int.from_bytes(self.got[:2], "big")

        run_until(self.base, whole)
        size = 2 + int.from_bytes(self.got[:2], "big")
        message = bytes(self.got[2:size])
        del self.got[:size]
        return message

    def code(self) -> int:
        """The error code of the next message."""
        return self.answer()[3] & 15

    def end(self) -> None:
        """Wait until the server hangs up."""

        def ended() -> bool:
            self._read()
            return self.ended

        run_until(self.base, ended)


Serve = Callable[..., Client]


@pytest.fixture
def serve(base: EventBase) -> Iterator[Serve]:
    """A function that makes a server with a handler, and gives a client of it."""
    clients: list[Client] = []

    def serve(handler: Callable[[DNSServerRequest], object], **options: Any) -> Client:
        clients.append(Client(DNSServer(base, ("127.0.0.1", 0), handler, tcp=True, **options)))
        return clients[-1]

    yield serve
    for client in clients:
        client.sock.close()


def test_an_answer(serve: Serve) -> None:
    """All kinds of records, in their sections, and both ways of asking on one port."""
    seen: list[DNSServerRequest] = []

    def handler(request: DNSServerRequest) -> None:
        seen.append(request)
        request.set_authoritative()
        request.add_a_reply("a.com", ["192.0.2.1"], 5)
        request.add_cname_reply("c.com", "a.com")
        request.add_txt_reply("t.com", "x")
        request.add_reply("n.com", request.NS, "ns.n.com", section=request.AUTHORITY)
        request.add_reply("", 65000, b"?", section=request.ADDITIONAL, rclass=3)
        request.respond()

    client = serve(handler)
    client.sock.send(question("a.com"))
    message = client.answer()
    number, flags, *counts = struct.unpack_from("!HHHHHH", message)
    assert (number, flags, counts) == (7, 0x8000 | 0x0400 | RECURSE, [1, 3, 1, 1])
    assert wire("a.com") + struct.pack("!HHIH", A, 1, 5, 4) + bytes((192, 0, 2, 1)) in message
    assert message.endswith(b"\0" + struct.pack("!HHIH", 65000, 3, 60, 1) + b"?")
    (request,) = seen
    assert request.client == client.sock.getsockname()
    assert request.questions == [("a.com", A, 1)]
    assert request.recursion_desired
    address = request._server.address
    (asked,) = answers(DNSBase(client.base, [address]), ("resolve_ipv4", "a.com"))
    assert asked.result().records == ["192.0.2.1"]


def test_a_long_answer_is_whole(serve: Serve) -> None:
    """What UDP would cut, and more than a message can have is SERVFAIL and a ValueError."""

    def handler(request: DNSServerRequest) -> None:
        size = 1000 if request.questions[0].name == "a.com" else 5000
        request.add_a_reply("a.com", ["192.0.2.1"] * size)
        request.respond()

    client = serve(handler)
    client.sock.send(question("a.com"))
    assert struct.unpack_from("!HHHHHH", client.answer())[3] == 1000
    client.sock.send(question("b.com"))
    with pytest.raises(ValueError, match="SERVFAIL"):
        client.base.dispatch()
    assert client.code() == SERVFAIL


def test_a_resolver_asks_again_by_tcp(base: EventBase) -> None:
    """libevent 2.2's does, where an answer is cut."""

    def handler(request: DNSServerRequest) -> None:
        request.add_a_reply(request.questions[0].name, (f"192.0.2.{number}" for number in range(1, 101)))
        request.respond()

    server = DNSServer(base, ("127.0.0.1", 0), handler, tcp=True)
    (request,) = answers(DNSBase(base, [server.address]), ("resolve_ipv4", "a.com"))
    if hasattr(lib, "DNS_QUERY_USEVC"):
        assert len(request.result().records) >= 32
    else:
        assert request.error is not None


def test_many_questions_on_one_connection(serve: Serve) -> None:
    """In pieces, or all at once; answered in any order, by their numbers."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append)
    data = b"".join(question("a.com", number=number) for number in range(5))
    for start in range(0, len(data), 7):
        client.sock.send(data[start : start + 7])
        settle(client.base, 0)
    run_until(client.base, lambda: len(requests) == 5)
    assert requests[0]._server.waiting == 5
    for number in (4, 0, 3, 1, 2):
        requests[number].respond(NXDOMAIN)
        assert client.answer()[:2] == bytes((0, number))
    assert requests[0]._server.waiting == 0
    with pytest.raises(ClosedError):
        requests[0].respond()


def test_a_client_that_ends_writing_gets_its_answers(serve: Serve) -> None:
    """Then the server hangs up."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append)
    client.sock.send(question("a.com") + question("b.com"))
    client.sock.shutdown(socket.SHUT_WR)
    run_until(client.base, lambda: len(requests) == 2)
    settle(client.base)
    for request in requests:
        request.respond()
        assert client.code() == 0
    client.end()


def test_a_client_that_hangs_up(serve: Serve) -> None:
    """Before its answer: that goes nowhere, and hurts nobody."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append)
    client.sock.send(question("a.com") + question("b.com") + question("c.com"))
    run_until(client.base, lambda: len(requests) == 3)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()
    settle(client.base)
    requests[0].respond()
    requests[1].drop()
    server = requests[2]._server
    requests.clear()
    collect()
    settle(client.base)
    assert server.waiting == 0


def test_lost_dropped_and_raising(serve: Serve) -> None:
    """SERVFAIL, nothing, SERVFAIL and the exception; of a list of messages the others are handled too."""

    def handler(request: DNSServerRequest) -> None:
        name = request.questions[0].name
        if name == "drop.com":
            request.drop()
        elif name == "raise.com":
            raise ZeroDivisionError
        elif name == "good.com":
            request.respond()

    client = serve(handler)
    client.sock.send(b"".join(map(question, ("raise.com", "drop.com", "lost.com", "good.com"))))
    with pytest.raises(ZeroDivisionError):
        client.base.dispatch()
    collect()
    settle(client.base)
    assert sorted(client.code() for _ in range(3)) == [0, SERVFAIL, SERVFAIL]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"x",
        bytes(12),
        struct.pack("!HHHHHH", 7, 0x8000, 1, 0, 0, 0) + b"\1a\0\0\1\0\1",
        struct.pack("!HHHHHH", 7, 0x2800, 1, 0, 0, 0) + b"\1a\0\0\1\0\1",
        struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
        struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + b"\x3fshort",
        struct.pack("!HHHHHH", 7, 0, 65535, 0, 0, 0) + b"\1a\0\0\1\0\1",
        bytes(65535),
    ],
    ids=range(9),
)
def test_nonsense(serve: Serve, message: bytes) -> None:
    """Hung up on; the next client is served."""
    client = serve(lambda request: request.respond())
    server = next(iter(client.base._delivery.table.open_handles()))
    client.sock.setblocking(True)
    client.sock.sendall(struct.pack("!H", len(message)) + message)
    client.sock.setblocking(False)
    client.end()
    assert isinstance(server, DNSServer)
    other = Client(server)
    other.sock.send(question("a.com"))
    assert other.code() == 0
    other.sock.close()


def test_limits(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of requests, of connections, and of silence."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append, max_requests=2)
    client.sock.send(b"".join(question("a.com", number=number) for number in range(5)))
    settle(client.base)
    assert len(requests) == 2
    monkeypatch.setattr(stream, "MOST_CONNECTIONS", 1)
    other = Client(requests[0]._server)
    other.end()
    other.sock.close()
    monkeypatch.setattr(stream, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(stream, "IDLE_TIMEOUT", 0.02)
    other = Client(requests[0]._server)
    other.end()
    other.sock.close()
    for request in requests:
        request.respond()
        assert client.code() == 0


def test_answers_that_nobody_reads(serve: Serve) -> None:
    """A client that asks and asks is left at a mebibyte."""

    def handler(request: DNSServerRequest) -> None:
        request.add_reply("a.com", TXT, bytes(60_000))
        request.respond()

    client = serve(handler)

    def is_left() -> bool:
        try:
            client.sock.send(question("a.com"))
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False

    run_until(client.base, is_left)


def test_close_with_requests_waiting(serve: Serve) -> None:
    """The server, in its handler: connections end, requests are closed."""
    requests: list[DNSServerRequest] = []

    def handler(request: DNSServerRequest) -> None:
        requests.append(request)
        if len(requests) == 2:
            request._server.close()

    client = serve(handler)
    client.sock.send(b"".join(question("a.com", number=number) for number in range(5)))
    client.end()
    assert len(requests) == 2
    for request in requests:
        with pytest.raises(ClosedError):
            request.respond()


def test_close_the_base_in_a_handler() -> None:
    """Nothing is left."""
    with EventBase() as base:
        kept: list[DNSServerRequest] = []
        server = DNSServer(
            base, ("127.0.0.1", 0), lambda request: (kept.append(request), base.close()), tcp=True
        )
        client = Client(server)
        client.sock.send(question("a.com"))
        base.dispatch()
        client.sock.close()
        assert kept[0].closed


def test_a_port_that_tcp_has_not(base: EventBase) -> None:
    """OSError, and the UDP side is not left."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="127"):
        DNSServer(base, taken.getsockname(), print, tcp=True)
