"""In which context a transport calls its protocol (floor 8)."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from asyncio.unix_events import (  # type: ignore[attr-defined]
    _UnixReadPipeTransport,
    _UnixWritePipeTransport,
)
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Transport = Any
else:
    _Transport = object


class CallsInContext(_Transport):  # type: ignore[misc]
    """For asyncio's transports: they call the protocol in the context in which they were made.

    asyncio itself uses the context of whoever paused, wrote or closed last.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._context = contextvars.copy_context()
        super().__init__(*args, **options)

    def _maybe_pause_protocol(self) -> None:
        # A copy: this comes of a write(), perhaps the protocol's own, in the context already.
        self._context.copy().run(super()._maybe_pause_protocol)

    def _maybe_resume_protocol(self) -> None:
        self._context.run(super()._maybe_resume_protocol)

    def _call_connection_lost(self, error: Exception | None) -> None:
        self._context.run(super()._call_connection_lost, error)


class ReadPipeTransport(CallsInContext, _UnixReadPipeTransport):  # type: ignore[misc]
    """asyncio's, with a context."""

    def _read_ready(self) -> None:
        self._context.run(super()._read_ready)


class WritePipeTransport(CallsInContext, _UnixWritePipeTransport):  # type: ignore[misc]
    """asyncio's, with a context."""


def exit_callback(loop: asyncio.AbstractEventLoop) -> Callable[..., object]:
    """What a child watcher calls when a process has ended: in the context of who asks for it now."""
    return functools.partial(_process_exited, loop, contextvars.copy_context())


def _process_exited(
    loop: asyncio.AbstractEventLoop, context: contextvars.Context, pid: int, returncode: int, transport: Any
) -> None:
    loop.call_soon_threadsafe(transport._process_exited, returncode, context=context)
