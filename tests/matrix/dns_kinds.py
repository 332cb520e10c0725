"""The callbacks of name resolution."""

from __future__ import annotations

import socket

from stage import LOOP, Poke, Stage, kind

from libevent_py import BufferEvent, DNSBase, DNSServer

_QUESTION = b"\0\7\1\0\0\1\0\0\0\0\0\0" + b"\1x\4test\0" + b"\0\1\0\1"


def _asks_in_vain(stage: Stage) -> DNSBase:
    """A DNSBase whose nameserver is silent."""
    stage.there["silent"] = silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    stage.there["dns"] = dns = DNSBase(stage.base, [silent.getsockname()])
    return dns


@kind(LOOP, name="callback of a DNS request")
def _request(stage: Stage) -> Poke:
    """Nobody answers in time."""
    _asks_in_vain(stage)
    there = stage.there
    return lambda: there.update(it=there["dns"].resolve_ipv4("x.test.", stage.act, deadline=0.001))


@kind(LOOP, name="callback of getaddrinfo")
def _getaddrinfo(stage: Stage) -> Poke:
    """The same."""
    _asks_in_vain(stage)
    there = stage.there
    return lambda: there.update(it=there["dns"].getaddrinfo("x.test.", 80, stage.act, deadline=0.001))


@kind(LOOP, name="callback of getaddrinfo without a question")
def _numeric(stage: Stage) -> Poke:
    """An address needs none, and is told from the loop all the same."""
    _asks_in_vain(stage)
    there = stage.there
    return lambda: there.update(it=there["dns"].getaddrinfo("127.0.0.1", 80, stage.act))


@kind(LOOP, name="on_event of connect_hostname by a DNSBase")
def _connect_hostname(stage: Stage) -> Poke:
    """Nobody answers in time."""
    _asks_in_vain(stage)
    there = stage.there

    def connect() -> None:
        there["it"] = it = BufferEvent(stage.base)
        it.set_callbacks(on_event=lambda bev, what: stage.act(bev))
        it.connect_hostname("x.test.", 1, dns=there["dns"], timeout=0.001)

    return connect


@kind(LOOP)
def on_request(stage: Stage) -> Poke:
    """A question to a server."""

    def answer(request: object) -> None:
        stage.act(None)

    there = stage.there
    there["it"] = DNSServer(stage.base, ("127.0.0.1", 0), answer)
    there["client"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    there["client"].connect(there["it"].address)
    return lambda: there["client"].send(_QUESTION)
