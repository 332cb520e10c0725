"""The asyncio event loop (floor 8): its pass, and what it waits for."""

from __future__ import annotations

import asyncio
import functools
import signal
import socket
import ssl
import threading
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from contextvars import Context
from math import inf
from typing import TYPE_CHECKING, Any, cast

from .._callbacks import pinned
from .._delivery import NOT_ASKED
from .._errors import raise_errno, raise_records_lost, raise_refused
from .._ffi import lib
from ..base import EventBase
from ..constants import EventFlags
from ..signals import MainThreadSignals
from .contexts import ReadPipeTransport, WritePipeTransport, exit_callback
from .datagram import Datagrams, DatagramTransport
from .forked import separate
from .names import LooksUpNames
from .receiver import Receiver
from .scheduling import SchedulingLoop, without_this_frame
from .stream import SocketTransport
from .watchers import WatchedFiles, Watcher, fileno

_ONE_PASS = lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK
_PASSED = lib.LEPY_RUN_PASSED
_MORE = lib.LEPY_TOKEN_MORE
_run = lib.lepy_delivery_run


class Loop(LooksUpNames, SchedulingLoop):
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
        _csock: socket.socket
        _selector: WatchedFiles
        _make_self_pipe: Callable[[], None]
        _close_self_pipe: Callable[[], None]
        _signal_handlers: dict[int, asyncio.Handle]
        _check_running: Callable[[], None]
        _ensure_fd_no_transport: Callable[[socket.socket], None]

    def __init__(self) -> None:
        self._base = EventBase(on_error=self._base_raised)
        self._delivery = self._base._delivery
        self._calls = self._base._calls
        self._readers: dict[int, Watcher | Receiver] = {}
        self._writers: dict[int, Watcher | Receiver] = {}
        # What watched a descriptor and is used again for that number: sock_recv() and its kin
        # watch for each of their waits.  By the number, and whether it is for reading.
        self._unused: dict[tuple[int, bool], Watcher] = {}
        try:
            super().__init__(WatchedFiles(self._base, self._readers, self._writers))
        except BaseException:
            self._base.close()
            raise
        self._delivery.waiting = (self._ready, self._scheduled)

    @property
    def base(self) -> EventBase:
        """The EventBase that the loop runs."""
        return self._base

    def _base_raised(self, error: Exception) -> None:
        """What a callback of an object of the base raised does not end the loop."""
        self.call_exception_handler(
            {"message": "Unhandled exception in a callback of libevent's", "exception": error}
        )

    # Running.

    def stop(self) -> None:
        """Let run_forever() end with its pass."""
        super().stop()
        self._delivery.exiting = True

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As call_soon(), from any thread and from signal handlers."""
        if self._debug or self._closed:
            return without_this_frame(super().call_soon_threadsafe(callback, *args, context=context))
        if context is None:
            handle = self.call_soon(callback, *args)  # without a dictionary for the call
        else:
            handle = self.call_soon(callback, *args, context=context)
        if self._calls.asked > NOT_ASKED:
            self._write_to_self()
        return handle

    def _write_to_self(self) -> None:
        """Wake the loop, which may be asleep."""
        delivery = self._delivery
        with delivery.lock:  # close() in the meantime would free what this uses
            if delivery.pointer is not None and not delivery.inherited:
                lib.lepy_delivery_wake(delivery.pointer)

    def run_forever(self) -> None:
        """Run until stop() is called."""
        self._check_closed()
        self._check_running()
        if self._delivery.inherited:
            separate(self)
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

    def close(self) -> None:
        """Close the loop and its base, also in a child that has them from its parent."""
        if self._delivery.inherited and not (self.is_running() or self.is_closed()):
            self._selector.close()
        super().close()

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
        delivery, calls, scheduled = self._delivery, self._calls, self._scheduled
        if delivery.graveyard or pinned:
            delivery.hold_funerals()
        deadline = self._deadline() if scheduled else inf
        calls.asked = inf  # asleep: what another thread adds from here on wakes it
        flags = _ONE_PASS if self._ready or self._stopping or calls.ready else 0
        if calls.heap:
            deadline = min(deadline, calls.deadline())
        elif not flags and not scheduled:
            self._wait()
            return
        if delivery.planned != (flags, deadline):
            delivery.plan(flags, deadline)
        token = _run(delivery.pointer)
        calls.asked = NOT_ASKED
        if token < 0 and token != _PASSED:
            _check_token(token)
        # Timers are made ready now, and run behind what has happened; where something raises before
        # that, they are ready for the next pass, as what has happened is kept by the delivery.
        count = len(self._ready)
        due = self._make_ready() if scheduled else 0
        self._run_ready(count)
        if calls.ready or calls.heap:
            calls.turn()
        if token >= 0:
            self._deliver(token)
        if due:
            self._run_ready(due)

    def _wait(self) -> None:
        """A pass with nothing to be done but to wait and deliver, and as many as follow of them."""
        delivery = self._delivery
        delivery.exiting = False
        delivery.stopping = delivery.interrupted
        delivery.plan(0, inf)
        token = delivery.work(_run, True)
        self._calls.asked = NOT_ASKED
        if token < 0:
            _check_token(token)
        self._end_delivery(token)

    def _deliver(self, token: int) -> None:
        """Deliver the batch that *token* names, and what else the same pass has found."""
        self._delivery.stopping = self._delivery.interrupted
        self._delivery.deliver(token)
        self._end_delivery(token)

    def _end_delivery(self, token: int) -> None:
        """What *token* names is delivered: what else its pass has found is next."""
        delivery = self._delivery
        while True:
            if delivery.stopping:
                delivery.keep_rest()
            if delivery.interrupted:
                raise KeyboardInterrupt
            if token < 0 or not token & _MORE:
                return
            delivery.stopping = False
            delivery.plan(_ONE_PASS, inf)
            token = delivery.work(_run, False)

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
        if self._delivery.inherited:
            separate(self)
        fd = fileno(file)
        watcher = watchers.get(fd)
        if isinstance(watcher, Watcher):
            watcher.handle.cancel()
            watcher.watch(handle)
            return handle
        watcher = self._unused.pop((fd, watchers is self._readers), None) or Watcher(self, fd, direction)
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
        fd = fileno(file)
        watcher = watchers.pop(fd, None)
        if watcher is None:
            return False
        if self._delivery.inherited:
            separate(self)
        watcher.unwatch()
        if isinstance(watcher, Watcher):
            self._unused[fd, watchers is self._readers] = watcher
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

    def _make_datagram_transport(self, *args: Any, **options: Any) -> DatagramTransport:
        return DatagramTransport(self, *args, **options)

    @functools.cached_property
    def _datagrams(self) -> Datagrams:
        return Datagrams()

    def _make_read_pipe_transport(self, *args: Any, **options: Any) -> ReadPipeTransport:
        return ReadPipeTransport(self, *args, **options)

    def _make_write_pipe_transport(self, *args: Any, **options: Any) -> WritePipeTransport:
        return WritePipeTransport(self, *args, **options)

    @property
    def _child_watcher_callback(self) -> Callable[..., object]:
        return exit_callback(self)


def _check_token(token: int) -> None:
    """Raise for what lepy_delivery_run could not do."""
    if token == lib.LEPY_RUN_ERROR:
        raise_errno("event_base_loop failed")
    if token == lib.LEPY_RUN_NO_MEMORY:
        raise_records_lost()
    if token == lib.LEPY_RUN_FORKED:
        raise_refused(lib.LEPY_FORKED)
