"""``python -m libevent_py echo``."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates import Authority
from command import run_command, start

from libevent_py import EventBase
from libevent_py._commands import echo
from libevent_py._features import has


@contextmanager
def server(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command and the address that it prints."""
    with start("-m", "libevent_py", "echo", *words) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"echo: listening on (.+); Ctrl-C ends it\n", line)
        assert found, line or process.communicate()
        yield process, found[1]


def connect(address: str) -> socket.socket:
    """A client of 127.0.0.1:port or of a path."""
    host, colon, port = address.rpartition(":")
    if colon:
        return socket.create_connection((host.strip("[]"), int(port)), timeout=10)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(address)
    return sock


def receive_all(sock: socket.socket) -> bytes:
    """Everything until the server hangs up."""
    return b"".join(iter(lambda: sock.recv(1 << 16), b""))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_echoes_until_a_signal(number: signal.Signals) -> None:
    """What is sent comes back; the signal ends it with one line and status 0."""
    with server("--port", "0") as (process, address):
        with connect(address) as client:
            client.sendall(b"hello")
            with client.makefile("rb") as echoed:
                assert echoed.read(5) == b"hello"
        process.send_signal(number)
        out, error = process.communicate()
    assert process.returncode == 0
    assert error == ""
    assert re.fullmatch(r"echo: 1 connections, 5 bytes echoed in \d+\.\d s\n", out)


def test_a_path_is_served_and_removed(tmp_path: Path) -> None:
    """``--unix``: the path is there while it listens."""
    path = tmp_path / "echo"
    with server("--unix", str(path)) as (process, address):
        assert address == str(path)
        with connect(address) as client:
            client.sendall(b"x" * 100_000)
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b"x" * 100_000
        process.terminate()
        process.communicate()
    assert process.returncode == 0
    assert not path.exists()


def test_ipv6_is_shown_in_brackets() -> None:
    """An address that can be pasted into a URL."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with server("--host", "::1", "--port", "0") as (process, address):
        assert address.startswith("[::1]:")
        connect(address).close()
        process.terminate()
        process.communicate()


def test_a_busy_port_is_one_line() -> None:
    """Somebody else listens there: what and what to do, no traceback, status 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run_command("echo", "--port", str(port))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"{port}" in done.stderr
    assert "Address already in use" in done.stderr
    assert "--port N" in done.stderr


def test_a_host_that_is_not_here_is_one_line() -> None:
    """An unknown name fails as a busy port does."""
    done = run_command("echo", "--host", "nowhere.invalid", "--port", "0")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_the_rest_is_sent_after_the_clients_end() -> None:
    """A client that sends megabytes, says that was all and reads only then gets them all."""
    data = bytes(range(256)) * 2048
    with server("--port", "0") as (process, address):
        with connect(address) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == data
        process.terminate()
        process.communicate()


def test_a_client_that_never_reads_is_not_read_from(base: EventBase) -> None:
    """The server's memory for it stays bounded, and when it does read, it gets everything."""
    served = echo.EchoServer(base, ("127.0.0.1", 0))
    from libevent_py import BufferEvent, LoopFlags

    made: list[BufferEvent] = []
    real = served._serve

    def remember(bev: BufferEvent) -> None:
        if not made:
            made.append(bev)
        real(bev)

    served._serve = remember  # type: ignore[method-assign]
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(served.listener.address)
        client.setblocking(False)
        sent = quiet = 0
        fullest = 0
        block = bytes(range(256)) * 256
        # Quiet: neither side can move for several passes in a row.
        while quiet < 20:
            try:
                count = client.send(block)
                sent += count
                quiet = 0
            except BlockingIOError:
                quiet += 1
            base.loop(LoopFlags.NONBLOCK | LoopFlags.ONCE)
            if made:
                fullest = max(fullest, len(made[0].output))
        assert echo.OUTPUT_LIMIT < fullest < 2 * echo.OUTPUT_LIMIT
        received = 0
        while received < sent:
            base.loop(LoopFlags.NONBLOCK | LoopFlags.ONCE)
            try:
                received += len(client.recv(1 << 16))
            except BlockingIOError:
                continue
        assert served.bytes == sent
    served.listener.close()
    assert base.dispatch()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA, where there is TLS."""
    if not has("bufferevent_openssl_socket_new"):
        pytest.skip("this build has no OpenSSL")
    return Authority(tmp_path_factory.mktemp("echo"))


def test_tls(authority: Authority) -> None:
    """``--tls``: the same over TLS, with a clean end."""
    pem = str(authority.certificate("localhost"))
    context = ssl.create_default_context(cafile=str(authority.ca))
    with server("--port", "0", "--tls", pem, pem) as (process, address):
        with context.wrap_socket(connect(address), server_hostname="localhost") as client:
            client.sendall(b"x" * 100_000)
            got = b""
            while len(got) < 100_000:
                got += client.recv(65536)
            client.unwrap().close()
        process.terminate()
        out, error = process.communicate()
    assert (process.returncode, error) == (0, "")
    assert "1 connections, 100,000 bytes" in out


def test_tls_without_its_files(authority: Authority, tmp_path: Path) -> None:
    """What is wrong with the certificate or the key is told in one line."""
    pem = str(authority.certificate("localhost"))
    missing = run_command("echo", "--tls", str(tmp_path / "missing"), pem)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "missing" in missing.stderr
    wrong = run_command("echo", "--tls", pem, str(authority.certificate("other")))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "the key is not the certificate's" in wrong.stderr
