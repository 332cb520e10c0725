"""Who asks for the statistics gets them: on a unix socket, and over HTTP for Prometheus."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Callable
from typing import Any

from ...base import EventBase
from ...bufferevent import BufferEvent, LineFraming
from ...constants import EventFlags
from ...listener import Listener
from ..arguments import Address
from .statistics import Counters, as_prometheus, as_text

#: Who wants to see text on a terminal says nothing: it comes after so many seconds.
_SILENCE = 0.2
_PATIENCE = 5.0

_FRAMING = LineFraming(max_length=8192)

#: Calls its argument with the counters, now or when the workers have answered.
Collect = Callable[[Callable[[Counters], None]], None]


class Reporter:
    """Answers an HTTP GET with Prometheus' format, and anything else, or silence, with text.

    Args:
        base: Where to listen.
        address: On what.
        collect: Where the numbers come from.
    """

    def __init__(self, base: EventBase, address: Address, collect: Collect) -> None:
        self._collect = collect
        if isinstance(address, str):
            _remove_stale(address[len("unix:") :])
        self.listener = Listener(base, address, self._on_accept)

    def _on_accept(self, listener: Listener, sock: socket.socket, address: Any) -> None:
        bev = BufferEvent(listener.base, sock)
        bev.set_callbacks(on_messages=self._on_lines, on_event=self._on_event, framing=_FRAMING)
        bev.set_timeouts(read=_SILENCE)
        bev.enable(EventFlags.READ)

    def _on_lines(self, bev: BufferEvent, lines: list[bytes]) -> None:
        words = lines[0].split()
        if len(words) == 3 and words[2].startswith(b"HTTP/"):
            self._answer_http(bev, words[0], words[1].split(b"?")[0])
        else:
            self._answer(bev, as_text)

    def _on_event(self, bev: BufferEvent, what: object) -> None:
        """Silence, or an end of what was to be said: nc says nothing, and waits."""
        self._answer(bev, as_text)

    def _answer(self, bev: BufferEvent, form: Callable[[Counters], str]) -> None:
        bev.set_callbacks()

        def send(counters: Counters) -> None:
            if not bev.closed:
                bev.write(form(counters).encode())
                bev.close_when_flushed(_PATIENCE)

        self._collect(send)

    def _answer_http(self, bev: BufferEvent, method: bytes, path: bytes) -> None:
        if method not in (b"GET", b"HEAD") or path not in (b"/metrics", b"/"):
            bev.set_callbacks()
            status = "404 Not Found" if method in (b"GET", b"HEAD") else "405 Method Not Allowed"
            bev.write(f"HTTP/1.0 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            bev.close_when_flushed(_PATIENCE)
            return

        def response(counters: Counters) -> str:
            body = as_prometheus(counters)
            head = (
                "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                f"Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n"
            )
            return head + (body if method == b"GET" else "")

        self._answer(bev, response)


def _remove_stale(path: str) -> None:
    """Take the socket away that a proxy has left which was killed."""
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
