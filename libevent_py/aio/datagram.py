"""Datagram transports (floor 8): asyncio's own, many datagrams at a time (shim/datagram.c)."""

from __future__ import annotations

import errno
import os
import socket
import struct
from array import array
from asyncio.selector_events import _SelectorDatagramTransport  # type: ignore[attr-defined]
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._convert import python_address
from .._errors import check_pointer
from .._ffi import ffi, lib
from .contexts import CallsInContext

if TYPE_CHECKING:
    from .loop import Loop

# struct lepy_datagram: offset, length, from, from_length.
_DATAGRAM = struct.Struct("IIII")
assert _DATAGRAM.size == ffi.sizeof("struct lepy_datagram")

#: How many senders' addresses a transport remembers in Python's form.
_MOST_ADDRESSES = 2048

#: Whose addresses C has room for; the others' datagrams are asyncio's.
_FAMILIES = (socket.AF_INET, socket.AF_INET6)

Datagram = tuple[bytes, Any]


class Datagrams:
    """The memory that the sockets of one loop receive into."""

    def __init__(self) -> None:
        pointer = check_pointer(lib.lepy_datagrams_new(), "no memory for datagrams")
        self.pointer = ffi.gc(pointer, lib.lepy_datagrams_free)
        self.received = ffi.buffer(pointer.received)
        self.addresses = ffi.buffer(pointer.addresses)
        self.memory = ffi.buffer(pointer.memory)


class DatagramTransport(CallsInContext, _SelectorDatagramTransport):  # type: ignore[misc]
    """asyncio's datagram transport; what has come arrives at once, and what is sent meanwhile goes at once.

    What the protocol sends in datagram_received() leaves when it has been told of all that had
    come with it, at most 64 datagrams.
    """

    _loop: Loop
    _paused = False  # before Python 3.11 asyncio's cannot be paused

    def __init__(self, loop: Loop, sock: socket.socket, *args: Any) -> None:
        #: By sockaddr as Python shows it, and back.
        self._shown: dict[bytes, Any] = {}
        self._raw: dict[Any, bytes] = {}
        self._rest: deque[Datagram] = deque()
        self._collecting = False
        self._data: list[bytes] = []
        self._to: list[bytes] = []
        self._at_once = sock.family in _FAMILIES
        self._segmented = self._at_once and lib.lepy_datagrams_can_segment(sock.fileno())
        super().__init__(loop, sock, *args)

    def _read_ready(self) -> None:
        self._context.run(self._receive if self._at_once else super()._read_ready)

    def _receive(self) -> None:
        if self._conn_lost:
            return
        datagrams = self._loop._datagrams
        count = lib.lepy_datagrams_receive(datagrams.pointer, self._sock_fd)
        if count > 0:
            self._deliver(self._take(datagrams, count))
        elif -count not in (errno.EAGAIN, errno.EINTR):
            self._protocol.error_received(OSError(-count, os.strerror(-count)))

    def _take(self, datagrams: Datagrams, count: int) -> Iterator[Datagram]:
        memory, shown = datagrams.memory, self._shown
        last, address = -1, None
        for offset, length, start, size in _DATAGRAM.iter_unpack(
            datagrams.received[: count * _DATAGRAM.size]
        ):
            if start != last:
                raw = datagrams.addresses[start : start + size]
                address = shown.get(raw) or self._show(raw)
                last = start
            yield memory[offset : offset + length], address

    def _show(self, raw: bytes) -> Any:
        """*raw* in Python's form, remembered."""
        if len(self._shown) >= _MOST_ADDRESSES:
            self._shown.clear()
            self._raw.clear()
        address = self._shown[raw] = python_address(raw)
        self._raw[address] = raw
        return address

    def _deliver(self, received: Iterator[Datagram]) -> None:
        """Tell the protocol; what it cannot be told of now waits."""
        self._collecting = True
        try:
            for data, address in received:
                self._protocol.datagram_received(data, address)
                if self._closing or self._paused:
                    break
        finally:
            self._collecting = False
            if not self._closing:
                self._rest.extend(received)
                if self._rest and not self._paused:  # the protocol has raised
                    self._loop.call_soon(self._catch_up)
            self._flush()

    def _catch_up(self) -> None:
        rest = self._rest
        if rest and not (self._closing or self._paused):
            self._rest = deque()
            self._context.run(self._deliver, iter(rest))

    def resume_reading(self) -> None:
        """Be told of datagrams again; what waits comes first."""
        super().resume_reading()
        if self._rest:
            self._loop.call_soon(self._catch_up)

    def sendto(self, data: bytes | bytearray | memoryview, addr: Any = None) -> None:
        """Send a datagram: at once, or with others that datagram_received() sends."""
        if self._collecting and type(data) is bytes and data and not (self._buffer or self._conn_lost):
            if self._extra["peername"]:  # connected: no datagram has an address, or C would miss one
                raw = b"" if addr in (None, self._address) else None
            else:
                raw = None if addr is None else self._known(addr)
            if raw is not None:
                self._data.append(data)
                self._to.append(raw)
                if len(self._data) == lib.LEPY_DATAGRAMS:
                    self._flush()
                return
        self._flush()
        super().sendto(data, addr)

    def _known(self, address: Any) -> bytes | None:
        try:
            return self._raw.get(address)
        except TypeError:  # not hashable: asyncio says what is wrong with it
            return None

    def _flush(self) -> None:
        """Send what was collected; asyncio sees to what the socket does not take."""
        data, to = self._data, self._to
        if not data:
            return
        self._data, self._to = [], []
        lengths = array("I", map(len, data)).tobytes()
        packed, addresses = b"".join(data), b"".join(to)
        sent = lib.lepy_datagrams_send(
            self._sock_fd, len(data), self._segmented, packed, lengths, addresses, len(to[0])
        )
        for left, raw in zip(data[sent:], to[sent:]):
            super().sendto(left, python_address(raw) if raw else None)

    def get_write_buffer_size(self) -> int:
        """How many bytes wait to be sent."""
        return int(super().get_write_buffer_size()) + sum(map(len, self._data))

    def close(self) -> None:
        """Close it when all is sent."""
        self._flush()
        super().close()

    def _force_close(self, error: BaseException | None) -> None:
        self._flush()
        super()._force_close(error)
