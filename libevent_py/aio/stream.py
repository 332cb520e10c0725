"""Stream transports (floor 8): asyncio's own, reading by libevent."""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.protocols import _feed_data_to_buffered_proto  # type: ignore[attr-defined]
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .contexts import CallsInContext
from .receiver import Receiver

if TYPE_CHECKING:
    from .loop import Loop


class SocketTransport(CallsInContext, _SelectorSocketTransport):  # type: ignore[misc]
    """asyncio's socket transport, whose bytes come with the loop's batch.

    Reading is ours; writing, flow control, closing and sendfile are the running Python's.
    The protocol is called in the context in which the transport was made.
    """

    _loop: Loop
    _reads_by_itself: bool

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        extra: dict[str, Any] | None = None,
        server: Any = None,
    ) -> None:
        self._receiver: Receiver | None = None
        super().__init__(loop, sock, protocol, waiter, extra, server)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Exchange the protocol."""
        self._reads_by_itself = isinstance(protocol, asyncio.BufferedProtocol)
        super().set_protocol(protocol)
        if self._receiver is not None and self.is_reading():
            self._receiver.start()

    def _add_reader(self, fd: int, callback: Callable[[], object], *args: Any) -> None:
        if not self.is_reading():
            return
        if self._receiver is None:
            self._receiver = Receiver(self._loop, self, fd, asyncio.Handle(callback, args, self._loop))
        self._loop._readers[fd] = self._receiver
        self._receiver.start()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data*, at once where nothing waits before it."""
        if (
            isinstance(data, (bytes, bytearray))
            and data
            and not (self._buffer or self._conn_lost or self._eof or self._empty_waiter)
        ):
            try:
                sent = self._sock.send(data)
            except OSError:
                sent = 0  # the same again, where asyncio's own write() sees to it
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        super().write(_immutable(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send each, as write() does."""
        super().writelines([_immutable(data) for data in list_of_data])
        self._maybe_pause_protocol()  # which asyncio forgets, from Python 3.12 on

    def _read_ready(self) -> None:
        self._context.run(super()._read_ready)

    def _received(self, data: bytes) -> None:
        if self._conn_lost:
            return
        try:
            if self._reads_by_itself:
                self._context.run(_feed_data_to_buffered_proto, self._protocol, data)
            else:
                self._context.run(self._protocol.data_received, data)
        except BaseException as error:
            self._receiving_failed(error)

    def _receiving_failed(self, error: BaseException) -> None:
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            raise error
        self._fatal_error(error, "Fatal error: protocol.data_received() call failed.")

    def _ended(self, error: int) -> None:
        if self._conn_lost:
            return
        if error:
            self._fatal_error(OSError(error, os.strerror(error)), "Fatal read error on socket transport")
        else:
            self._context.run(self._read_ready__on_eof)

    def _call_connection_lost(self, error: Exception | None) -> None:
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None
        super()._call_connection_lost(error)


def _immutable(data: Any) -> Any:
    """*data*, or a copy where its owner may change it: asyncio keeps views, from Python 3.12 on."""
    if isinstance(data, bytearray) or (isinstance(data, memoryview) and type(data.obj) is not bytes):
        return bytes(data)
    return data
