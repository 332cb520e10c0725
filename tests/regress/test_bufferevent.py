"""Ports of libevent's regress_bufferevent.c and regress_zlib.c: docs/regress.md has the table."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import random
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from command import ROOT
from loops import run_until, settle, turn

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    BufferEventOptions,
    BufferEventPair,
    BufferEventTriggers,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    FlushMode,
    Listener,
    Timer,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
EOF, ERROR, TIMEOUT = BufferEventEvents.EOF, BufferEventEvents.ERROR, BufferEventEvents.TIMEOUT
READING, WRITING, CONNECTED = (
    BufferEventEvents.READING,
    BufferEventEvents.WRITING,
    BufferEventEvents.CONNECTED,
)
DEFER, THREADSAFE = BufferEventOptions.DEFER_CALLBACKS, BufferEventOptions.THREADSAFE
UNLOCK, CLOSE = BufferEventOptions.UNLOCK_CALLBACKS, BufferEventOptions.CLOSE_ON_FREE


@pytest.fixture(params=["socket", "pair"])
def ends(request: pytest.FixtureRequest, backend_base: EventBase) -> Iterator[tuple[str, Any, Any]]:
    """The kind, and two connected bufferevents of it, on each backend."""
    if request.param == "pair":
        yield ("pair", *BufferEventPair(backend_base))
    else:
        yield ("socket", *(BufferEvent(backend_base, sock) for sock in socket.socketpair()))


@pytest.mark.parametrize("mode", [None, *FlushMode])
def test_bufferevent(backend_base: EventBase, ends: tuple[str, Any, Any], mode: FlushMode | None) -> None:
    """8,333 bytes arrive, the writer hears that they are gone; only a finished pair tells EOF."""
    kind, one, other = ends
    data = bytes(range(256)) * 32 + bytes(141)
    got = bytearray()
    writes: list[int] = []
    events: list[BufferEventEvents] = []

    def on_read(bev: Any) -> None:
        if len(bev.input) == len(data):
            got.extend(bev.read())
            bev.disable(READ)

    for bev in (one, other):
        bev.set_callbacks(
            on_read=on_read,
            on_write=lambda bev: writes.append(len(bev.output)),
            on_event=lambda bev, what: events.append(what),
        )
    one.disable(READ)
    other.enable(READ)
    assert (one.enabled, other.enabled) == (WRITE, READ | WRITE)
    one.write(data)
    if mode is not None:
        one.flush(WRITE, mode)
    run_until(backend_base, lambda: got and writes)
    assert got == data
    assert set(writes) == {0}
    assert events == []
    if kind == "pair" and mode is FlushMode.FINISHED:
        other.enable(READ)
        run_until(backend_base, lambda: events)
        assert events == [READING | EOF]


def test_watermarks(backend_base: EventBase, ends: tuple[str, Any, Any]) -> None:
    """Between low 10 and high 20 at a time, 65,000 bytes; on_write at 100 bytes or less."""
    _, one, other = ends
    sizes: list[int] = []
    left: list[int] = []

    def on_read(bev: Any) -> None:
        sizes.append(len(bev.read()))
        if sum(sizes) == 65_000:
            bev.disable(READ)

    one.set_callbacks(on_write=lambda bev: left.append(len(bev.output)))
    other.set_callbacks(on_read=on_read)
    assert one.get_watermark(READ) == other.get_watermark(WRITE) == (0, 0)
    other.set_watermark(READ, 10, 20)
    one.set_watermark(WRITE, 100, 2000)
    assert (other.get_watermark(READ), one.get_watermark(WRITE)) == ((10, 20), (100, 2000))
    with pytest.raises(ValueError):
        one.get_watermark(READ | WRITE)
    other.enable(READ)
    one.write(random.Random(1).randbytes(65_000))
    run_until(backend_base, lambda: sum(sizes) == 65_000 and 0 in left)
    assert min(sizes) >= 10 and max(sizes) <= 20
    assert max(left) <= 100


@pytest.mark.parametrize("writes_inside", [False, True])
def test_filters(backend_base: EventBase, ends: tuple[str, Any, Any], writes_inside: bool) -> None:
    """An x before each byte, taken off at the other end; a write inside does not recurse."""
    _, one, other = ends
    data = bytes(range(256)) * 32 + bytes(141)
    depth, deepest = 0, 0

    def add(plain: bytes, mode: FlushMode) -> bytes:
        nonlocal depth, deepest
        depth += 1
        deepest = max(deepest, depth)
        if writes_inside and len(plain) > 1:
            writer.write(b"-")
        depth -= 1
        return b"".join(b"x%c" % byte for byte in plain)

    kept = bytearray()

    def strip(coded: bytes, mode: FlushMode) -> bytes:
        kept.extend(coded)
        whole = len(kept) & ~1
        part = bytes(kept[:whole])
        del kept[:whole]
        assert set(part[::2]) <= {ord("x")}
        return part[1::2]

    writer = FilterBufferEvent(one, process_out=add)
    reader = FilterBufferEvent(other, strip)
    assert (writer.underlying, reader.underlying) == (one, other)
    assert writer.fileno() == one.fileno()
    got = bytearray()
    writes: list[int] = []
    writer.set_callbacks(on_write=lambda bev: writes.append(len(bev.output)))
    reader.set_callbacks(on_data=lambda bev, more: got.extend(more))
    writer.disable(READ)
    reader.enable(READ)
    writer.write(data)
    expected = data + b"-" * writes_inside
    run_until(backend_base, lambda: len(got) >= len(expected) and writes)
    assert got == expected
    assert deepest == 1


@pytest.mark.parametrize(
    "options", [0, DEFER, THREADSAFE, THREADSAFE | DEFER, THREADSAFE | DEFER | UNLOCK], ids=str
)
def test_connect(backend_base: EventBase, options: BufferEventOptions) -> None:
    """Two clients connect, read 2,000 bytes to EOF; CONNECTED comes first."""
    text = b"Now is the time for all good events to signal for the good of their protocol"

    def accept(listener: Listener, sock: socket.socket, address: Any) -> None:
        bev = BufferEvent(backend_base, sock, CLOSE | options)
        bev.write(text)
        bev.close_when_flushed()

    listener = Listener(backend_base, ("127.0.0.1", 0), accept)
    logs: list[tuple[bytearray, list[BufferEventEvents]]] = []
    for _ in range(2):
        bev = BufferEvent(backend_base, options=CLOSE | options)
        data, events = bytearray(), []
        logs.append((data, events))
        bev.set_callbacks(
            on_data=lambda _, more, data=data: data.extend(more),
            on_event=lambda _, what, events=events: events.append(what),
        )
        bev.enable(READ)
        bev.connect(listener.address)
    run_until(backend_base, lambda: all(EOF & events[-1] for _, events in logs if events) and logs[1][1])
    run_until(backend_base, lambda: all(len(events) == 2 for _, events in logs))
    assert [(bytes(data), events) for data, events in logs] == [(text, [CONNECTED, READING | EOF])] * 2


@pytest.mark.parametrize("options", [BufferEventOptions(0), DEFER], ids=str)
def test_connect_fail(backend_base: EventBase, options: BufferEventOptions) -> None:
    """A port that nobody listens on: ERROR, ECONNREFUSED."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bev = BufferEvent(backend_base, options=CLOSE | options)
        told: list[tuple[BufferEventEvents, Any]] = []
        bev.set_callbacks(on_event=lambda bev, what: told.append((what, bev.error)))
        bev.enable(READ | WRITE)
        with contextlib.suppress(ConnectionRefusedError):
            bev.connect(bound.getsockname())
        run_until(backend_base, lambda: told)
    ((what, error),) = told
    assert what & ERROR and error.errno == errno.ECONNREFUSED


@pytest.mark.parametrize("filtered", [False, True])
def test_timeouts(backend_base: EventBase, ends: tuple[str, Any, Any], filtered: bool) -> None:
    """Read limits of 100 and 200 ms, a write limit of 300: each expires on time, and ends its direction."""
    kind, one, other = ends
    if filtered:
        one, other = FilterBufferEvent(one), FilterBufferEvent(other)
    begin = time.monotonic()
    told: dict[tuple[int, BufferEventEvents], float] = {}
    for number, bev in enumerate((one, other)):
        bev.set_callbacks(
            on_event=lambda _, what, number=number: told.setdefault((number, what), time.monotonic() - begin)
        )
    one.set_timeouts(0.1, 0.3)
    other.set_timeouts(0.2)
    one.enable(READ)
    if kind == "pair" or filtered:
        one.write(b"x" * (1 << 20))  # the partner does not read
    other.enable(WRITE)
    Timer(backend_base, 0.15, lambda timer: other.enable(READ) if kind == "socket" else None)
    wanted = {(0, READING | TIMEOUT)}
    run_until(backend_base, lambda: wanted <= set(told))
    assert 0.08 <= told[0, READING | TIMEOUT] < 1
    assert not one.enabled & READ


@pytest.mark.parametrize("postpone", [False, True])
@pytest.mark.parametrize("options", [BufferEventOptions(0), DEFER], ids=str)
def test_trigger(backend_base: EventBase, options: BufferEventOptions, postpone: bool) -> None:
    """Below the low mark a trigger does nothing, unless it is told to ignore it."""
    how = BufferEventTriggers.DEFER_CALLBACKS if postpone else BufferEventTriggers(0)
    ours, peer = socket.socketpair()
    bev = BufferEvent(backend_base, ours, CLOSE | options)
    calls: list[str] = []

    def triggered(bev: BufferEvent) -> None:
        calls.append("triggered")
        bev.trigger_event(BufferEventEvents(0x7F), how)

    def first(bev: BufferEvent) -> None:
        calls.append("read")
        bev.set_callbacks(on_read=triggered, on_event=lambda bev, what: calls.append("event"))
        bev.set_watermark(READ, len(bev.input) + 1)
        bev.trigger(READ, how)
        bev.trigger(READ, how | BufferEventTriggers.IGNORE_WATERMARKS)
        bev.set_watermark(READ)

    bev.set_callbacks(on_read=first)
    bev.enable(READ)
    peer.send(b"data")
    run_until(backend_base, lambda: "event" in calls)
    assert calls[:3] == ["read", "triggered", "event"]
    peer.close()


def test_socket_filter_inactive(base: EventBase) -> None:
    """A filter over a bufferevent without a socket is made and closed."""
    bev = BufferEvent(base)
    FilterBufferEvent(bev, options=BufferEventOptions(0)).close()
    bev.close()


def test_pair_flush(base: EventBase) -> None:
    """FINISHED tells the partner."""
    one, other = BufferEventPair(base)
    events: list[BufferEventEvents] = []
    other.set_callbacks(on_event=lambda bev, what: events.append(what))
    other.enable(READ)
    one.flush(WRITE, FlushMode.FINISHED)
    turn(base, 2)
    assert events == [READING | EOF]


def test_filter_data_stuck(base: EventBase) -> None:
    """A header before 4,096 bytes, with high marks of 4,096 everywhere: all of it arrives."""
    one, other = BufferEventPair(base)
    one.set_watermark(READ, 0, 4096)
    other.set_watermark(READ, 0, 4096)
    header = [bytes(20)]
    reader = FilterBufferEvent(other, lambda data, mode: (header.pop() if header else b"") + data)
    total: list[int] = []
    reader.set_callbacks(on_data=lambda bev, data: total.append(len(data)))
    reader.enable(READ | WRITE)
    reader.set_watermark(READ, 0, 4096)
    one.write(bytes(4096))
    settle(base)
    assert sum(total) == 4096 + 20


def test_zlib(base: EventBase) -> None:
    """regress_zlib.c: 8,333 bytes through two zlib filters, flushed at the end."""
    spec = importlib.util.spec_from_file_location("zlib_filter", ROOT / "examples" / "zlib_filter.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    ours, theirs = socket.socketpair()
    codecs = example.ZlibCodec(), example.ZlibCodec()
    writer = FilterBufferEvent(BufferEvent(base, ours), process_out=codecs[0].process_out)
    reader = FilterBufferEvent(BufferEvent(base, theirs), codecs[1].process_in)
    got = bytearray()
    reader.set_callbacks(on_data=lambda bev, data: got.extend(data))
    reader.enable(READ)
    data = bytes(range(256)) * 32 + bytes(141)
    writer.write(data)
    assert writer.flush(WRITE, FlushMode.FINISHED) is True
    run_until(base, lambda: len(got) >= len(data))
    assert got == data
    assert codecs[0].packed < len(data)
