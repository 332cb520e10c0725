"""Reads a transport's socket (floor 8, shim/receiver.c)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._delivery import SCRATCH_SIZE
from .._errors import check, check_pointer
from .._ffi import CData, lib
from .._handles import Handle, Stream

if TYPE_CHECKING:
    from .loop import Loop
    from .stream import SocketTransport

_DATA = lib.LEPY_KIND_DATA
_READABLE = lib.LEPY_KIND_READABLE
_receive = lib.lepy_receiver_receive


class Receiver(Handle):
    """Hands what a socket receives to its transport, while that reads.

    What was on its way when the transport paused waits here: C has it from the socket already.
    """

    __slots__ = (
        "_delayed",
        "_loop",
        "_memory",
        "_reading",
        "_reads",
        "_run",
        "_stream",
        "_transport",
        "_view",
        "handle",
    )

    def __init__(self, loop: Loop, transport: SocketTransport, fd: int, handle: asyncio.Handle) -> None:
        self._begin()
        self._loop = loop
        self._transport = transport
        self._reading = False
        self._run = transport._context.run
        self._stream: Stream | None = None
        # asyncio's way to read for a BufferedProtocol.
        self._reads: Callable[[], object] | None = None
        self._delayed: list[tuple[int, int, bytes]] = []
        #: What a debugger or a transport's repr finds in the loop's selector.
        self.handle = handle
        delivery = self._delivery = loop._delivery
        self._memory, self._view = delivery.scratch()
        delivery.table.reserve(self)
        pointer = lib.lepy_receiver_new(delivery.pointer, self._slot, self._generation, fd)
        if not pointer:
            delivery.table.release(self)
        self._pointer = check_pointer(pointer, "no memory to receive")
        delivery.table.leaves(self, lib.lepy_receiver_free, pointer)

    def start(self) -> None:
        """Read; what waits here comes first, in a pass of its own."""
        transport = self._transport
        self._reading = True
        table = self._delivery.table
        table.kept[self._slot] = self
        # What most records need, with nothing to be looked at before.
        self._stream = self._reads = None
        if not self._loop._debug:
            if transport._reads_by_itself:
                self._reads = transport._read_ready_cb
            else:
                self._stream = self._run, transport._protocol.data_received, transport._receiving_failed
        table.streams[self._slot] = self._stream
        if self._delayed:
            self._loop.call_soon(self._catch_up)
        else:
            started = lib.lepy_receiver_start(self._pointer, transport._reads_by_itself)
            check(started, "cannot watch the socket")

    def unwatch(self) -> None:
        """Read no more until start()."""
        self._reading = False
        self._stream = self._reads = self._delivery.table.streams[self._slot] = None
        lib.lepy_receiver_stop(self._pointer)

    def _catch_up(self) -> None:
        while self._reading and self._delayed:
            self._act(*self._delayed.pop(0))
        if self._reading:
            self.start()

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        if kind == _READABLE and self._reads is not None:
            self._run(self._reads)
        elif kind == _READABLE and self._stream is not None:
            count = _receive(self._pointer, self._memory, SCRATCH_SIZE)
            if count > 0:
                in_context, received, raised = self._stream
                try:
                    in_context(received, self._view[:count])
                except BaseException as error:
                    raised(error)
        elif self._loop._debug:
            self._loop._run_watched(asyncio.Handle(self._act, (kind, what, data), self._loop))
        else:
            self._act(kind, what, data)

    def _act(self, kind: int, what: int, data: bytes) -> None:
        if not self._reading:
            if kind != _READABLE:  # that is still in the socket
                self._delayed.append((kind, what, data))
        elif kind == _DATA:
            self._transport._received(data)
        elif kind != _READABLE:
            self._transport._ended(what)
        elif self._transport._reads_by_itself:
            self._transport._read_ready()
        else:
            count = _receive(self._pointer, self._memory, SCRATCH_SIZE)
            if count > 0:
                self._transport._received(self._view[:count])

    def _free(self, pointer: CData) -> None:
        lib.lepy_receiver_free(pointer)
