"""How an HTTPRequest is answered (floor 7, event2/http.h)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar

from .. import _convert
from .._ffi import CData, lib
from .._handles import Owner
from ..buffer.files import part_of
from ..exceptions import ClosedError
from . import head
from .headers import HeaderItems
from .own_file import OwnFile

if TYPE_CHECKING:
    from .server import HTTPServer

_reply = lib.lepy_http_reply

#: What Reply._state is: nothing was said, a streamed answer has begun, the answer is whole.
_OPEN, _STARTED, _DONE = range(3)


class Reply(Owner):
    """The part of HTTPRequest that answers.

    It does so by :meth:`reply`, by :meth:`reply_file`, or in pieces by :meth:`start_reply`,
    :meth:`write` and :meth:`end`.

    Every method may be called in any thread; what another one than the loop's does is carried
    to that. Of a client that is gone an answer is thrown away: an exception there would let
    clients stop the loop. :attr:`is_disconnected` and :meth:`set_callbacks` tell of it.
    """

    __slots__ = (
        "__weakref__",
        "_generation",
        "_gone",
        "_has_body",
        "_index",
        "_is_head",
        "_is_old",
        "_left",
        "_on_disconnect",
        "_on_drained",
        "_server",
        "_state",
        "_status",
        "_total",
        "_waiting",
    )

    _OWNED = "_server"

    #: So many bytes may wait to be sent before write() says that it is enough.
    HIGH_MARK: ClassVar[int] = 256 * 1024
    #: So many, and write() raises.
    MOST_WAITING: ClassVar[int] = 64 * 1024 * 1024

    def _start(self, server: HTTPServer, index: int, generation: int, is_head: bool, is_old: bool) -> None:
        self._server = server
        self._index = index
        self._generation = generation
        self._state = _OPEN
        self._gone = False
        self._is_head = is_head
        self._is_old = is_old  # HTTP/1.0
        self._on_disconnect: Callable[[Any], object] | None = None
        self._on_drained: Callable[[Any], object] | None = None

    # Where it is done.

    def _name(self) -> tuple[CData, int, int]:
        """What C knows it by; ClosedError of a closed server's."""
        return self._server._live(), self._index, self._generation

    def _check(self, pointer: CData) -> CData:
        if not pointer:
            raise ClosedError("this request is answered, or its client is gone")
        return pointer

    def _claimed(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._server._delivery.claimed(function, *args)

    def _in_loop(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function of C's with this request, in the loop where another thread asks for it.

        Where no loop runs it is for the next one: claiming the base for a moment would refuse
        whoever is about to run it.
        """
        server = self._server
        if server._delivery.thread == get_ident():
            self._call(function, *args)
        else:
            server._base.call_soon_threadsafe(self._call, function, *args)

    def _call(self, function: Callable[..., object], *args: Any) -> None:
        pointer = self._server._pointer
        if pointer is not None:  # else the server is closed, and its connections are
            function(pointer, self._index, self._generation, *args)

    def _log(self, status: int, size: int) -> None:
        """Tell the access log, in the loop too; behind the answer, for it may raise."""
        server = self._server
        if server._access_log is None:
            return
        if server._delivery.thread == get_ident():
            server._log(self, status, size)
        else:
            server._base.call_soon_threadsafe(server._log, self, status, size)

    def _begin_reply(self) -> None:
        if self._state != _OPEN:
            raise RuntimeError("this request is answered already; each has one reply")
        if self._server._pointer is None:
            raise ClosedError("this request's HTTPServer is closed")

    def _is_done(self) -> bool:
        return self._state == _DONE

    # Answering.

    def reply(
        self,
        status: int = 200,
        body: _convert.Buffered = b"",
        headers: HeaderItems = (),
        *,
        reason: str | None = None,
    ) -> None:
        """Answer, all at once (``evhttp_send_reply``).

        Args:
            status: 200 to 999.
            body: Bytes; of an answer to HEAD only their number is sent.
            headers: A mapping, or pairs of name and value. Content-Length and Date are added, and
                Connection may be ``"close"``.
            reason: What stands behind the status; None is the usual.

        Raises:
            RuntimeError: It is answered already.
            ClosedError: The server is closed.
            ValueError: A header that would change the message; a body where the status has none.
        """
        self._begin_reply()
        data = body if type(body) is bytes else _convert.copied(body)
        length: int | None = len(data)
        if status in (204, 304):
            if data:
                raise ValueError(f"an answer with status {status} has no body")
            length = None
        start, flags, told = head.build(status, reason, headers, length)
        # To HEAD and in a 304 it may be that of what a GET would bring.
        if told != length and status != 304 and (not self._is_head or data or status == 204):
            raise ValueError(f"Content-Length is {told}, and the body has {length or 0} bytes")
        if self._is_head:
            data = b""
        self._done()
        server = self._server
        if server._delivery.thread == get_ident():
            _reply(server._pointer, self._index, self._generation, start, len(start), data, len(data), flags)
        else:
            self._in_loop(_reply, start, len(start), data, len(data), flags)
        if server._access_log is not None:
            self._log(status, len(data))

    def start_reply(self, status: int = 200, headers: HeaderItems = (), *, reason: str | None = None) -> None:
        """Begin an answer in pieces: :meth:`write` goes on, :meth:`end` ends (``evhttp_send_reply_start``).

        With a Content-Length among the headers, exactly so many bytes must be written. Without,
        it goes out in chunks, or to an HTTP/1.0 client until the connection closes.

        Args:
            status: As for :meth:`reply`, and so are the others.
            headers: See above.
            reason: See above.

        Raises:
            RuntimeError: It is answered already.
        """
        self._begin_reply()
        data, flags, length = head.build(status, reason, headers, None)
        self._has_body = head.has_body(status) and not self._is_head
        if status == 204 and length is not None:
            raise ValueError("an answer with status 204 has no Content-Length")
        chunked = False
        if length is None and head.has_body(status):
            if self._is_old:
                flags |= head.CLOSES
            else:
                data += b"Transfer-Encoding: chunked\r\n"
                chunked = self._has_body
        self._left = length if self._has_body else None
        self._state = _STARTED
        self._status = status
        self._total = self._waiting = 0
        self._in_loop(lib.lepy_http_start, data, len(data), chunked, flags)

    def write(self, data: _convert.Buffered) -> bool:
        """Send a piece of the body (``evhttp_send_reply_chunk``).

        What the socket does not take waits in memory: stop at False, and go on in *on_drained*
        (:meth:`set_callbacks`).

        Args:
            data: Bytes; to HEAD, and where the status has no body, they are not sent.

        Returns:
            Whether it is time for more: False while over :attr:`HIGH_MARK` bytes wait. In
            another thread that is what the loop last knew.

        Raises:
            RuntimeError: Not between start_reply() and end().
            ValueError: More than the Content-Length.
            BufferError: Over :attr:`MOST_WAITING` bytes wait.
            ClosedError: The server is closed.
        """
        self._check_started()
        piece = _convert.copied(data)
        if self._waiting > self.MOST_WAITING:
            raise BufferError(
                f"{self._waiting} bytes wait for the client; stop where write() gives False, and go on in "
                "on_drained"
            )
        if not self._has_body or not piece:
            return True
        if self._left is not None:
            if len(piece) > self._left:
                raise ValueError(f"the Content-Length leaves {self._left} bytes, not {len(piece)}")
            self._left -= len(piece)
        self._total += len(piece)
        self._in_loop(self._write, piece)
        return self._waiting <= self.HIGH_MARK

    def _write(self, pointer: CData, index: int, generation: int, piece: bytes) -> None:
        result = lib.lepy_http_write(pointer, index, generation, piece, len(piece))
        if result >= 0:
            self._waiting = result
            if result > self.HIGH_MARK:
                lib.lepy_http_notify_drained(pointer, index, generation)

    def end(self) -> None:
        """End an answer that :meth:`start_reply` has begun (``evhttp_send_reply_end``).

        Where bytes of the Content-Length are missing the connection is closed, by which the
        client knows.

        Raises:
            RuntimeError: Not behind start_reply().
        """
        self._check_started()
        self._done()
        self._in_loop(lib.lepy_http_abort if self._left else lib.lepy_http_end)
        self._log(self._status, self._total)

    def reply_file(
        self,
        file: _convert.FileDescriptor,
        offset: int = 0,
        length: int | None = None,
        status: int = 200,
        headers: HeaderItems = (),
        *,
        reason: str | None = None,
    ) -> None:
        """Answer with a part of a file, which C sends by sendfile (``evbuffer_add_file_segment``).

        By TLS it is read piece by piece. Where the file becomes shorter meanwhile, the connection
        is closed.

        Args:
            file: A regular file: anything with ``fileno()``, or a descriptor. It is duplicated:
                close yours when you like.
            offset: Where the part begins, in bytes.
            length: How many bytes; None for all to the end of the file.
            status: As for :meth:`reply`, and so are the others.
            headers: See above.
            reason: See above.

        Raises:
            ValueError: Not a regular file, or the part is not within it.
            RuntimeError: It is answered already.
        """
        self._begin_reply()
        if not head.has_body(status):
            raise ValueError(f"an answer with status {status} has no body")
        fd, length = part_of(file, offset, length)
        start, flags, told = head.build(status, reason, headers, length)
        if told != length:
            raise ValueError(f"Content-Length is {told}, and the part has {length} bytes")
        own = OwnFile(fd) if length and not self._is_head else None
        self._done()
        size = length if own is not None else 0
        self._in_loop(self._send_file, start, flags, own, offset, length)
        self._log(status, size)

    @staticmethod
    def _send_file(
        pointer: CData,
        index: int,
        generation: int,
        start: bytes,
        flags: int,
        own: OwnFile | None,
        offset: int,
        length: int,
    ) -> None:
        lib.lepy_http_start(pointer, index, generation, start, len(start), False, flags)
        if own is not None:
            lib.lepy_http_write_file(pointer, index, generation, own.take(), offset, length)
        lib.lepy_http_end(pointer, index, generation)

    def abort(self) -> None:
        """Close the connection without an answer, or in the middle of one (``evhttp_connection_free``).

        Nothing happens where the answer is whole.
        """
        if self._state != _DONE:
            self._done()
            self._in_loop(lib.lepy_http_abort)

    def _check_started(self) -> None:
        if self._state != _STARTED:
            raise RuntimeError("write() and end() come between start_reply() and the end")
        if self._server._pointer is None:
            raise ClosedError("this request's HTTPServer is closed")

    # What becomes of the client.

    def set_callbacks(
        self,
        on_drained: Callable[[Any], object] | None = None,
        on_disconnect: Callable[[Any], object] | None = None,
    ) -> None:
        """Exchange both callbacks, which get the request; called from the loop.

        Args:
            on_drained: Called when, after a :meth:`write` that gave False, all is sent.
            on_disconnect: Called once when the client goes away, or sends no more, while the
                answer is not whole. One that only sends no more still gets the answer.
        """
        self._on_drained = _convert.callback(on_drained, "on_drained")
        self._on_disconnect = _convert.callback(on_disconnect, "on_disconnect")

    @property
    def is_disconnected(self) -> bool:
        """Whether the client has gone away, or sends no more."""
        return self._gone

    def _disconnected(self) -> None:
        if self._state != _DONE and not self._gone:
            self._gone = True
            if self._on_disconnect is not None:
                self._on_disconnect(self)

    def _drained(self) -> None:
        if self._state == _STARTED:
            self._waiting = 0
            if self._on_drained is not None:
                self._on_drained(self)

    def _drop(self) -> None:
        """Let C answer for a handler that cannot any more, where the answer is not whole."""
        if self._state != _DONE:
            self._done()
            self._in_loop(lib.lepy_http_drop)

    def _done(self) -> None:
        """The answer is whole: nobody has to look after it."""
        self._state = _DONE
        requests = self._server._requests
        if requests:
            pending = requests.get(self._index)
            if pending is not None and pending() is self:
                del requests[self._index]

    @abstractmethod
    def _asked(self) -> tuple[Any, str]:
        """For the access log: who, and what."""
