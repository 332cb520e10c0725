"""What a request carries: each kind of body arrives, and no more waits than the server takes."""

from __future__ import annotations

import io
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from http_servers import ScriptedServer, read_request, response, wait_for_end
from loops import run_until, settle

from libevent_py import Buffer, EventBase, HTTPConnection, HTTPError


def body_of(request: bytes) -> bytes:
    """The body of a request, without its chunks."""
    head, _, body = request.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    found = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if size == b"0":
            assert body == b"\r\n"
            return found
        found += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


def sent(body: Any, outcomes: Any, connections: Any, *fields: tuple[str, str], method: str = "PUT") -> bytes:
    """The request as the server got it."""
    with ScriptedServer([response(b"")]) as server:
        connections(server.address).request(method, "/", fields, body, on_complete=outcomes)
        outcomes.wait().result()
    return server.requests[0]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [0, 10, 1_000_000])
def test_bytes(kind: Any, size: int, outcomes: Any, connections: Any) -> None:
    """They go out with their length."""
    got = sent(kind(b"x" * size), outcomes, connections)
    assert body_of(got) == b"x" * size
    assert b"Content-Length: %d\r\n" % size in got
    assert b"chunked" not in got


@pytest.mark.parametrize(("method", "has_length"), [("POST", True), ("PUT", True), ("GET", False)])
def test_no_body(method: str, has_length: bool, outcomes: Any, connections: Any) -> None:
    """evhttp says so where one is usual."""
    got = sent(None, outcomes, connections, method=method)
    assert (b"Content-Length: 0\r\n" in got) == has_length


def test_a_buffer(outcomes: Any, connections: Any) -> None:
    """It is emptied at once, and may be used again."""
    buffer = Buffer(b"hello" * 1000)
    with ScriptedServer([response(b"")]) as server:
        connections(server.address).request("POST", "/", body=buffer, on_complete=outcomes)
        assert len(buffer) == 0
        buffer.add(b"other")
        outcomes.wait().result()
    assert body_of(server.requests[0]) == b"hello" * 1000


@pytest.mark.parametrize("size", [0, 5, 300_000, 1_000_000])
def test_a_file(size: int, tmp_path: Path, outcomes: Any, connections: Any) -> None:
    """From where it stands, with its length; it stays where it is."""
    (tmp_path / "f").write_bytes(b"skip" + b"x" * size)
    with (tmp_path / "f").open("rb") as file:
        file.seek(4)
        got = sent(file, outcomes, connections)
        assert file.tell() == 4
    assert body_of(got) == b"x" * size
    assert b"Content-Length: %d\r\n" % size in got


def test_what_only_reads(outcomes: Any, connections: Any) -> None:
    """A file without a descriptor goes out in chunks."""
    assert body_of(sent(io.BytesIO(b"y" * 300_000), outcomes, connections)) == b"y" * 300_000


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_an_iterable(method: str, outcomes: Any, connections: Any) -> None:
    """In chunks; an empty piece is none, and does not end it."""
    pieces = [b"one", b"", bytearray(b"two"), memoryview(b"three")]
    got = sent(iter(pieces), outcomes, connections, method=method)
    assert body_of(got) == b"onetwothree"
    assert b"Transfer-Encoding: chunked\r\n" in got
    assert b"Content-Length" not in got


def test_an_iterable_with_a_length(outcomes: Any, connections: Any) -> None:
    """Without chunks, if the length is told."""
    got = sent([b"one", b"two"], outcomes, connections, ("Content-Length", "6"))
    assert body_of(got) == b"onetwo"
    assert b"chunked" not in got


def test_an_endless_iterable_waits_for_the_server(base: EventBase, outcomes: Any, connections: Any) -> None:
    """It is asked for more only as the server takes what there was."""
    asked = [0]

    def endless() -> Iterator[bytes]:
        while True:
            asked[0] += 1
            yield b"x" * 65536

    release = threading.Event()
    with ScriptedServer([lambda sock: release.wait(20)]) as server:
        request = connections(server.address).request("POST", "/", body=endless(), on_complete=outcomes)
        run_until(base, lambda: asked[0] > 4)
        settle(base, 0.1)
        so_far = asked[0]
        settle(base, 0.05)
        assert asked[0] == so_far
        request.cancel()
        outcomes.wait()
        release.set()


def test_a_fast_server_does_not_hold_the_loop(base: EventBase, outcomes: Any, connections: Any) -> None:
    """However fast the body goes out, others get their turn."""
    turns: list[int] = []

    def many() -> Iterator[bytes]:
        for number in range(200):
            if number % 50 == 49:
                turns.append(number)
            yield b"x" * 65536

    def tick() -> None:
        ticks.append(len(turns))
        if not outcomes:
            base.call_soon(tick)

    def drain(sock: socket.socket) -> None:
        end = b""
        while not end.endswith(b"0\r\n\r\n"):
            end = (end + sock.recv(1 << 20))[-5:]
        sock.sendall(response(b""))

    ticks: list[int] = []
    with ScriptedServer([drain]) as server:
        connections(server.address).request("POST", "/", body=many(), on_complete=outcomes)
        base.call_soon(tick)
        outcomes.wait().result()
    assert {1, 2, 3} <= set(ticks)


@pytest.mark.parametrize(
    ("body", "fields", "error"),
    [
        ([b"a", "text"], (), TypeError),
        ([b"a", None, b"b"], (), TypeError),
        ((1 // number for number in (1, 0)), (), TypeError),
        ([b"a"], (("Content-Length", "2"),), ValueError),
        ([b"abc"], (("Content-Length", "2"),), ValueError),
    ],
)
def test_a_bad_body(body: Any, fields: Any, error: Any, outcomes: Any, connections: Any) -> None:
    """What is wrong with it is the outcome, and the connection is not used again."""
    with ScriptedServer([wait_for_end], [response(b"")]) as server:
        connection = connections(server.address)
        connection.request("POST", "/", fields, body, on_complete=outcomes)
        connection.request("GET", "/", on_complete=outcomes)
        outcomes.wait(2)
        assert isinstance(outcomes[0].error, error)
        assert outcomes[1].result().status == 200


def test_an_iterable_that_raises(outcomes: Any, connections: Any) -> None:
    """Its exception is the outcome."""

    def failing() -> Iterator[bytes]:
        yield b"a"
        raise ZeroDivisionError

    with ScriptedServer([wait_for_end]) as server:
        connections(server.address).request("POST", "/", body=failing(), on_complete=outcomes)
        assert isinstance(outcomes.wait().error, ZeroDivisionError)


def test_an_iterable_that_interrupts(base: EventBase, outcomes: Any, connections: Any) -> None:
    """KeyboardInterrupt comes out of the loop, and the request fails: its body is not complete."""

    def interrupted() -> Iterator[bytes]:
        yield b"a"
        raise KeyboardInterrupt

    with ScriptedServer([wait_for_end]) as server:
        connections(server.address).request("POST", "/", body=interrupted(), on_complete=outcomes)
        with pytest.raises(KeyboardInterrupt):
            outcomes.wait()
        assert isinstance(outcomes.wait().error, RuntimeError)


@pytest.mark.parametrize("what", ["cancel", "close", "close the base"])
def test_an_iterable_that_ends_it(what: str) -> None:
    """Its own code may cancel the request, or close what it uses."""
    done: list[Any] = []

    def ending() -> Iterator[bytes]:
        yield b"a"
        {"cancel": request.cancel, "close": connection.close, "close the base": base.close}[what]()
        yield b"b"

    with ScriptedServer([wait_for_end]) as server, EventBase() as base:
        connection = HTTPConnection(base, server.address, keep_alive=0)
        request = connection.request("POST", "/", body=ending(), on_complete=done.append)
        base.dispatch()
        assert len(done) == (what != "close the base")
        assert done == [] or not isinstance(done[0].error, RuntimeError)


def test_a_file_that_is_truncated(tmp_path: Path, base: EventBase, outcomes: Any, connections: Any) -> None:
    """The request fails."""

    def slow(sock: socket.socket) -> None:
        sock.recv(1000)
        with file.open("r+b") as other:
            other.truncate(10)
        wait_for_end(sock)

    file = tmp_path / "f"
    with file.open("wb") as made:
        made.truncate(64 * 1024 * 1024)
    with ScriptedServer([slow]) as server, file.open("rb") as body:
        connections(server.address).request("POST", "/", body=body, on_complete=outcomes)
        assert outcomes.wait().error is not None


def test_an_answer_before_the_end_of_the_body(outcomes: Any, connections: Any) -> None:
    """It is the outcome; the rest is not sent, and the connection not used again."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    def refuse(sock: socket.socket) -> None:
        sock.recv(1000)
        sock.sendall(response(b"too much", "413 Too much"))
        wait_for_end(sock)

    with ScriptedServer([refuse], [response(b"2")]) as server:
        connection = connections(server.address)
        connection.request("POST", "/", body=endless(), on_complete=outcomes)
        connection.request("GET", "/", on_complete=outcomes)
        outcomes.wait(2)
    assert (outcomes[0].result().status, outcomes[0].result().body) == (413, b"too much")
    assert outcomes[1].result().body == b"2"


def test_a_body_is_sent_again_where_it_can_be(outcomes: Any, connections: Any) -> None:
    """Bytes and files are, an iterable is used up."""
    with tempfile.TemporaryFile() as file:
        file.write(b"file")
        file.seek(0)
        for body, again in ((b"bytes", True), (file, True), ([b"x"], False), (Buffer(b"x"), False)):
            del outcomes[:]
            answers: Any = [response(b""), read_request]
            with ScriptedServer(answers, [response(b"")]) as server:
                connection = connections(server.address)
                connection.request("GET", "/", on_complete=outcomes)
                connection.request("PUT", "/", body=body, on_complete=outcomes)
                outcomes.wait(2)
                if again:
                    assert outcomes[1].result().status == 200
                    assert body_of(server.requests[1]) == (b"bytes" if body == b"bytes" else b"file")
                else:
                    assert isinstance(outcomes[1].error, (HTTPError, ConnectionError))
