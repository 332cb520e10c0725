"""Getting a connection: TLS that verifies, proxies, and what takes too long."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from http_servers import ScriptedServer, read_request, response, wait_for_end
from loops import run_until

from libevent_py import (
    DNSBase,
    EventBase,
    HTTPError,
    TLSCertificateError,
    TLSContext,
    TLSError,
    TLSTruncatedError,
)


@pytest.fixture
def client(authority: Any) -> TLSContext:
    """A client's context, which trusts the CA."""
    return TLSContext.client(authority.ca)


def over_tls(server_ssl: ssl.SSLContext) -> Any:
    """What makes TLS of an accepted socket."""
    return lambda sock: server_ssl.wrap_socket(sock, server_side=True)


def test_tls(outcomes: Any, connections: Any, client: Any, server_ssl: Any) -> None:
    """A server whose certificate is for its name and from a known CA is asked, and kept."""
    answers: Any = [response(b"1"), response(b"2" * 1_000_000)]
    with ScriptedServer(answers, wrap=over_tls(server_ssl)) as server:
        connection = connections(("localhost", server.address[1]), context=client)
        for _ in range(2):
            connection.request("POST", "/", body=b"x" * 500_000, on_complete=outcomes)
        assert outcomes.wait(2).result().body == b"2" * 1_000_000
    assert [len(each.partition(b"\r\n\r\n")[2]) for each in server.requests] == [500_000] * 2
    assert repr(connection) == f"<HTTPConnection https://localhost:{server.address[1]}>"


def test_tls_by_address(outcomes: Any, connections: Any, client: Any, server_ssl: Any) -> None:
    """A certificate can be for an address."""
    with ScriptedServer([response(b"x")], wrap=over_tls(server_ssl)) as server:
        connections(server.address, context=client).request("GET", "/", on_complete=outcomes)
        assert outcomes.wait().result().body == b"x"


def test_a_file_over_tls(
    outcomes: Any, connections: Any, client: Any, server_ssl: Any, tmp_path: Path
) -> None:
    """It is read and encrypted, in pieces."""
    (tmp_path / "f").write_bytes(b"x" * 500_000)
    with (
        ScriptedServer([response(b"")], wrap=over_tls(server_ssl)) as server,
        (tmp_path / "f").open("rb") as file,
    ):
        connections(server.address, context=client).request("PUT", "/", body=file, on_complete=outcomes)
        outcomes.wait().result()
    assert server.requests[0].endswith(b"\r\n\r\n" + b"x" * 500_000)


@pytest.mark.parametrize("trusts", [True, False])
def test_a_certificate_that_is_none(
    trusts: bool, outcomes: Any, connections: Any, client: Any, server_ssl: Any
) -> None:
    """For another name, or from nobody that is known: nothing is sent, and the error says why."""
    with ScriptedServer([response(b"x")], wrap=over_tls(server_ssl)) as server:
        options = {"server_hostname": "other"} if trusts else {}
        context = client if trusts else TLSContext.client()
        connections(server.address, context=context, **options).request("GET", "/", on_complete=outcomes)
        assert isinstance(outcomes.wait().error, TLSCertificateError)
    assert server.requests == []


def test_the_name_is_asked_for(outcomes: Any, connections: Any, client: Any, server_ssl: Any) -> None:
    """SNI tells the server which certificate is wanted."""
    names: list[Any] = []
    server_ssl.sni_callback = lambda sock, name, context: names.append(name)
    try:
        with ScriptedServer([response(b"x")], wrap=over_tls(server_ssl)) as server:
            connection = connections(server.address, context=client, server_hostname="localhost")
            connection.request("GET", "/", on_complete=outcomes)
            outcomes.wait().result()
    finally:
        server_ssl.sni_callback = None
    assert names == ["localhost"]


def test_no_tls_there(outcomes: Any, connections: Any, client: Any) -> None:
    """An HTTP server without TLS is a TLSError."""
    with ScriptedServer([lambda sock: (sock.recv(10), sock.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"))]) as server:
        connections(server.address, context=client).request("GET", "/", on_complete=outcomes)
        assert isinstance(outcomes.wait().error, TLSError)


@pytest.mark.parametrize("whole", [True, False])
def test_a_body_up_to_the_end_of_tls(
    whole: bool, outcomes: Any, connections: Any, client: Any, server_ssl: Any
) -> None:
    """It must end with close_notify, or somebody may have cut it."""

    def end(sock: Any) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nall?")
        if whole:
            sock.unwrap()
        else:
            sock.shutdown(socket.SHUT_RDWR)

    with ScriptedServer([end], wrap=over_tls(server_ssl)) as server:
        connections(server.address, context=client).request("GET", "/", on_complete=outcomes)
        request = outcomes.wait()
    if whole:
        assert request.result().body == b"all?"
    else:
        assert isinstance(request.error, TLSTruncatedError)


def test_a_server_that_does_not_shake_hands(outcomes: Any, connections: Any, client: Any) -> None:
    """connect_timeout counts until TLS is there."""
    with ScriptedServer([wait_for_end], [wait_for_end]) as server:
        connection = connections(server.address, context=client, connect_timeout=0.05)
        connection.request("GET", "/", on_complete=outcomes)
        assert isinstance(outcomes.wait().error, TimeoutError)
        connection.request("GET", "/", on_complete=outcomes).cancel()
        outcomes.wait(2)


def test_a_name_that_is_none(base: EventBase, outcomes: Any, connections: Any) -> None:
    """What looks names up may be a DNSBase, and its error is the outcome."""
    with DNSBase(base, []) as dns:
        connection = connections(("nowhere.invalid", 80), dns=dns)
        connection.request("GET", "/", on_complete=outcomes, timeout=0.05)
        assert isinstance(outcomes.wait().error, OSError)


class Proxy:
    """A handler for CONNECT that says *answer*, and then is the server itself."""

    def __init__(self, answer: bytes, *answers: bytes, server_ssl: Any = None) -> None:
        self.asked = b""
        self.requests: list[bytes] = []
        self._answer = answer
        self._answers = answers
        self._ssl = server_ssl

    def __call__(self, sock: socket.socket) -> None:
        """Be that."""
        self.asked = read_request(sock)
        sock.sendall(self._answer)
        if not self._answers:
            wait_for_end(sock)
            return
        with sock if self._ssl is None else self._ssl.wrap_socket(sock, server_side=True) as sock:
            for answer in self._answers:
                self.requests.append(read_request(sock))
                sock.sendall(answer)
            wait_for_end(sock)


def test_a_proxy(outcomes: Any, connections: Any) -> None:
    """It is asked to connect, with fields of its own; then the connection is the server's."""
    proxy = Proxy(b"HTTP/1.1 200 Connected\r\nX: y\r\n\r\n", response(b"1"), response(b"2"))
    with ScriptedServer([proxy]) as server:
        fields = {"Proxy-Authorization": "Basic eDp5"}
        connection = connections(("no.such.host", 80), proxy=server.address, proxy_headers=fields)
        for _ in range(2):
            connection.request("GET", "/", on_complete=outcomes)
        assert outcomes.wait(2).result().body == b"2"
        connection.close()
    assert proxy.asked == (
        b"CONNECT no.such.host:80 HTTP/1.1\r\nHost: no.such.host:80\r\n"
        b"Proxy-Authorization: Basic eDp5\r\n\r\n"
    )
    assert proxy.requests == [b"GET / HTTP/1.1\r\nHost: no.such.host\r\n\r\n"] * 2


def test_tls_through_a_proxy(
    base: EventBase, outcomes: Any, connections: Any, client: Any, server_ssl: Any
) -> None:
    """TLS begins behind CONNECT, and the certificate must be the server's."""
    connected = b"HTTP/1.1 200 Connected\r\n\r\n"
    proxies = [Proxy(connected, response(b"x" * 100_000), server_ssl=server_ssl) for _ in range(2)]
    with ScriptedServer(*[[proxy] for proxy in proxies]) as server:
        connection = connections(("localhost", 4), context=client, proxy=server.address)
        connection.request("POST", "/", body=iter([b"x" * 100_000] * 5), on_complete=outcomes)
        assert outcomes.wait().result().body == b"x" * 100_000
        connection.close()
        run_until(base, lambda: connection.closed)
        connection = connections(("other", 4), context=client, proxy=server.address)
        connection.request("GET", "/", on_complete=outcomes)
        assert isinstance(outcomes.wait(2).error, TLSCertificateError)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.0 502 Bad Gateway\r\n\r\n",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20000,
    ],
)
def test_a_proxy_that_refuses(answer: bytes, outcomes: Any, connections: Any) -> None:
    """Is an HTTPError with what it said."""
    with ScriptedServer([Proxy(answer)]) as server:
        connections(("host", 443), proxy=server.address).request("GET", "/", on_complete=outcomes)
        error = outcomes.wait().error
    assert isinstance(error, HTTPError)
    if b"407" in answer:
        assert "host:443: 407 Proxy Authentication Required" in str(error)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_proxy_that_goes_away(said: bytes, outcomes: Any, connections: Any, client: Any) -> None:
    """Before it has answered, or before TLS is there."""
    with ScriptedServer([lambda sock: (read_request(sock), sock.sendall(said))]) as server:
        connections(("host", 443), context=client, proxy=server.address).request(
            "GET", "/", on_complete=outcomes
        )
        assert isinstance(outcomes.wait().error, (HTTPError, TLSError, OSError))


def test_a_slow_proxy(outcomes: Any, connections: Any) -> None:
    """connect_timeout counts for it too."""
    with ScriptedServer([wait_for_end]) as server:
        connection = connections(("host", 443), proxy=server.address, connect_timeout=0.05)
        connection.request("GET", "/", on_complete=outcomes)
        assert isinstance(outcomes.wait().error, TimeoutError)


def test_one_proxy_after_the_other_that_does_not_answer(outcomes: Any, connections: Any) -> None:
    """What was begun with one is not left behind when the next one is asked (leakguard looks)."""
    with ScriptedServer([wait_for_end] * 3) as server:
        connection = connections(("host", 443), proxy=server.address, connect_timeout=0.05)
        for count in (1, 2, 3):
            connection.request("GET", "/", on_complete=outcomes)
            assert isinstance(outcomes.wait(count).error, TimeoutError)


def test_a_proxy_on_a_unix_socket(tmp_path: Path, outcomes: Any, connections: Any) -> None:
    """Where a proxy may be too."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen()
    proxy = Proxy(b"HTTP/1.1 200 OK\r\n\r\n", response(b"x"))
    with ScriptedServer([proxy], listening=listening):
        connection = connections(("::1", 8080), proxy=f"unix:{tmp_path / 's'}")
        connection.request("GET", "/", on_complete=outcomes)
        assert outcomes.wait().result().body == b"x"
        connection.close()
    assert proxy.asked.startswith(b"CONNECT [::1]:8080 HTTP/1.1\r\n")
    assert b"Host: [::1]:8080\r\n" in proxy.requests[0]
