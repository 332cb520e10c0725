"""How a relay ends: half-close, errors, silence; told once, with the right reason."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest
from bufferevents import reset
from relays import KINDS, Joined, receive

from libevent_py import (
    BufferEvent,
    EventBase,
    EventFlags,
    LoopFlags,
    Relay,
    RelayReason,
    RelayResult,
)


def run(joined: Joined) -> RelayResult:
    """The result, when it has come."""
    until = time.monotonic() + 10
    while not joined.results and time.monotonic() < until:
        joined.base.loop(LoopFlags.ONCE)
    assert len(joined.results) == 1
    joined.turn()
    assert len(joined.results) == 1
    return joined.results[0]


@pytest.mark.parametrize("kind", KINDS)
def test_half_close(base: EventBase, kind: str) -> None:
    """The end of one is passed on behind its bytes, and the other goes on until its own."""
    with Joined(base, kind) as joined:
        joined.client.sendall(b"all I say")
        joined.client.shutdown(socket.SHUT_WR)
        joined.turn()
        assert receive(joined.server) == b"all I say"
        joined.turn()
        assert receive(joined.server) is None
        assert joined.results == []
        joined.server.sendall(b"x" * 200_000)
        joined.turn()
        got = len(receive(joined.client) or b"")
        joined.server.close()
        while not joined.results:
            base.loop(LoopFlags.ONCE)
            got += len(receive(joined.client) or b"")
        assert run(joined) == (RelayReason.EOF, 9, 200_000, None)
        for _ in range(100):
            joined.turn(1)
            got += len(receive(joined.client) or b"")
        assert got == 200_000


@pytest.mark.parametrize("kind", KINDS)
def test_the_server_may_end_first(base: EventBase, kind: str) -> None:
    """As well as the client."""
    with Joined(base, kind) as joined:
        joined.server.sendall(b"bye")
        joined.server.shutdown(socket.SHUT_WR)
        joined.turn()
        assert receive(joined.client) == b"bye"
        assert receive(joined.client) is None
        joined.client.close()
        assert run(joined) == (RelayReason.EOF, 0, 3, None)


@pytest.mark.parametrize("kind", ["sockets", "limited", "filter"])
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_reset_ends_both(base: EventBase, kind: str, side: str) -> None:
    """The result names the side and the error; the other end is closed."""
    with Joined(base, kind, tcp=True) as joined:
        peer, other = joined.client, joined.server
        if side == "server":
            peer, other = other, peer
        reset(peer)
        result = run(joined)
        assert result.reason is RelayReason[f"{side.upper()}_ERROR"]
        assert isinstance(result.error, ConnectionResetError)
        joined.turn()
        assert receive(other) is None


@pytest.mark.parametrize("kind", ["sockets", "limited"])
def test_what_came_before_a_reset_is_delivered(base: EventBase, kind: str) -> None:
    """Though the other end is slow."""
    with Joined(base, kind, tcp=True) as joined:
        sent = 0
        for _ in range(200):
            try:
                sent += joined.client.send(bytes(1 << 16))
            except BlockingIOError:
                break
            base.loop(LoopFlags.NONBLOCK)
        read = joined.relay.from_client
        assert read
        reset(joined.client)
        got = 0
        for _ in range(2000):
            base.loop(LoopFlags.NONBLOCK)
            piece = receive(joined.server)
            if piece is None:
                break
            got += len(piece)
        result = run(joined)
        assert got >= read
        assert result.from_client == got
        assert result.reason is RelayReason.CLIENT_ERROR


@pytest.mark.parametrize("kind", ["sockets", "limited", "filter"])
def test_an_answer_before_a_reset_is_delivered(base: EventBase, kind: str) -> None:
    """A server that refuses the rest of a question has still said why."""
    with Joined(base, kind, tcp=True) as joined:
        joined.server.sendall(b"413 too large")
        joined.server.close()
        for _ in range(10):
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                joined.client.send(bytes(100_000))
            base.loop(LoopFlags.NONBLOCK)
        assert joined.relay.closed or joined.relay.from_server == 13
        got = receive(joined.client)
        assert got is None or got == b"413 too large"
        joined.client.close()
        result = run(joined)
        assert result.from_server == 13


@pytest.mark.parametrize("kind", KINDS)
def test_silence_ends_it(base: EventBase, kind: str) -> None:
    """Bytes in either direction count."""
    with Joined(base, kind, idle_timeout=0.15) as joined:
        started = time.monotonic()
        for _ in range(3):
            base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
            joined.client.sendall(b"x")
            base.loop(LoopFlags.NONBLOCK)
            time.sleep(0.06)
        assert joined.results == []
        assert run(joined) == (RelayReason.IDLE, 3, 0, None)
        assert time.monotonic() - started >= 0.15 + 2 * 0.06
        joined.turn()
        receive(joined.server)
        assert receive(joined.server) is None


def test_a_bufferevents_own_timeout_ends_it(base: EventBase) -> None:
    """Rather than leave a direction turned off."""
    ours, client = socket.socketpair()
    theirs, server = socket.socketpair()
    results: list[RelayResult] = []
    with client, server, socket.socket():
        from libevent_py import RateLimit

        end = BufferEvent(base, ours)
        end.set_rate_limit(RateLimit(read=1 << 20))
        end.set_timeouts(read=0.02)
        Relay(base, end, theirs, lambda relay, result: results.append(result))
        base.dispatch()
    assert results[0].reason is RelayReason.IDLE


@pytest.mark.parametrize("kind", KINDS)
def test_closing_tells_nothing(base: EventBase, kind: str) -> None:
    """And closes both ends."""
    with Joined(base, kind) as joined:
        joined.relay.close()
        joined.relay.close()
        assert joined.relay.closed
        joined.turn()
        if kind != "pair":
            assert receive(joined.client) is None
            assert receive(joined.server) is None
        assert joined.results == []


@pytest.mark.parametrize("kind", ["tcp", "limited"])
def test_an_exception_in_on_end_comes_out_of_the_loop(base: EventBase, kind: str) -> None:
    """Once, and the relay is closed."""
    with Joined(base, kind) as joined:
        joined.relay._on_end = lambda relay, result: 1 / 0
        joined.client.close()
        joined.server.close()
        with pytest.raises(ZeroDivisionError):
            base.dispatch()
        assert joined.relay.closed
        joined.turn()


def test_a_filter_that_raises_ends_it(base: EventBase) -> None:
    """The exception comes out of the loop, and is the result's error."""
    from libevent_py import FilterBufferEvent

    def broken(data: bytes, mode: object) -> bytes:
        raise LookupError("mine")

    ours, client = socket.socketpair()
    theirs, server = socket.socketpair()
    results: list[RelayResult] = []
    with client, server:
        Relay(
            base,
            FilterBufferEvent(BufferEvent(base, ours), broken),
            theirs,
            lambda relay, result: results.append(result),
        )
        client.sendall(b"x")
        with pytest.raises(LookupError, match="mine"):
            for _ in range(5):
                base.loop(LoopFlags.NONBLOCK)
        for _ in range(3):
            base.loop(LoopFlags.NONBLOCK)
    assert results[0].reason is RelayReason.CLIENT_ERROR
    assert isinstance(results[0].error, LookupError)


def test_eof_that_is_on_its_way_to_a_callback_is_not_lost(base: EventBase) -> None:
    """Its record comes to the relay."""
    from libevent_py import RateLimit

    ours, client = socket.socketpair()
    theirs, server = socket.socketpair()
    results: list[RelayResult] = []
    made = []
    with server:
        end, other = BufferEvent(base, ours), BufferEvent(base, theirs)
        end.set_rate_limit(RateLimit(read=1 << 20))

        def on_data(bev: BufferEvent, data: bytes) -> None:
            made.append(Relay(base, bev, other, lambda relay, result: results.append(result)))

        end.set_callbacks(on_data=on_data)
        end.enable(EventFlags.READ)
        client.sendall(b"x")
        client.close()
        base.loop(LoopFlags.ONCE)
        assert made
        server.close()
        for _ in range(3):
            base.loop(LoopFlags.NONBLOCK)
    assert results[0].reason is RelayReason.EOF
