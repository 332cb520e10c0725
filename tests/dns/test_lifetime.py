"""Requests and DNSBases that end before their answers come: nothing crashes, nobody waits for ever."""

from __future__ import annotations

from typing import Any

import pytest
from answers import answer, answers
from child import check_child
from forking import check_forking
from leakguard import collect, open_descriptors
from loops import run_until, settle, turn
from nameserver import NXDOMAIN, Asked, NameServer, name_server, silent, zone

from libevent_py import DNSBase, DNSError, DNSRequest, EventBase, lib

ASK: list[tuple[Any, ...]] = [
    ("resolve_ipv4", "host.example.com"),
    ("resolve_ipv6", "host.example.com"),
    ("resolve_reverse", "192.0.2.1"),
    ("getaddrinfo", "host.example.com", 80),
    ("getaddrinfo", "127.0.0.1", 80),
]
asking = pytest.mark.parametrize("question", ASK, ids=lambda question: "-".join(map(str, question[:2])))


def ask(dns: DNSBase, question: tuple[Any, ...], told: list[DNSRequest]) -> DNSRequest:
    """Ask, and note the callback."""
    method, *arguments = question
    request: DNSRequest = getattr(dns, method)(*arguments, told.append)
    return request


@asking
def test_cancel(dns: DNSBase, question: tuple[Any, ...]) -> None:
    """The callback comes from the loop with an error; a second cancel() does nothing."""
    told: list[DNSRequest] = []
    request = ask(dns, question, told)
    request.cancel()
    request.cancel()
    assert told == []
    run_until(dns.base, lambda: told)
    settle(dns.base)
    assert told == [request]
    assert isinstance(request.error, DNSError)
    assert request.error.code == lib.DNS_ERR_CANCEL
    request.cancel()


@asking
def test_close(dns: DNSBase, question: tuple[Any, ...]) -> None:
    """No callback comes, also after cancel()."""
    told: list[DNSRequest] = []
    ask(dns, question, told).close()
    request = ask(dns, question, told)
    request.cancel()
    request.close()
    settle(dns.base)
    assert told == []


@asking
def test_close_when_the_answer_is_on_its_way(dns: DNSBase, question: tuple[Any, ...]) -> None:
    """The answer of one is where the other is closed: it is not delivered."""
    told: list[DNSRequest] = []
    later: list[DNSRequest] = []
    requests: list[DNSRequest] = []

    def first(request: DNSRequest) -> None:
        later.append(request)
        for each in requests:
            each.close()

    method, *arguments = question
    getattr(dns, method)(*arguments, first)
    requests += [ask(dns, question, told) for _ in range(3)]
    run_until(dns.base, lambda: later)
    settle(dns.base)
    assert told == []


@asking
def test_cancel_when_the_answer_is_on_its_way(dns: DNSBase, question: tuple[Any, ...]) -> None:
    """Each callback comes once."""
    told: list[DNSRequest] = []
    requests: list[DNSRequest] = []

    def first(request: DNSRequest) -> None:
        for each in requests:
            each.cancel()

    method, *arguments = question
    getattr(dns, method)(*arguments, first)
    requests += [ask(dns, question, told) for _ in range(3)]
    run_until(dns.base, lambda: len(told) >= 3)
    settle(dns.base)
    assert sorted(map(id, told)) == sorted(map(id, requests))


@asking
def test_closing_the_dnsbase_fails_its_requests(dns: DNSBase, question: tuple[Any, ...]) -> None:
    """From the loop, with DNS_ERR_SHUTDOWN; its sockets are closed then."""
    told: list[DNSRequest] = []
    before = len(open_descriptors())
    request = ask(dns, question, told)
    dns.close()
    assert told == []
    run_until(dns.base, lambda: told)
    settle(dns.base)
    assert told == [request]
    assert isinstance(request.error, DNSError)
    assert request.error.code == lib.DNS_ERR_SHUTDOWN
    assert len(open_descriptors()) == before - 1


@asking
def test_closing_in_the_callback(dns: DNSBase, question: tuple[Any, ...]) -> None:
    """The DNSBase may be closed where one of its answers is told; the other requests fail."""
    told: list[DNSRequest] = []

    def first(request: DNSRequest) -> None:
        told.append(request)
        dns.close()

    method, *arguments = question
    getattr(dns, method)(*arguments, first)
    for _ in range(100):  # more than evdns has in flight
        ask(dns, question, told)
    run_until(dns.base, lambda: len(told) >= 101)
    settle(dns.base)
    assert len(set(map(id, told))) == len(told) == 101


@asking
def test_closing_the_base(question: tuple[Any, ...]) -> None:
    """Nobody is told; nothing is left (the leak guard counts)."""
    told: list[DNSRequest] = []
    with EventBase() as base, name_server(base, silent) as server:
        dns = DNSBase(base, [server.address])
        for _ in range(100):
            ask(dns, question, told)
        turn(base)
        told.clear()
    assert told == []
    assert dns.closed


def test_closing_the_base_in_a_callback() -> None:
    """The loop ends."""
    with EventBase() as base, name_server(base, zone({"a.com": ["192.0.2.1"]})) as server:
        dns = DNSBase(base, [server.address])
        dns.resolve_ipv4("a.com", lambda request: base.close())
        dns.resolve_ipv4("b.com", lambda request: None)
        base.dispatch()
        assert base.closed


def test_dropped_objects_go_on(base: EventBase, server: NameServer) -> None:
    """Nobody has to keep a DNSBase or a request."""
    told: list[DNSRequest] = []
    DNSBase(base, [server.address]).resolve_ipv4("host.example.com", told.append)
    collect()
    run_until(base, lambda: told)
    assert told[0].error is None


def test_a_base_that_is_dropped_whole() -> None:
    """With a warning, as any; what it holds goes too."""
    base = EventBase()
    dns = DNSBase(base, ["127.0.0.1"])
    dns.resolve_ipv4("a.com", lambda request: None)
    with pytest.warns(ResourceWarning):
        del base, dns
        collect()


def test_a_probe_that_is_answered_as_the_dnsbase_closes() -> None:
    """libevent still refers to the name server then (issue 1506): in whichever pass it is closed."""
    check_child(
        """
        from libevent_py import DNSBase, EventBase, LoopFlags, Timer
        from nameserver import REFUSED, name_server

        for passes in range(12):
            with EventBase() as base, name_server(base, lambda asked: asked.answer(code=REFUSED)) as server:
                dns = DNSBase(base, [server.address])
                dns.set_option("initial-probe-timeout", 0.001)
                done = []
                dns.resolve_ipv4("a.com", done.append)
                while not done:
                    base.loop(LoopFlags.ONCE)
                tick = Timer(base, 0.001, lambda timer: None, repeat=True)
                while not any(asked.name == "google.com" for asked in server.asked):
                    base.loop(LoopFlags.ONCE)
                for _ in range(passes):
                    base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
                if passes % 2:
                    dns.clear_nameservers_and_suspend()
                dns.close()
                for _ in range(5):
                    base.loop(LoopFlags.ONCE)
        """
    )


def test_clear_and_resume(dns: DNSBase, base: EventBase, server: NameServer) -> None:
    """What was in flight, or waited, is asked of the new servers, once resumed."""
    server.behaviour = silent
    told: list[DNSRequest] = []
    for number in range(100):
        dns.resolve_ipv4(f"h{number}.com", told.append)
    dns.getaddrinfo("host.example.com", 80, told.append)
    run_until(base, lambda: len(server.asked) >= 64)
    dns.clear_nameservers_and_suspend()
    assert dns.nameservers == []
    with name_server(base, lambda asked: asked.answer("192.0.2.3")) as other:
        dns.add_nameserver(other.address)
        settle(base)
        assert told == []
        dns.resume()
        run_until(base, lambda: len(told) == 101)
    assert all(request.error is None for request in told)


def test_clear_in_a_callback(dns: DNSBase, base: EventBase, server: NameServer) -> None:
    """Answers that are on their way are delivered; the rest waits."""
    told: list[DNSRequest] = []

    def first(request: DNSRequest) -> None:
        told.append(request)
        dns.clear_nameservers_and_suspend()

    dns.resolve_ipv4("host.example.com", first)
    for _ in range(5):
        dns.resolve_ipv4("host.example.com", told.append)
    run_until(base, lambda: told)
    settle(base)
    dns.add_nameserver(server.address)
    dns.resume()
    run_until(base, lambda: len(told) == 6)


def test_settings_survive_a_clear(dns: DNSBase, base: EventBase, server: NameServer, tmp_path: Any) -> None:
    """Options, search domains and hosts are the new evdns_base's too."""
    (tmp_path / "hosts").write_text("192.0.2.77 here\n")
    dns.load_hosts(tmp_path / "hosts")
    dns.search = ["one.example", "two.example"]
    dns.ndots = 3
    dns.clear_nameservers_and_suspend()
    dns.add_nameserver(server.address)
    (request,) = answers(dns, ("resolve_ipv4", "www.sub"))
    assert request.error is not None
    assert server.names == ["www.sub.one.example", "www.sub.two.example", "www.sub"]
    assert {each[4][0] for each in answer(dns, "getaddrinfo", "here", 80)} == {"192.0.2.77"}


FORKED = """
        from nameserver import NameServer
        server = NameServer(base, lambda asked: asked.answer("192.0.2.1"))
        dns = DNSBase(base, [server.address])
        told = []
        dns.resolve_ipv4("a.com", lambda request: (told.append(request.result().records), base.loopbreak()))
"""


def test_a_child_asks_by_itself() -> None:
    """After reinit() a forked child has sockets of its own; before, ForkError."""
    check_forking(
        FORKED
        + """
        def child():
            try:
                dns.resolve_ipv4("a.com", print)
            except ForkError:
                base.reinit()
                base.dispatch()
                return told

        assert in_child(child) == "[['192.0.2.1']]"
        base.dispatch()
        assert told == [["192.0.2.1"]]
        """
    )


def test_closing_in_a_forked_child() -> None:
    """Allowed without reinit(); the parent's request goes on."""
    check_forking(
        FORKED
        + """
        assert in_child(dns.close) == "None"
        base.dispatch()
        assert told
        """
    )


def test_two_of_them(base: EventBase, server: NameServer) -> None:
    """Closed together with answers under way, each goes by itself."""

    def behaviour(asked: Asked) -> bytes:
        return asked.answer(code=NXDOMAIN)

    server.behaviour = behaviour
    told: list[DNSRequest] = []
    both = [DNSBase(base, [server.address]) for _ in range(2)]
    for dns in both:
        for _ in range(40):  # more than libevent calls back in one pass
            dns.resolve_ipv4("a.com", told.append)
    turn(base)
    for dns in both:
        dns.close()
    run_until(base, lambda: len(told) == 80)
    settle(base)
