"""The proxy as a process: TLS from clients, to backends, and both."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from command import run_command
from ports import unused_port
from proxies import Backend, Running, connected, proxy, receive_all, shown

from libevent_py import lib

pytestmark = pytest.mark.skipif(
    not hasattr(lib, "bufferevent_openssl_socket_new"), reason="this build has no OpenSSL"
)


def client(authority: Any) -> ssl.SSLContext:
    """A client of Python's, which trusts the CA."""
    return ssl.create_default_context(cafile=str(authority.ca))


def server(localhost: Any) -> ssl.SSLContext:
    """A server of Python's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(localhost))
    return context


def backend(name: str, context: ssl.SSLContext, head: int = 0) -> Backend:
    """One that speaks TLS, behind *head* bytes in the clear."""

    def wrap(sock: socket.socket) -> socket.socket:
        if head:
            found.heads.append(sock.recv(head, socket.MSG_WAITALL))
        return context.wrap_socket(sock, server_side=True)

    found = Backend(name, wrap)
    return found


def ask(running: Running, context: ssl.SSLContext, data: bytes) -> bytes:
    """What comes back over TLS."""
    with connected(running) as sock, context.wrap_socket(sock, server_hostname="localhost") as secure:
        secure.sendall(data)
        got = b""
        while len(got) < len(data) + 4:
            got += secure.recv(1 << 16)
        return got


def test_a_certificate_that_is_not_there(tmp_path: Path) -> None:
    """Told at the start; a file that names it and is read again changes nothing."""
    done = run_command("proxy", "--listen", "127.0.0.1:0", "--to", "a:1", "--tls", "/none", "/none")
    assert done.returncode in (1, 2)
    assert "/none: No such file" in done.stderr
    assert "Traceback" not in done.stderr
    file = tmp_path / "proxy.ini"
    with Backend("one") as one:
        plain = f"[proxy]\nlisten = 127.0.0.1:0\nto = {shown(one.address)}\n"
        file.write_text(plain)
        with proxy("--config", str(file), listen=False) as running:
            file.write_text(f"{plain}tls = /none /none\n")
            running.signal(signal.SIGHUP)
            assert "/none: No such file" in running.wait_for("nothing is changed")
            assert running.ask()[0] == b"one"


def test_clients_speak_tls(authority: Any, localhost: Any) -> None:
    """The backend gets plain bytes."""
    data = bytes(range(256)) * 2000
    with Backend("one") as one, proxy("--tls", str(localhost), str(localhost), to=(one,)) as running:
        assert ask(running, client(authority), data) == b"one\n" + data


def test_backends_speak_tls_and_are_verified(authority: Any, localhost: Any) -> None:
    """The client speaks none."""
    with backend("one", server(localhost)) as one:
        words = ("--to", f"localhost:{one.address[1]}", "--to-tls", "--ca", str(authority.ca))
        with proxy(*words) as running, connected(running) as sock:
            assert sock.recv(10) == b"one\n"
            sock.sendall(b"hello")
            assert sock.recv(10) == b"hello"


def test_both_sides_speak_tls(authority: Any, localhost: Any) -> None:
    """With a certificate for another name than the address's, where that is said."""
    with backend("one", server(localhost)) as one:
        words = ("--tls", str(localhost), str(localhost), "--to-tls", "--ca", str(authority.ca))
        with proxy(*words, "--server-name", "localhost", to=(one,)) as running:
            assert ask(running, client(authority), b"hello") == b"one\nhello"


@pytest.mark.parametrize("version", [1, 2])
def test_the_proxy_header_comes_before_tls(authority: Any, localhost: Any, version: int) -> None:
    """In the clear, as servers expect it."""
    port = unused_port()
    size = len(f"PROXY TCP4 127.0.0.1 127.0.0.1 12345 {port}\r\n") if version == 1 else 28
    with backend("one", server(localhost), size) as one:
        words = ("--to-tls", "--ca", str(authority.ca), "--send-proxy", str(version))
        with proxy("--listen", f"127.0.0.1:{port}", *words, to=(one,), listen=False) as running:
            sock = socket.socket()
            sock.settimeout(15)
            sock.bind(("127.0.0.1", 0))
            while len(str(sock.getsockname()[1])) != 5:
                sock.close()
                sock = socket.create_server(("127.0.0.1", 0))
            sock.connect(running.address)
            with sock:
                assert sock.recv(10) == b"one\n"
        assert one.heads[0].startswith(b"PROXY TCP4 127.0.0.1" if version == 1 else b"\r\n\r\n\0\r\nQUIT\n")


def test_the_proxy_header_of_a_client_comes_before_tls(authority: Any, localhost: Any) -> None:
    """And TLS begins with the byte behind it."""
    words = ("--accept-proxy", "--tls", str(localhost), str(localhost))
    with Backend("one") as one, proxy(*words, to=(one,)) as running, connected(running) as sock:
        sock.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
        with client(authority).wrap_socket(sock, server_hostname="localhost") as secure:
            assert secure.recv(10) == b"one\n"


def test_a_backend_that_cannot_be_verified_is_left_out(localhost: Any) -> None:
    """Nothing of the client's goes there, and the log says why."""
    with backend("one", server(localhost)) as one:
        with proxy("--to-tls", to=(one,)) as running, connected(running) as sock:
            sock.sendall(b"secret")
            with contextlib.suppress(ConnectionResetError):
                assert receive_all(sock) == b""
            line = running.wait_for("left out")
        assert shown(one.address) in line
        assert "certificate" in line


def test_insecure_must_be_said(localhost: Any) -> None:
    """Then any certificate does."""
    one = backend("one", server(localhost))
    with one, proxy("--to-tls", "--insecure", to=(one,)) as running, connected(running) as sock:
        assert sock.recv(10) == b"one\n"


def test_a_wrong_key_is_told(localhost: Any, authority: Any) -> None:
    """In a line, and the status is 1."""
    done = run_command(
        "proxy", "--listen", "127.0.0.1:0", "--to", "a:1", "--tls", str(localhost), str(authority.ca)
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(authority.ca) in done.stderr
