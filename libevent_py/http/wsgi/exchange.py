"""One request and its answer, as PEP 3333 has them (floor 7)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Optional, Union

from .. import head
from ..request import HTTPRequest
from .environ import Environ
from .files import FileWrapper

if TYPE_CHECKING:
    from .handler import WSGIHandler

log = logging.getLogger("libevent_py.http.wsgi")

#: What sys.exc_info() gives.
ExcInfo = Union[tuple[type[BaseException], BaseException, Optional[TracebackType]], tuple[None, None, None]]


class ClientGone(ConnectionError):
    """Nobody is there any more to whom an answer could be sent."""


class Exchange:
    """Calls the application and sends what it gives, in the loop.

    The iterable is asked for more while the client takes it; else this returns, and goes on when
    all is sent.

    Args:
        handler: Whose application is called.
        request: What for.
    """

    #: So many bytes are sent in one go before others have their turn.
    TURN: ClassVar[float] = 1 << 20

    def __init__(self, handler: WSGIHandler, request: HTTPRequest) -> None:
        self._handler = handler
        self._request = request
        self._status = 0
        self._reason = ""
        self._headers: list[tuple[str, str]] = []
        self._is_started = False
        self._is_whole = False
        self._is_closed = False
        self._iterable: Any = None
        self._iterator: Iterator[bytes] = iter(())

    def run(self, environ: Environ) -> None:
        """Call the application, and answer."""
        self._guarded(self._call, environ)

    def _guarded(self, function: Callable[..., bool], *arguments: Any) -> None:
        """Call what may raise as the application does; it says whether all is done."""
        try:
            is_done = function(*arguments)
        except ClientGone:
            self._abort()
            is_done = True
        except BaseException as error:
            self._fail()
            self._close()
            if not isinstance(error, Exception):
                raise
            return
        if is_done:
            self._close()
        else:
            self._handler.active.add(self)

    # What the application calls.

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """PEP 3333's ``start_response``."""
        if exc_info is not None:
            try:
                if self._is_started and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # or the traceback would keep this frame
        elif self._status:
            raise AssertionError("start_response() was called before: again it needs exc_info")
        code, _, reason = status.partition(" ")
        if len(code) != 3 or not code.isdigit():
            raise ValueError(f"a status is like '200 OK', not {status!r}")
        self._status = int(code)
        self._reason = reason
        self._headers = headers
        return self.write

    def write(self, data: bytes) -> None:
        """PEP 3333's ``write()``, for applications that cannot give an iterable."""
        self._send(data)

    # Answering.

    def _call(self, environ: Environ) -> bool:
        iterable = self._iterable = self._handler.application(environ, self.start_response)
        if not self._is_started:
            if type(iterable) is FileWrapper and self._send_file(iterable):
                return True
            # One piece is the whole: its length is known.
            if type(iterable) in (list, tuple) and len(iterable) == 1 and self._status:
                self._reply(iterable[0])
                return True
        self._iterator = iter(iterable)
        return self._pump()

    def _pump(self) -> bool:
        sent = 0
        for data in self._iterator:
            if data:
                if not self._send(data):
                    return False
                sent += len(data)
                if sent > self.TURN and not self._is_whole:
                    self._request._server.base.call_soon(self._resume)
                    return False
        if not self._is_started:
            self._reply(b"")
        elif not self._is_whole:
            self._end()
        return True

    def _resume(self, request: object = None) -> None:
        if not self._is_closed:
            self._guarded(self._pump)

    def _send(self, data: bytes) -> bool:
        """Send a piece; False: the next one later, when _resume is called."""
        if not isinstance(data, bytes):
            raise TypeError(f"an application gives bytes, not {type(data).__name__}")
        if self._is_whole:
            raise ValueError(f"the application's Content-Length leaves no room for {len(data)} bytes more")
        if not self._is_started:
            if self._content_length() == len(data):
                self._reply(data)
                return True
            self._start()
        return self._write(data)

    def _write(self, data: bytes) -> bool:
        is_time = self._request.write(data)
        if self._request.is_disconnected:
            raise ClientGone
        return is_time

    def _end(self) -> None:
        self._request.end()

    def _abort(self) -> None:
        self._request.abort()

    def _start(self) -> None:
        self._request.set_callbacks(on_drained=self._resume, on_disconnect=self._on_disconnect)
        self._request.start_reply(self._checked_status(), self._fields(), reason=self._reason)
        self._is_started = True

    def _reply(self, data: bytes) -> None:
        status = self._checked_status()
        if not head.has_body(status):
            data = b""
        self._request.reply(status, data, self._fields(), reason=self._reason)
        self._is_started = self._is_whole = True

    def _send_file(self, wrapper: FileWrapper) -> bool:
        part = wrapper.part()
        status = self._checked_status()
        if part is None or not head.has_body(status):
            return False
        descriptor, offset, length = part
        told = self._content_length()
        length = length if told is None else told
        self._request.reply_file(descriptor, offset, length, status, self._fields(), reason=self._reason)
        self._is_started = self._is_whole = True
        return True

    def _checked_status(self) -> int:
        if not self._status:
            raise AssertionError("the application gave a body before it called start_response()")
        return self._status

    def _content_length(self) -> int | None:
        for name, value in self._headers:
            if name.lower() == "content-length":
                return int(value)
        return None

    def _fields(self) -> list[tuple[str, str]]:
        if self._status == 204:  # frameworks tell its length, 0, and HTTP forbids that
            return [field for field in self._headers if field[0].lower() != "content-length"]
        return self._headers

    # How it ends.

    def _on_disconnect(self, request: object) -> None:
        """While it waits for the client to take more."""
        if not self._is_closed:
            self._abort()
            self._close()

    def give_up(self) -> None:
        """The server is about to close: end the answer in the middle."""
        self._on_disconnect(None)

    def _fail(self) -> None:
        """Answer for an application that has raised."""
        log.exception("%s %s: the application raised", self._request.method, self._request.target)
        if self._is_started:
            self._abort()
        else:
            self._is_started = True
            self._request.reply(500, b"500 Internal Server Error\n", {"Content-Type": "text/plain"})

    def _close(self) -> None:
        """Close the iterable, once."""
        self._is_closed = True
        iterable, self._iterable = self._iterable, None
        self._iterator = iter(())
        self._handler.active.discard(self)
        close = getattr(iterable, "close", None)
        if close is not None:
            try:
                close()
            except Exception:
                log.exception("%s %s: close() raised", self._request.method, self._request.target)
