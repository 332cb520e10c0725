"""libevent's regress group dns: getaddrinfo, connect_hostname, requests that fail, leaks."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from answers import answers
from child import check_child
from loops import run_until, settle

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    DNSBase,
    DNSError,
    DNSRequest,
    DNSServer,
    DNSServerRequest,
    EventBase,
    Listener,
    lib,
)

STREAM = socket.SOCK_STREAM
LOOPBACK = ("127.0.0.1", 0)

#: What the server knows, by question.
ZONE: dict[tuple[str, int], list[str]] = {
    ("nobodaddy.example.com", 1): ["127.0.0.1"],
    ("nosuchplace.example.com", 1): [],
    ("both.example.com", 1): ["80.80.32.32"],
    ("both.example.com", 28): ["80ff::bbbb:eeee"],
    ("v4only.example.com", 1): ["18.52.86.120"],
    ("v6only.example.com", 28): ["b0b::f00d"],
    ("v4assert.example.com", 1): ["18.52.86.120"],
    ("v6assert.example.com", 28): ["b0b::f00d"],
}
NEVER = {("v4timeout.example.com", 1), ("v6timeout.example.com", 28)}
NEVER |= {(f"{which}.example.com", kind) for which in ("alltimeout",) for kind in (1, 28)}
ZONE[("v4timeout.example.com", 28)] = ["b0b::f00d"]
ZONE[("v6timeout.example.com", 1)] = ["18.52.86.120"]


def handler(request: DNSServerRequest) -> None:
    """Answers ZONE, and NEVER never."""
    (question,) = request.questions
    key = (question.name.lower(), question.type)
    if key in NEVER:
        request.drop()
    elif found := ZONE.get(key):
        (request.add_aaaa_reply if question.type == 28 else request.add_a_reply)(question.name, found)
        request.respond()
    else:
        request.respond(0 if any(name == key[0] for name, _ in ZONE) else 3)


@pytest.fixture
def dns(base: EventBase) -> DNSBase:
    """Asks a server of ZONE, and does not wait long."""
    dns = DNSBase(base, [DNSServer(base, LOOPBACK, handler).address])
    dns.set_option("timeout", 0.1)
    dns.set_option("getaddrinfo-allow-skew", 0.05)
    return dns


def test_getaddrinfo_async(dns: DNSBase) -> None:
    """Numbers, passive, bad hints, both families, one missing, one late, none at all, and a cancelled one."""
    told: list[DNSRequest] = []
    expected: list[Any] = [
        {("1.2.3.4", 8001)},
        {("::", 80)},
        {("80.80.32.32", 8000)},
        {("80.80.32.32", 8004), ("80ff::bbbb:eeee", 8004)},
        {("18.52.86.120", 8005)},
        {("b0b::f00d", 8006)},
        {("b0b::f00d", 8007)},
        {("18.52.86.120", 8008)},
        socket.EAI_NONAME,
        socket.EAI_FAIL,
    ]
    ask = dns.getaddrinfo
    requests = [
        ask("1.2.3.4", 8001, told.append, type=STREAM),
        ask(None, 80, told.append, type=STREAM, family=socket.AF_INET6, flags=socket.AI_PASSIVE),
        ask("both.example.com", "8000", told.append, type=STREAM, family=socket.AF_INET),
        ask("both.example.com", 8004, told.append, type=STREAM),
        ask("v4only.example.com", 8005, told.append, type=STREAM),
        ask("v6only.example.com", 8006, told.append, type=STREAM),
        ask("v4timeout.example.com", 8007, told.append, type=STREAM),
        ask("v6timeout.example.com", 8008, told.append, type=STREAM),
        ask("nosuch.example.com", 8009, told.append, type=STREAM),
        ask("alltimeout.example.com", 8010, told.append, type=STREAM),
    ]
    cancelled = ask("cancel.example.com", 8011, told.append, type=STREAM)
    cancelled.cancel()
    run_until(dns.base, lambda: len(told) == 11)
    for request, wanted in zip(requests, expected):
        if isinstance(wanted, int):
            assert isinstance(request.error, socket.gaierror)
            assert request.error.errno == wanted
        else:
            assert {each[4][:2] for each in request.result()} == wanted
    assert isinstance(cancelled.error, DNSError)
    assert cancelled.error.code == lib.DNS_ERR_CANCEL


def test_getaddrinfo_cancel_stress(base: EventBase) -> None:
    """Hundreds of lookups, each cancelled at another moment: each calls back once."""
    dns = DNSBase(base, [DNSServer(base, LOOPBACK, handler).address])
    told: list[DNSRequest] = []
    for number in range(300):
        request = dns.getaddrinfo("both.example.com", 80, told.append, type=STREAM)
        if number % 3 == 0:
            request.cancel()
        elif number % 3 == 1:
            base.call_later(0.0001 * number, request.cancel)
    run_until(base, lambda: len(told) == 300)
    settle(base)
    assert len(set(map(id, told))) == len(told) == 300
    assert sum(request.error is not None for request in told) >= 100


@pytest.mark.parametrize("out_of_descriptors", [False, True], ids=["", "emfile"])
def test_bufferevent_connect_hostname(base: EventBase, dns: DNSBase, out_of_descriptors: bool) -> None:
    """By address, by name, and names and addresses that fail; with no descriptor left all of them fail."""
    import resource

    accepted: list[socket.socket] = []
    listener = Listener(base, LOOPBACK, lambda listener, sock, address: accepted.append(sock))
    port = listener.address[1]
    events: dict[BufferEvent, BufferEventEvents] = {}
    hosts = [
        "nobodaddy.example.com",
        "nosuchplace.example.com",
        "127.0.0.1",
        "1.2.3.4.5",
        "nobodaddy.example.com",
    ]
    bevs = [BufferEvent(base) for _ in hosts]
    for bev, host in zip(bevs, hosts):
        bev.set_callbacks(on_event=lambda bev, what: events.update({bev: what}))
        bev.connect_hostname(host, port, socket.AF_INET, dns=dns)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as highest:
        if out_of_descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno(), hard))
        try:
            run_until(base, lambda: len(events) == len(hosts))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    connected = [events[bev] == BufferEventEvents.CONNECTED for bev in bevs]
    if out_of_descriptors:
        assert connected == [False] * 5
    else:
        assert connected == [True, False, True, False, True]
        run_until(base, lambda: len(accepted) == 3)
    for sock in accepted:
        sock.close()


def fails(base: EventBase, question: tuple[Any, ...], **options: Any) -> None:
    """Requests that wait when their DNSBase closes fail with DNS_ERR_SHUTDOWN, each once."""
    dns = DNSBase(base, [DNSServer(base, LOOPBACK, lambda request: request.drop()).address])
    for name, value in options.items():
        dns.set_option(name.replace("_", "-"), value)
    told: list[DNSRequest] = []
    method, *arguments = question
    for _ in range(20):
        getattr(dns, method)(*arguments, told.append)
    settle(base)
    dns.close()
    run_until(base, lambda: len(told) == 20)
    for request in told:
        assert isinstance(request.error, DNSError)
        assert request.error.code == lib.DNS_ERR_SHUTDOWN


def test_client_fail_requests(base: EventBase) -> None:
    """Those in flight."""
    fails(base, ("resolve_ipv4", "foof.example.com"))


def test_client_fail_waiting_requests(base: EventBase) -> None:
    """Those that wait for a place in flight too."""
    fails(base, ("resolve_ipv4", "foof.example.com"), max_inflight=11)


def test_client_fail_requests_getaddrinfo(base: EventBase) -> None:
    """And lookups."""
    fails(base, ("getaddrinfo", "foof.example.com", "ssh"))


def test_getaddrinfo_race_gotresolve(base: EventBase) -> None:
    """Lookups of many DNSBases of one server at once; here one thread, the loop's, has them all."""
    server = DNSServer(base, LOOPBACK, handler)
    for _ in range(5):
        dns = DNSBase(base, [server.address])
        for request in answers(dns, *[("getaddrinfo", "both.example.com", 80)] * 50):
            assert len(request.result()) == 4
        dns.close()


CLEAR = "dns.clear_nameservers_and_suspend(); "
LEAKS = {
    "shutdown": "dns.close()",
    "cancel": "request.cancel()",
    "resume": CLEAR + "dns.add_nameserver(NOWHERE); dns.resume()",
    "cancel_and_resume": CLEAR + "request.cancel(); dns.add_nameserver(NOWHERE); dns.resume()",
    "resume_send_err": CLEAR + "dns.add_nameserver(BROADCAST); dns.resume()",
    "cancel_and_resume_send_err": CLEAR + "request.cancel(); dns.add_nameserver(BROADCAST); dns.resume()",
}


@pytest.mark.parametrize("what", list(LEAKS.values()), ids=list(LEAKS))
def test_leak(what: str) -> None:
    """libevent's own allocations are back to what they were, as its allocator counts them."""
    if not hasattr(lib, "event_set_mem_functions"):
        pytest.skip("this libevent has no event_set_mem_functions")
    said = check_child(
        f"""
        import socket
        from libevent_py import DNSBase, EventBase, LoopFlags, ffi, lib

        held = set()
        allocator = __import__("cffi").FFI()
        allocator.cdef("void *malloc(size_t); void *realloc(void *, size_t); void free(void *);")
        c = allocator.dlopen(None)
        number = lambda pointer: int(ffi.cast("uintptr_t", pointer))
        as_void = lambda pointer: ffi.cast("void *", int(allocator.cast("uintptr_t", pointer)))
        theirs = lambda pointer: allocator.cast("void *", number(pointer))

        @ffi.callback("void *(size_t)")
        def malloc(size):
            pointer = as_void(c.malloc(size))
            held.add(number(pointer))
            return pointer

        @ffi.callback("void *(void *, size_t)")
        def realloc(old, size):
            held.discard(number(old))
            pointer = as_void(c.realloc(theirs(old), size))
            held.add(number(pointer))
            return pointer

        @ffi.callback("void(void *)")
        def free(pointer):
            held.discard(number(pointer))
            c.free(theirs(pointer))

        lib.event_set_mem_functions(malloc, realloc, free)
        NOWHERE, BROADCAST = ("127.0.0.1", 1), ("255.255.255.255", 53)

        def once():
            with EventBase() as base:
                dns = DNSBase(base, [("127.0.0.1", 1)])
                request = dns.resolve_ipv4("foof.example.com", lambda request: None)
                lookup = dns.getaddrinfo("foof.example.com", 80, lambda request: None)
                base.loop(LoopFlags.NONBLOCK)
                {what}
                for _ in range(3):
                    base.loop(LoopFlags.NONBLOCK)

        once()
        before = len(held)
        once()
        print(len(held) - before)
        """,
        env={"LIBEVENT_PY_DEBUG": ""},  # whose tables stay
    )
    assert said == "0\n"
