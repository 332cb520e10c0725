"""The study notes' calls as a raw program makes them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from libevent_py import (
    ffi,
    lib,
)

NULL = ffi.NULL


def timeval(seconds: float) -> Any:
    """A ``struct timeval *``."""
    return ffi.new("struct timeval *", {"tv_sec": int(seconds), "tv_usec": int(seconds % 1 * 1e6)})


class Raw:
    """An event_base, and what else a raw program has to keep and free itself."""

    def __init__(self) -> None:
        self.base = lib.event_base_new()
        self.kept: list[Any] = []
        self.events: list[Any] = []
        self.bevs: list[Any] = []

    def event(self, fd: int, what: int, function: Callable[[int, int, Any], object]) -> Any:
        """The notes' event_new with a Python callback."""
        callback = ffi.callback("event_callback_fn", lambda fd, what, arg: (function(fd, what, arg), None)[1])
        self.kept.append(callback)
        self.events.append(lib.event_new(self.base, fd, what, callback, NULL))
        return self.events[-1]

    def bufferevent(self, sock: socket.socket | None, options: int = 0) -> Any:
        """The notes' bufferevent_socket_new."""
        self.bevs.append(lib.bufferevent_socket_new(self.base, sock.fileno() if sock else -1, options))
        return self.bevs[-1]

    def setcb(self, bev: Any, read: Any = None, write: Any = None, event: Any = None) -> None:
        """The notes' bufferevent_setcb with Python callbacks."""
        found = []
        for kind, function in (
            ("bufferevent_data_cb", read),
            ("bufferevent_data_cb", write),
            ("bufferevent_event_cb", event),
        ):
            found.append(
                ffi.callback(kind, lambda *a, f=function: (f(*a[:-1]), None)[1]) if function else NULL
            )
        self.kept += found
        lib.bufferevent_setcb(bev, *found, NULL)

    def turn(self, passes: int = 1) -> None:
        """Some passes of the loop."""
        for _ in range(passes):
            lib.event_base_loop(self.base, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)

    def until(self, done: Callable[[], object]) -> None:
        """Passes until *done()*."""
        end = time.monotonic() + 10
        while not done():
            assert time.monotonic() < end
            self.turn()

    def close(self) -> None:
        """Free all, in the order that libevent needs."""
        for event in self.events:
            lib.event_free(event)
        for bev in self.bevs:
            lib.bufferevent_free(bev)
        self.turn(2)
        lib.event_base_free(self.base)


def take(bev: Any, size: int = 1024) -> bytes:
    """The notes' bufferevent_read into a buffer as big as the notes' ``data[1024]``."""
    memory = ffi.new("char[]", size)
    return ffi.buffer(memory, size)[: lib.bufferevent_read(bev, memory, size)]
