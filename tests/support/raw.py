"""The raw layer's small change: a base, times, strings, callbacks that may raise."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from libevent_py import ffi, lib


class RawBase:
    """An event_base whose callbacks may raise: run() raises it then.

    Attributes:
        pointer: The ``struct event_base *``.
    """

    def __init__(self) -> None:
        self.pointer = lib.event_base_new()
        self._errors: list[BaseException] = []
        self._callbacks: list[Any] = []

    def callback(self, signature: str, function: Callable[..., Any], error: Any = 0) -> Any:
        """*function* for C, kept until the end; C gets *error* where it raises, if it wants an answer."""
        kind = ffi.typeof(signature.replace("(", "(*)(", 1))
        is_void = kind.result.kind == "void"
        words: dict[str, Any] = {} if is_void else {"error": error}
        made = ffi.callback(kind, function, onerror=self._noted, **words)
        self._callbacks.append(made)
        return made

    def _noted(self, kind: Any, error: Any, traceback: Any) -> None:
        self._errors.append(error)
        lib.event_base_loopbreak(self.pointer)

    def stop(self, *arguments: Any) -> None:
        """End run()."""
        lib.event_base_loopbreak(self.pointer)

    def run(self) -> None:
        """Dispatch until stop(), ten seconds at most."""
        limit = self.callback("event_callback_fn", lambda fd, what, arg: self._too_late())
        event = lib.event_new(self.pointer, -1, 0, limit, ffi.NULL)
        lib.event_add(event, timeval(10))
        lib.event_base_dispatch(self.pointer)
        lib.event_free(event)
        self.check()

    def turn(self) -> None:
        """One pass of the loop, without waiting."""
        lib.event_base_loop(self.pointer, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)
        self.check()

    def check(self) -> None:
        """Raise what a callback raised."""
        found, self._errors[:] = list(self._errors), []
        for error in found:
            raise error

    def _too_late(self) -> None:
        raise TimeoutError("nothing ended the loop in ten seconds")


@contextmanager
def raw_base() -> Iterator[RawBase]:
    """A RawBase, freed at the end."""
    base = RawBase()
    try:
        yield base
        base.check()
    finally:
        lib.event_base_free(base.pointer)


def timeval(seconds: float) -> Any:
    """A ``struct timeval`` of that many seconds."""
    whole = int(seconds)
    return ffi.new("struct timeval *", (whole, round((seconds - whole) * 1_000_000)))


def text(string: Any) -> str | None:
    """A C string, None for NULL."""
    return ffi.string(string).decode() if string else None


def taken(string: Any) -> str:
    """A C string that is ours to free."""
    try:
        return ffi.string(string).decode()
    finally:
        lib.free(string)


def content(evbuffer: Any) -> bytes:
    """All that an evbuffer holds, taken out of it."""
    length = lib.evbuffer_get_length(evbuffer)
    room = ffi.new("char[]", length)
    assert lib.evbuffer_remove(evbuffer, room, length) == length
    return bytes(ffi.buffer(room, length))


@contextmanager
def evbuffer(data: bytes = b"") -> Iterator[Any]:
    """An evbuffer with *data*, freed at the end."""
    made = lib.evbuffer_new()
    assert lib.evbuffer_add(made, data, len(data)) == 0
    try:
        yield made
    finally:
        lib.evbuffer_free(made)


def address_of(fd: int) -> Any:
    """The address that a descriptor is bound to, as Python's."""
    with socket.socket(fileno=os.dup(fd)) as sock:
        sock.setblocking(False)  # PyPy has made it block, and with it the one that it was duplicated from
        return sock.getsockname()
