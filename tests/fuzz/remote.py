"""Remote calls, which arguments at random would never bring about: both sides in one base."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import operations

from libevent_py import EventBase, HTTPClient, HTTPServer, LoopFlags
from libevent_py.rpc import RPCMethod, RPCPool, RPCRequest, register

if TYPE_CHECKING:
    from program import Program

_METHOD: RPCMethod[bytes, bytes] = RPCMethod(
    "fuzz",
    lambda buffer, message: buffer.add(message),
    lambda buffer: buffer.remove(100),
    lambda buffer, message: buffer.add(message),
    lambda buffer: buffer.remove(100),
)


def make_method(program: Program, rng: Random, path: str) -> None:
    """An RPCMethod whose name is one."""
    operations.keep(program, rng, _METHOD)


def make_pool(program: Program, rng: Random, path: str) -> None:
    """An RPCPool whose server may be there."""
    client = program.object_of(rng, "HTTPClient")
    port = rng.choice((1, 80))
    made = program.attempt(f"{path} RPCPool", lambda: RPCPool(client, f"http://127.0.0.1:{port}"))
    operations.keep(program, rng, made)


operations.MAKERS.update({"rpc.RPCMethod": make_method, "rpc.RPCPool": make_pool})


def call(program: Program, rng: Random, path: str) -> None:
    """A call comes to a server, which may answer in its callback or keep it."""
    base = program.object_of(rng, "EventBase")
    if not isinstance(base, EventBase):
        return

    callback = program.callback(rng)

    def handler(request: RPCRequest[bytes, bytes]) -> None:
        operations.keep(program, rng, (request, request.http))
        callback(request)

    def begin() -> tuple[Any, ...]:
        server = HTTPServer(base)
        port = server.listen(("127.0.0.1", 0)).address[1]
        register(server, _METHOD, handler)
        client = HTTPClient(base)
        pool = RPCPool(client, f"http://127.0.0.1:{port}")
        under_way = pool.call(_METHOD, rng.choice((b"", b"message")), program.callback(rng))
        return server, client, pool, under_way, under_way.http

    made = program.attempt(f"{path} call", begin)
    operations.keep(program, rng, made)
    for _ in range(rng.randrange(12)):
        program.attempt(f"{path} loop", lambda: base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK))
