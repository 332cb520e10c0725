"""The callbacks of bufferevents."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from stage import CALL, LOOP, Poke, Stage, kind
from tls_sorts import TLS_SORTS

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    BufferEventPair,
    EventFlags,
    FilterBufferEvent,
    LineFraming,
    RateLimit,
    RateLimitGroup,
)

READ = EventFlags.READ

# Bufferevents: the same callbacks of each sort.


def _on_socket(stage: Stage) -> None:
    near, _ = stage.sockets()
    stage.there["it"] = BufferEvent(stage.base, near)


def _on_limited_socket(stage: Stage) -> None:
    _on_socket(stage)
    limit = RateLimit(read=1 << 20, tick=0.001)
    stage.there["group"] = RateLimitGroup(stage.base, limit)
    stage.there["it"].set_rate_limit(limit)
    stage.there["it"].join_group(stage.there["group"])


def _on_pair(stage: Stage) -> None:
    stage.there["it"], stage.there["peer"] = BufferEventPair(stage.base)


def _on_filter(stage: Stage) -> None:
    near, _ = stage.sockets()
    below = BufferEvent(stage.base, near)
    stage.there["it"] = FilterBufferEvent(below, lambda data, mode: data, lambda data, mode: data)
    stage.there["below"] = below


SORTS = {
    "socket": _on_socket,
    "limited": _on_limited_socket,
    "pair": _on_pair,
    "filter": _on_filter,
    **TLS_SORTS,
}


def _bytes_come(stage: Stage, data: bytes = b"x") -> None:
    peer = stage.there.get("peer")
    if peer is None:
        stage.send(data)
    elif not peer.closed:
        peer.write(data)


def _on_data(stage: Stage) -> Poke:
    it = stage.there["it"]
    it.set_callbacks(on_data=lambda bev, data: stage.act(bev))
    it.enable(READ)
    return lambda: _bytes_come(stage)


def _on_read(stage: Stage) -> Poke:
    it = stage.there["it"]
    it.set_callbacks(on_read=lambda bev: (bev.read(), stage.act(bev)))
    it.enable(READ)
    return lambda: _bytes_come(stage)


def _on_messages(stage: Stage) -> Poke:
    it = stage.there["it"]
    it.set_callbacks(on_messages=lambda bev, messages: stage.act(bev), framing=LineFraming())
    it.enable(READ)
    return lambda: _bytes_come(stage, b"x\n")


def _on_write(stage: Stage) -> Poke:
    there = stage.there
    if "peer" in there:
        there["peer"].enable(READ)
    there["it"].set_callbacks(on_write=stage.act)
    return lambda: there["it"].write(b"x")


def _on_event(stage: Stage) -> Poke:
    there = stage.there

    def on_event(bev: Any, what: BufferEventEvents) -> None:
        if not what & BufferEventEvents.CONNECTED:  # as TLS is, once
            stage.act(bev)

    there["it"].set_callbacks(on_event=on_event)
    there["it"].set_timeouts(read=0.001)
    return lambda: there["it"].enable(READ)


def _stuff(stage: Stage) -> None:
    stage.there["it"].write(b"x" * 100)


def _on_pause(stage: Stage) -> Poke:
    there = stage.there
    there["it"].disable(EventFlags.WRITE)

    def fill() -> None:
        there["it"].set_output_limit(None)
        there["it"].set_output_limit(there["it"].output_size + 50, on_pause=stage.act)
        _stuff(stage)

    return fill


def _on_resume(stage: Stage) -> Poke:
    there = stage.there
    if "peer" in there:
        there["peer"].enable(READ)

    def fill_and_go() -> None:
        there["it"].disable(EventFlags.WRITE)
        there["it"].set_output_limit(50, on_resume=stage.act)
        _stuff(stage)
        there["it"].enable(EventFlags.WRITE)

    return fill_and_go


def _enter_bufferevents() -> None:
    callbacks = {
        "on_data": (_on_data, LOOP),
        "on_read": (_on_read, LOOP),
        "on_messages": (_on_messages, LOOP),
        "on_write": (_on_write, LOOP),
        "on_event": (_on_event, LOOP),
        "on_pause": (_on_pause, CALL),
        "on_resume": (_on_resume, LOOP),
    }

    def both(make: Callable[[Stage], None], callback: Callable[[Stage], Poke]) -> Any:
        return lambda stage: (make(stage), callback(stage))[1]

    for sort, make in SORTS.items():
        for name, (callback, where) in callbacks.items():
            kind(where, name=f"{name} of {sort}")(both(make, callback))


_enter_bufferevents()


@kind(LOOP, name="on_event of connect")
def _connected(stage: Stage) -> Poke:
    """Nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()

    def connect() -> None:
        stage.there["it"] = it = BufferEvent(stage.base)
        it.set_callbacks(on_event=lambda bev, what: stage.act(bev))
        it.connect(address)

    return connect


@kind(LOOP, name="on_event of connect_hostname")
def _looked_up(stage: Stage) -> Poke:
    """A name that is none."""

    def connect() -> None:
        stage.there["it"] = it = BufferEvent(stage.base)
        it.set_callbacks(on_event=lambda bev, what: stage.act(bev))
        it.connect_hostname("a..b", 1)

    return connect


# Filters' functions.


@kind(LOOP, again=False, below_c=True)
def process_in(stage: Stage) -> Poke:
    """Bytes come in."""
    near, _ = stage.sockets()
    stage.there["below"] = below = BufferEvent(stage.base, near)
    it = FilterBufferEvent(below, process_in=lambda data, mode: (stage.act(None), data)[1])
    stage.there["it"] = it
    it.enable(READ)
    return stage.send


@kind(CALL, again=False, below_c=True)
def process_out(stage: Stage) -> Poke:
    """Bytes go out."""
    near, _ = stage.sockets()
    there = stage.there
    there["below"] = below = BufferEvent(stage.base, near)
    there["it"] = FilterBufferEvent(below, process_out=lambda data, mode: (stage.act(None), data)[1])
    return lambda: there["it"].write(b"x")
