"""HTTPHost: which handler gets a request."""

from __future__ import annotations

from typing import Any

import pytest

from libevent_py import EventBase
from libevent_py.http import HTTPRequest, HTTPServer


def named(name: str) -> Any:
    """A handler that answers with its name."""

    def handler(request: HTTPRequest) -> None:
        request.reply(body=name.encode())

    return handler


def test_which_route(serve: Any, connect: Any) -> None:
    """A fixed answer comes first, then the exact path, the longest prefix, the handler."""
    server = serve(named("handler"))
    server.route("/a", named("a"))
    server.route("/a/b", named("a/b"))
    server.route("/files", named("files"), prefix=True)
    server.route("/files/deep/", named("deep"), prefix=True)
    server.route("/ä b", named("decoded"))
    server.route("/fixed", named("not this"))
    server.fixed("/fixed", b"fixed")
    peer = connect(server)
    for path, body in (
        ("/a", "a"),
        ("/a?b", "a"),
        ("/%61", "a"),
        ("/a/", "handler"),
        ("/a/b", "a/b"),
        ("//a", "handler"),
        ("/files", "files"),
        ("/files/", "files"),
        ("/files/x/y", "files"),
        ("/filesystem", "handler"),
        ("/files/deep", "deep"),
        ("/files/deep/x", "deep"),
        ("/files/deeper", "files"),
        ("/%C3%A4%20b", "decoded"),
        ("/fixed?x", "fixed"),
        ("/%66ixed", "fixed"),
        ("/", "handler"),
    ):
        assert peer.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()).answer().body == body.encode(), (
            path
        )


def test_methods(serve: Any, connect: Any) -> None:
    """A route may be for some methods, GET for HEAD too; the others are answered 405."""
    server = serve(named("handler"))
    server.route("/a", named("get"), methods=["GET"])
    server.route("/a", named("put"), methods=["PUT", "QUERY"])
    server.route("/b", named("post"), methods=["POST"])
    server.route("/b", named("others"))
    server.fixed("/c", b"fixed")
    peer = connect(server)

    def ask(method: str, path: str) -> Any:
        data = f"{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
        return peer.send(data).answer(to_head=method == "HEAD")

    assert ask("GET", "/a").body == b"get"
    assert ask("QUERY", "/a").body == b"put"
    assert ask("HEAD", "/a").fields["content-length"] == "3"
    refused = ask("DELETE", "/a")
    assert (refused.status, refused.fields["allow"]) == (405, "GET, HEAD, PUT, QUERY")
    assert ask("POST", "/b").body == b"post"
    assert ask("GET", "/b").body == b"others"
    assert ask("HEAD", "/c").fields["content-length"] == "5"
    refused = ask("POST", "/c")
    assert (refused.status, refused.fields["allow"]) == (405, "GET, HEAD")


def test_nobody_is_there(serve: Any, connect: Any) -> None:
    """Without a handler it is 404, until there is one."""
    server = serve()
    assert server.handler is None
    peer = connect(server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert peer.answer().status == 404
    server.handler = named("new")
    assert peer.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").answer().body == b"new"


def test_fixed_answers(serve: Any, connect: Any) -> None:
    """A fixed answer has its status and its headers, and memory of its own."""
    server = serve()
    body = bytearray(b"moved")
    server.fixed("/old", body, 301, {"Location": "/new"})
    server.fixed("/none", b"", 204)
    body[:] = b"xxxxx"
    peer = connect(server, b"GET /old HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = peer.answer()
    assert (answer.status, answer.fields["location"], answer.body) == (301, "/new", b"moved")
    assert "content-length" not in peer.send(b"GET /none HTTP/1.1\r\nHost: h\r\n\r\n").answer().fields
    peer.send(b"GET /old HTTP/1.0\r\n\r\n")
    assert peer.answer().fields["connection"] == "close"


def test_wrong_routes(base: EventBase) -> None:
    """What is no route is refused, and so is one that is there."""
    server = HTTPServer(base)
    server.route("/a", named("a"), methods=["GET"])
    server.fixed("/a", b"")
    for path in ("", "a", "/a\0", "/a\r\n"):
        with pytest.raises(ValueError, match="path"):
            server.route(path, named("a"))
        with pytest.raises(ValueError, match="path"):
            server.fixed(path, b"")
    with pytest.raises(ValueError, match="already"):
        server.route("/a", named("b"), methods=["PUT", "GET"])
    server.route("/a", named("b"), methods=["PUT"])
    with pytest.raises(ValueError, match="already"):
        server.fixed("/a", b"")
    for options in ({"status": 99}, {"status": 204, "body": b"x"}, {"headers": {"Connection": "close"}}):
        with pytest.raises(ValueError, match="."):
            server.fixed("/b", **{"body": b"", **options})  # type: ignore[arg-type]
    for wrong in ((1, named("a")), ("/b", 1)):
        with pytest.raises(TypeError):
            server.route(*wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="several"):
        server.route("/b", named("a"), methods="GET")
    host = server.virtual_host("example.org")
    assert host.pointer
    server.close()
    with pytest.raises(ValueError, match="closed"):
        host.pointer  # noqa: B018
    with pytest.raises(ValueError, match="closed"):
        host.fixed("/", b"")
