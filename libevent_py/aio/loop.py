"""The asyncio event loop (floor 8): its pass, and what it waits for."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import threading
from asyncio.sslproto import SSLProtocol
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from .._delivery import NOT_ASKED
from .._errors import raise_errno, raise_records_lost, raise_refused
from .._ffi import lib
from ..base import EventBase
from ..constants import EventFlags
from ..signals import MainThreadSignals
from .contexts import ReadPipeTransport, WritePipeTransport, exit_callback
from .receiver import Receiver
from .stream import SocketTransport
from .watchers import WatchedFiles, Watcher, fileno

_ONE_PASS = lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK

#: As asyncio does: the heap is cleared of cancelled timers when it has more than so many handles, half of
#: them cancelled.
_MOST_CANCELLED_HANDLES = 100
_MOST_CANCELLED_FRACTION = 0.5

logger = logging.getLogger("asyncio")

if TYPE_CHECKING:

    class _TimerHandle(asyncio.TimerHandle):
        """What asyncio's timers have, and the type checker does not know of."""

        _when: float
        _scheduled: bool


class Loop(asyncio.SelectorEventLoop):
    """An asyncio event loop whose events are libevent's.

    What it does not do itself is the running Python's own loop. :attr:`base` is its
    EventBase: bufferevents, listeners and timers that are made in it run beside coroutines.

    Raises:
        OSError: No free file descriptors (EMFILE).

    Example::

        loop = libevent_py.aio.new_event_loop()
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()
    """

    if TYPE_CHECKING:  # what asyncio's own loop keeps, in every version from 3.9 on
        _ready: deque[asyncio.Handle]
        _scheduled: list[_TimerHandle]
        _timer_cancelled_count: int
        _stopping: bool
        _debug: bool
        _current_handle: asyncio.Handle | None
        _clock_resolution: float
        _csock: socket.socket
        _signal_handlers: dict[int, asyncio.Handle]
        _check_closed: Callable[[], None]
        _check_running: Callable[[], None]
        _ensure_fd_no_transport: Callable[[socket.socket], None]

    def __init__(self) -> None:
        self._base = EventBase(on_error=self._callback_raised)
        self._delivery = self._base._delivery
        self._readers: dict[int, Watcher | Receiver] = {}
        self._writers: dict[int, Watcher | Receiver] = {}
        try:
            super().__init__(WatchedFiles(self._base, self._readers, self._writers))
        except BaseException:
            self._base.close()
            raise

    @property
    def base(self) -> EventBase:
        """The EventBase that the loop runs."""
        return self._base

    def _callback_raised(self, error: Exception) -> None:
        """What a callback of an object of the base raised does not end the loop."""
        self.call_exception_handler(
            {"message": "Unhandled exception in a callback of libevent's", "exception": error}
        )

    # Running.

    def run_forever(self) -> None:
        """Run until stop() is called."""
        self._check_closed()
        self._check_running()
        self._delivery.claimed(self._run_claimed)
        self._keep_wakeup_fd(bool(self._signal_handlers))

    def _run_claimed(self) -> None:
        delivery, base = self._delivery, self._base
        # asyncio's own descriptor: its signal handlers read the signals' numbers there.
        with MainThreadSignals(delivery, self._csock.fileno()):
            try:
                delivery.running = True
                base._calls.enter()
                super().run_forever()
            finally:
                base._leave()

    def remove_signal_handler(self, sig: int) -> bool:
        """Remove a handler of add_signal_handler(); False where there is none."""
        removed = super().remove_signal_handler(sig)
        self._keep_wakeup_fd(self.is_running())
        return removed

    def _keep_wakeup_fd(self, needed: bool) -> None:
        """Where *needed*, let signals write to asyncio's descriptor again, as they did a moment ago.

        While the loop runs that is for Ctrl-C; between two runs, for asyncio's signal handlers.
        """
        if needed and threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)

    def _run_once(self) -> None:
        """One pass, in the order of asyncio's own: what was ready, what has happened, what is due."""
        token = self._poll()
        # Timers are made ready now, and run behind what has happened; where something raises before
        # that, they are ready for the next pass, as what has happened is kept by the delivery.
        count = len(self._ready)
        due = self._make_ready() if self._scheduled else 0
        self._run_ready(count)
        calls = self._base._calls
        if calls.ready or calls.heap:
            calls.turn()
        if token >= 0:
            self._deliver(token)
        self._run_ready(due)

    def _run_ready(self, count: int) -> None:
        """Run the first *count* handles, and not what they make ready."""
        ready = self._ready
        for _ in range(count):
            handle = ready.popleft()
            if not handle._cancelled:
                if self._debug:
                    self._run_watched(handle)
                else:
                    handle._run()

    def _run_watched(self, handle: asyncio.Handle) -> None:
        """Run *handle* as asyncio's debug mode does."""
        self._current_handle = handle
        try:
            started = monotonic()
            handle._run()
            seconds = monotonic() - started
            if seconds >= self.slow_callback_duration:
                logger.warning("Executing %r took %.3f seconds", handle, seconds)
        finally:
            self._current_handle = None
            del handle  # an exception's traceback keeps this frame, and with it a task

    def _make_ready(self) -> int:
        """Put the timers whose time has come behind all that is ready; how many."""
        scheduled, ready = self._scheduled, self._ready
        end = monotonic() + self._clock_resolution
        before = len(ready)
        while scheduled and scheduled[0]._when < end:
            ready.append(self._pop_timer())
        return len(ready) - before

    def _pop_timer(self) -> _TimerHandle:
        timer = heappop(self._scheduled)
        timer._scheduled = False
        if timer._cancelled:
            self._timer_cancelled_count -= 1
        return timer

    def _deadline(self) -> float:
        """When the first timer is due that is not cancelled; cancelled ones do not stay for ever."""
        scheduled = self._scheduled
        count = len(scheduled)
        if count > _MOST_CANCELLED_HANDLES and self._timer_cancelled_count > _MOST_CANCELLED_FRACTION * count:
            for timer in scheduled:
                timer._scheduled = not timer._cancelled
            scheduled[:] = [timer for timer in scheduled if timer._scheduled]
            heapify(scheduled)
            self._timer_cancelled_count = 0
        while scheduled and scheduled[0]._cancelled:
            self._pop_timer()
        return scheduled[0]._when if scheduled else inf

    def _poll(self) -> int:
        """Let libevent look for events, and wait for them where nothing else is to be done.

        The token of what it found; negative where that is nothing.
        """
        delivery, calls = self._delivery, self._base._calls
        deadline = self._deadline() if self._scheduled else inf
        if calls.heap:
            deadline = min(deadline, calls.deadline())
        delivery.hold_funerals()
        calls.asked = inf  # asleep: what another thread adds from here on wakes it
        delivery.plan(_ONE_PASS if self._ready or self._stopping or calls.ready else 0, deadline)
        calls.asked = deadline
        token = lib.lepy_delivery_run(delivery.pointer)
        calls.asked = NOT_ASKED
        if token < 0:
            if token == lib.LEPY_RUN_ERROR:
                raise_errno("event_base_loop failed")
            if token == lib.LEPY_RUN_NO_MEMORY:
                raise_records_lost()
            if token == lib.LEPY_RUN_FORKED:
                raise_refused(lib.LEPY_FORKED)
        return token

    def _deliver(self, token: int) -> None:
        """Deliver the batch that *token* names, and what else the same pass has found."""
        delivery = self._delivery
        while token >= 0:
            delivery.stopping = delivery.interrupted
            delivery.deliver(token)
            if delivery.stopping:
                delivery.keep_rest()
            if delivery.interrupted:
                raise KeyboardInterrupt
            if not token & lib.LEPY_TOKEN_MORE:
                return
            delivery.plan(_ONE_PASS, inf)
            token = lib.lepy_delivery_run(delivery.pointer)

    # Descriptors.

    def _add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        return self._watch(self._readers, EventFlags.READ, fd, asyncio.Handle(callback, args, self, None))

    def _add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        return self._watch(self._writers, EventFlags.WRITE, fd, asyncio.Handle(callback, args, self, None))

    def _remove_reader(self, fd: Any) -> bool:
        return self._unwatch(self._readers, fd)

    def _remove_writer(self, fd: Any) -> bool:
        return self._unwatch(self._writers, fd)

    def _watch(
        self,
        watchers: dict[int, Watcher | Receiver],
        direction: EventFlags,
        file: Any,
        handle: asyncio.Handle,
    ) -> asyncio.Handle:
        self._check_closed()
        fd = fileno(file)
        watcher = watchers.get(fd)
        if isinstance(watcher, Watcher):
            watcher.handle.cancel()
            watcher.watch(handle)
            return handle
        watcher = Watcher(self, fd, direction)
        try:
            watcher.watch(handle)
        except BaseException:
            watcher.close()
            raise
        watchers[fd] = watcher
        return handle

    def _unwatch(self, watchers: dict[int, Watcher | Receiver], file: Any) -> bool:
        if self.is_closed():
            return False
        watcher = watchers.pop(fileno(file), None)
        if watcher is None:
            return False
        watcher.unwatch()
        return True

    # Transports.

    def _make_socket_transport(
        self,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        *,
        extra: dict[str, Any] | None = None,
        server: Any = None,
    ) -> SocketTransport:
        self._ensure_fd_no_transport(sock)
        return SocketTransport(self, sock, protocol, waiter, extra, server)

    def _make_ssl_transport(
        self,
        rawsock: socket.socket,
        protocol: asyncio.BaseProtocol,
        sslcontext: ssl.SSLContext,
        waiter: asyncio.Future[None] | None = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: dict[str, Any] | None = None,
        server: Any = None,
        **timeouts: Any,
    ) -> asyncio.Transport:
        ssl_protocol: Any = SSLProtocol(
            self, protocol, sslcontext, cast(Any, waiter), server_side, server_hostname, **timeouts
        )
        self._make_socket_transport(rawsock, ssl_protocol, extra=extra, server=server)
        return cast(asyncio.Transport, ssl_protocol._app_transport)

    def _make_read_pipe_transport(self, *args: Any, **options: Any) -> ReadPipeTransport:
        return ReadPipeTransport(self, *args, **options)

    def _make_write_pipe_transport(self, *args: Any, **options: Any) -> WritePipeTransport:
        return WritePipeTransport(self, *args, **options)

    @property
    def _child_watcher_callback(self) -> Callable[..., object]:
        return exit_callback(self)
