"""DNSServer: how it ends, and what it refuses."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from dns_client import Client
from leakguard import collect
from loops import run_until, settle
from nameserver import RECURSE, SERVFAIL, A, wire

from libevent_py import (
    ClosedError,
    DNSServer,
    DNSServerRequest,
    EventBase,
)


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
