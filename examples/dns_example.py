"""libevent's sample/dns-example.c: asks for names and addresses, or answers as a small DNS server.

    python examples/dns_example.py [-x | -g] [-c RESOLV_CONF | -s SERVER[:PORT]] NAME ...
    python examples/dns_example.py -T [PORT]

-x asks for the names of addresses, -g does a getaddrinfo. The server of -T, on port 10053 of 127.0.0.1 if
nothing else is said (0 for any free one), gives 192.168.11.11 for every A question and foo.bar.example.com
for every PTR question. Both together ask that server.
"""

from __future__ import annotations

import argparse
import socket
import sys
from functools import partial

from libevent_py import DNSBase, DNSRequest, DNSServer, DNSServerRequest, EventBase


def answer(request: DNSServerRequest) -> None:
    """Answer A and PTR questions, whatever they ask for."""
    for name, kind, rclass in request.questions:
        if kind == request.A:
            print(f" -- replying for {name} (A)", flush=True)
            request.add_a_reply(name, ["192.168.11.11"], 10)
        elif kind == request.PTR:
            print(f" -- replying for {name} (PTR)", flush=True)
            request.add_ptr_reply(name, "foo.bar.example.com", 10)
        else:
            print(f" -- skipping {name} [{kind} {rclass}]", flush=True)
    request.respond()


def ask(dns: DNSBase, names: list[str], options: argparse.Namespace) -> None:
    """Ask for all at once, and stop when the last answer is there."""
    waiting = set(names)

    def done(name: str, request: DNSRequest) -> None:
        if request.error is not None:
            print(f"{name}: {request.error.strerror}")
        elif options.getaddrinfo:
            found = request.result()
            if found[0][3]:
                print(f"    {name} ==> {found[0][3]}")
            for index, (*_, address) in enumerate(found):
                print(f"[{index}] {name}: {address[0]}")
        else:
            for record in request.result().records:
                print(f"{name}: {record}")
        waiting.discard(name)
        if not waiting:
            dns.base.loopexit()

    for name in waiting:
        callback = partial(done, name)
        if options.reverse:
            dns.resolve_reverse(name, callback)
        elif options.getaddrinfo:
            dns.getaddrinfo(name, None, callback, proto=socket.IPPROTO_TCP, flags=socket.AI_CANONNAME)
        else:
            dns.resolve_ipv4(name, callback)


def resolver(base: EventBase, options: argparse.Namespace, server: DNSServer | None) -> DNSBase:
    """Who is asked: our own server, -s, -c, or the system's."""
    if server is not None:
        return DNSBase(base, [server.address])
    if options.server:
        host, _, port = options.server.partition(":")
        return DNSBase(base, [(host, int(port or 53))])
    if options.resolv_conf:
        dns = DNSBase(base, [])
        dns.resolv_conf_parse(options.resolv_conf)
        return dns
    return DNSBase(base)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Ask for names by DNS, or answer.")
    parser.add_argument("-x", dest="reverse", action="store_true", help="ask for the names of addresses")
    parser.add_argument("-g", dest="getaddrinfo", action="store_true", help="do a getaddrinfo")
    parser.add_argument("-c", dest="resolv_conf", help="a resolv.conf that says whom to ask")
    parser.add_argument("-s", dest="server", help="whom to ask, as ADDRESS or ADDRESS:PORT")
    parser.add_argument("-T", dest="port", nargs="?", type=int, const=10053, help="answer, on this port")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    with EventBase() as base:
        server = None
        if options.port is not None:
            server = DNSServer(base, ("127.0.0.1", options.port), answer)
            host, port = server.address
            print(f"answering on {host}:{port}", flush=True)
        if options.names:
            ask(resolver(base, options, server), options.names, options)
        try:
            base.dispatch()
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
