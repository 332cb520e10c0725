"""Relay: what comes from one end goes to the other, past Python (floor 6)."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Union

from .. import _convert
from .._claim import unguarded
from .._delivery import Delivery, delivery_of
from .._errors import check, check_pointer
from .._ffi import CData, ffi, lib
from .._handles import Handle
from ..bufferevent import BufferEvent
from ..bufferevent.common import BaseBufferEvent
from ..constants import BufferEventEvents, BufferEventOptions
from .result import RelayReason, RelayResult

if TYPE_CHECKING:
    from ..base import EventBase

_CLIENT, _SERVER = 0, 1
_ERRORS = (RelayReason.CLIENT_ERROR, RelayReason.SERVER_ERROR)

#: A connected stream socket, its descriptor, or a bufferevent of any kind.
Stream = Union[socket.socket, int, BaseBufferEvent]
EndCallback = Callable[["Relay", RelayResult], object]


class Relay(Handle):
    """Joins two streams: what comes from one goes to the other, in C.

    A slow end stops the other; the end of one is passed on, and the other goes on (half-close).
    Two plain sockets are spliced on Linux where much comes at a time.  Both ends are the
    relay's from now on, and closed with it: a socket object is detached, a bufferevent belongs
    to it.  The base keeps it alive until its end.

    Rate limits are those of the ends: ``set_rate_limit()`` and ``join_group()`` of a BufferEvent,
    before.  An end may still be connecting, as a BufferEvent; a socket must be connected.

    Args:
        base: The EventBase of both ends.
        client: A socket, its descriptor, or a bufferevent.
        server: Likewise.  Which of the two is which only matters for the names in the result.
        on_end: ``on_end(relay, result)``, once, with a :class:`RelayResult`, when it is over by
            itself.  Both ends are closed by then.
        idle_timeout: Seconds without a byte in either direction after which it is over.

    Raises:
        OSError: A descriptor is not open, or its socket is not connected.
        RuntimeError: A filter or a relay has a bufferevent already.

    Example::

        def on_accept(listener, sock, address):
            server = BufferEvent(base)
            server.connect(("127.0.0.1", 8080))
            Relay(base, sock, server, lambda relay, result: print(result), idle_timeout=60)
    """

    __slots__ = ("_base", "_done", "_ends", "_error", "_on_end", "_reason")

    #: The bufferevents; none where it is between sockets.
    _ends: tuple[BaseBufferEvent, ...]

    def __init__(
        self,
        base: EventBase,
        client: Stream,
        server: Stream,
        on_end: EndCallback | None = None,
        *,
        idle_timeout: float | None = None,
    ) -> None:
        self._begin()
        _convert.callback(on_end, "on_end")
        seconds = _convert.seconds(idle_timeout, "idle_timeout")
        if seconds == 0.0:
            raise ValueError("idle_timeout must be more than 0 seconds; None is for no timeout")
        delivery = delivery_of(base)
        delivery.hold_funerals()
        for stream, name in ((client, "client"), (server, "server")):
            _check_stream(stream, name, base)
        if client is server or _descriptor(client) == _descriptor(server) != -1:
            raise ValueError("client and server are the same stream")
        self._base = base
        self._delivery = delivery
        self._on_end = on_end
        self._ends = ()
        self._done = [False, False]
        self._reason = RelayReason.EOF
        self._error: Exception | None = None
        between_sockets = _is_plain(client) and _is_plain(server)
        if not between_sockets:
            # Before the relay, which so is the younger, and closed first when the base is.
            client, server = (_wrapped(base, each) for each in (client, server))
        delivery.table.reserve(self)
        join = self._join_sockets if between_sockets else self._join_bufferevents
        try:
            pointer = join(delivery, client, server, seconds)
        except BaseException:
            delivery.table.release(self)
            raise
        self._pointer = pointer
        delivery.table.kept[self._slot] = self
        if self._ends:
            behind = [_is_due(each) for each in self._ends]
            check(lib.lepy_relay_start_bufferevents(pointer, *behind), "cannot start the relay")

    def _join_sockets(self, delivery: Delivery, client: Any, server: Any, seconds: float) -> CData:
        pointer = check_pointer(
            lib.lepy_relay_new_sockets(delivery.pointer, self._slot, self._generation, seconds),
            "no memory for the relay",
        )
        fds = _descriptor(client), _descriptor(server)
        owners = [each._pointer if isinstance(each, BufferEvent) else ffi.NULL for each in (client, server)]
        try:
            for fd in fds:
                os.set_blocking(fd, False)
            check(lib.lepy_relay_start_sockets(pointer, *fds, *owners), "cannot watch the sockets")
        except BaseException:
            lib.lepy_relay_free_sockets(pointer)
            raise
        for each in (client, server):
            if isinstance(each, socket.socket):
                each.detach()
            elif isinstance(each, BufferEvent):
                each.close()
        return pointer

    def _join_bufferevents(self, delivery: Delivery, one: Any, other: Any, seconds: float) -> CData:
        for each in (one, other):
            lib.lepy_bufferevent_capture(each._pointer)
        pointer = lib.lepy_relay_new_bufferevents(
            delivery.pointer, self._slot, self._generation, seconds, one._pointer, other._pointer
        )
        if not pointer:
            for each in (one, other):
                lib.lepy_bufferevent_release(each._pointer)
        check_pointer(pointer, "no memory for the relay")
        for side, each in enumerate((one, other)):
            each._be_captured(self)
            # Its own records come here: what has ended, and bytes that were on their way already.
            each._on_event = partial(self._hear, side)
            each._on_read = partial(self._look, side)
            each._reading = True
        self._ends = one, other
        return pointer

    @property
    @unguarded
    def base(self) -> EventBase:
        """The EventBase it works in."""
        return self._base

    @property
    def from_client(self) -> int:
        """Bytes that were read from the client so far."""
        return self._live().from_client  # type: ignore[no-any-return]

    @property
    def from_server(self) -> int:
        """Bytes that were read from the server so far."""
        return self._live().from_server  # type: ignore[no-any-return]

    # Between bufferevents: what they tell.

    def _look(self, side: int, end: BaseBufferEvent) -> None:
        lib.lepy_relay_look(self._pointer, side)

    def _hear(self, side: int, end: BaseBufferEvent, what: BufferEventEvents) -> None:
        if what & BufferEventEvents.TIMEOUT:  # it had one of its own
            self._finish(RelayReason.IDLE, None)
        elif what & BufferEventEvents.WRITING:
            self._fail(side, end.error)
            self._write_failed(side)
        elif what & BufferEventEvents.ERROR:
            self._fail(side, end.error)
            self._read_failed(side)
        elif what & BufferEventEvents.EOF:
            other = self._ends[1 - side]
            other._end(partial(self._shut_down, 1 - side))

    def _fail(self, side: int, error: Exception | None) -> None:
        """Remember the first error."""
        if self._error is None:
            self._reason, self._error = _ERRORS[side], error or BrokenPipeError("the connection is broken")

    def _shut_down(self, side: int) -> None:
        """All that the other end had sent is delivered to *side*, and so is its end."""
        try:
            self._ends[side]._shut_down()
        except OSError as error:
            self._fail(side, error)
        self._pass_done(1 - side)

    def _pass_done(self, side: int) -> None:
        self._done[side] = True
        if all(self._done):
            self._finish(self._reason, self._error)

    def _write_failed(self, side: int) -> None:
        """*side* takes no more; what it has sent before is still worth reading."""
        lib.lepy_relay_drop(self._pointer, 1 - side)
        self._pass_done(1 - side)

    def _read_failed(self, side: int) -> None:
        """*side* is lost; what it has sent before is delivered still."""
        lib.lepy_relay_drop(self._pointer, 1 - side)
        self._ends[1 - side]._end(lambda: self._finish(self._reason, self._error))

    # The end.

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        number = what >> 16
        self._finish(RelayReason(what & 0xFFFF), OSError(number, os.strerror(number)) if number else None)

    def _finish(self, reason: RelayReason, error: Exception | None) -> None:
        pointer = self._pointer
        if pointer is None:
            return
        result = RelayResult(reason, pointer.from_client, pointer.from_server, error)
        on_end = self._on_end
        self.close()
        if on_end is not None:
            on_end(self, result)

    @unguarded
    def close(self) -> None:
        """Close both ends; on_end is not called.

        What was on its way is lost.  Idempotent, and allowed in any callback.

        Raises:
            WrongThreadError: Another thread runs the base's loop.
        """
        super().close()

    def _free(self, pointer: CData) -> None:
        ends, self._ends = self._ends, ()
        self._on_end = None
        if not ends:
            lib.lepy_relay_free_sockets(pointer)
            return
        lib.lepy_relay_free_bufferevents(pointer)
        for end in ends:
            end._be_captured(None)
            end.close()

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<Relay closed>"
        how = "bufferevents" if self._ends else "sockets"
        return (
            f"<Relay of {how}, {self.from_client} bytes from the client, {self.from_server} from the server>"
        )


def _descriptor(stream: Stream) -> int:
    return stream if isinstance(stream, int) else stream.fileno()


def _wrapped(base: EventBase, stream: Stream) -> BaseBufferEvent:
    return stream if isinstance(stream, BaseBufferEvent) else BufferEvent(base, stream)


def _check_stream(stream: Any, name: str, base: EventBase) -> None:
    """Raise unless *stream* can become an end of a relay in *base*."""
    if isinstance(stream, BaseBufferEvent):
        stream._changeable()
        if stream._base is not base:
            raise ValueError(f"{name} belongs to another EventBase")
        if stream._ending is not None:
            raise ValueError(f"{name} was ended by shutdown_write() or close_when_flushed()")
        return
    if not isinstance(stream, (socket.socket, int)):
        raise TypeError(
            f"{name} must be a socket, a descriptor or a bufferevent, not {type(stream).__name__}"
        )
    fd = _convert.descriptor(stream)
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        raise ValueError(f"{name} is no socket")
    with socket.socket(fileno=os.dup(fd)) as sock:
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"{name} is no stream socket")
        sock.getpeername()  # OSError where it is not connected


def _is_plain(stream: Stream) -> bool:
    """A connected socket, or a BufferEvent that is nothing more and gives it away."""
    if not isinstance(stream, BaseBufferEvent):
        return True
    return (
        type(stream) is BufferEvent
        and stream._owned
        and bool(stream._options & BufferEventOptions.CLOSE_ON_FREE)
        and stream._limit is None
        and stream._group is None
        and not stream._waits_for_connection()
        and stream.fileno() >= 0
        and not _is_due(stream)
    )


def _is_due(bev: BaseBufferEvent) -> bool:
    """A record with bytes of *bev* is on its way."""
    return bool(lib.lepy_bufferevent_data_is_due(bev._pointer, bev._delivery.left()))
