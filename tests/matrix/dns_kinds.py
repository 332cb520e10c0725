"""The callbacks of name resolution."""

from __future__ import annotations

import socket

from stage import LOOP, Poke, Stage, kind

from libevent_py import DNSBase, DNSServer

_QUESTION = b"\0\7\1\0\0\1\0\0\0\0\0\0" + b"\1x\4test\0" + b"\0\1\0\1"


@kind(LOOP, name="callback of a DNS request")
def _request(stage: Stage) -> Poke:
    """Nobody answers in time."""
    stage.there["silent"] = silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    there = stage.there
    there["dns"] = DNSBase(stage.base, [silent.getsockname()])
    return lambda: there.update(it=there["dns"].resolve_ipv4("x.test.", stage.act, deadline=0.001))


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
