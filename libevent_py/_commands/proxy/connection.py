"""One client: who it is, a backend that can be reached, and then a Relay."""

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING, Any

from ...bufferevent import BufferEvent
from ...bufferevent.common import BaseBufferEvent
from ...constants import BufferEventEvents, EventFlags
from ...event import Event
from ...relay import Relay, RelayReason, RelayResult
from ...timer import Timer
from ...tls import TLSFilterBufferEvent
from ..arguments import shown
from . import protocol
from .backends import Backend

if TYPE_CHECKING:
    from .server import Proxy

log = logging.getLogger("libevent_py.proxy")

#: No backend's fault: this process is out of something.
_OUR_OWN = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_REASONS = {
    RelayReason.EOF: "eof",
    RelayReason.CLIENT_ERROR: "client_error",
    RelayReason.SERVER_ERROR: "backend_error",
    RelayReason.IDLE: "idle",
}


class Connection:
    """A client from accept to its end.

    Args:
        proxy: What it belongs to.
        sock: The client's socket, this object's from now on.
        address: The client's address.
    """

    def __init__(self, proxy: Proxy, sock: socket.socket, address: Any) -> None:
        self._proxy = proxy
        # What a reload changes is for those who come after it.
        self._settings = proxy.settings
        self._sock: socket.socket | None = sock
        self._client = address
        self._local: Any = sock.getsockname()
        self._head = b""
        self._tried: set[Backend] = set()
        self._backend: Backend | None = None
        self._server: BaseBufferEvent | None = None
        self._relay: Relay | None = None
        self._event: Event | None = None
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Read the client's PROXY header, or connect to a backend at once."""
        if not self._settings.options.accept_proxy:
            self._connect()
            return
        assert self._sock is not None
        base = self._proxy.base
        self._event = Event(base, self._sock, EventFlags.READ | EventFlags.PERSIST, self._on_head)
        self._event.add()
        self._timer = Timer(base, self._settings.options.connect_timeout, self._on_silence)

    # The client's PROXY header.

    def _on_head(self, event: Event, what: EventFlags) -> None:
        assert self._sock is not None
        try:
            peeked = self._sock.recv(protocol.LONGEST_BINARY, socket.MSG_PEEK)
            if peeked:
                # Not a byte more: what follows is the backend's, or TLS.
                self._head += self._sock.recv(protocol.wanted(self._head, peeked))
                if not protocol.is_whole(self._head):
                    return
                found = protocol.parse(self._head)
                if found is not None:
                    self._client, self._local = found
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, protocol.ProtocolError) as error:
            self._end("client_error", error)
            return
        if not peeked:
            self._end("client_error", EOFError("it ended before its PROXY header"))
            return
        self._stop_waiting()
        self._connect()

    def _on_silence(self, timer: Timer) -> None:
        self._end("client_error", TimeoutError("no PROXY header came"))

    # The backend.

    def _connect(self) -> None:
        """Try the next backend, and the one after it, until one is on its way."""
        pool = self._settings.pool
        while (backend := pool.choose(self._tried)) is not None:
            self._tried.add(backend)
            self._backend = backend
            backend.active += 1
            server = self._server = self._settings.server(self._proxy.base, backend.address)
            server.set_callbacks(on_event=self._on_server)
            self._timer = Timer(self._proxy.base, self._settings.options.connect_timeout, self._on_slow)
            try:
                if isinstance(backend.address, tuple) and not _is_numeric(backend.address[0]):
                    server.connect_hostname(*backend.address)
                else:
                    server.connect(backend.address)
                return
            except OSError as error:
                if error.errno in _OUR_OWN:
                    self._proxy.refused += 1
                    self._end("no_backend", error)
                    return
                self._give_up_backend(error)
        self._proxy.refused += 1
        log.error("no backend can be reached for %s", shown(self._client))
        self._end("no_backend", None)

    def _give_up_backend(self, error: Exception) -> None:
        assert self._backend is not None
        assert self._server is not None
        self._stop_waiting()
        self._server.close()
        self._server = None
        self._backend.active -= 1
        self._settings.pool.failed(self._backend, error)
        self._backend = None

    def _on_server(self, bev: BaseBufferEvent, what: BufferEventEvents) -> None:
        if what & BufferEventEvents.CONNECTED:
            self._on_connected()
        else:
            self._give_up_backend(bev.error or ConnectionError("it closed the connection at once"))
            self._connect()

    def _on_slow(self, timer: Timer) -> None:
        seconds = self._settings.options.connect_timeout
        self._give_up_backend(TimeoutError(f"it did not answer for {seconds:g} seconds"))
        self._connect()

    def _on_connected(self) -> None:
        assert self._backend is not None
        assert self._server is not None
        settings = self._settings
        if settings.options.send_proxy and not isinstance(self._server, TLSFilterBufferEvent):
            header = protocol.build(settings.options.send_proxy, self._client, self._local)
            self._server.write(header)
            if settings.is_secured_later:
                # Its handshake is part of reaching the backend, as without a header.
                assert isinstance(self._server, BufferEvent)
                self._server = settings.secured(self._server, self._backend.address)
                self._server.set_callbacks(on_event=self._on_server)
                return
        self._join()

    def _join(self) -> None:
        """Both are there: from now on C moves the bytes."""
        assert self._backend is not None
        assert self._server is not None
        assert self._sock is not None
        self._stop_waiting()
        self._settings.pool.reached(self._backend)
        base, timeout = self._proxy.base, self._settings.options.idle_timeout
        client, self._sock = self._settings.client(base, self._sock), None
        self._relay = Relay(base, client, self._server, self._on_end, idle_timeout=timeout)

    def _stop_waiting(self) -> None:
        for waiting in (self._event, self._timer):
            if waiting is not None:
                waiting.close()
        self._event = self._timer = None

    # The end.

    def _on_end(self, relay: Relay, result: RelayResult) -> None:
        self._proxy.from_clients += result.from_client
        self._proxy.from_backends += result.from_server
        self._relay = None
        if self._settings.options.verbose:
            log.info(
                "%s via %s: %s, %d bytes from the client, %d from the backend%s",
                shown(self._client),
                self._backend.name if self._backend else "nobody",
                _REASONS[result.reason],
                result.from_client,
                result.from_server,
                f" ({result.error})" if result.error else "",
            )
        self._end(_REASONS[result.reason], None)

    def _end(self, reason: str, error: Exception | None) -> None:
        if error is not None:
            log.warning("%s: %s", shown(self._client), error)
        self.close()
        self._proxy.ended(self, reason)

    def close(self) -> None:
        """Close all that it has."""
        self._stop_waiting()
        for each in (self._relay, self._server, self._sock):
            if each is not None:
                each.close()
        if self._backend is not None:
            self._backend.active -= 1
        self._relay = self._server = self._sock = self._backend = None

    @property
    def bytes(self) -> tuple[int, int]:
        """From the client and from the backend, so far."""
        relay = self._relay
        return (0, 0) if relay is None or relay.closed else (relay.from_client, relay.from_server)


def _is_numeric(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return True
    return False
