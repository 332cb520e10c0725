"""Bodies of a gigabyte, each way: every byte arrives, and few are in memory at a time."""

from __future__ import annotations

import contextlib
import gc
import http.client
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from http_servers import ScriptedServer, response
from loops import run_until
from memory import Peak
from served import Served, serving

from libevent_py import EventBase, HTTPConnection
from libevent_py.http import HTTPDirectory, HTTPRequest
from libevent_py.http.wsgi import WSGIHandler

GIGABYTE = 1 << 30
PIECE = b"x" * (1 << 18)
#: What of it may be in memory.
MOST = GIGABYTE // 4
#: Seconds, for a machine that does something else too.
LONG = 300


def pieces() -> Iterator[bytes]:
    """A gigabyte."""
    for _ in range(GIGABYTE // len(PIECE)):
        yield PIECE


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose length takes more than 32 bits, and whose end is not zeros as the rest of it."""
    path = tmp_path_factory.mktemp("large") / "large"
    with path.open("wb") as file:
        file.truncate(5 * GIGABYTE)
        file.seek(0, os.SEEK_END)
        file.write(b"end")
    return path


def received(served: Served, path: str = "/", **fields: str) -> int:
    """How many bytes the answer to GET has, which nobody keeps."""
    connection = http.client.HTTPConnection(*served.address, timeout=LONG)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=fields)
        answer = connection.getresponse()
        room = bytearray(1 << 18)
        count = 0
        while got := answer.readinto(room):
            count += got
        return count


def drain(sock: socket.socket) -> None:
    """Read a request whose body is a gigabyte, keep nothing of it, and answer with how much there was."""
    sock.settimeout(LONG)
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(1)
    room = bytearray(1 << 18)
    count = 0
    while count < GIGABYTE and (got := sock.recv_into(room)):
        count += got
    sock.sendall(response(b"%d" % count))


def pour(sock: socket.socket) -> None:
    """Answer a request with a gigabyte."""
    sock.settimeout(LONG)
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIGABYTE)
    for piece in pieces():
        sock.sendall(piece)


def test_a_gigabyte_in_pieces() -> None:
    """A handler that heeds what write() says can answer with it."""
    kept: list[HTTPRequest] = []

    def handler(request: HTTPRequest) -> None:
        left = pieces()

        def more(request: HTTPRequest) -> None:
            for piece in left:
                if not request.write(piece):
                    return
            request.end()

        kept.append(request)
        request.set_callbacks(on_drained=more)
        request.start_reply()
        more(request)

    with serving(handler) as served:
        peak = Peak()
        assert received(served) == GIGABYTE
        assert peak.grown < MOST


@pytest.mark.parametrize("threads", [0, 1])
def test_a_gigabyte_of_an_application(threads: int) -> None:
    """WSGI's too."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return pieces()

    with serving(WSGIHandler(application, threads=threads)) as served:
        peak = Peak()
        assert received(served) == GIGABYTE
        assert peak.grown < MOST


def test_a_gigabyte_of_a_file(large: Path) -> None:
    """The last one of five: where it is takes more than 32 bits."""
    with serving(HTTPDirectory(large.parent)) as served:
        peak = Peak()
        assert received(served, "/large", Range=f"bytes=-{GIGABYTE}") == GIGABYTE
        answer, body = served.ask("GET", "/large", headers={"Range": f"bytes={5 * GIGABYTE}-"})
        assert (body, answer.headers["Content-Range"]) == (
            b"end",
            f"bytes {5 * GIGABYTE}-{5 * GIGABYTE + 2}/{5 * GIGABYTE + 3}",
        )
        answer, _ = served.ask("HEAD", "/large")
        assert answer.headers["Content-Length"] == str(5 * GIGABYTE + 3)
        assert peak.grown < MOST


@pytest.mark.parametrize("head", [b"Content-Length: %d\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n%x\r\n"])
def test_a_gigabyte_that_is_refused(head: bytes) -> None:
    """The client goes on to send it, and reads its refusal behind that."""
    with serving(lambda request: pytest.fail("a handler")) as served, served.connect() as sock:
        sock.settimeout(LONG)
        peak = Peak()
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\n" + head % GIGABYTE)
        with contextlib.suppress(ConnectionError):
            for piece in pieces():
                sock.sendall(piece)
        assert sock.recv(12) == b"HTTP/1.1 413"
        assert peak.grown < MOST


def test_a_gigabyte_to_a_client(base: EventBase) -> None:
    """Given to on_data as it comes, and nobody keeps it."""
    count = 0
    collected = 0
    outcomes: list[Any] = []

    def on_data(request: Any, data: bytes) -> None:
        nonlocal count, collected
        count += len(data)
        if count - collected > MOST // 8:
            collected = count
            gc.collect()  # PyPy lets gigabytes lie

    with ScriptedServer([pour]) as server:
        connection = HTTPConnection(base, server.address)
        peak = Peak()
        connection.request("GET", "/", on_data=on_data, on_complete=outcomes.append)
        run_until(base, lambda: outcomes, LONG)
        assert outcomes[0].result().status == 200
        assert count == GIGABYTE
        assert peak.grown < MOST
        connection.close()


@pytest.mark.parametrize("kind", ["iterable", "file"])
def test_a_gigabyte_of_a_client(kind: str, base: EventBase, large: Path) -> None:
    """What it sends is not kept: of an iterable, nor of a file."""
    outcomes: list[Any] = []
    with ScriptedServer([drain]) as server, large.open("rb") as file:
        file.seek(-GIGABYTE, os.SEEK_END)
        body: Any = file if kind == "file" else pieces()
        connection = HTTPConnection(base, server.address)
        peak = Peak()
        fields = {"Content-Length": str(GIGABYTE)}
        connection.request("PUT", "/", fields, body, on_complete=outcomes.append)
        run_until(base, lambda: outcomes, LONG)
        assert outcomes[0].result().body == b"%d" % GIGABYTE
        assert peak.grown < MOST
        connection.close()
