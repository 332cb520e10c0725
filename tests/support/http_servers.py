"""HTTP servers in threads that say, byte for byte, what a test wants them to say."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from typing import Any, Union

#: What one connection gets: bytes after a request, several in turn, or a function of the socket.
Answer = Union[bytes, Callable[[socket.socket], Any]]


def read_request(sock: socket.socket) -> bytes:
    """One request with its body, as it came; b"" where the client has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    wanted = int(length[1]) if length else 0
    while len(body) < wanted or (b"chunked" in head and not body.endswith(b"0\r\n\r\n")):
        more = sock.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


class ScriptedServer:
    """Accepts connections one after the other; the first gets the first answers, and so on.

    Args:
        connections: For each connection its answers: each request gets the next one, as bytes, or a
            function is called with the socket instead. Behind the last one the connection is closed.
        listening: A listening socket to use instead of one on 127.0.0.1.
        wrap: What makes of an accepted socket another one, for TLS.
    """

    def __init__(
        self,
        *connections: list[Answer],
        listening: socket.socket | None = None,
        wrap: Callable[[socket.socket], socket.socket] | None = None,
    ) -> None:
        self.requests: list[bytes] = []
        self.accepted = 0
        self._connections = connections
        self._wrap = wrap
        self._listening = listening or socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(20)
        self._open: socket.socket | None = None
        self.address: Any = self._listening.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def host(self) -> bytes:
        """What a client's Host field says."""
        return b"%s:%d" % (self.address[0].encode(), self.address[1])

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listening, self._open):  # ends accept() and recv()
            with contextlib.suppress(OSError):
                if sock is not None:
                    sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._listening.close()

    def _serve(self) -> None:
        for answers in self._connections:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.accepted += 1
            self._open = sock
            sock.settimeout(20)
            with contextlib.suppress(OSError), sock, self._wrapped(sock) as sock:
                for answer in answers:
                    if callable(answer):
                        answer(sock)
                    elif not self._answer(sock, answer):
                        break

    def _wrapped(self, sock: socket.socket) -> socket.socket:
        if self._wrap is not None:
            self._open = sock = self._wrap(sock)
        return sock

    def _answer(self, sock: socket.socket, answer: bytes) -> bool:
        request = read_request(sock)
        if request:
            self.requests.append(request)
            sock.sendall(answer)
        return bool(request)


def response(body: bytes = b"", status: str = "200 OK", *fields: str) -> bytes:
    """A response with Content-Length."""
    head = "".join(f"{field}\r\n" for field in fields)
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def wait_for_end(sock: socket.socket) -> None:
    """Read until the client closes."""
    with contextlib.suppress(OSError):
        while sock.recv(65536):
            pass
