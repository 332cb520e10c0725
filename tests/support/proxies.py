"""The proxy command as a process, and servers for it to connect to."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from command import start

Address = tuple[str, int]


class Backend:
    """A server in a thread that says its name, then sends back what comes, until EOF."""

    def __init__(self, name: str, wrap: Callable[[socket.socket], socket.socket] = lambda sock: sock) -> None:
        self.name = name
        self.accepted = 0
        self.heads: list[bytes] = []
        self._wrap = wrap
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self._listening.getsockname()
        self._threads = [threading.Thread(target=self._accept)]
        self._socks: list[socket.socket] = []
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.accepted += 1
            self._socks.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock = self._wrap(sock)
            self._socks.append(sock)
            sock.sendall(self.name.encode() + b"\n")
            while data := sock.recv(1 << 16):
                sock.sendall(data)
        with contextlib.suppress(OSError):
            sock.close()

    def close(self) -> None:
        """End all, and wait for it."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in self._socks:
            sock.close()

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Running:
    """A proxy process that listens."""

    def __init__(self, process: Any, seen: list[str]) -> None:
        self.process = process
        self.log = seen

    @property
    def address(self) -> Address:
        """Where it listened first."""
        found = next(found for line in self.log if (found := re.search(r"listening on (\S+):(\d+)", line)))
        return found[1], int(found[2])

    def wait_for(self, text: str) -> str:
        """Read its log up to a line with *text*."""
        while True:
            line: str = self.process.stderr.readline()
            assert line, f"no {text!r} in:\n" + "".join(self.log)
            self.log.append(line)
            if text in line:
                return line

    def ask(self, data: bytes = b"hello\n") -> list[bytes]:
        """The lines that a client gets who sends *data* and then EOF."""
        with connected(self) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            return receive_all(sock).splitlines()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.process.pid, number)

    def end(self) -> int:
        """Wait for its end; the exit status."""
        for line in self.process.stderr:
            self.log.append(line)
        return int(self.process.wait(20))


def connected(running: Running) -> socket.socket:
    """A client of it, which waits fifteen seconds at most."""
    return socket.create_connection(running.address, timeout=15)


def receive_all(sock: socket.socket) -> bytes:
    """What comes until EOF."""
    found = b""
    while piece := sock.recv(1 << 16):
        found += piece
    return found


def told(path: str, request: bytes = b"stats\n") -> str:
    """What the unix socket tells."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(15)
        sock.connect(path)
        sock.sendall(request)
        return receive_all(sock).decode()


def shown(address: Address) -> str:
    """HOST:PORT."""
    return f"{address[0]}:{address[1]}"


@contextlib.contextmanager
def proxy(*words: str, to: tuple[Backend, ...] = (), listen: bool = True) -> Iterator[Running]:
    """``python -m libevent_py proxy words``, listening on a free port, with the backends *to*."""
    more = ["--listen", "127.0.0.1:0"] if listen else []
    for backend in to:
        more += ["--to", shown(backend.address)]
    with start("-m", "libevent_py", "proxy", *more, *words) as process:
        running = Running(process, [])
        running.wait_for("listening on")
        yield running
