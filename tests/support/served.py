"""An HTTPServer in a thread of its own, for clients that wait."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from libevent_py import EventBase
from libevent_py.http import HTTPServer

#: Seconds after which a client's wait is a failure.
PATIENCE = 20.0


class Served:
    """Where the server is, and what its loop has raised."""

    def __init__(self, base: EventBase, server: HTTPServer, address: Any) -> None:
        self.base = base
        self.server = server
        self.address = address
        self.raised: list[BaseException] = []

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self.address[1]}"

    def connect(self) -> socket.socket:
        """A connection to it."""
        if isinstance(self.address, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(PATIENCE)
            sock.connect(self.address)
            return sock
        return socket.create_connection(self.address, timeout=PATIENCE)

    def say(self, text: str, body: bytes = b"") -> bytes:
        """Send what a client says, lines ended as HTTP does, and all that comes back until the end."""
        with self.connect() as sock:
            sock.sendall(text.replace("\n", "\r\n").encode("latin-1") + body)
            with sock.makefile("rb") as answer:
                return answer.read()

    def ask(
        self, method: str = "GET", path: str = "/", **options: Any
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """One request by http.client, on a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, **options)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


@contextmanager
def serving(
    handler: Callable[..., object], address: Any = ("127.0.0.1", 0), **options: Any
) -> Iterator[Served]:
    """Serve while the block runs; *options* are HTTPServer's. What the loop raised is raised at its end."""
    base = EventBase()
    server = HTTPServer(base, handler, **options)
    served = Served(base, server, server.listen(address).address)

    def run() -> None:
        try:
            base.dispatch()
        except BaseException as error:
            served.raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield served
    finally:
        base.loopexit()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the loop does not end"
        close = getattr(handler, "close", None)
        server.close()
        if close is not None:
            close()
        base.close()
    if served.raised:
        raise served.raised[0]
