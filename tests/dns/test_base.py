"""DNSBase: questions."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from answers import answer, answers
from loops import run_until
from nameserver import NXDOMAIN, REFUSED, NameServer, name_server, silent

from libevent_py import ClosedError, DNSAnswer, DNSBase, DNSError, DNSRequest, EventBase, lib


def test_ipv4(dns: DNSBase) -> None:
    """A records come as text, with their time to live."""
    assert answer(dns, "resolve_ipv4", "host.example.com") == DNSAnswer(["192.0.2.1", "192.0.2.2"], 60)


def test_ipv6(dns: DNSBase) -> None:
    """AAAA records too."""
    assert answer(dns, "resolve_ipv6", "host.example.com").records == ["2001:db8::1"]


@pytest.mark.parametrize(
    ("address", "name"), [("192.0.2.1", "host.example.com"), ("2001:db8::1", "six.example.com")]
)
def test_reverse(dns: DNSBase, address: str, name: str) -> None:
    """PTR records, of both kinds of addresses."""
    assert answer(dns, "resolve_reverse", address).records == [name]


def test_many_at_once(dns: DNSBase, server: NameServer) -> None:
    """More than evdns has in flight (64): each is answered, once, with its own answer."""
    server.behaviour = lambda asked: asked.answer(f"192.0.2.{asked.name[1:-4]}")
    found = answers(dns, *(("resolve_ipv4", f"h{number}.com.") for number in range(200)))
    assert [request.result().records for request in found] == [[f"192.0.2.{n}"] for n in range(200)]


def test_most_addresses(dns: DNSBase, server: NameServer) -> None:
    """32 addresses are what libevent takes of an answer."""
    server.behaviour = lambda asked: asked.answer(*(f"2001:db8::{n:x}" for n in range(1, 41)))
    if hasattr(lib, "DNS_QUERY_USEVC"):  # 2.2 takes datagrams as long as it has said
        dns.set_option("edns-udp-size", 4096)
    assert len(answer(dns, "resolve_ipv6", "many.example.com").records) == 32


def test_there_is_no_such_name(dns: DNSBase) -> None:
    """NXDOMAIN is a DNSError with libevent's code, and a gaierror with getaddrinfo's."""
    (request,) = answers(dns, ("resolve_ipv4", "nobody.example.com"))
    error = request.error
    assert isinstance(error, DNSError)
    assert isinstance(error, socket.gaierror)
    assert (error.code, error.errno) == (lib.DNS_ERR_NOTEXIST, socket.EAI_NONAME)
    assert "nobody.example.com" in str(error)
    with pytest.raises(DNSError, match="no such name"):
        request.result()


def test_there_are_no_such_records(dns: DNSBase) -> None:
    """A name without addresses of that kind."""
    (request,) = answers(dns, ("resolve_ipv6", "four.example.com"))
    assert isinstance(request.error, DNSError)
    assert request.error.code == lib.DNS_ERR_NODATA


def test_refused(base: EventBase) -> None:
    """The server's refusal is told as such."""
    with name_server(base, lambda asked: asked.answer(code=REFUSED)) as server:
        (request,) = answers(DNSBase(base, [server.address]), ("resolve_ipv4", "example.com"))
    assert isinstance(request.error, DNSError)
    assert request.error.code == lib.DNS_ERR_REFUSED
    assert "REFUSED" in str(request.error)


def test_deadline(base: EventBase) -> None:
    """A request that nobody answers ends, and says what to look at."""
    with name_server(base, silent) as server:
        dns = DNSBase(base, [server.address], deadline=0.05)
        found = answers(
            dns, ("resolve_ipv4", "a.com"), ("resolve_reverse", "192.0.2.1"), ("getaddrinfo", "b.com", 80)
        )
        for request in found:
            assert isinstance(request.error, DNSError)
            assert (request.error.code, request.error.errno) == (lib.DNS_ERR_TIMEOUT, socket.EAI_AGAIN)
        assert "nameservers" in str(found[0].error)
        dns.close()


def test_deadline_of_one_request(dns: DNSBase, server: NameServer) -> None:
    """It counts for that one."""
    server.behaviour = lambda asked: None if asked.name == "late.com" else asked.answer("192.0.2.9")
    told: list[DNSRequest] = []
    dns.resolve_ipv4("late.com", told.append, deadline=0.05)
    dns.resolve_ipv4("soon.com", told.append)
    run_until(dns.base, lambda: len(told) == 2)
    assert [request.error is None for request in told] == [True, False]


def test_without_a_name_server(base: EventBase) -> None:
    """The deadline's error says that there is none."""
    (request,) = answers(DNSBase(base, []), ("resolve_ipv4", "example.com"), deadline=0.02)
    assert "add_nameserver" in str(request.error)


def test_an_international_name(dns: DNSBase, server: NameServer) -> None:
    """It is asked for in IDNA's form."""
    server.behaviour = lambda asked: asked.answer("192.0.2.7")
    assert answer(dns, "resolve_ipv4", "bücher.example").records == ["192.0.2.7"]
    assert server.names == ["xn--bcher-kva.example"]


def test_a_callback_that_raises(dns: DNSBase) -> None:
    """Its exception comes out of the loop, and the request is done."""

    def fail(request: DNSRequest) -> None:
        raise ZeroDivisionError

    request = dns.resolve_ipv4("host.example.com", fail)
    with pytest.raises(ZeroDivisionError):
        dns.base.dispatch()
    assert request.done


def test_the_callback_comes_from_the_loop(dns: DNSBase) -> None:
    """Also where libevent knows the answer at once."""
    told: list[DNSRequest] = []
    request = dns.getaddrinfo("127.0.0.1", 80, told.append)
    assert not told
    assert not request.done
    with pytest.raises(RuntimeError, match="not done"):
        request.result()
    run_until(dns.base, lambda: told)
    assert request.done


def test_it_keeps_the_loop_running(dns: DNSBase) -> None:
    """Until it is closed, as a listener does."""
    dns.resolve_ipv4("host.example.com", lambda request: dns.base.call_soon(dns.base.loopexit))
    assert not dns.base.dispatch()


def test_disable_when_inactive(base: EventBase, server: NameServer) -> None:
    """Then a loop without a request ends by itself."""
    dns = DNSBase(base, [server.address], disable_when_inactive=True)
    told: list[DNSRequest] = []

    def done(request: DNSRequest) -> None:
        told.append(request)
        server.close()

    dns.resolve_ipv4("host.example.com", done)
    assert base.dispatch()
    assert told[0].result().records


def test_over_ipv6(base: EventBase) -> None:
    """A server may have an IPv6 address."""
    try:
        with name_server(base, lambda asked: asked.answer("192.0.2.1"), "::1") as server:
            assert answer(DNSBase(base, [server.address]), "resolve_ipv4", "a.com").records == ["192.0.2.1"]
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


def test_each_name_server_is_asked(base: EventBase) -> None:
    """In turn; one that does not answer is left out after some time."""
    with name_server(base, lambda asked: asked.answer("192.0.2.1")) as one, name_server(base, silent) as dead:
        dns = DNSBase(base, [one.address, dead.address])
        dns.set_option("timeout", 0.05)
        found = answers(dns, *(("resolve_ipv4", f"h{number}.com") for number in range(4)))
        assert {tuple(request.result().records) for request in found} == {("192.0.2.1",)}
        assert dead.asked


def test_the_other_server_is_asked_on_refusal(base: EventBase) -> None:
    """REFUSED by one makes libevent ask the next."""
    with name_server(base, lambda asked: asked.answer(code=REFUSED)) as one, \
            name_server(base, lambda asked: asked.answer(code=NXDOMAIN)) as other:  # fmt: skip
        dns = DNSBase(base, [one.address, other.address])
        dns.set_option("timeout", 0.05)
        for request in answers(dns, ("resolve_ipv4", "a.com"), ("resolve_ipv4", "b.com")):
            assert isinstance(request.error, DNSError)
            assert request.error.code == lib.DNS_ERR_NOTEXIST


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a..b", "a" * 64 + ".com", "a." * 127 + "com", "nul\0l", "ü" * 60, ".a"]
)
def test_no_name(dns: DNSBase, name: str) -> None:
    """What DNS cannot have is a ValueError before C is called."""
    for ask in (dns.resolve_ipv4, dns.resolve_ipv6):
        with pytest.raises(ValueError, match="name"):
            ask(name, print)
    with pytest.raises(ValueError, match="name|host"):
        dns.getaddrinfo(name, 80, print)


@pytest.mark.parametrize("name", [None, 5, b"host.example.com", ["a"]])
def test_a_name_of_the_wrong_type(dns: DNSBase, name: Any) -> None:
    """TypeError."""
    with pytest.raises(TypeError):
        dns.resolve_ipv4(name, print)


@pytest.mark.parametrize("address", ["", "host.example.com", "1.2.3", "1.2.3.4.5", "::g", "127.1"])
def test_no_address(dns: DNSBase, address: str) -> None:
    """ValueError."""
    with pytest.raises(ValueError, match="address"):
        dns.resolve_reverse(address, print)


def test_wrong_arguments(dns: DNSBase) -> None:
    """A callback that cannot be called; a deadline that is none."""
    callback: Any = None
    with pytest.raises(TypeError, match="callback"):
        dns.resolve_ipv4("a.com", callback)
    for deadline in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="deadline"):
            dns.resolve_ipv4("a.com", print, deadline=deadline)
        with pytest.raises(ValueError, match="deadline"):
            DNSBase(dns.base, [], deadline=deadline)


def test_closed(dns: DNSBase) -> None:
    """ClosedError from all that would ask."""
    dns.close()
    dns.close()
    for use in (
        lambda: dns.resolve_ipv4("a.com", print),
        lambda: dns.getaddrinfo("a.com", 80, print),
        lambda: dns.add_nameserver("127.0.0.1"),
        lambda: dns.set_option("timeout", 1),
        dns.resume,
        dns.clear_nameservers_and_suspend,
        lambda: dns.pointer,
    ):
        with pytest.raises(ClosedError):
            use()
    assert repr(dns) == "<DNSBase closed>"
