"""HTTPClientRequest: one outcome, whatever callbacks and the network do."""

from __future__ import annotations

import gc
import socket
import threading
import weakref
from typing import Any

import pytest
from http_servers import ScriptedServer, response, wait_for_end
from loops import run_until, settle

from libevent_py import ClosedError, EventBase, HTTPConnection, HTTPError, WrongThreadError, lib

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"


def never(sock: socket.socket) -> None:
    """Take a request and do not answer."""
    wait_for_end(sock)


def test_a_body_in_pieces(outcomes: Any, connections: Any) -> None:
    """on_response comes first, then the pieces, then the outcome, whose response has no body."""
    seen: list[Any] = []
    with ScriptedServer([CHUNKED]) as server:
        connections(server.address).request(
            "GET",
            "/",
            on_complete=outcomes,
            on_response=lambda request, response: seen.append(response.status),
            on_data=lambda request, data: seen.append(data),
        )
        found = outcomes.wait().result()
    assert seen[0] == 200
    assert b"".join(seen[1:]) == b"helloworld"
    assert found.body == b""


def test_a_request_that_is_not_done(outcomes: Any, connections: Any) -> None:
    """It says so, and has no result."""
    with ScriptedServer([never]) as server:
        request = connections(server.address).request("GET", "/", on_complete=outcomes)
        assert (request.done, request.error, request.response, request.url) == (False, None, None, None)
        assert repr(request) == "<HTTPClientRequest GET /: waiting>"
        with pytest.raises(RuntimeError):
            request.result()
        request.cancel()
        outcomes.wait()


def test_cancel(outcomes: Any, connections: Any) -> None:
    """The outcome comes from the loop, once; the connection goes on with the next."""
    with ScriptedServer([never], [response(b"x")]) as server:
        connection = connections(server.address)
        first = connection.request("GET", "/1", on_complete=outcomes)
        connection.request("GET", "/2", on_complete=outcomes)
        third = connection.request("GET", "/3", on_complete=outcomes)
        run_until(connection._base, lambda: server.accepted)
        for request in (first, third):
            request.cancel()
            request.cancel()
        assert not outcomes
        outcomes.wait(3)
        first.cancel()
        settle(connection._base)
    assert len(outcomes) == 3
    assert isinstance(first.error, HTTPError)
    assert first.error.code == lib.EVREQ_HTTP_REQUEST_CANCEL
    assert isinstance(third.error, HTTPError)
    assert next(each for each in outcomes if each.target == "/2").result().body == b"x"


@pytest.mark.parametrize("when", ["on_response", "on_data", "on_complete"])
@pytest.mark.parametrize("what", ["cancel", "close", "close the base", "ask again"])
def test_ending_it_in_its_callbacks(when: str, what: str, outcomes: Any) -> None:
    """Each of them may cancel it, close the connection or the base, or ask for more."""
    with ScriptedServer([CHUNKED, response(b"2")], [response(b"2")]) as server, EventBase() as base:
        connection = HTTPConnection(base, server.address)
        done: list[Any] = []

        def act(request: Any, *_: Any) -> None:
            if request is not first or getattr(act, "done", False):
                return
            act.done = True  # type: ignore[attr-defined]
            if what == "cancel":
                request.cancel()
            elif what == "close":
                connection.close()
            elif what == "close the base":
                base.close()
            else:
                connection.request("GET", "/2", on_complete=complete)

        def complete(request: Any) -> None:
            done.append(request)
            if when == "on_complete":
                act(request)
            if not connection.closed and not connection.pending:
                connection.close()

        callbacks = {} if when == "on_complete" else {when: act}
        first = connection.request("GET", "/1", on_complete=complete, **callbacks)
        base.dispatch()
    expected = 0 if what == "close the base" and when != "on_complete" else 2 if what == "ask again" else 1
    assert len(done) == expected
    if when != "on_complete" and what in ("cancel", "close"):
        assert isinstance(first.error, HTTPError if what == "cancel" else ClosedError)


@pytest.mark.parametrize("when", ["on_response", "on_data", "on_complete"])
def test_raising_in_its_callbacks(when: str, base: EventBase, connections: Any) -> None:
    """The exception comes out of the loop; the request goes on in the next call, and so does the next one."""
    seen: list[str] = []

    def make(name: str) -> Any:
        def callback(*_: Any) -> None:
            seen.append(name)
            if name == when and seen.count(name) == 1:
                raise ZeroDivisionError(name)

        return callback

    with ScriptedServer([CHUNKED, CHUNKED]) as server:
        connection = connections(server.address)
        for _ in range(2):
            connection.request(
                "GET", "/", **{name: make(name) for name in ("on_response", "on_data", "on_complete")}
            )
        with pytest.raises(ZeroDivisionError, match=when):
            run_until(base, lambda: seen.count("on_complete") == 2)
        run_until(base, lambda: seen.count("on_complete") == 2)
    assert seen.count("on_response") == 2
    assert [name for name in seen if name != "on_data"] == ["on_response", "on_complete"] * 2


def test_a_timeout(outcomes: Any, connections: Any) -> None:
    """Of a request under way, and of one that waits its turn."""
    with ScriptedServer([never], [response(b"")]) as server:
        connection = connections(server.address)
        connection.request("GET", "/1", on_complete=outcomes, timeout=0.05)
        connection.request("GET", "/2", on_complete=outcomes, timeout=0.01)
        outcomes.wait(2)
        assert [request.target for request in outcomes] == ["/2", "/1"]
        assert all(isinstance(request.error, TimeoutError) for request in outcomes)
        connection.request("GET", "/3", on_complete=outcomes, timeout=10)
        assert outcomes.wait(3).result().status == 200


def test_an_idle_timeout(outcomes: Any, connections: Any) -> None:
    """Where nothing moves for so long, the request is over, also in the middle of a body."""

    def begin(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        wait_for_end(sock)

    with ScriptedServer([begin]) as server:
        connections(server.address, idle_timeout=0.05).request("GET", "/", on_complete=outcomes)
        error = outcomes.wait().error
    assert isinstance(error, TimeoutError)
    assert "nothing moves" in str(error)


def test_pausing(base: EventBase, outcomes: Any, connections: Any) -> None:
    """While it is paused nothing is read, and the server has to wait."""
    sent = [0]
    total = 32 * 1024 * 1024

    def pour(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        piece = b"x" * 65536
        for _ in range(total // len(piece)):
            sock.sendall(piece)
            sent[0] += len(piece)

    received = [0]

    def on_data(request: Any, data: bytes) -> None:
        if not received[0]:
            request.pause_reading()
        received[0] += len(data)

    with ScriptedServer([pour]) as server:
        request = connections(server.address).request("GET", "/", on_complete=outcomes, on_data=on_data)
        run_until(base, lambda: received[0])
        so_far = received[0]
        settle(base, 0.1)
        assert received[0] == so_far < total
        assert sent[0] < total, "the server was not made to wait"
        assert not outcomes
        request.resume_reading()
        request.resume_reading()
        outcomes.wait().result()
    assert received[0] == total


def test_pausing_is_not_idleness(base: EventBase, outcomes: Any, connections: Any) -> None:
    """Whoever has paused may take as long as he likes."""
    with ScriptedServer([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", wait_for_end]) as server:
        request = connections(server.address, idle_timeout=0.02).request(
            "GET",
            "/",
            on_complete=outcomes,
            on_data=lambda request, data: request.pause_reading(),
        )
        run_until(base, lambda: request._paused or outcomes)
        settle(base, 0.1)
        assert bool(outcomes) != request._paused  # a slow machine's 20 ms may be over before
        request.cancel()
        outcomes.wait()


def test_the_end_while_it_is_paused(base: EventBase, outcomes: Any, connections: Any) -> None:
    """What came before the end is given when reading goes on, and then the end."""
    with ScriptedServer([b"HTTP/1.1 200 OK\r\n\r\nall"]) as server:
        pieces: list[bytes] = []
        request = connections(server.address).request(
            "GET",
            "/",
            on_complete=outcomes,
            on_response=lambda request, response: request.pause_reading(),
            on_data=lambda request, data: pieces.append(data),
        )
        run_until(base, lambda: request.response is not None)
        settle(base)
        assert (pieces, outcomes) == ([], [])
        request.resume_reading()
        outcomes.wait().result()
    assert pieces == [b"all"]


def test_nobody_keeps_it(base: EventBase, outcomes: Any) -> None:
    """Neither the request nor its connection need be kept while there is no outcome."""
    with ScriptedServer([response(b"x"), wait_for_end]) as server:
        connection = HTTPConnection(base, server.address, keep_alive=0)
        connection.request("GET", "/", on_complete=outcomes)
        kept = weakref.ref(connection)
        del connection
        gc.collect()
        assert outcomes.wait().result().body == b"x"
        outcomes.clear()
    for _ in range(3):
        base.loop(lib.EVLOOP_NONBLOCK)
        gc.collect()
    assert kept() is None
    assert base._delivery.table.open_count == 0


def test_another_thread(base: EventBase, outcomes: Any, connections: Any) -> None:
    """May not while the loop runs; call_soon_threadsafe() is for that."""
    errors: list[BaseException] = []
    with ScriptedServer([never]) as server:
        connection = connections(server.address)
        request = connection.request(
            "GET", "/", on_complete=lambda request: (outcomes(request), base.loopexit())
        )

        def use() -> None:
            for call in (request.cancel, connection.close):
                try:
                    call()
                except WrongThreadError as error:
                    errors.append(error)
            base.call_soon_threadsafe(request.cancel)

        thread = threading.Thread(target=use)
        base.call_soon(thread.start)
        base.dispatch()
        thread.join()
    assert len(errors) == 2
    assert len(outcomes) == 1
