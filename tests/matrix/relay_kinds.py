"""The callbacks of relays."""

from __future__ import annotations

import socket

from stage import LOOP, Poke, Stage, kind
from tls_sorts import HAS_TLS, contexts

from libevent_py import BufferEventPair, Relay, TLSBufferEvent


@kind(LOOP, name="on_end of a relay between sockets")
def _sockets(stage: Stage) -> Poke:
    """Nothing has come for a while."""

    def join() -> None:
        pairs = socket.socketpair(), socket.socketpair()
        for _, far in pairs:
            stage.there[f"far {far.fileno()}"] = far
        ends = [near for near, _ in pairs]
        stage.there["it"] = Relay(
            stage.base, *ends, lambda relay, result: stage.act(relay), idle_timeout=0.001
        )

    return join


@kind(LOOP, name="on_end of a relay between bufferevents")
def _bufferevents(stage: Stage) -> Poke:
    """The same, with pairs."""

    def join() -> None:
        (below, far), (below_too, far_too) = BufferEventPair(stage.base), BufferEventPair(stage.base)
        stage.there.update({f"far {id(far)}": far, f"far {id(far_too)}": far_too})
        stage.there["it"] = Relay(
            stage.base, below, below_too, lambda relay, result: stage.act(relay), idle_timeout=0.001
        )

    return join


def _tls(stage: Stage) -> Poke:
    """TLS on both sides, one of which does not shake hands."""

    def join() -> None:
        pairs = socket.socketpair(), socket.socketpair()
        for _, far in pairs:
            stage.there[f"far {far.fileno()}"] = far
        ends = [TLSBufferEvent(stage.base, context, near) for context, (near, _) in zip(contexts(), pairs)]
        stage.there["it"] = Relay(
            stage.base, *ends, lambda relay, result: stage.act(relay), idle_timeout=0.001
        )

    return join


if HAS_TLS:
    kind(LOOP, name="on_end of a relay with TLS")(_tls)
