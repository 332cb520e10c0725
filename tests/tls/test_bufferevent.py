"""TLS bufferevents in socket and filter mode, both ends in one loop."""

from __future__ import annotations

import contextlib
import gc
import socket
from pathlib import Path
from typing import Any

import pytest
from bufferevents import Log
from certificates import Authority
from loops import run_until, settle, turn
from tls_ends import Connect

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    BufferEventOptions,
    BufferEventPair,
    ClosedError,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    RateLimit,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
    TLSVersion,
    UnsupportedError,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
CONNECTED, EOF = BufferEventEvents.CONNECTED, BufferEventEvents.EOF
READING_EOF = BufferEventEvents.READING | EOF
BIG = bytes(range(256)) * 8192  # 2 MiB


def test_both_ends_are_connected_once(base: EventBase, connect: Connect, way: str) -> None:
    """The handshake's end comes to both, before all else and once."""
    ends = connect(way)
    run_until(base, lambda: ends.at_server.events and ends.at_client.events)
    turn(base, 3)
    assert ends.at_server.events == [CONNECTED]
    assert ends.at_client.events == [CONNECTED]
    assert ends.at_server.error is ends.at_client.error is None


def test_an_echo(base: EventBase, localhost: Path, connect: Connect, way: str, version: TLSVersion) -> None:
    """Bytes go both ways, of each version, with what was written before the handshake."""
    ends = connect(way, server=TLSContext.server(localhost, maximum=version))
    ends.client.write(b"early ")
    ends.server.write(b"me too")
    run_until(base, lambda: len(ends.at_client.data) >= 6 and len(ends.at_server.data) >= 6)
    ends.client.write(b"hello")
    ends.server.write(b"world")
    run_until(base, lambda: len(ends.at_client.data) >= 11 and len(ends.at_server.data) >= 11)
    assert (ends.at_server.data, ends.at_client.data) == (b"early hello", b"me tooworld")
    assert ends.client.version == ends.server.version == version.name.replace("_", ".")


def test_much_data_both_ways(base: EventBase, connect: Connect, way: str) -> None:
    """Some megabytes, more than any buffer on the way takes, come whole and in order."""
    ends = connect(way)
    ends.client.write(BIG)
    ends.server.write(BIG[::-1])
    run_until(base, lambda: len(ends.at_client.data) + len(ends.at_server.data) >= 2 * len(BIG))
    assert ends.at_server.data == BIG
    assert ends.at_client.data == BIG[::-1]


def test_a_write_that_blocks_goes_on(base: EventBase, connect: Connect) -> None:
    """What the socket does not take at once, and what is written behind it, comes in order."""
    ends = connect("tcp")
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    ends.server.disable(READ)
    pieces = [bytes([number]) * (1000 + 977 * number) for number in range(200)]
    for piece in pieces:
        ends.client.write(piece)
    assert ends.client.output_size > 0
    ends.server.enable(READ)
    expected = b"".join(pieces)
    run_until(base, lambda: len(ends.at_server.data) >= len(expected))
    assert ends.at_server.data == expected


def test_write_buffer(base: EventBase, connect: Connect, way: str) -> None:
    """A buffer's many pieces are sent without a copy, and it is empty then."""
    ends = connect(way)
    run_until(base, lambda: ends.at_client.events)
    buffer = Buffer()
    for number in range(64):
        buffer.add_buffer(Buffer(bytes([number]) * 40_000))
    ends.client.write_buffer(buffer)
    assert len(buffer) == 0
    run_until(base, lambda: len(ends.at_server.data) >= 64 * 40_000)
    assert ends.at_server.data == b"".join(bytes([number]) * 40_000 for number in range(64))


def test_on_read_and_marks(base: EventBase, connect: Connect, way: str) -> None:
    """on_read comes at the low mark, and reading pauses at the high one until there is room."""
    ends = connect(way)
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    calls = []
    ends.server.set_callbacks(on_read=lambda bev: calls.append(len(bev.input)))
    ends.server.set_watermark(READ, 10, 50_000)
    ends.client.write(b"x" * 9)
    settle(base)
    assert calls == []
    ends.client.write(b"x" * 500_000)
    run_until(base, lambda: calls and calls[-1] >= 50_000)
    settle(base)
    # OpenSSL has decrypted a whole record, and libevent takes all of that.
    assert 50_000 <= len(ends.server.input) < 50_000 + 2 * 16384
    got = 0
    while got < 500_009:
        run_until(base, lambda: len(ends.server.input))
        got += len(ends.server.read())
    assert got == 500_009


def test_output_limit(base: EventBase, connect: Connect, way: str) -> None:
    """Back-pressure tells when too much waits, and when it is gone."""
    ends = connect(way)
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    told: list[str] = []
    ends.client.set_output_limit(
        100_000, on_pause=lambda bev: told.append("pause"), on_resume=lambda bev: told.append("resume")
    )
    ends.server.disable(READ)
    for _ in range(100):
        ends.client.write(b"x" * 100_000)
        if way != "pair":
            turn(base)
    assert told == ["pause"]
    ends.server.enable(READ)
    run_until(base, lambda: len(told) == 2)
    assert told == ["pause", "resume"]
    run_until(base, lambda: len(ends.at_server.data) == 10_000_000)


def test_on_write(base: EventBase, connect: Connect, way: str) -> None:
    """on_write comes from the loop when what was written is sent."""
    ends = connect(way)
    run_until(base, lambda: ends.at_client.events)
    turn(base, 3)
    before = ends.at_client.writes
    ends.client.write(b"hello")
    assert ends.at_client.writes == before
    run_until(base, lambda: ends.at_client.writes > before)


def test_reading_that_is_off(base: EventBase, connect: Connect, way: str) -> None:
    """Nothing is delivered while reading is off, also since before the handshake; then all of it."""
    ends = connect(way)
    ends.server.disable(READ)
    assert not ends.server.enabled & READ
    ends.client.write(b"hello")
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    settle(base)
    assert ends.at_server.data == b""
    assert not ends.server.enabled & READ
    ends.server.enable(READ)
    run_until(base, lambda: ends.at_server.data == b"hello")


def test_read_timeout(base: EventBase, connect: Connect, way: str) -> None:
    """A timeout is told once and turns reading off, as without TLS."""
    ends = connect(way)
    run_until(base, lambda: ends.at_client.events and ends.at_server.events)
    ends.server.set_timeouts(read=0.02)
    run_until(base, lambda: len(ends.at_server.events) == 2)
    settle(base, 0.08)
    assert ends.at_server.events == [CONNECTED, BufferEventEvents.READING | BufferEventEvents.TIMEOUT]
    assert ends.at_server.error is None
    ends.server.enable(READ)
    ends.client.write(b"still here")
    run_until(base, lambda: ends.at_server.data == b"still here")


def test_rate_limit(base: EventBase, connect: Connect) -> None:
    """A limit that comes after much was moved counts from then, and holds."""
    ends = connect("tcp")
    run_until(base, lambda: ends.at_client.events)
    ends.client.write(BIG)
    run_until(base, lambda: len(ends.at_server.data) == len(BIG))
    ends.client.set_rate_limit(RateLimit(write=20_000, tick=0.02))
    ends.client.write(b"x" * 100_000)
    run_until(base, lambda: len(ends.at_server.data) == len(BIG) + 100_000)
    ends.client.set_rate_limit(None)
    ends.client.write(b"end")
    run_until(base, lambda: ends.at_server.data.endswith(b"end"))


def test_priority(localhost: Path, authority: Authority) -> None:
    """The priority that is set before the handshake holds after it, and can be changed then."""
    with EventBase(priorities=3) as base:
        one, other = socket.socketpair()
        urgent = TLSBufferEvent(base, TLSContext.server(localhost), one)
        lazy = TLSBufferEvent(base, TLSContext.client(authority.ca), other, server_hostname="localhost")
        urgent.priority, lazy.priority = 0, 2
        logs = Log(urgent), Log(lazy)
        run_until(base, lambda: all(log.events for log in logs))
        assert (urgent.priority, lazy.priority) == (0, 2)
        lazy.priority = 1
        urgent.write(b"hello")
        run_until(base, lambda: logs[1].data == b"hello")
        assert lazy.priority == 1


def test_limits_belong_below_a_filter(base: EventBase, connect: Connect) -> None:
    """libevent limits only sockets, and says so."""
    ends = connect("filter")
    with pytest.raises(UnsupportedError, match="below"):
        ends.client.set_rate_limit(RateLimit(write=1))
    ends.client.underlying.set_rate_limit(RateLimit(write=100_000))


def test_connect(base: EventBase, server: TLSContext, client: TLSContext) -> None:
    """connect() makes the socket, and expects a certificate for the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bev = TLSBufferEvent(base, client)
        log = Log(bev)
        bev.write(b"hello")
        bev.connect(listening.getsockname())
        other = Log(TLSBufferEvent(base, server, listening.accept()[0]))
        run_until(base, lambda: other.data == b"hello")
        assert log.events == [CONNECTED]
        assert bev.server_hostname == "127.0.0.1"


def test_connect_hostname(base: EventBase, server: TLSContext, client: TLSContext) -> None:
    """connect_hostname() asks for that name, and for its certificate."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bev = TLSBufferEvent(base, client)
        log = Log(bev)
        bev.connect_hostname("localhost", listening.getsockname()[1], socket.AF_INET)
        listening.settimeout(0)
        accepted: list[TLSBufferEvent] = []

        def accept() -> bool:
            with contextlib.suppress(BlockingIOError):
                accepted.append(TLSBufferEvent(base, server, listening.accept()[0]))
            return bool(log.events)

        run_until(base, accept)
        assert log.events == [CONNECTED]
        assert accepted[0].server_hostname == bev.server_hostname == "localhost"


def test_another_attempt_expects_another_host(
    base: EventBase, server: TLSContext, client: TLSContext
) -> None:
    """Who could not connect to one host may try another, whose certificate is expected then."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bev = TLSBufferEvent(base, client)
        log = Log(bev)
        with pytest.raises(ValueError):
            bev.connect_hostname("wrong.example", 0)
        with pytest.raises(FileNotFoundError):
            TLSBufferEvent(base, client, server_hostname="localhost").connect("unix:/nowhere/at/all")
        with pytest.raises(ValueError, match="server_hostname"):
            bev.connect("unix:/nowhere/at/all")
        bev.connect(listening.getsockname())
        Log(TLSBufferEvent(base, server, listening.accept()[0]))
        run_until(base, lambda: log.events)
        assert log.events == [CONNECTED]


@pytest.mark.parametrize("filtered", [False, True], ids=["socket", "filter"])
def test_a_refused_connection(base: EventBase, client: TLSContext, filtered: bool) -> None:
    """ConnectionRefusedError, though libevent begins a handshake on it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
    bev: Any
    if filtered:
        below = BufferEvent(base)
        bev = TLSFilterBufferEvent(below, client, server_hostname="localhost")
        log = Log(bev)
        below.connect(address)
    else:
        bev = TLSBufferEvent(base, client)
        log = Log(bev)
        bev.connect(address)
    run_until(base, lambda: log.events)
    assert len(log.events) == 1
    assert log.events[0] & BufferEventEvents.ERROR
    assert isinstance(log.error, ConnectionRefusedError)


def test_below_a_filter_of_python(base: EventBase, connect: Connect) -> None:
    """A filter works over TLS."""
    ends = connect("tcp")
    shout = FilterBufferEvent(ends.client, process_out=lambda data, mode: data.upper())
    log = Log(shout)
    shout.write(b"hello")
    run_until(base, lambda: ends.at_server.data == b"HELLO")
    assert log.events == [CONNECTED]
    shout.close_when_flushed()
    run_until(base, lambda: READING_EOF in ends.at_server.events)


def test_over_a_filter_of_python(base: EventBase, server: TLSContext, client: TLSContext) -> None:
    """TLS works over a filter that both ends agree on."""

    def flip(data: bytes, mode: object) -> bytes:
        return bytes(each ^ 0x55 for each in data)

    deferred = BufferEventOptions.DEFER_CALLBACKS | BufferEventOptions.CLOSE_ON_FREE
    one, other = (FilterBufferEvent(end, flip, flip, deferred) for end in BufferEventPair(base))
    at_server = Log(TLSFilterBufferEvent(one, server))
    bev = TLSFilterBufferEvent(other, client, server_hostname="localhost")
    Log(bev)
    bev.write(b"hello")
    run_until(base, lambda: at_server.data == b"hello")


def test_a_filter_that_calls_back_at_once(base: EventBase, server: TLSContext) -> None:
    """It would call into OpenSSL in the middle of OpenSSL's work, and is refused."""
    below = FilterBufferEvent(next(iter(BufferEventPair(base))))
    with pytest.raises(ValueError, match="DEFER_CALLBACKS"):
        TLSFilterBufferEvent(below, server)


def test_plain_first(base: EventBase, server: TLSContext, client: TLSContext) -> None:
    """TLS may begin in the middle of a connection (STARTTLS)."""
    one, other = (BufferEvent(base, sock) for sock in socket.socketpair())
    plain = Log(one)
    other.write(b"STARTTLS")
    run_until(base, lambda: plain.data == b"STARTTLS")
    at_server = Log(TLSFilterBufferEvent(one, server))
    bev = TLSFilterBufferEvent(other, client, server_hostname="localhost")
    bev.write(b"hello")
    run_until(base, lambda: at_server.data == b"hello")


def test_a_socket_that_stays_its_owners(base: EventBase, server: TLSContext) -> None:
    """Without CLOSE_ON_FREE the socket is there after close()."""
    one, other = socket.socketpair()
    with one, other:
        TLSBufferEvent(base, server, one, options=BufferEventOptions(0)).close()
        turn(base, 2)
        other.send(b"hello")
        one.settimeout(5)
        assert one.recv(5) == b"hello"


def test_what_is_below_may_stay(base: EventBase, connect: Connect, server: TLSContext) -> None:
    """Without CLOSE_ON_FREE the bufferevent below is there after close(), and usable."""
    one, other = (BufferEvent(base, sock) for sock in socket.socketpair())
    TLSFilterBufferEvent(one, server, options=BufferEventOptions(0)).close()
    log = Log(one)
    other.write(b"plain")
    run_until(base, lambda: log.data == b"plain")


def test_a_closed_one_says_so(connect: Connect, way: str) -> None:
    """Every question to a closed connection is a ClosedError."""
    ends = connect(way)
    ends.client.close()
    for name in ("version", "cipher", "peer_certificate", "peer_chain", "session", "alpn", "verify_result"):
        with pytest.raises(ClosedError):
            getattr(ends.client, name)
    with pytest.raises(ClosedError):
        ends.client.write(b"x")


def test_the_base_keeps_it(base: EventBase, connect: Connect, way: str) -> None:
    """Nobody has to keep a reference to a connection, or to its contexts."""
    ends = connect(way)
    at_server, client = ends.at_server, ends.client
    del ends
    gc.collect()
    client.write(b"hello")
    run_until(base, lambda: at_server.data == b"hello")


def test_the_reason_for_a_wrong_argument(base: EventBase, server: TLSContext, client: TLSContext) -> None:
    """Bad arguments are refused before anything is made."""
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(ValueError, match="server_hostname"):
            TLSBufferEvent(base, client, one)
        with pytest.raises(ValueError, match="a client's"):
            TLSBufferEvent(base, server, one, server_hostname="localhost")
        with pytest.raises(TypeError, match="TLSContext"):
            TLSBufferEvent(base, None, one)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="shutdown_timeout"):
            TLSBufferEvent(base, server, one, shutdown_timeout=None)  # type: ignore[arg-type]
        for host in ("", "no host", "a\0b", "x" * 300):
            with pytest.raises(ValueError, match="host name"):
                TLSBufferEvent(base, client, one, server_hostname=host)
        with pytest.raises(TypeError, match="BufferEvent"):
            TLSFilterBufferEvent(one, server)  # type: ignore[arg-type]
        assert one.fileno() >= 0
