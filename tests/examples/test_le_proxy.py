"""The sample le-proxy, plain, with TLS on the socket, and with TLS as a filter."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from certificates import Authority
from command import ROOT, start
from ports import unused_port
from proxies import Backend

from libevent_py import lib


@contextmanager
def le_proxy(*words: str) -> Iterator[tuple[socket.socket, Any]]:
    """A connection through it, and its output."""
    with start(
        "-u", str(ROOT / "examples" / "le_proxy.py"), *words[:-1], "127.0.0.1:0", words[-1]
    ) as process:
        assert process.stdout is not None
        found = re.search(r"\('127.0.0.1', (\d+)\)", process.stdout.readline())
        assert found
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=15) as sock:
            yield sock, process.stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA."""
    if not hasattr(lib, "bufferevent_openssl_socket_new"):
        pytest.skip("this build has no OpenSSL")
    return Authority(tmp_path_factory.mktemp("le-proxy"))


def check(sock: socket.socket, output: Any) -> None:
    """Bytes there and back, and the count at the end."""
    assert sock.recv(100) == b"one\n"
    sock.sendall(b"hello")
    assert sock.recv(100) == b"hello"
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(100) == b""
    assert output.readline().startswith("EOF: 5 bytes there, 9 back")


def test_plain() -> None:
    """As le-proxy does it."""
    with Backend("one") as one, le_proxy(f"127.0.0.1:{one.address[1]}") as (sock, output):
        check(sock, output)


@pytest.mark.parametrize("ways", [["-s"], ["-s", "-W"]])
def test_tls(authority: Authority, ways: list[str]) -> None:
    """As le-proxy -s and le-proxy -s -W do it; the server is verified here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(authority.certificate("localhost")))

    def wrap(sock: socket.socket) -> socket.socket:
        return context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True)

    with Backend("one", wrap) as one:
        words = (*ways, "--ca", str(authority.ca), f"localhost:{one.address[1]}")
        with le_proxy(*words) as (sock, _):
            assert sock.recv(100) == b"one\n"
            sock.sendall(b"hello")
            assert sock.recv(100) == b"hello"


def test_nobody_is_there() -> None:
    """It says so, and the connection is closed."""
    with le_proxy(f"127.0.0.1:{unused_port()}") as (sock, output):
        assert sock.recv(1) == b""
        assert "refused" in output.readline()
