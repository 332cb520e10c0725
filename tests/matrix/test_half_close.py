"""How a stream ends: the events of each way, and no byte lost before, whatever holds it back."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from typing import Any

import pytest
from bufferevents import reset
from loops import run_until, turn
from tls_sorts import HAS_TLS, contexts

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    BufferEventPair,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    TLSBufferEvent,
    TLSFilterBufferEvent,
)

READ = EventFlags.READ
READING, WRITING = BufferEventEvents.READING, BufferEventEvents.WRITING
EOF, ERROR = BufferEventEvents.EOF, BufferEventEvents.ERROR
SENT = bytes(range(250)) * 20
#: A mark below and one above what is sent, and none.
MARKS = {"no mark": (0, 0), "low mark": (2 * len(SENT), 0), "high mark": (0, len(SENT) // 5)}


class SocketPeer:
    """The other end, a plain socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.data = bytearray()
        self.is_over = False

    def send(self, data: bytes) -> None:
        """Send all."""
        assert self.sock.send(data) == len(data)

    def receive(self) -> None:
        """Take what has come."""
        try:
            while more := self.sock.recv(1 << 16):
                self.data += more
            self.is_over = True
        except BlockingIOError:
            pass

    def end_writing(self) -> None:
        """Half-close."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a RST."""
        reset(self.sock)

    def close(self) -> None:
        """Close."""
        self.sock.close()


class PairPeer:
    """The other end of a pair."""

    def __init__(self, bev: Any) -> None:
        self.bev = bev
        self.data = bytearray()
        self.is_over = False
        bev.set_callbacks(on_data=lambda bev, data: self.data.extend(data), on_event=self.on_event)
        bev.enable(READ)
        self.send, self.end_writing, self.close = bev.write, bev.shutdown_write, bev.close

    def on_event(self, bev: Any, what: BufferEventEvents) -> None:
        """Be told of the end."""
        assert what == READING | EOF
        self.is_over = True

    def receive(self) -> None:
        """It comes by itself."""


class TLSPeer(PairPeer):
    """The other end of TLS; what it sends is on its way before it goes on."""

    def __init__(self, bev: Any) -> None:
        self.is_open = False
        super().__init__(bev)
        self.send = self._send

    def _send(self, data: bytes) -> None:
        self.bev.write(data)
        run_until(self.bev.base, lambda: not self.bev.output_size)

    def on_event(self, bev: Any, what: BufferEventEvents) -> None:
        """Be told of the handshake's end too."""
        if what & BufferEventEvents.CONNECTED:
            self.is_open = True
        else:
            super().on_event(bev, what)


def _shaken(base: EventBase, bev: Any, other: Any) -> tuple[Any, Any]:
    """The two, once they have shaken hands."""
    connected = []
    bev.set_callbacks(on_event=lambda bev, what: connected.append(what))
    peer = TLSPeer(other)
    run_until(base, lambda: connected and peer.is_open)
    return bev, peer


def _tls(base: EventBase) -> tuple[Any, Any]:
    client, server = contexts()
    near, far = socket.socketpair()
    return _shaken(base, TLSBufferEvent(base, server, near), TLSBufferEvent(base, client, far))


def _tls_over_pair(base: EventBase) -> tuple[Any, Any]:
    client, server = contexts()
    near, far = BufferEventPair(base)
    return _shaken(base, TLSFilterBufferEvent(near, client), TLSFilterBufferEvent(far, server))


def _tcp(base: EventBase) -> tuple[Any, Any]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        near, _ = server.accept()
    far.setblocking(False)
    return BufferEvent(base, near), SocketPeer(far)


def _unix(base: EventBase) -> tuple[Any, Any]:
    near, far = socket.socketpair()
    far.setblocking(False)
    return BufferEvent(base, near), SocketPeer(far)


def _pair(base: EventBase) -> tuple[Any, Any]:
    one, other = BufferEventPair(base)
    return one, PairPeer(other)


def _filtered(make: Callable[[EventBase], tuple[Any, Any]]) -> Callable[[EventBase], tuple[Any, Any]]:
    def filtered(base: EventBase) -> tuple[Any, Any]:
        below, peer = make(base)
        return FilterBufferEvent(below, lambda data, mode: data, lambda data, mode: data), peer

    return filtered


SORTS = {
    "tcp": _tcp,
    "unix": _unix,
    "pair": _pair,
    "filter of tcp": _filtered(_tcp),
    "filter of unix": _filtered(_unix),
    "filter of pair": _filtered(_pair),
}
if HAS_TLS:
    SORTS.update({"TLS": _tls, "TLS over a pair": _tls_over_pair})
#: By how the peer ends and whether bytes of ours are under way: the events that there may be,
#: one at least.  Who writes to a closed socket may hear of it while writing or reading.
ANY_ERROR = {READING | EOF, READING | ERROR, WRITING | ERROR, WRITING | EOF}
EVENTS = {
    ("end_writing", False): {READING | EOF},
    ("end_writing", True): {READING | EOF},
    ("close", False): {READING | EOF},
    ("close", True): ANY_ERROR,
    ("reset", False): {READING | ERROR},
    ("reset", True): ANY_ERROR,
}


class Reader:
    """All that a bufferevent delivers."""

    def __init__(self, bev: Any, *, by_read: bool) -> None:
        self.data = bytearray()
        self.events: list[BufferEventEvents] = []
        self.by_read = by_read
        if by_read:
            bev.set_callbacks(on_read=lambda bev: self.on_data(bev, bev.read()), on_event=self.on_event)
        else:
            bev.set_callbacks(on_data=self.on_data, on_event=self.on_event)

    def on_data(self, bev: Any, data: bytes) -> None:
        """Take bytes, which must not come after the end."""
        assert not any(what & READING for what in self.events)
        self.data += data

    def on_event(self, bev: Any, what: BufferEventEvents) -> None:
        """Take an event; with on_read what a low mark holds back is to be fetched here."""
        if self.by_read and what & READING:
            self.on_data(bev, bev.read())
        self.events.append(what)


@pytest.mark.parametrize("ending", ["end_writing", "close", "reset"])
@pytest.mark.parametrize("sort", list(SORTS))
def test_the_peer_ends(base: EventBase, sort: str, ending: str) -> None:
    """The events of the table, after all bytes; half a connection still takes an answer."""
    if ending == "reset" and not sort.endswith("tcp"):
        pytest.skip("only TCP has a RST")
    for mark, comes, goes, is_on, by_read in itertools.product(MARKS, *[(False, True)] * 4):
        bev, peer = SORTS[sort](base)
        reader = Reader(bev, by_read=by_read)
        bev.set_watermark(READ, *MARKS[mark])
        if is_on:
            bev.enable(READ)
        if goes:
            bev.write(SENT)
        if comes:
            peer.send(SENT)
        getattr(peer, ending)()
        turn(base, 3)
        if not is_on:
            assert not reader.data and not any(what & READING for what in reader.events)
            bev.enable(READ)
        run_until(base, lambda reader=reader: any(what & (EOF | ERROR) & ~WRITING for what in reader.events))
        turn(base, 3)
        case = (mark, comes, goes, is_on, by_read)
        assert reader.data == (SENT if comes else b""), (case, len(reader.data))
        assert set(reader.events) <= EVENTS[ending, goes], (case, reader.events)
        assert len(set(reader.events)) == len(reader.events), (case, reader.events)
        if ending == "end_writing":
            bev.write(b"answer")
            bev.shutdown_write()
            run_until(base, lambda peer=peer: (peer.receive(), peer.is_over)[1])
            assert peer.data == (SENT if goes else b"") + b"answer", case
        bev.close()
        peer.close()


@pytest.mark.parametrize("sort", list(SORTS))
def test_we_end(base: EventBase, sort: str) -> None:
    """shutdown_write() sends all and then the end, and reading goes on; so does close_when_flushed()."""
    for size, closes in itertools.product((0, len(SENT), 1 << 20), (False, True)):
        bev, peer = SORTS[sort](base)
        reader = Reader(bev, by_read=False)
        bev.enable(READ)
        data = bytes(size)
        bev.write(data)
        if closes:
            bev.close_when_flushed()
        else:
            bev.shutdown_write()
        run_until(base, lambda peer=peer: (peer.receive(), peer.is_over)[1])
        assert peer.data == data
        if closes and sort.startswith("TLS"):  # it waits for the peer's close_notify too
            peer.end_writing()
            run_until(base, lambda bev=bev: bev.closed)
        assert bev.closed == closes
        if not closes:
            peer.send(SENT)
            peer.end_writing()
            run_until(base, lambda reader=reader: reader.events)
            assert (reader.data, reader.events) == (SENT, [READING | EOF])
        bev.close()
        peer.close()
