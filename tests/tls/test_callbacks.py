"""Closing and raising in every callback, and whatever a peer sends."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest
from bufferevents import Log
from loops import run_until, turn
from tls_ends import Connect, Ends

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EventBase,
    EventFlags,
    TLSBufferEvent,
    TLSContext,
    TLSError,
    TLSFilterBufferEvent,
)

READ = EventFlags.READ

#: What is done in a callback, of the server's end.
ACTIONS: dict[str, Callable[[Ends], object]] = {
    "close self": lambda ends: ends.server.close(),
    "close the peer": lambda ends: ends.client.close(),
    "close both": lambda ends: (ends.server.close(), ends.client.close()),
    "close when flushed": lambda ends: ends.server.closed or ends.server.close_when_flushed(),
    "end writing": lambda ends: ends.server.closed or ends.server.shutdown_write(),
    "turn reading off": lambda ends: ends.server.closed or ends.server.disable(READ),
    "close the base": lambda ends: ends.server.base.close(),
}

#: When: the callback's name, and what leads to it.
MOMENTS: dict[str, Callable[[Ends], object]] = {
    "on_event": lambda ends: None,
    "on_data": lambda ends: ends.client.write(b"x" * 100_000),
    "on_read": lambda ends: ends.client.write(b"x" * 100_000),
    "on_write": lambda ends: ends.server.write(b"x" * 100_000),
    "on_event at the end": lambda ends: ends.client.close_when_flushed(),
    "on_event at a truncation": lambda ends: cut(ends),
}


def cut(ends: Ends) -> None:
    """End the client's stream without close_notify."""
    ends.client.write(b"x" * 5_000_000)
    ends.client.close()


@pytest.mark.parametrize("action", list(ACTIONS))
@pytest.mark.parametrize("moment", list(MOMENTS))
def test_in_a_callback(connect: Connect, way: str, moment: str, action: str) -> None:
    """Whatever a callback does to itself, its peer or the base, nothing crashes or is told after."""
    ends = connect(way)
    base = ends.server.base
    done: list[str] = []

    def act(bev: object, *arguments: object) -> None:
        if not done:
            done.append(moment)
            ACTIONS[action](ends)
        elif "close" in action and action != "close the peer" and ends.server.closed:
            raise AssertionError("called after close()")

    if moment == "on_event":
        ends.server.set_callbacks(on_event=act)
    else:
        run_until(base, lambda: ends.at_server.events and ends.at_client.events)
        ends.server.set_callbacks(**{moment.partition(" ")[0]: act})
        MOMENTS[moment](ends)
    run_until(base, lambda: done)
    if not base.closed:
        turn(base, 10)


class Surprise(Exception):
    """What no callback should raise."""


@pytest.mark.parametrize("moment", list(MOMENTS))
def test_raising_in_a_callback(connect: Connect, way: str, moment: str) -> None:
    """The exception comes out of the loop, once, and the connection goes on."""
    ends = connect(way)
    base = ends.server.base
    raised = Surprise()

    def fail(bev: object, *arguments: object) -> None:
        Log(ends.server, enable=False)
        raise raised

    if moment == "on_event":
        ends.server.set_callbacks(on_event=fail)
    else:
        run_until(base, lambda: ends.at_server.events and ends.at_client.events)
        ends.server.set_callbacks(**{moment.partition(" ")[0]: fail})
        MOMENTS[moment](ends)
    with pytest.raises(Surprise) as caught:
        run_until(base, lambda: False)
    assert caught.value is raised
    turn(base, 5)


@pytest.mark.parametrize("filtered", [False, True], ids=["socket", "filter"])
@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
        b"\0" * 64,
    ],
    ids=["http", "ssh", "long", "zeros"],
)
def test_garbage_instead_of_a_handshake(
    base: EventBase, server: TLSContext, client: TLSContext, garbage: bytes, side: str, filtered: bool
) -> None:
    """It is a TLSError with OpenSSL's reason, once."""
    mine, other = socket.socketpair()
    with other:
        options: dict[str, Any] = {} if side == "server" else {"server_hostname": "localhost"}
        context = server if side == "server" else client
        if filtered:
            log = Log(TLSFilterBufferEvent(BufferEvent(base, mine), context, **options))
        else:
            log = Log(TLSBufferEvent(base, context, mine, **options))
        other.setblocking(False)
        other.send(garbage)
        run_until(base, lambda: log.events)
        turn(base, 3)
        error: Any = log.error
        assert log.events == [BufferEventEvents.READING | BufferEventEvents.ERROR]
        assert isinstance(error, TLSError)
        assert error.library == "SSL routines"
        assert error.reason
        assert error.code


@pytest.mark.parametrize("seed", range(30))
def test_a_garbled_stream(
    base: EventBase, server: TLSContext, client: TLSContext, way: str, seed: int
) -> None:
    """One flipped bit anywhere in the stream ends it with an error or EOF; what was delivered is true."""
    chance = random.Random(seed)
    one, at_one = socket.socketpair()
    other, at_other = socket.socketpair()
    filtered = way in ("filter", "pair")
    ends = [(one, server, {}), (other, client, {"server_hostname": "localhost"})]
    logs = []
    for sock, context, options in ends:
        bev: Any
        if filtered:
            bev = TLSFilterBufferEvent(BufferEvent(base, sock), context, **options)
        else:
            bev = TLSBufferEvent(base, context, sock, **options)
        logs.append(Log(bev))
        bev.write(b"secret" * 500)
    left = chance.randrange(9000)

    def pump() -> bool:
        nonlocal left
        for source, target in ((at_one, at_other), (at_other, at_one)):
            try:
                data = bytearray(source.recv(65536, socket.MSG_DONTWAIT))
            except (BlockingIOError, ConnectionError):
                continue
            if 0 <= left < len(data):
                data[left] ^= 1 << chance.randrange(8)
            left -= len(data)
            if data:
                with_errors(target.sendall, data)
        return any(log.error for log in logs) or all(len(log.data) == 3000 for log in logs)

    with at_one, at_other:
        run_until(base, pump)
    for log in logs:
        assert (b"secret" * 500).startswith(log.data)


def with_errors(function: Callable[..., object], *arguments: object) -> None:
    """Call *function*, whose peer may be gone."""
    with contextlib.suppress(OSError):
        function(*arguments)
