"""DNSServer, asked over a socket and by DNSBase."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from answers import answer, answers
from leakguard import collect
from loops import run_until, settle, turn
from nameserver import AAAA, NXDOMAIN, PTR, RECURSE, SERVFAIL, TRUNCATED, TXT, A, wire

from libevent_py import (
    ClosedError,
    DNSBase,
    DNSError,
    DNSQuestion,
    DNSServer,
    DNSServerRequest,
    EventBase,
    lib,
)

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


@pytest.fixture
def serve(base: EventBase) -> Iterator[Callable[..., Client]]:
    """A function that makes a DNSServer with a handler, and gives a client of it."""
    clients: list[Client] = []

    def serve(handler: Handler, **options: Any) -> Client:
        clients.append(Client(base, DNSServer(base, ("127.0.0.1", 0), handler, **options)))
        return clients[-1]

    yield serve
    for client in clients:
        client.sock.close()


def server_of(base: EventBase, handler: Handler) -> DNSBase:
    """A DNSBase that asks a DNSServer of *handler*."""
    return DNSBase(base, [DNSServer(base, ("127.0.0.1", 0), handler).address])


def test_addresses_and_names(base: EventBase) -> None:
    """A, AAAA and PTR, both ways."""
    seen: list[DNSQuestion] = []

    def handler(request: DNSServerRequest) -> None:
        (question,) = request.questions
        seen.append(question)
        if question.type == request.A:
            request.add_a_reply(question.name, ["192.0.2.1", "192.0.2.2"], ttl=5)
        elif question.type == request.AAAA:
            request.add_aaaa_reply(question.name, iter(["2001:db8::1"]))
        else:
            request.add_ptr_reply(question.name, "host.example.com")
        request.respond()

    dns = server_of(base, handler)
    assert answer(dns, "resolve_ipv4", "a.example.com") == (["192.0.2.1", "192.0.2.2"], 5)
    assert answer(dns, "resolve_ipv6", "a.example.com").records == ["2001:db8::1"]
    assert answer(dns, "resolve_reverse", "192.0.2.1").records == ["host.example.com"]
    assert answer(dns, "resolve_reverse", "2001:db8::1").records == ["host.example.com"]
    assert [question.type for question in seen] == [A, AAAA, PTR, PTR]
    assert seen[0] == ("a.example.com", A, 1)


def test_a_ptr_reply_takes_the_address_too(serve: Callable[..., Client]) -> None:
    """Its own name is made of it."""

    def handler(request: DNSServerRequest) -> None:
        request.add_ptr_reply("192.0.2.1", "host.example.com")
        request.respond()

    client = serve(handler)
    client.ask("1.2.0.192.in-addr.arpa", PTR)
    assert b"\x04host\x07example\x03com" in client.answer()


def test_cname(base: EventBase) -> None:
    """The answer of a CNAME is its target's address."""

    def handler(request: DNSServerRequest) -> None:
        request.add_cname_reply(request.questions[0].name, "real.example.com")
        request.add_a_reply("real.example.com", ["192.0.2.1"])
        request.respond()

    assert answer(server_of(base, handler), "resolve_ipv4", "alias.example.com").records == ["192.0.2.1"]


def test_txt_and_raw_records(serve: Callable[..., Client]) -> None:
    """Texts, raw bytes, names, in each section."""

    def handler(request: DNSServerRequest) -> None:
        request.set_authoritative()
        request.add_txt_reply("t.com", "grüße", b"\x00\xff", "")
        request.add_reply("m.com", request.MX, b"\0\x0a" + wire("mx.m.com"), 5)
        request.add_reply("n.com", request.NS, "ns.n.com", 5, section=request.AUTHORITY)
        request.add_reply("x.com", 65000, b"?", 5, section=request.ADDITIONAL, rclass=3)
        request.respond()

    client = serve(handler)
    client.ask("t.com", TXT)
    packet = client.answer()
    assert struct.unpack_from("!HHHHHH", packet)[2:] == (1, 2, 1, 1)
    assert struct.unpack_from("!H", packet, 2)[0] & 0x0400
    assert b"\x07gr\xc3\xbc\xc3\x9fe\x02\x00\xff\x00" in packet
    assert b"\0\x0a\x02mx\x01m\x03com\0" in packet
    assert b"\x02ns" in packet


def test_what_a_request_tells(serve: Callable[..., Client]) -> None:
    """Who asks, and what."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append)
    client.ask("www.example.com", 255)
    run_until(client.base, lambda: requests)
    (request,) = requests
    assert request.client == client.sock.getsockname()
    assert request.questions == [("www.example.com", 255, 1)]
    assert request.recursion_desired
    assert "www.example.com" in repr(request)
    request.drop()
    assert "closed" in repr(request)


@pytest.mark.parametrize("code", [0, NXDOMAIN, 15])
def test_error_codes(serve: Callable[..., Client], code: int) -> None:
    """As they are given."""
    client = serve(lambda request: request.respond(code))
    client.ask("a.com")
    assert client.code() == code


def test_later(serve: Callable[..., Client]) -> None:
    """A request that is kept may be answered at any time, others meanwhile."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append)
    for number in range(3):
        client.ask("a.com", number=number)
    run_until(client.base, lambda: len(requests) == 3)
    assert requests[0]._server.waiting == 3
    for number in (2, 0, 1):
        requests[number].respond()
        assert client.answer()[:2] == bytes([0, number])


def test_once(serve: Callable[..., Client]) -> None:
    """Who answers twice, or adds to an answer, gets ClosedError; drop() and close() do nothing then."""
    requests: list[DNSServerRequest] = []
    client = serve(lambda request: (requests.append(request), request.respond()))
    client.ask("a.com")
    assert client.code() == 0
    (request,) = requests
    for use in (
        request.respond,
        lambda: request.add_a_reply("a.com", ["192.0.2.1"]),
        lambda: request.add_txt_reply("a.com", "x"),
        request.set_authoritative,
    ):
        with pytest.raises(ClosedError):
            use()
    request.drop()
    request.close()
    assert client.nothing()


def test_dropped(serve: Callable[..., Client]) -> None:
    """The client hears nothing."""
    client = serve(lambda request: request.drop())
    client.ask("a.com")
    assert client.nothing()


def test_forgotten(serve: Callable[..., Client]) -> None:
    """A request that the handler lets go is answered SERVFAIL when it is collected."""
    client = serve(lambda request: None)
    client.ask("a.com")
    turn(client.base, 2)
    collect()
    assert client.code() == SERVFAIL


def test_closed_without_an_answer(serve: Callable[..., Client]) -> None:
    """As ``with`` does it."""

    def handler(request: DNSServerRequest) -> None:
        with request:
            pass

    client = serve(handler)
    client.ask("a.com")
    assert client.code() == SERVFAIL


def test_a_handler_that_raises(serve: Callable[..., Client]) -> None:
    """SERVFAIL for the client, the exception for the loop; the server goes on."""

    def handler(request: DNSServerRequest) -> None:
        if request.questions[0].name == "bad.com":
            raise ZeroDivisionError
        request.respond()

    client = serve(handler)
    client.ask("bad.com")
    with pytest.raises(ZeroDivisionError):
        client.base.dispatch()
    assert client.code() == SERVFAIL
    client.ask("good.com")
    assert client.code() == 0


def test_too_many(serve: Callable[..., Client]) -> None:
    """Above the limit requests are dropped, until some are answered."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append, max_requests=2)
    for number in range(5):
        client.ask("a.com", number=number)
    settle(client.base)
    assert len(requests) == 2
    requests[0].respond()
    client.ask("a.com")
    run_until(client.base, lambda: len(requests) == 3)
    for request in requests:
        request.drop()


def test_a_long_answer_is_cut(serve: Callable[..., Client]) -> None:
    """At 512 bytes, with the bit that says so; a DNSBase is told of it."""

    def handler(request: DNSServerRequest) -> None:
        request.add_a_reply(request.questions[0].name, (f"192.0.2.{number}" for number in range(200)))
        request.respond()

    client = serve(handler)
    client.ask("a.com")
    packet = client.answer()
    assert len(packet) == 512
    assert struct.unpack_from("!H", packet, 2)[0] & TRUNCATED
    if not hasattr(lib, "DNS_QUERY_USEVC"):  # which asks again by TCP, and nobody listens
        (request,) = answers(server_of(client.base, handler), ("resolve_ipv4", "a.com"))
        assert isinstance(request.error, DNSError)
        assert request.error.code == lib.DNS_ERR_TRUNCATED


HEADER = b"\0\x07\x01\0\0\1" + bytes(6)
NONSENSE = [
    *(bytes(size) for size in (0, 1, 11, 12, 2000)),
    bytes(4) + b"\xff\xff" + bytes(6),
    HEADER + b"\xc0\x0c\0\1\0\1",
    HEADER + b"\x3fshort\0\0\1\0\1",
    b"\0\x07\x81\0\0\1" + bytes(6) + b"\1a\0\0\1\0\1",
]


@pytest.mark.parametrize("packet", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense(serve: Callable[..., Client], packet: bytes) -> None:
    """Packets that are no question are dropped; the next question is answered."""
    client = serve(lambda request: request.respond())
    client.sock.send(packet)
    assert client.nothing()
    client.ask("a.com")
    assert client.code() == 0


@pytest.mark.parametrize("name", [b"\x03a.b\x00", b"\x02\xff\xfe\x03com\x00", b"\x00", b"\x04a\0bc\x00"])
def test_strange_names(serve: Callable[..., Client], name: bytes) -> None:
    """A question's name can be answered with whatever it is, or refused with ValueError; no crash."""
    seen: list[str] = []

    def handler(request: DNSServerRequest) -> None:
        seen.append(request.questions[0].name)
        request.add_a_reply(request.questions[0].name, ["192.0.2.1"])
        request.respond()

    client = serve(handler)
    client.sock.send(struct.pack("!HHHHHH", 7, RECURSE, 1, 0, 0, 0) + name + struct.pack("!HH", A, 1))
    assert client.code() == 0
    assert len(seen) == 1


def test_close_with_requests_waiting(base: EventBase, serve: Callable[..., Client]) -> None:
    """They are dropped, those not delivered yet too; whoever kept one gets ClosedError."""
    requests: list[DNSServerRequest] = []

    def handler(request: DNSServerRequest) -> None:
        requests.append(request)
        if len(requests) == 2:
            request._server.close()

    client = serve(handler)
    for _ in range(5):
        client.ask("a.com")
    run_until(base, lambda: len(requests) == 2)
    settle(base)
    assert len(requests) == 2
    assert requests[0]._server.closed
    for request in requests:
        with pytest.raises(ClosedError):
            request.respond()
    requests.clear()
    collect()
    settle(base)


def test_close_the_base_in_a_handler() -> None:
    """The loop ends; nothing is left."""
    with EventBase() as base:
        kept: list[DNSServerRequest] = []
        server = DNSServer(base, ("127.0.0.1", 0), lambda request: (kept.append(request), base.close()))
        client = Client(base, server)
        client.ask("a.com")
        base.dispatch()
        client.sock.close()
        assert server.closed
        assert kept[0].closed


def test_collected_after_the_server_closed(serve: Callable[..., Client]) -> None:
    """A request that is garbage when its server closes, and is freed afterwards."""
    requests: list[DNSServerRequest] = []
    client = serve(requests.append)
    client.ask("a.com")
    run_until(client.base, lambda: requests)
    server = requests[0]._server
    requests.clear()
    collect()
    server.close()
    settle(client.base)
    assert client.code() == SERVFAIL if not client.nothing() else True


def test_a_socket_of_ones_own(base: EventBase) -> None:
    """It is taken over; another kind is refused and stays."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    address = sock.getsockname()
    with DNSServer(base, sock, print) as server:
        assert sock.fileno() == -1
        assert server.address == address
    with socket.socket() as stream:
        with pytest.raises(ValueError, match="datagram"):
            DNSServer(base, stream, print)
        assert stream.fileno() >= 0


def test_an_address_in_use(base: EventBase) -> None:
    """OSError with the address."""
    with DNSServer(base, ("127.0.0.1", 0), print) as server, pytest.raises(OSError, match="127"):
        DNSServer(base, server.address, print)


@pytest.mark.parametrize(
    ("address", "handler", "options", "error"),
    [
        (("localhost", 53), print, {}, ValueError),
        ("unix:/tmp/x", print, {}, ValueError),
        (None, print, {}, TypeError),
        (("127.0.0.1", 0), None, {}, TypeError),
        (("127.0.0.1", 0), print, {"max_requests": 0}, ValueError),
        (("127.0.0.1", 0), print, {"max_requests": 1.5}, TypeError),
    ],
)
def test_wrong_arguments(
    base: EventBase, address: Any, handler: Any, options: Any, error: type[Exception]
) -> None:
    """Refused before C is called."""
    with pytest.raises(error):
        DNSServer(base, address, handler, **options)


def test_wrong_records(serve: Callable[..., Client]) -> None:
    """Refused one by one; what was right is sent."""
    wrong: list[tuple[type[Exception], Callable[[Any], object]]] = [
        (ValueError, lambda request: request.add_a_reply("a.com", ["::1"])),
        (ValueError, lambda request: request.add_aaaa_reply("a.com", ["192.0.2.1"])),
        (TypeError, lambda request: request.add_a_reply("a.com", "192.0.2.1")),
        (ValueError, lambda request: request.add_a_reply("a..com", ["192.0.2.1"])),
        (ValueError, lambda request: request.add_a_reply("a.com", ["192.0.2.1"], ttl=-1)),
        (ValueError, lambda request: request.add_a_reply("a.com", ["192.0.2.1"], ttl=1 << 31)),
        (ValueError, lambda request: request.add_cname_reply("a.com", "x" * 64)),
        (ValueError, lambda request: request.add_txt_reply("a.com", "x" * 256)),
        (TypeError, lambda request: request.add_txt_reply("a.com", 5)),
        (TypeError, lambda request: request.add_reply("a.com", 1, None)),
        (ValueError, lambda request: request.add_reply("a.com", 1, bytes(65536))),
        (ValueError, lambda request: request.add_reply("a.com", 1, b"")),
        (ValueError, lambda request: request.add_reply("a.com", 65536, b"x")),
        (ValueError, lambda request: request.add_reply("a.com", 1, b"x", section=7)),
        (ValueError, lambda request: request.add_reply("a.com", 1, b"x", rclass=-1)),
        (TypeError, lambda request: request.add_reply(b"a.com", 1, b"x")),
        (ValueError, lambda request: request.respond(16)),
        (ValueError, lambda request: request.respond(-1)),
        (TypeError, lambda request: request.respond("0")),
    ]

    def handler(request: DNSServerRequest) -> None:
        for error, use in wrong:
            with pytest.raises(error):
                use(request)
        request.add_a_reply("a.com", ["192.0.2.9"])
        request.respond()

    client = serve(handler)
    client.ask("a.com")
    packet = client.answer()
    assert struct.unpack_from("!HHHHHH", packet)[3] == 1
    assert packet.endswith(socket.inet_aton("192.0.2.9"))


def test_what_waited_on_a_socket_of_ones_own(base: EventBase) -> None:
    """Short packets that came before are not evdns's either: up to 2.1.12 it would crash."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(3):
            client.sendto(b"", sock.getsockname())
    with DNSServer(base, sock, print):
        settle(base)


def test_an_answer_that_cannot_be_sent(base: EventBase) -> None:
    """To a client at port 0 say: it is given up, in the loop, also where the server closes meanwhile."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        pytest.skip("needs a raw socket")
    for close in (False, True):
        seen: list[Any] = []

        def handler(request: DNSServerRequest, seen: list[Any] = seen, close: bool = close) -> None:
            request.respond()
            seen.append(request.client)
            if close:
                request._server.close()

        server = DNSServer(base, ("127.0.0.1", 0), handler)
        port = server.address[1]
        question = struct.pack("!HHHHHH", 7, RECURSE, 1, 0, 0, 0) + wire("a.com") + struct.pack("!HH", A, 1)
        with raw.dup() as sock:
            sock.sendto(struct.pack("!HHHH", 0, port, 8 + len(question), 0) + question, ("127.0.0.1", 0))
        run_until(base, seen.__len__)
        assert seen[0][1] == 0
        settle(base)
        if not close:
            client = Client(base, server)
            client.ask("a.com")
            assert client.code() == 0
            client.sock.close()
    raw.close()
