"""HTTPClient: requests by URL, over connections that are kept, and redirects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from http_servers import ScriptedServer, response, wait_for_end
from loops import run_until, settle

from libevent_py import URI, ClosedError, EventBase, HTTPClient, HTTPError, TLSContext, lib


@pytest.fixture
def client(base: EventBase) -> Iterator[HTTPClient]:
    """One, closed at the end."""
    with HTTPClient(base) as client:
        yield client


def url_of(server: ScriptedServer, path: str = "/") -> str:
    """A URL of that server."""
    return f"http://127.0.0.1:{server.address[1]}{path}"


def redirect(where: str, status: str = "302 Found") -> bytes:
    """A redirect with a body that nobody wants."""
    return response(b"moved", status, f"Location: {where}")


def test_urls(client: HTTPClient, outcomes: Any) -> None:
    """The URL names the server and the target; its fragment is kept, and not sent."""
    with ScriptedServer([response(b"1"), response(b"2"), response(b"3")]) as server:
        url = url_of(server, "/a%20b?c=d#e")
        first = client.request("GET", url, on_complete=outcomes)
        assert outcomes.wait().result().body == b"1"
        client.request("GET", URI.parse(url_of(server, "")), on_complete=outcomes)
        outcomes.wait(2)
        client.request("GET", url_of(server, "?x").replace("http", "HTTP"), on_complete=outcomes)
        assert outcomes.wait(3).result().body == b"3"
        assert client.connections == 1
    assert (first.url, first.target) == (url, "/a%20b?c=d")
    assert [each.split(b" ")[1] for each in server.requests] == [b"/a%20b?c=d", b"/", b"/?x"]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://host/", ValueError),
        ("//host/", ValueError),
        ("/path", ValueError),
        ("http:///path", ValueError),
        ("http://user:secret@host/", ValueError),
        ("http://host/ä", ValueError),
        ("http://host/a b", ValueError),
        (b"http://host/", TypeError),
        (None, TypeError),
    ],
)
def test_bad_urls(url: Any, error: Any, client: HTTPClient) -> None:
    """Each is refused before anything is sent."""
    with pytest.raises(error):
        client.request("GET", url, on_complete=print)
    assert client.connections == 0


@pytest.mark.parametrize(
    "options",
    [{"max_connections": 0}, {"idle_timeout": 0}, {"proxy": "x"}, {"context": 5}, {"max_body_size": -1}],
)
def test_bad_settings(options: Any, base: EventBase) -> None:
    """They are refused when the client is made."""
    with pytest.raises((ValueError, TypeError)):
        HTTPClient(base, **options)
    assert base._delivery.table.open_count == 0


def test_so_many_connections(base: EventBase, outcomes: Any) -> None:
    """To one server at the same time; more requests wait for one that is free, in their order."""
    one: Any = [response(b"x")] * 3
    with ScriptedServer(one) as server, HTTPClient(base, max_connections=1) as client:
        for number in range(3):
            client.request("GET", url_of(server, f"/{number}"), on_complete=outcomes)
        outcomes.wait(3)
        assert client.connections == 1
    assert [request.target for request in outcomes] == ["/0", "/1", "/2"]
    assert server.accepted == 1


def test_beside_one_another(client: HTTPClient, outcomes: Any) -> None:
    """A request does not wait for another one's answer, nor one server for another."""
    with ScriptedServer([wait_for_end]) as slow, ScriptedServer([response(b"x")]) as other:
        waiting = client.request("GET", url_of(slow), on_complete=outcomes)
        client.request("GET", url_of(other), on_complete=outcomes)
        assert outcomes.wait().result().body == b"x"
        assert client.connections == 2
        waiting.cancel()
        outcomes.wait(2)


def test_what_waits_can_be_cancelled(base: EventBase, outcomes: Any) -> None:
    """And paused, which means nothing yet; it may time out."""
    with (
        ScriptedServer([wait_for_end], [response(b"x")]) as server,
        HTTPClient(base, max_connections=1) as client,
    ):
        first = client.request("GET", url_of(server), on_complete=outcomes)
        second = client.request("GET", url_of(server), on_complete=outcomes)
        third = client.request("GET", url_of(server), on_complete=outcomes, timeout=0.01)
        client.request("GET", url_of(server), on_complete=outcomes)
        second.pause_reading()
        second.resume_reading()
        second.cancel()
        second.cancel()
        outcomes.wait(2)
        first.cancel()
        assert outcomes.wait(4).result().body == b"x"
    assert isinstance(third.error, TimeoutError)


def test_a_server_is_forgotten(base: EventBase, outcomes: Any) -> None:
    """When its connections are closed, nothing of it is left."""
    with HTTPClient(base, keep_alive=0.01) as client:
        for _ in range(3):
            with ScriptedServer([response(b"x")]) as server:
                client.request("GET", url_of(server), on_complete=outcomes)
                outcomes.wait(len(outcomes) + 1)
        run_until(base, lambda: not client.connections)
        assert client._hosts == {}
        assert base._delivery.table.open_count == 0
    base.dispatch()


def test_nobody_listens(client: HTTPClient, outcomes: Any) -> None:
    """The error is the outcome, and the connection is forgotten."""
    with ScriptedServer() as server:
        url = url_of(server)
        server._listening.close()
        client.request("GET", url, on_complete=outcomes)
        assert isinstance(outcomes.wait().error, ConnectionRefusedError)
        assert client.connections == 0


def test_close(base: EventBase, outcomes: Any) -> None:
    """What has no outcome fails with ClosedError, also what waits for a connection."""
    with ScriptedServer([wait_for_end]) as server:
        client = HTTPClient(base, max_connections=1)
        for _ in range(3):
            client.request("GET", url_of(server), on_complete=outcomes)
        client.close()
        client.close()
        outcomes.wait(3)
    assert all(isinstance(request.error, ClosedError) for request in outcomes)
    with pytest.raises(ClosedError):
        client.request("GET", "http://host/", on_complete=outcomes)
    assert client.connections == 0


@pytest.mark.parametrize("what", ["client", "base"])
def test_closing_in_a_callback(what: str, outcomes: Any) -> None:
    """The client or the base; after the base, closing the client does nothing."""
    with ScriptedServer([response(b"x")]) as server, EventBase() as base, HTTPClient(base) as client:
        client.request("GET", url_of(server), on_complete=lambda request: closing.close())
        closing = client if what == "client" else base
        base.dispatch()
        client.close()
        with pytest.raises(ClosedError):
            client.request("GET", url_of(server), on_complete=outcomes)


def test_nobody_keeps_it(base: EventBase, outcomes: Any) -> None:
    """A client that is dropped finishes what it has begun."""
    with ScriptedServer([response(b"x")]) as server:
        HTTPClient(base, keep_alive=0).request("GET", url_of(server), on_complete=outcomes)
        gc.collect()
        assert outcomes.wait().result().body == b"x"


def test_an_exception_in_a_callback(client: HTTPClient, base: EventBase, outcomes: Any) -> None:
    """It comes out of the loop, and the connection carries the next request."""

    def fail(request: Any) -> None:
        raise ZeroDivisionError

    with ScriptedServer([response(b"1"), response(b"2")]) as server:
        client.request("GET", url_of(server), on_complete=fail)
        with pytest.raises(ZeroDivisionError):
            base.dispatch()
        client.request("GET", url_of(server), on_complete=outcomes)
        assert outcomes.wait().result().body == b"2"


# Redirects.


def test_a_redirect_is_a_response(client: HTTPClient, outcomes: Any) -> None:
    """Unless somebody wants it to be followed."""
    with ScriptedServer([redirect("/2")]) as server:
        client.request("GET", url_of(server), on_complete=outcomes)
        found = outcomes.wait().result()
    assert (found.status, found.headers["Location"], found.body) == (302, "/2", b"moved")


def test_a_redirect_is_followed(client: HTTPClient, outcomes: Any) -> None:
    """Callbacks hear of the last response alone; url is where that came from."""
    seen: list[Any] = []
    with ScriptedServer([redirect("b?c#d"), redirect("//127.0.0.1:PORT/e"), response(b"end")]) as server:
        server._connections[0][1] = server._connections[0][1].replace(b"PORT", b"%d" % server.address[1])
        request = client.request(
            "GET",
            url_of(server, "/a/x"),
            on_complete=outcomes,
            on_response=lambda request, response: seen.append(response.status),
            on_data=lambda request, data: seen.append(data),
            redirects=2,
        )
        assert outcomes.wait().result().status == 200
    assert seen == [200, b"end"]
    assert request.url == url_of(server, "/e#d")
    assert [each.split(b" ")[1] for each in server.requests] == [b"/a/x", b"/a/b?c", b"/e"]


def test_a_loop_of_redirects(client: HTTPClient, outcomes: Any) -> None:
    """Ends where the limit says."""
    with ScriptedServer([redirect("/")] * 10) as server:
        client.request("GET", url_of(server), on_complete=outcomes, redirects=3)
        error = outcomes.wait().error
    assert isinstance(error, HTTPError)
    assert "more than 3 redirects" in str(error)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("method", "status", "then", "has_body"),
    [
        ("POST", 301, "GET", False),
        ("POST", 302, "GET", False),
        ("POST", 303, "GET", False),
        ("POST", 307, "POST", True),
        ("POST", 308, "POST", True),
        ("PUT", 301, "PUT", True),
        ("PUT", 302, "PUT", True),
        ("PUT", 303, "GET", False),
        ("DELETE", 303, "GET", False),
        ("HEAD", 303, "HEAD", False),
    ],
)
def test_methods_of_redirects(
    method: str, status: int, then: str, has_body: bool, client: HTTPClient, outcomes: Any
) -> None:
    """As RFC 9110 says, with or without the body and what tells of it."""
    body = None if method in ("HEAD", "DELETE") else b"body"
    answer = redirect("/2", f"{status} Moved")
    if method == "HEAD":
        answer = answer.removesuffix(b"moved") if hasattr(answer, "removesuffix") else answer[:-5]
    last = response(b"") if then == "HEAD" else response(b"x")
    with ScriptedServer([answer, last]) as server:
        fields = {"Content-Type": "text/plain", "A": "b"}
        client.request(method, url_of(server), fields, body, on_complete=outcomes, redirects=1)
        outcomes.wait().result()
    second = server.requests[1]
    assert second.startswith(then.encode() + b" /2 ")
    assert second.endswith(b"body") == has_body
    assert (b"Content-Type" in second) == has_body
    assert b"A: b\r\n" in second


@pytest.mark.parametrize("same", [True, False])
def test_secrets_stay_with_whom_they_are_for(same: bool, client: HTTPClient, outcomes: Any) -> None:
    """Another port is another server: it gets no Authorization and no Cookie."""
    with ScriptedServer([response(b"x")]) as other:
        first: list[Any] = [redirect("/2" if same else url_of(other, "/2")), response(b"x")]
        with ScriptedServer(first) as server:
            fields = {"authorization": "Basic x", "Cookie": "a=b", "Host": "virtual", "A": "b"}
            client.request("GET", url_of(server), fields, on_complete=outcomes, redirects=1)
            outcomes.wait().result()
    got = server.requests[1] if same else other.requests[0]
    assert (b"authorization" in got, b"Cookie" in got, b"A: b" in got) == (same, same, True)
    assert b"Host: virtual" not in got


@pytest.mark.parametrize("where", ["ftp://host/", "http://a:x/", "/a\xe4", "javascript:x", "http://[::1/"])
def test_a_redirect_to_nowhere(where: str, client: HTTPClient, outcomes: Any) -> None:
    """Is an HTTPError."""
    with ScriptedServer([response(b"", "302 Found", f"Location: {where}").replace(b"\xc3", b"")]) as server:
        client.request("GET", url_of(server), on_complete=outcomes, redirects=1)
        error = outcomes.wait().error
    assert isinstance(error, HTTPError)
    assert "cannot be followed" in str(error)


def test_a_body_that_is_used_up(client: HTTPClient, outcomes: Any) -> None:
    """A redirect that wants it once more is an HTTPError."""
    with ScriptedServer([redirect("/2", "307 Moved")]) as server:
        client.request("POST", url_of(server), body=iter([b"x"]), on_complete=outcomes, redirects=1)
        assert isinstance(outcomes.wait().error, HTTPError)


def test_a_timeout_counts_over_redirects(client: HTTPClient, outcomes: Any) -> None:
    """It is for all of it."""
    with ScriptedServer([redirect("/2"), wait_for_end]) as server:
        client.request("GET", url_of(server), on_complete=outcomes, redirects=1, timeout=0.05)
        assert isinstance(outcomes.wait().error, TimeoutError)


def test_closing_while_redirected(client: HTTPClient, base: EventBase, outcomes: Any) -> None:
    """A redirect's request is the client's until its outcome."""
    with ScriptedServer([redirect("/2"), wait_for_end]) as server:
        client.request("GET", url_of(server), on_complete=outcomes, redirects=1)
        run_until(base, lambda: len(server.requests) == 1)
        settle(base)
        client.close()
        assert isinstance(outcomes.wait().error, ClosedError)


def test_https(base: EventBase, outcomes: Any, authority: Any, server_ssl: Any) -> None:
    """With a context; and no redirect leads from https to http."""
    answers: Any = [response(b"x"), redirect("http://127.0.0.1/")]
    wrap = lambda sock: server_ssl.wrap_socket(sock, server_side=True)  # noqa: E731
    with ScriptedServer(answers, wrap=wrap) as server:
        with HTTPClient(base, context=TLSContext.client(authority.ca)) as client:
            url = url_of(server).replace("http", "https")
            client.request("GET", url, on_complete=outcomes)
            assert outcomes.wait().result().body == b"x"
            client.request("GET", url, on_complete=outcomes, redirects=1)
            error = outcomes.wait(2).error
        with HTTPClient(base) as client:
            assert client._context is None
    assert isinstance(error, HTTPError)
    assert "from https to http" in str(error)
    assert error.code == lib.EVREQ_HTTP_INVALID_HEADER
