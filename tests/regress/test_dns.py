"""libevent's regress group dns: asking, searching, trying again, through DNSBase and DNSServer."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from answers import answer, answers
from loops import run_until, settle

from libevent_py import DNSBase, DNSError, DNSRequest, DNSServer, DNSServerRequest, EventBase, lib

Handler = Callable[[DNSServerRequest], object]
LOOPBACK = ("127.0.0.1", 0)


def reply(request: DNSServerRequest, found: Any) -> None:
    """Answer with an address, or an error code."""
    if isinstance(found, str):
        request.add_a_reply(request.questions[0].name, [found], 100)
        request.respond()
    else:
        request.respond(found)


def asking(base: EventBase, handler: Handler, **options: Any) -> DNSBase:
    """A DNSBase that asks a DNSServer with *handler*."""
    return DNSBase(base, [DNSServer(base, LOOPBACK, handler).address], **options)


def code_of(request: DNSRequest) -> int:
    """Its DNS_ERR_*."""
    if request.error is None:
        return int(lib.DNS_ERR_NONE)
    assert isinstance(request.error, DNSError)
    return request.error.code


@pytest.fixture(params=[False, True], ids=["", "disable_when_inactive"])
def inactive(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the DNSBase leaves the loop alone while nothing waits."""
    return request.param  # type: ignore[no-any-return]


def server_zone(request: DNSServerRequest) -> None:
    """What the case "server" answers."""
    (question,) = request.questions
    assert question.rclass == lib.EVDNS_CLASS_INET
    if question.type == request.A and question.name.lower() == "zz.example.com":
        request.add_a_reply(question.name, ["192.168.11.11"], 12345)
    elif question.type == request.AAAA and question.name.lower() == "zz.example.com":
        request.add_aaaa_reply(question.name, ["abcd:ef:abcd:ef::"], 123)
    elif question.type == request.PTR and question.name in (
        "11.11.168.192.in-addr.arpa",
        ipaddress.ip_address("fff0::aaaa:1111:0:efef").reverse_pointer,
    ):
        request.add_ptr_reply(question.name, "ZZ.EXAMPLE.COM", 54321)
    else:
        if question.name == "drop.example.com":
            request.drop()
            return
        if question.name != "nosuchplace.example.com":
            request.add_cname_reply(question.name, "CNAME.EXAMPLE.COM")
        request.respond(3)
        return
    request.respond()


def test_server(base: EventBase) -> None:
    """A, AAAA, PTR of both kinds, NXDOMAIN and a dropped request, with one server and in any case."""
    dns = asking(base, server_zone)
    assert len(dns.nameservers) == 1
    found = answers(
        dns,
        ("resolve_ipv4", "zz.example.com"),
        ("resolve_ipv6", "zz.example.com"),
        ("resolve_reverse", "192.168.11.11"),
        ("resolve_reverse", "fff0::aaaa:1111:0:efef"),
        ("resolve_ipv4", "nosuchplace.example.com"),
    )
    assert [code_of(request) for request in found] == [0, 0, 0, 0, lib.DNS_ERR_NOTEXIST]
    assert found[0].result() == (["192.168.11.11"], 12345)
    assert found[1].result() == (["abcd:ef:abcd:ef::"], 123)
    assert found[2].result() == found[3].result() == (["ZZ.EXAMPLE.COM"], 54321)
    (dropped,) = answers(dns, ("resolve_ipv4", "drop.example.com"), deadline=0.05)
    assert code_of(dropped) == lib.DNS_ERR_TIMEOUT
    dns.clear_nameservers_and_suspend()
    assert dns.nameservers == []


SEARCH: dict[str, Any] = {
    "host.c.example.com": "11.22.33.44",
    "host2.b.example.com": "200.100.0.100",
    "hostn.a.example.com": 0,
    "hostn.c.example.com": 0,
}


@pytest.mark.parametrize("randomize_case", [0, 1])
def test_search(base: EventBase, randomize_case: int) -> None:
    """Names are found in the domains of the list; with random case too (search_lower)."""
    dns = asking(base, lambda request: reply(request, SEARCH.get(request.questions[0].name.lower(), 3)))
    dns.set_option("randomize-case", randomize_case)
    dns.search = ["a.example.com", "b.example.com", "c.example.com"]
    found = answers(dns, ("resolve_ipv4", "host"), ("resolve_ipv4", "host2"), ("resolve_ipv4", "host3"))
    assert found[0].result().records == ["11.22.33.44"]
    assert found[1].result().records == ["200.100.0.100"]
    assert code_of(found[2]) == lib.DNS_ERR_NOTEXIST
    names = ["host", "host2", "hostn.a.example.com", "hostn.b.example.com", "hostn.c.example.com"]
    found = answers(dns, *(("resolve_ipv4", name) for name in names), search=False)
    assert [code_of(request) for request in found] == [
        lib.DNS_ERR_NOTEXIST,
        lib.DNS_ERR_NOTEXIST,
        lib.DNS_ERR_NODATA,
        lib.DNS_ERR_NOTEXIST,
        lib.DNS_ERR_NODATA,
    ]


def test_search_empty(base: EventBase) -> None:
    """An empty list searches nowhere; libevent's own case asks nobody at all."""
    dns = asking(base, lambda request: reply(request, 3))
    dns.search = ["a.example.com"]
    dns.search = []
    (request,) = answers(dns, ("resolve_ipv4", "whatever"))
    assert code_of(request) == lib.DNS_ERR_NOTEXIST


def test_search_cancel(base: EventBase) -> None:
    """A request is cancelled in the middle of its search, where its third question comes."""
    count = 3
    requests: list[DNSRequest] = []

    def handler(request: DNSServerRequest) -> None:
        nonlocal count
        request.respond(3)
        count -= 1
        if not count:
            requests[0].cancel()

    dns = asking(base, handler)
    dns.search = [f"{letter}.example.com" for letter in "abcd"]
    told: list[DNSRequest] = []
    requests.append(dns.resolve_ipv4("host", told.append))
    run_until(base, lambda: told)
    settle(base)
    assert told == requests
    assert code_of(told[0]) == lib.DNS_ERR_CANCEL
    assert count == 0


def test_retry(base: EventBase, inactive: bool) -> None:
    """A server that drops some questions is asked again; one that has failed is probed until it is back."""
    drop = 2
    probed: list[int] = []

    def handler(request: DNSServerRequest) -> None:
        nonlocal drop
        if drop:
            drop -= 1
            request.drop()
            return
        if request.questions[0].name == "google.com":
            probed.append(1)
        reply(request, "16.32.64.128")

    dns = asking(base, handler, disable_when_inactive=inactive)
    dns.set_option("timeout", 0.05)
    dns.set_option("max-timeouts", 10)
    dns.set_option("initial-probe-timeout", 0.03)
    assert answer(dns, "resolve_ipv4", "host.example.com").records == ["16.32.64.128"]
    assert drop == 0
    drop = 3
    dns.set_option("max-timeouts", 2)
    dns.set_option("attempts", 3)
    (request,) = answers(dns, ("resolve_ipv4", "host.example.com"))
    assert code_of(request) == lib.DNS_ERR_TIMEOUT
    assert drop == 0
    run_until(base, lambda: probed)
    assert answer(dns, "resolve_ipv4", "host.example.com").records == ["16.32.64.128"]


def test_reissue(base: EventBase, inactive: bool) -> None:
    """NOTIMP from one server: the question goes to another."""
    dns = asking(base, lambda request: reply(request, 4), disable_when_inactive=inactive)
    dns.set_option("timeout", 0.05)
    dns.set_option("max-timeouts", 2)
    dns.set_option("attempts", 5)
    told: list[DNSRequest] = []
    dns.resolve_ipv4("foof.example.com", told.append)
    # Now, so that it is asked second.
    other = DNSServer(base, LOOPBACK, lambda request: reply(request, "240.15.240.15"))
    dns.add_nameserver(other.address)
    run_until(base, lambda: told)
    assert told[0].result().records == ["240.15.240.15"]


def test_inflight(base: EventBase, inactive: bool) -> None:
    """More requests than may be in flight: all are answered (disable_when_inactive too)."""
    dns = asking(base, lambda request: reply(request, "240.15.240.15"), disable_when_inactive=inactive)
    dns.set_option("max-inflight", 3)
    for request in answers(dns, *[("resolve_ipv4", "foof.example.com")] * 20):
        assert request.result().records == ["240.15.240.15"]


def test_disable_when_inactive_no_ns(base: EventBase) -> None:
    """A server that does not answer: the request times out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(LOOPBACK)
        dns = DNSBase(base, [sock.getsockname()], disable_when_inactive=True, deadline=None)
        dns.set_option("timeout", 0.02)
        told: list[DNSRequest] = []
        dns.resolve_ipv4("foof.example.com", told.append)
        run_until(base, lambda: told)
    assert code_of(told[0]) == lib.DNS_ERR_TIMEOUT


def test_initialize_nameservers(base: EventBase) -> None:
    """Without servers there are none; the system's are there if nobody says otherwise."""
    assert DNSBase(base, []).nameservers == []
    assert DNSBase(base).nameservers


def test_nameservers_no_default(base: EventBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without servers adds none; a DNSBase of the system's settings asks this host then."""
    from libevent_py.dns import settings

    path = tmp_path / "resolv.conf"
    path.write_text("")
    dns = DNSBase(base, [])
    dns.resolv_conf_parse(path)
    assert dns.nameservers == []
    for missing in (path, tmp_path / "missing"):
        monkeypatch.setattr(settings, "_RESOLV_CONF", str(missing))
        assert DNSBase(base).nameservers == [("127.0.0.1", 53)]


def test_so_rcvbuf_so_sndbuf(base: EventBase) -> None:
    """The options are the sockets' of servers that are added later."""
    dns = DNSBase(base, [])
    dns.set_option("so-rcvbuf", 10240)
    dns.set_option("so-sndbuf", 10240)
    dns.add_nameserver("127.0.0.1")
    (fd,) = {event.fd for event in base.events() if event.fd >= 0 and is_datagram(event.fd)}
    with socket.socket(fileno=socket.dup(fd)) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 20480
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 20480


def is_datagram(fd: int) -> bool:
    """Whether that descriptor is evdns's."""
    try:
        with socket.socket(fileno=socket.dup(fd)) as sock:
            return sock.family == socket.AF_INET and sock.type == socket.SOCK_DGRAM
    except OSError:
        return False


def test_gethostbyname(base: EventBase) -> None:
    """What libevent's cases ask the network for, off by default there: of our own server, of each kind."""
    dns = asking(base, server_zone)
    assert answer(dns, "resolve_ipv4", "zz.example.com").records
    assert answer(dns, "resolve_ipv6", "zz.example.com").records
    assert answer(dns, "resolve_reverse", "192.168.11.11").records
