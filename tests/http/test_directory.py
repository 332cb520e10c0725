"""HTTPDirectory, on the wire."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import Served, serving

from libevent_py import EventBase
from libevent_py.http import HTTPDirectory, HTTPServer

DATA = bytes(range(256)) * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory beside a secret."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "with index").mkdir()
    (root / "with index" / "index.html").write_text("<p>index")
    (root / "data.bin").write_bytes(DATA)
    (root / "page.html").write_text("<p>page")
    (root / "empty").touch()
    (root / ".hidden").write_text("hidden")
    (root / "out").symlink_to("../secret")
    return root


@pytest.fixture
def served(root: Path) -> Iterator[Served]:
    """It is served."""
    with serving(HTTPDirectory(root)) as served:
        yield served


def test_a_file(served: Served) -> None:
    """Whole, with its type, and with what a client may ask with next time."""
    answer, body = served.ask(path="/data.bin")
    assert (answer.status, body) == (200, DATA)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again, body = served.ask(path="/data.bin", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, body) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]
    since = {"If-Modified-Since": answer.headers["Last-Modified"]}
    assert served.ask(path="/data.bin", headers=since)[0].status == 304


def test_a_part(served: Served) -> None:
    """And one that is not there."""
    answer, body = served.ask(path="/data.bin", headers={"Range": "bytes=1000-1999"})
    assert (answer.status, body) == (206, DATA[1000:2000])
    assert answer.headers["Content-Range"] == f"bytes 1000-1999/{len(DATA)}"
    answer, body = served.ask(path="/data.bin", headers={"Range": f"bytes={len(DATA)}-"})
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(DATA)}"
    answer, body = served.ask(path="/data.bin", headers={"Range": "bytes=0-1,5-6"})
    assert (answer.status, body) == (200, DATA)
    answer, body = served.ask(path="/data.bin", headers={"Range": "bytes=0-1", "If-Range": '"old"'})
    assert (answer.status, body) == (200, DATA)
    assert served.ask(path="/data.bin", headers={"If-Match": '"old"'})[0].status == 412


def test_head(served: Served) -> None:
    """As GET, without the bytes."""
    for path in "/data.bin", "/with%20index/", "/nothing":
        head, body = served.ask("HEAD", path)
        get, _ = served.ask("GET", path)
        assert (head.status, body) == (get.status, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_an_empty_file(served: Served) -> None:
    """Has no bytes, and no parts."""
    answer, body = served.ask(path="/empty")
    assert (answer.status, body) == (200, b"")
    assert served.ask(path="/empty", headers={"Range": "bytes=0-"})[0].status == 416


def test_other_methods(served: Served) -> None:
    """Are refused, with those that are not."""
    answer, _ = served.ask("POST", "/data.bin", body=b"x")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_a_directory(served: Served) -> None:
    """Is its index.html; without one it is not there; without its slash it moves."""
    answer, body = served.ask(path="/with%20index/")
    assert (answer.status, body) == (200, b"<p>index")
    assert answer.headers["Content-Type"] == "text/html"
    assert served.ask(path="/sub/")[0].status == 404
    answer, _ = served.ask(path="/with%20index?a=%20b")
    assert answer.status == 301
    assert answer.headers["Location"] == "/with%20index/?a=%20b"


def test_a_file_is_no_directory(served: Served) -> None:
    """With a slash behind it it is not there."""
    assert served.ask(path="/page.html/")[0].status == 404


def test_a_listing(root: Path) -> None:
    """Where it is asked for; an index comes first."""
    with serving(HTTPDirectory(root, listing=True)) as served:
        answer, body = served.ask(path="/")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert b'href="./data.bin"' in body
        assert b'href="./sub/"' in body
        for absent in b"hidden", b"out", b"../":
            assert absent not in body
        assert b'href="../"' in served.ask(path="/sub/")[1]
        assert served.ask(path="/with%20index/")[1] == b"<p>index"
    with serving(HTTPDirectory(root, listing=True, index=None)) as served:
        assert b"index.html" in served.ask(path="/with%20index/")[1]


@pytest.mark.parametrize(
    "target",
    [
        "/../secret",
        "/..%2fsecret",
        "/%2e%2e/secret",
        "/%2e%2e%2fsecret",
        "/sub/../../secret",
        "/sub/%2e%2e/%2e%2e/secret",
        "/out",
        "/.hidden",
        "/%2ehidden",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/data.bin%00.html",
        "/..\\secret",
        "/..%5csecret",
        "/sub/deep/../../../secret",
        "http://a/../secret",
        "/nothing",
    ],
)
def test_nothing_else_is_there(served: Served, target: str) -> None:
    """However it is asked for."""
    answer = served.say(f"GET {target} HTTP/1.1\nHost: a\nConnection: close\n\n")
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer
    assert b"hidden\n" not in answer
    assert not answer.endswith(b"secret")


@pytest.mark.parametrize("target", ["//evil.example/..", "///evil.example", "/%2fevil.example", "/sub//deep"])
def test_nobody_is_sent_elsewhere(served: Served, target: str) -> None:
    """By a path that looks like a host."""
    answer = served.say(f"GET {target} HTTP/1.1\nHost: a\nConnection: close\n\n")
    assert b"Location: //" not in answer
    assert b"evil" not in answer


def test_below_a_prefix(root: Path) -> None:
    """Only what is there is looked at."""
    with EventBase() as base:
        server = HTTPServer(base)
        server.route("/a b", HTTPDirectory(root, "/a b"), prefix=True)
    with serving(HTTPDirectory(root, "/a b/c")) as served:
        assert served.ask(path="/a%20b/c/page.html")[1] == b"<p>page"
        assert served.ask(path="/a%20b/%63/page.html")[1] == b"<p>page"
        answer, _ = served.ask(path="/a%20b/c/sub/deep")
        assert answer.headers["Location"] == "/a%20b/c/sub/deep/"
        for other in "/page.html", "/a%20b/page.html", "/a%20b/c2/page.html", "/a%20b%2fc/page.html":
            assert served.ask(path=other)[0].status == 404


def test_an_exchanged_directory(root: Path, tmp_path: Path) -> None:
    """As deployments do it, by a link that is renamed."""
    (tmp_path / "current").symlink_to(root)
    new = tmp_path / "new"
    new.mkdir()
    (new / "page.html").write_text("<p>new")
    with serving(HTTPDirectory(tmp_path / "current")) as served:
        assert served.ask(path="/page.html")[1] == b"<p>page"
        (tmp_path / "other").symlink_to(new)
        (tmp_path / "other").replace(tmp_path / "current")
        assert served.ask(path="/page.html")[1] == b"<p>new"


def test_a_file_that_may_not_be_read(served: Served, root: Path) -> None:
    """Is forbidden, to all but root."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (root / "page.html").chmod(0)
    assert served.ask(path="/page.html")[0].status == 403


@pytest.mark.parametrize("wrong", ["nothing", "page.html"])
def test_what_is_no_directory_is_told(root: Path, wrong: str) -> None:
    """When the handler is made."""
    with pytest.raises(OSError, match=wrong):
        HTTPDirectory(root / wrong)


def test_many_on_one_connection(served: Served) -> None:
    """Files of both kinds, one after the other; each is whole."""
    with served.connect() as sock, sock.makefile("rb") as answer:
        for name in "data.bin", "page.html", "empty", "data.bin":
            sock.sendall(f"GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            length = 0
            while (line := answer.readline()) != b"\r\n":
                if line.startswith(b"Content-Length:"):
                    length = int(line.split()[1])
            assert len(answer.read(length)) == length


def test_clients_that_leave_in_the_middle(served: Served) -> None:
    """Of a file: nothing is left open, and others are served."""
    for _ in range(20):
        with served.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.sendall(b"GET /data.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            sock.recv(10)
    assert served.ask(path="/page.html")[1] == b"<p>page"


def test_on_a_unix_socket(root: Path, tmp_path: Path) -> None:
    """As on any other."""
    address: Any = f"unix:{tmp_path / 'sock'}"
    with serving(HTTPDirectory(root), address) as served:
        assert served.say("GET /page.html HTTP/1.1\nHost: a\nConnection: close\n\n").endswith(b"<p>page")
