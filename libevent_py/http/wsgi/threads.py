"""An application called in a thread: what it says goes to the loop, in order (floor 7)."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ...exceptions import ClosedError
from ..request import HTTPRequest
from .exchange import ClientGone, Exchange

if TYPE_CHECKING:
    from .handler import WSGIHandler

#: Seconds after which a thread that waits for its client looks whether the server is still there.
_LOOK = 1.0


class ThreadExchange(Exchange):
    """An Exchange that runs in a thread, which waits while the client takes no more."""

    TURN: ClassVar[float] = math.inf

    def __init__(self, handler: WSGIHandler, request: HTTPRequest) -> None:
        super().__init__(handler, request)
        self._changed = threading.Condition()
        # Bytes on their way to the client, and those of them that the loop has and cannot send yet.
        self._under_way = 0
        self._stuck = 0
        self._is_gone = False
        self._is_leaving = False
        self._left: int | None = None

    def give_up(self) -> None:
        """The server is about to close: let nobody wait."""
        with self._changed:
            self._is_gone = True
            self._changed.notify_all()

    # In the thread.

    def _start(self) -> None:
        self._left = self._content_length()
        super()._start()

    def _write(self, data: bytes) -> bool:
        if self._left is not None:
            if len(data) > self._left:
                raise ValueError(
                    f"the application's Content-Length leaves {self._left} bytes, not {len(data)}"
                )
            self._left -= len(data)
        with self._changed:
            self._under_way += len(data)
        self._in_loop(self._write_in_loop, data)
        with self._changed:
            while self._under_way > HTTPRequest.HIGH_MARK:
                if self._is_gone or self._is_leaving or self._request._server._pointer is None:
                    raise ClientGone
                self._changed.wait(_LOOK)
            if self._is_gone:
                raise ClientGone
        return True

    def _end(self) -> None:
        self._in_loop(self._tell, self._request.end)

    def _abort(self) -> None:
        self._in_loop(self._tell, self._request.abort)

    def _in_loop(self, function: Callable[..., object], *arguments: Any) -> None:
        try:
            self._request._server.base.call_soon_threadsafe(function, *arguments)
        except ClosedError:
            self._is_gone = True

    # In the loop.

    def _write_in_loop(self, data: bytes) -> None:
        is_time = self._tell(self._request.write, data)
        with self._changed:
            if is_time:
                self._under_way -= len(data)
            else:
                self._stuck += len(data)
            if self._request.is_disconnected and not self._is_reachable():
                self._is_gone = True
            self._changed.notify_all()

    def _tell(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a method of the request, which may have ended by another one's fault."""
        try:
            return function(*arguments)
        except (ValueError, RuntimeError, BufferError):  # ClosedError is a ValueError
            self.give_up()
            return None

    def _resume(self, request: object = None) -> None:
        with self._changed:
            self._under_way -= self._stuck
            self._stuck = 0
            self._changed.notify_all()

    def _on_disconnect(self, request: object) -> None:
        # One that only sends no more hears the rest, but nobody waits for it.
        with self._changed:
            self._is_leaving = True
            self._is_gone = self._is_gone or not self._is_reachable()
            self._changed.notify_all()

    def _is_reachable(self) -> bool:
        try:
            return bool(self._request.pointer)
        except ClosedError:
            return False
