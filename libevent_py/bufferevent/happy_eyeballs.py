"""Connecting to a host by name: its addresses in turn, overlapping (floor 6, RFC 8305)."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Union

from .. import _convert
from ..constants import EventFlags
from ..event import Event
from .resolve import Found, ThreadedLookup

if TYPE_CHECKING:
    from ..base import EventBase
    from ..calls import ScheduledCall
    from ..dns import DNSBase, DNSRequest

#: Seconds until the next address is tried beside those that have not answered.
ATTEMPT_DELAY = 0.25

#: Seconds for which IPv4 addresses wait for the answer about IPv6.
RESOLUTION_DELAY = 0.05

_SIX, _FOUR = socket.AF_INET6, socket.AF_INET

#: What only says that an address is none for this machine: another one's error tells more.
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

_NO_DATA = getattr(socket, "EAI_NODATA", None)

Outcome = Callable[[Union[socket.socket, OSError]], object]


class HappyEyeballs:
    """Gets a connected socket to some address of a host, or an error that names all that was tried.

    The families alternate, and each attempt has a head start of ATTEMPT_DELAY.  The first that
    is connected wins; the others are closed.
    """

    def __init__(
        self,
        base: EventBase,
        host: str,
        port: int,
        family: int,
        dns: DNSBase | None,
        timeout: float | None,
        callback: Outcome,
    ) -> None:
        self._base = base
        self._target = f"{host}:{port}"
        self._callback: Outcome | None = callback
        self._lookups: dict[int, ThreadedLookup | DNSRequest] = {}
        self._found: dict[int, deque[tuple[Any, ...]]] = {_SIX: deque(), _FOUR: deque()}
        self._next_family: int = _SIX
        self._running: dict[Event, tuple[socket.socket, tuple[Any, ...]]] = {}
        self._failed: list[tuple[tuple[Any, ...], OSError]] = []
        self._not_found: list[OSError] = []
        self._pause: ScheduledCall | None = None
        self._deadline: ScheduledCall | None = None
        try:
            if dns is None:
                self._lookups[family] = ThreadedLookup(base, host, port, family, self._looked_up)
            else:
                for each in (_SIX, _FOUR) if family == socket.AF_UNSPEC else (family,):
                    answered = partial(self._answered, each)
                    self._lookups[each] = dns.getaddrinfo(
                        host, port, answered, family=each, type=socket.SOCK_STREAM
                    )
            if timeout is not None:
                self._deadline = base.call_later(timeout, self._expire)
        except BaseException:
            self.close()
            raise

    # Addresses.

    def _looked_up(self, found: Found) -> None:
        self._lookups.clear()
        if not isinstance(found, OSError):
            self._next_family = found[0][0]  # the system has put them in order
        self._take(found)

    def _answered(self, family: int, request: DNSRequest) -> None:
        del self._lookups[family]
        self._take(request.error or [(each[0], each[4]) for each in request.result()])

    def _take(self, found: Found) -> None:
        """Have more addresses to try, or one answer less to wait for."""
        if isinstance(found, OSError):
            self._not_found.append(found)
        else:
            for family, address in found:
                if family in self._found and address not in self._found[family]:
                    self._found[family].append(address)
        if self._running:
            if self._pause is None:  # the next attempt is overdue
                self._go_on()
        elif _SIX in self._lookups and not self._failed:
            if self._found[_FOUR] and self._pause is None:
                self._pause = self._base.call_later(RESOLUTION_DELAY, self._go_on)
        else:
            self._go_on()

    def _next_address(self) -> tuple[int, tuple[Any, ...]] | None:
        for family in (self._next_family, _FOUR if self._next_family == _SIX else _SIX):
            if self._found[family]:
                self._next_family = _FOUR if family == _SIX else _SIX
                return family, self._found[family].popleft()
        return None

    # Attempts.

    def _go_on(self) -> None:
        """Try the next address, and another one after a while."""
        self._stop_pause()
        while self._callback is not None:
            following = self._next_address()
            if following is None:
                break
            if self._attempt(*following):
                self._pause = self._base.call_later(ATTEMPT_DELAY, self._go_on)
                return
        if self._callback is not None and not self._running and not self._lookups:
            self._finish(self._error())

    def _attempt(self, family: int, address: tuple[Any, ...]) -> bool:
        """Begin to connect; False where that has failed already."""
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            self._failed.append((address, error))
            return False
        try:
            _convert.prepare_stream(sock)
            with contextlib.suppress(BlockingIOError):
                sock.connect(address)
            event = Event(self._base, sock, EventFlags.WRITE, self._ready)
            event.add()
        except BaseException as error:
            sock.close()
            if not isinstance(error, OSError):
                raise
            self._failed.append((address, error))
            return False
        self._running[event] = (sock, address)
        return True

    def _ready(self, event: Event, what: EventFlags) -> None:
        sock, address = self._running.pop(event)
        event.close()
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            sock.close()
            self._failed.append((address, OSError(number, os.strerror(number))))
            self._go_on()
        else:
            self._finish(sock)

    # The end.

    def _finish(self, outcome: socket.socket | OSError) -> None:
        callback, self._callback = self._callback, None
        self.close()
        assert callback is not None
        callback(outcome)

    def _expire(self) -> None:
        self._failed += [
            (address, OSError(errno.ETIMEDOUT, "no answer")) for _, address in self._running.values()
        ]
        text = f"cannot connect to {self._target} in time{self._tried()}"
        self._finish(OSError(errno.ETIMEDOUT, text))

    def _error(self) -> OSError:
        """Why there is no connection, and to what."""
        if not self._failed:
            return max(self._not_found, key=lambda error: error.errno != _NO_DATA)
        numbers = [error.errno or errno.EIO for _, error in self._failed]
        number = next((each for each in numbers if each not in _NO_ROUTE), numbers[0])
        return OSError(number, f"cannot connect to {self._target}{self._tried()}")

    def _tried(self) -> str:
        tried = [f"{address[0]} ({error.strerror})" for address, error in self._failed]
        return f": tried {', '.join(tried)}" if tried else ""

    def _stop_pause(self) -> None:
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.cancel()

    def close(self) -> None:
        """Give up; nobody is told."""
        self._callback = None
        self._stop_pause()
        if self._deadline is not None:
            self._deadline.cancel()
        for lookup in self._lookups.values():
            lookup.close()
        self._lookups.clear()
        for event, (sock, _) in self._running.items():
            event.close()
            sock.close()
        self._running.clear()
