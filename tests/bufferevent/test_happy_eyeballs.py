"""connect_hostname() tries a host's addresses as RFC 8305 says, with evdns and with the system's resolver."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from loops import run_until, settle, turn
from nameserver import AAAA, Asked, NameServer, name_server, silent, zone
from ports import unused_port

from libevent_py import BufferEvent, BufferEventEvents, DNSBase, DNSError, EventBase, Listener, Timer
from libevent_py.bufferevent import happy_eyeballs

HOST = "host.test"


class Watch:
    """What on_event is told, with the error of that moment."""

    def __init__(self, bev: BufferEvent) -> None:
        self.events: list[BufferEventEvents] = []
        self.errors: list[Any] = []
        bev.set_callbacks(on_event=self.on_event)

    def on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        """Record."""
        self.events.append(what)
        self.errors.append(bev.error)


def connect(base: EventBase, port: int, **options: Any) -> tuple[BufferEvent, Watch]:
    """Begin to connect to HOST."""
    bev = BufferEvent(base)
    watch = Watch(bev)
    bev.connect_hostname(HOST, port, **options)
    return bev, watch


def peer(bev: BufferEvent) -> str:
    """The address that it is connected to."""
    with socket.socket(fileno=socket.dup(bev.fileno())) as sock:
        return str(sock.getpeername()[0])


@contextmanager
def listening(host: str, *others: str) -> Iterator[int]:
    """A listener at *host*; its port, which is yielded, refuses at *others*, or is free for deaf()."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        port = unused_port(host, *others)
        sock.bind((host, port))
        sock.listen()
        yield port


@contextmanager
def deaf(host: str, port: int) -> Iterator[None]:
    """An address that neither answers nor refuses: its backlog is full."""
    with ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        sock.bind((host, port))
        sock.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((host, port))
        yield


@pytest.fixture
def server(base: EventBase) -> Iterator[NameServer]:
    """A name server that knows nothing yet."""
    with name_server(base, silent) as server:
        yield server


@pytest.fixture
def dns(base: EventBase, server: NameServer) -> DNSBase:
    """Asks it."""
    return DNSBase(base, [server.address])


def test_connected(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """By evdns; what was written before is sent."""
    accepted: list[socket.socket] = []
    listener = Listener(base, ("127.0.0.1", 0), lambda listener, sock, address: accepted.append(sock))
    server.behaviour = zone({HOST: ["127.0.0.1"]})
    bev, watch = connect(base, listener.address[1], dns=dns)
    bev.write(b"early")
    run_until(base, lambda: watch.events and accepted)
    assert (watch.events, watch.errors) == ([BufferEventEvents.CONNECTED], [None])
    with accepted[0] as sock:
        sock.settimeout(10)
        assert sock.recv(10) == b"early"


def test_refused_addresses_are_left_at_once(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """The next one is tried then, not after the delay."""
    hosts = [f"127.0.0.{number}" for number in range(2, 10)]
    with listening(*reversed(hosts)) as port:
        server.behaviour = zone({HOST: hosts})
        bev, watch = connect(base, port, dns=dns, timeout=happy_eyeballs.ATTEMPT_DELAY * 6)
        run_until(base, lambda: watch.events)
        assert watch.events == [BufferEventEvents.CONNECTED], watch.errors
        assert peer(bev) == "127.0.0.9"


def test_a_deaf_address_is_overtaken(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """The second address is tried beside the first, and wins; the loop goes on meanwhile."""
    with listening("127.0.0.3", "127.0.0.2") as port, deaf("127.0.0.2", port):
        server.behaviour = zone({HOST: ["127.0.0.2", "127.0.0.3"]})
        ticks: list[int] = []
        Timer(base, 0.01, lambda timer: ticks.append(1), repeat=True)
        bev, watch = connect(base, port, dns=dns)
        run_until(base, lambda: watch.events)
        assert watch.events == [BufferEventEvents.CONNECTED]
        assert peer(bev) == "127.0.0.3"
        assert len(ticks) > 5


def test_families_alternate(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """IPv6 first, then IPv4, as all addresses that were tried are told."""
    port = unused_port("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
    answer = zone({HOST: ["127.0.0.2", "127.0.0.3", "127.0.0.4", "::1"]})

    def together(asked: Asked) -> None:
        if len(server.asked) == 2:
            for each in server.asked:
                packet = answer(each)
                assert isinstance(packet, bytes)
                server.sock.sendto(packet, each.client)

    server.behaviour = together
    _, watch = connect(base, port, dns=dns)
    run_until(base, lambda: watch.events)
    text = str(watch.errors[0])
    positions = [text.index(address) for address in ("::1", "127.0.0.2", "127.0.0.3", "127.0.0.4")]
    assert positions == sorted(positions), text


def test_the_error_names_all_that_was_tried(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """With its reason each, and as the exception of what refused."""
    port = unused_port("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
    server.behaviour = zone({HOST: ["127.0.0.2", "127.0.0.3"]})
    _, watch = connect(base, port, dns=dns)
    run_until(base, lambda: watch.events)
    assert watch.events == [BufferEventEvents.ERROR]
    (error,) = watch.errors
    assert isinstance(error, ConnectionRefusedError)
    assert f"{HOST}:{port}" in str(error)
    for address in ("127.0.0.2", "127.0.0.3"):
        assert f"{address} (Connection refused)" in str(error)


def test_no_route_is_not_the_reason_where_another_refused(
    base: EventBase, server: NameServer, dns: DNSBase
) -> None:
    """A machine without IPv6, say, is told of its IPv4's refusal."""
    port = unused_port("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
    server.behaviour = zone({HOST: ["224.0.0.1", "127.0.0.1"]})
    _, watch = connect(base, port, dns=dns)
    run_until(base, lambda: watch.events)
    assert isinstance(watch.errors[0], ConnectionRefusedError)
    assert "224.0.0.1 (Network is unreachable)" in str(watch.errors[0])


def test_ipv4_does_not_wait_for_ipv6(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """IPv4 begins a moment after its own answer."""
    with listening("127.0.0.1") as port:
        server.behaviour = lambda asked: None if asked.type == AAAA else asked.answer("127.0.0.1")
        bev, watch = connect(base, port, dns=dns, timeout=4)
        run_until(base, lambda: watch.events)
        assert watch.events == [BufferEventEvents.CONNECTED], watch.errors
        assert peer(bev) == "127.0.0.1"


def test_ipv6_does_not_wait_for_ipv4(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """It begins with its own answer."""
    with ExitStack() as stack:
        try:
            port = stack.enter_context(listening("::1"))
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
        server.behaviour = lambda asked: asked.answer("::1") if asked.type == AAAA else None
        bev, watch = connect(base, port, dns=dns, timeout=4)
        run_until(base, lambda: watch.events)
        assert watch.events == [BufferEventEvents.CONNECTED], watch.errors
        assert peer(bev) == "::1"


def test_addresses_that_come_late(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """The second family's answer comes when the first's addresses have failed already."""
    late: list[Asked] = []

    def behaviour(asked: Asked) -> bytes | None:
        if asked.type == AAAA:
            return asked.answer("::1")
        late.append(asked)
        return None

    with listening("127.0.0.1") as port:
        server.behaviour = behaviour
        _, watch = connect(base, port, dns=dns)
        run_until(base, lambda: late)
        settle(base, 0.1)
        assert watch.events == []
        server.sock.sendto(late[0].answer("127.0.0.1"), late[0].client)
        run_until(base, lambda: watch.events)
        assert watch.events == [BufferEventEvents.CONNECTED], watch.errors


def test_timeout(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """For all of it: TimeoutError, with what was on its way."""
    with listening("127.0.0.1", "127.0.0.2") as port, deaf("127.0.0.2", port):
        server.behaviour = zone({HOST: ["127.0.0.2"]})
        bev, watch = connect(base, port, dns=dns, timeout=0.1)
        run_until(base, lambda: watch.events)
        (error,) = watch.errors
        assert isinstance(error, TimeoutError)
        assert "127.0.0.2 (no answer)" in str(error)
        server.behaviour = silent
        bev, watch = connect(base, port, dns=dns, timeout=0.05)
        run_until(base, lambda: watch.events)
        assert isinstance(watch.errors[0], TimeoutError)
        bev.connect(("127.0.0.1", port))


def test_no_such_name(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """The resolver's own gaierror."""
    server.behaviour = zone({})
    _, watch = connect(base, 80, dns=dns)
    run_until(base, lambda: watch.events)
    assert watch.events == [BufferEventEvents.ERROR]
    assert isinstance(watch.errors[0], socket.gaierror)
    assert HOST in str(watch.errors[0])
    server.behaviour = zone({HOST: []})
    _, watch = connect(base, 80, dns=dns)
    run_until(base, lambda: watch.events)
    assert isinstance(watch.errors[0], socket.gaierror)


def test_one_family(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """Only that is looked up and tried."""
    with listening("127.0.0.1") as port:
        server.behaviour = zone({HOST: ["127.0.0.1", "::1"]})
        _, watch = connect(base, port, dns=dns, family=socket.AF_INET)
        run_until(base, lambda: watch.events)
        assert watch.events == [BufferEventEvents.CONNECTED]
        assert [asked.type for asked in server.asked] == [1]


def test_a_numeric_host(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """Nobody is asked."""
    with listening("127.0.0.1") as port:
        bev = BufferEvent(base)
        watch = Watch(bev)
        bev.connect_hostname("127.0.0.1", port, dns=dns)
        run_until(base, lambda: watch.events)
        assert watch.events == [BufferEventEvents.CONNECTED], watch.errors
    assert server.asked == []


def test_the_dnsbase_closes_meanwhile(base: EventBase, dns: DNSBase) -> None:
    """The connection fails with its error."""
    _, watch = connect(base, 80, dns=dns)
    dns.close()
    run_until(base, lambda: watch.events)
    assert isinstance(watch.errors[0], DNSError)
    assert "closed" in str(watch.errors[0])


def test_closed_at_each_point(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """Nobody is told, and no socket is left (the leak guard counts)."""
    with listening("127.0.0.3", "127.0.0.2") as port, deaf("127.0.0.2", port):
        server.behaviour = zone({HOST: ["127.0.0.2", "127.0.0.3"]})
        for passes in range(8):
            for resolver in (dns, None):
                bev, watch = connect(base, port, dns=resolver)
                turn(base, passes)
                events = list(watch.events)
                bev.close()
                settle(base, 0.001)
                assert watch.events == events
        bev, watch = connect(base, port, dns=dns)
        settle(base, happy_eyeballs.ATTEMPT_DELAY * 0.8)
        bev.close()
        settle(base, happy_eyeballs.ATTEMPT_DELAY)
        assert watch.events == []


def test_the_base_closes_meanwhile() -> None:
    """With a lookup, and with attempts under way."""
    for passes in range(8):
        with EventBase() as base, name_server(base, zone({HOST: ["127.0.0.2", "127.0.0.3"]})) as server:
            dns = DNSBase(base, [server.address])
            with listening("127.0.0.3", "127.0.0.2") as port, deaf("127.0.0.2", port):
                connect(base, port, dns=dns)
                turn(base, passes)


def test_the_systems_addresses(base: EventBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of what getaddrinfo gives is tried, the families in turn, beginning with its first."""
    port = unused_port("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
    hosts = ["127.0.0.2", "127.0.0.3", "::1", "127.0.0.2"]

    def found(host: str, port: int, *rest: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in hosts
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    _, watch = connect(base, port)
    run_until(base, lambda: watch.events)
    text = str(watch.errors[0])
    assert text.count("127.0.0.2") == 1
    assert text.index("127.0.0.2") < text.index("::1") < text.index("127.0.0.3")


def test_out_of_descriptors(base: EventBase, server: NameServer, dns: DNSBase) -> None:
    """No socket for an attempt: the error says so, from the loop."""
    import resource

    server.behaviour = zone({HOST: ["127.0.0.1"]})
    _, watch = connect(base, 80, dns=dns)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as highest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno(), hard))
        try:
            run_until(base, lambda: watch.events)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert watch.errors[0].errno == errno.EMFILE


def test_wrong_arguments(base: EventBase, dns: DNSBase) -> None:
    """Refused before anybody is asked."""
    bev = BufferEvent(base)
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (TypeError, {"dns": base}),
        (ValueError, {"family": socket.AF_UNIX}),
        (ValueError, {"timeout": -1}),
        (ValueError, {"timeout": float("nan")}),
        (TypeError, {"timeout": "1"}),
    ]
    for error, options in wrong:
        with pytest.raises(error):
            bev.connect_hostname(HOST, 80, **options)
    with EventBase() as other, pytest.raises(ValueError, match="another"):
        BufferEvent(other).connect_hostname(HOST, 80, dns=dns)
    with pytest.raises(ValueError, match="name"):
        bev.connect_hostname("a..b", 80, dns=dns)
    bev.connect_hostname(HOST, 80, dns=dns)
