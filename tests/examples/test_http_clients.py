"""The samples http-connect and https-client, against servers in threads."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from command import ROOT, run
from http_servers import ScriptedServer, read_request, response

from libevent_py import lib

BODY = b"x" * 100_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA."""
    if not hasattr(lib, "bufferevent_openssl_socket_new"):
        pytest.skip("this build has no OpenSSL")
    return Authority(tmp_path_factory.mktemp("samples"))


def program(name: str, *words: object) -> Any:
    """What the sample prints."""
    return run(str(ROOT / "examples" / f"{name}.py"), *map(str, words))


def test_http_connect() -> None:
    """The proxy is asked to connect, and the server then for the URL."""
    asked: list[bytes] = []

    def proxy(sock: socket.socket) -> None:
        for answer in (b"HTTP/1.0 200 Connection established\r\n\r\n", response(BODY)):
            asked.append(read_request(sock))
            sock.sendall(answer)

    with ScriptedServer([proxy]) as server:
        done = program("http_connect", f"http://127.0.0.1:{server.address[1]}", "http://no.host:80/a?b")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", BODY.decode())
    assert asked[0].startswith(b"CONNECT no.host:80 HTTP/1.1\r\n")
    assert asked[1].startswith(b"GET /a?b HTTP/1.1\r\nHost: no.host\r\n")


def test_http_connect_that_fails() -> None:
    """It says what the proxy says."""
    with ScriptedServer([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]) as server:
        done = program("http_connect", f"http://127.0.0.1:{server.address[1]}", "http://no.host/")
    assert done.returncode == 1
    assert "403 Forbidden" in done.stderr


def test_https_client(authority: Authority, tmp_path: Path) -> None:
    """It verifies the server, posts a file, and prints the response."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(authority.certificate("localhost")))
    (tmp_path / "data").write_bytes(BODY)
    answers: Any = [[response(b"answer")] for _ in range(4)]
    wrap = lambda sock: context.wrap_socket(sock, server_side=True)  # noqa: E731
    with ScriptedServer(*answers, wrap=wrap) as server:
        url = f"https://localhost:{server.address[1]}/x?y"
        found = program("https_client", "-url", url, "-crt", authority.ca)
        posted = program("https_client", "-url", url, "-crt", authority.ca, "-data", tmp_path / "data")
        refused = program("https_client", "-url", url)
        ignored = program("https_client", "-url", url, "-ignore-cert", "-timeout", 10)
    for done in (found, posted, ignored):
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "Response line: 200 OK\nanswer")
    assert refused.returncode == 1
    assert "the certificate of 'localhost' is refused" in refused.stderr
    assert server.requests[0].startswith(b"GET /x?y HTTP/1.1\r\n")
    assert server.requests[1].startswith(b"POST /x?y HTTP/1.1\r\n")
    assert server.requests[1].endswith(b"\r\n\r\n" + BODY)


def test_https_client_tries_again() -> None:
    """-retries is for connections that do not come about."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        done = program("https_client", "-url", f"http://127.0.0.1:{bound.getsockname()[1]}/", "-retries", 1)
    assert done.returncode == 1
    assert "Connection refused" in done.stderr
