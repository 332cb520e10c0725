"""DNS over TCP for a DNSServer (floor 6, RFC 7766).

evdns has it from 2.2 on (``evdns_add_server_port_with_listener``), where a client that hangs up before
its answer leaves it with a pointer to what it has freed.  This is a Listener and BufferEvents.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._ffi import lib
from ..bufferevent import BufferEvent, LengthFraming
from ..constants import BufferEventEvents, EventFlags
from ..listener import Listener
from . import message
from .server_request import DNSServerRequest

if TYPE_CHECKING:
    from .server import DNSServer

#: Seconds for which a connection may say nothing, or take nothing.
IDLE_TIMEOUT = 10.0
#: So many connections at a time; more are closed at once.
MOST_CONNECTIONS = 1000
#: A client that asks and does not read its answers is left at so many bytes of them.
_MOST_OUTPUT = 1 << 20

_FRAMING = LengthFraming(2)


class StreamPort:
    """The TCP side of *server*: a listener, and the connections that it has accepted."""

    def __init__(
        self,
        server: DNSServer,
        sock: socket.socket,
        on_request: Callable[[DNSServerRequest], object],
        max_requests: int,
    ) -> None:
        self.server = server
        self.on_request = on_request
        self.max_requests = max_requests
        #: Requests that are not answered.
        self.waiting = 0
        self.connections: set[Connection] = set()
        self._listener = Listener(server.base, sock, self._accepted)

    def _accepted(self, listener: Listener, sock: socket.socket, address: Any) -> None:
        if len(self.connections) < MOST_CONNECTIONS:
            self.connections.add(Connection(self, sock, address))
        else:
            sock.close()

    def close(self) -> None:
        """End all of it."""
        self._listener.close()
        for connection in list(self.connections):
            connection.close()


class Connection:
    """One client; its questions may be answered in any order."""

    def __init__(self, port: StreamPort, sock: socket.socket, address: Any) -> None:
        self.port = port
        self.address = address
        self.bev = BufferEvent(port.server.base, sock)
        self._waiting = 0
        self._ended = False
        self.bev.set_callbacks(on_messages=self._asked, on_event=self._on_event, framing=_FRAMING)
        self.bev.set_timeouts(read=IDLE_TIMEOUT, write=IDLE_TIMEOUT)
        self.bev.enable(EventFlags.READ)

    def _asked(self, bev: BufferEvent, messages: list[bytes]) -> None:
        first: BaseException | None = None
        for each in messages:
            query = message.parse(each)
            if query is None:
                self.close()
            if query is None or self.bev.closed:
                break
            if self.port.waiting >= self.port.max_requests:
                continue
            self._waiting += 1
            self.port.waiting += 1
            request = StreamRequest._begin_with(self, query)
            try:
                self.port.on_request(request)
            except BaseException as error:
                request.close()
                if first is None:
                    first = error
                else:
                    sys.excepthook(type(error), error, error.__traceback__)
        if first is not None:
            raise first

    def _on_event(self, bev: BufferEvent, what: BufferEventEvents) -> None:
        if what & BufferEventEvents.EOF and self._waiting:
            self._ended = True  # it still wants its answers
        elif not what & BufferEventEvents.TIMEOUT or not self._waiting:
            self.close()
        else:
            bev.enable(EventFlags.READ)  # it waits for us

    def done(self, answer: bytes | None) -> None:
        """One request less; *answer* goes out."""
        self._waiting -= 1
        self.port.waiting -= 1
        if self.bev.closed:
            return
        if answer is not None:
            self.bev.write(_FRAMING.join([answer]))
        if self.bev.output_size > _MOST_OUTPUT:
            self.close()
        elif self._ended and not self._waiting:
            self.port.connections.discard(self)
            self.bev.close_when_flushed(IDLE_TIMEOUT)

    def close(self) -> None:
        """Hang up."""
        self.port.connections.discard(self)
        self.bev.close()


class StreamRequest(DNSServerRequest):
    """A question that came by TCP; its pointer is the Connection."""

    __slots__ = ("_answer_flags", "_query", "_sections")

    _answer_flags: int
    _query: message.Query
    _sections: dict[int, list[bytes]]

    @classmethod
    def _begin_with(cls, connection: Connection, query: message.Query) -> StreamRequest:
        """The request for *query*."""
        self = cls.__new__(cls)
        self._query = query
        self._answer_flags = 0
        self._sections = {section: [] for section in (self.ANSWER, self.AUTHORITY, self.ADDITIONAL)}
        self._start(connection.port.server, connection, query.flags, query.questions, connection.address)
        return self

    def _set_flags(self, flags: int) -> None:
        self._live()
        self._answer_flags = flags

    def _add(
        self, section: int, owner: bytes, type: int, rclass: int, ttl: int, data: bytes, is_name: bool
    ) -> None:
        self._live()
        data = message.wire_name(data) if is_name else data
        self._sections[section].append(message.record(owner, type, rclass, ttl, data))

    def _send(self, connection: Connection, code: int) -> None:
        answer = message.build(self._query, self._answer_flags, code, self._sections.values())
        if len(answer) > message.LONGEST:
            connection.done(message.build(self._query, 0, lib.DNS_ERR_SERVERFAILED, [[], [], []]))
            raise ValueError(
                f"an answer has {message.LONGEST} bytes at most, not {len(answer)}: it was SERVFAIL"
            )
        connection.done(answer)

    def _give_up(self, connection: Connection, code: int) -> None:
        if self._sent:
            return
        answer = None if code < 0 else message.build(self._query, 0, code, [[], [], []])
        connection.done(answer)
