"""What a request carries, and how it goes out: no more waits than the server takes (floor 7)."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, Union

from ... import _convert
from ...buffer import Buffer
from ...bufferevent.common import BaseBufferEvent
from ...bufferevent.socket import BufferEvent

if TYPE_CHECKING:
    from ...base import EventBase
    from ...calls import ScheduledCall

#: Bytes that may wait to be sent before more are made, and that one turn of the loop makes at most.
_WAITING_MOST = 256 * 1024
_PIECE = 128 * 1024

_END = object()

Body = Union[_convert.Buffered, Buffer, IO[bytes], Iterable[_convert.Buffered], None]


class RequestBody:
    """A body in pieces.

    Args:
        length: Bytes, None where only the end will tell.
        pieces: A function that begins them.
        replayable: Whether it can begin again.
    """

    def __init__(
        self, length: int | None, pieces: Callable[[], Iterator[Any]], replayable: bool = False
    ) -> None:
        self.length = length
        self.pieces = pieces
        self.replayable = replayable


class FilePiece:
    """A part of a regular file, in one piece."""

    def __init__(self, file: int, offset: int, length: int) -> None:
        self.file = file
        self.offset = offset
        self.length = length


def request_body(value: Body) -> RequestBody | None:
    """What was given as a body, ready to be sent."""
    if value is None:
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return RequestBody(len(data), lambda: iter((data,)), replayable=True)
    if isinstance(value, str):
        raise TypeError("a body must be bytes, not str; encode it")
    if isinstance(value, Buffer):
        taken = Buffer()
        taken.add_buffer(value)
        return RequestBody(len(taken), lambda: iter((taken,)))
    if hasattr(value, "read"):
        return _file_body(value)
    if isinstance(value, Iterable):
        return RequestBody(None, lambda: iter(value))
    raise TypeError(
        f"a body must be bytes, a Buffer, a file or an iterable of bytes, not {type(value).__name__}"
    )


def _file_body(file: Any) -> RequestBody:
    with contextlib.suppress(OSError, AttributeError):  # a BytesIO has no descriptor
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            begin, end = file.tell(), status.st_size
            return RequestBody(
                max(end - begin, 0), lambda: _file_pieces(file.fileno(), begin, end), replayable=True
            )
    return RequestBody(None, lambda: iter(lambda: file.read(_PIECE), b""))


def _file_pieces(fd: int, begin: int, end: int) -> Iterator[FilePiece]:
    for offset in range(begin, end, _PIECE):
        yield FilePiece(fd, offset, min(_PIECE, end - offset))


class BodySender:
    """Writes a body to a connection, as fast as that takes it.

    Args:
        base: Whose loop it is.
        bev: Where to.
        body: What.
        chunked: Each piece is a chunk; else they are *length* bytes together.
        length: As the server was told, without chunks.
        on_error: Called with what the body's iterable raises, or with what is wrong with it.
    """

    def __init__(
        self,
        base: EventBase,
        bev: BaseBufferEvent,
        body: RequestBody,
        chunked: bool,
        length: int,
        on_error: Callable[[Exception], object],
    ) -> None:
        self._base = base
        self._bev: BaseBufferEvent | None = bev
        self._chunked = chunked
        self._left = length
        self._on_error = on_error
        self._call: ScheduledCall | None = None
        self._running = False
        self._pieces = body.pieces()
        bev.set_output_limit(_WAITING_MOST, on_resume=lambda bev: self.go_on())

    @property
    def done(self) -> bool:
        """Whether all of it is written."""
        return self._bev is None

    def stop(self) -> None:
        """Write no more."""
        self._bev = None
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def go_on(self) -> None:
        """Write what may wait; the rest when that is sent."""
        self._call = None
        if self._running:
            return  # the iterable's own code has called back here
        self._running = True
        try:
            self._go_on()
        except BaseException as error:
            self.stop()
            self._on_error(error if isinstance(error, Exception) else RuntimeError(f"the body: {error!r}"))
            if not isinstance(error, Exception):
                raise
        finally:
            self._running = False

    def _go_on(self) -> None:
        allowed = _WAITING_MOST
        while self._bev is not None and self._bev.output_size <= _WAITING_MOST:
            if allowed <= 0:
                self._call = self._base.call_soon(self.go_on)
                return
            piece = next(self._pieces, _END)
            if self._bev is None:
                return  # the iterable's code has ended the request
            if piece is _END:
                self._finish(self._bev)
            else:
                allowed -= self._write(self._bev, piece)

    def _finish(self, bev: BaseBufferEvent) -> None:
        if self._chunked:
            bev.write(b"0\r\n\r\n")
        elif self._left:
            raise ValueError(f"the body is {self._left} bytes shorter than Content-Length says")
        bev.set_output_limit(None)
        self.stop()

    def _write(self, bev: BaseBufferEvent, piece: Any) -> int:
        """One piece; how many bytes it has."""
        if isinstance(piece, (FilePiece, Buffer)):
            length = piece.length if isinstance(piece, FilePiece) else len(piece)
        else:
            with _convert.exported(piece) as memory:
                length = len(memory)
        if not length:
            return 1
        if self._chunked:
            bev.write(b"%x\r\n" % length)
        else:
            self._left -= length
            if self._left < 0:
                raise ValueError(f"the body is {-self._left} bytes longer than Content-Length says")
        if isinstance(piece, Buffer):
            bev.write_buffer(piece)
        elif isinstance(piece, FilePiece):
            _write_file(bev, piece)
        else:
            bev.write(piece)
        if self._chunked:
            bev.write(b"\r\n")
        return length


def _write_file(bev: BaseBufferEvent, piece: FilePiece) -> None:
    if type(bev) is BufferEvent:
        bev.output.add_file(piece.file, piece.offset, piece.length)  # sendfile
        return
    data = os.pread(piece.file, piece.length, piece.offset)
    if len(data) < piece.length:
        raise OSError("the file was truncated while it was sent")
    bev.write(data)
