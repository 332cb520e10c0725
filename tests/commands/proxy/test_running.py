"""The proxy as a process: backends, failures, limits, PROXY headers."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import socket
import struct
import time
from pathlib import Path

import pytest
from command import run_command
from ports import unused_port
from proxies import Backend, connected, proxy, receive_all, shown

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def test_a_connection_is_passed_on() -> None:
    """Both ways, half-close included; SIGTERM ends it with status 0 and a quiet word."""
    with Backend("one") as one, proxy(to=(one,)) as running:
        assert running.ask(b"hello\nworld\n") == [b"one", b"hello", b"world"]
        running.signal(signal.SIGTERM)
        assert running.end() == 0
    assert [re.sub(r"^\S+ \S+ ", "", line) for line in running.log] == [
        f"proxy[{running.process.pid}]: listening on {shown(running.address)}\n",
        f"proxy[{running.process.pid}]: stopped\n",
    ]


def test_much_is_passed_on_unchanged() -> None:
    """Megabytes through the whole of it."""
    data = bytes(range(256)) * 20_000
    with Backend("one") as one, proxy(to=(one,)) as running, connected(running) as sock:
        sock.setblocking(False)
        sent, got = 0, b""
        until = time.monotonic() + 20
        while len(got) < len(data) + 4 and time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                sent += sock.send(data[sent : sent + 65536]) if sent < len(data) else 0
            with contextlib.suppress(BlockingIOError):
                got += sock.recv(1 << 20)
        assert got == b"one\n" + data


def test_round_robin_is_the_default() -> None:
    """One after the other."""
    backends = Backend("one"), Backend("two"), Backend("three")
    with backends[0], backends[1], backends[2], proxy(to=backends) as running:
        names = [running.ask()[0] for _ in range(6)]
    assert names[:3] == names[3:]
    assert set(names) == {b"one", b"two", b"three"}


def test_least_connections() -> None:
    """Who has fewest gets the next."""
    one, two = Backend("one"), Backend("two")
    least = ("--balance", "least-connections")
    with one, two, proxy(*least, to=(one, two)) as running, connected(running) as held:
        busy = held.recv(100).strip()
        names = {running.ask()[0] for _ in range(3)}
    assert names == {b"one", b"two"} - {busy}


def test_a_backend_that_fails_is_left_out_and_tried_again() -> None:
    """Its clients go to another at once, and none of them notices; later it is back."""
    port = unused_port()
    with Backend("one") as one, proxy("--eject", "0.3", "--to", f"127.0.0.1:{port}", to=(one,)) as running:
        assert [running.ask()[0] for _ in range(4)] == [b"one"] * 4
        line = running.wait_for("is left out")
        assert f"127.0.0.1:{port} is left out for 0.3 s: " in line
        assert "refused" in line
        with socket.create_server(("127.0.0.1", port)) as back:
            back.settimeout(0.05)
            until = time.monotonic() + 10
            accepted = None
            while accepted is None and time.monotonic() < until:
                with connected(running) as sock:
                    with contextlib.suppress(socket.timeout):
                        accepted, _ = back.accept()
                        accepted.close()
                    sock.shutdown(socket.SHUT_WR)
                    receive_all(sock)
        assert accepted is not None
        running.wait_for("is back")


def test_no_backend_at_all() -> None:
    """The client's connection is closed, and the log says why."""
    with proxy("--to", f"127.0.0.1:{unused_port()}") as running:
        with connected(running) as sock:
            assert sock.recv(1) == b""
        assert "no backend can be reached for 127.0.0.1:" in running.wait_for("no backend")


def test_a_backend_by_name_and_one_on_a_unix_socket(tmp_path: Path) -> None:
    """All forms of an address."""
    path = str(tmp_path / "backend")
    with Backend("one") as one, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        listening.settimeout(10)
        with proxy("--to", f"localhost:{one.address[1]}") as running:
            assert running.ask()[0] == b"one"
        with proxy("--to", f"unix:{path}") as running, connected(running) as sock:
            sock.sendall(b"hello")
            accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(10)
                assert accepted.recv(10) == b"hello"


def test_it_listens_on_several_addresses(tmp_path: Path) -> None:
    """A unix socket too."""
    path = str(tmp_path / "front")
    with Backend("one") as one, proxy("--listen", f"unix:{path}", to=(one,)) as running:
        assert running.ask()[0] == b"one"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(path)
            assert sock.recv(10) == b"one\n"


def test_idle_connections_end() -> None:
    """And the log tells where it is asked for."""
    with Backend("one") as one, proxy("--idle-timeout", "0.2", "--verbose", to=(one,)) as running:
        with connected(running) as sock:
            assert receive_all(sock) == b"one\n"
        assert "idle, 0 bytes from the client, 4 from the backend" in running.wait_for(" via ")


def test_more_than_max_connections_wait() -> None:
    """Nobody is refused: the next comes in when one leaves."""
    with Backend("one") as one, proxy("--max-connections", "2", to=(one,)) as running:
        socks = [connected(running) for _ in range(2)]
        for sock in socks:
            assert sock.recv(10) == b"one\n"
        with connected(running) as third:
            third.settimeout(0.2)
            with pytest.raises(socket.timeout):
                third.recv(10)
            socks[0].close()
            third.settimeout(10)
            assert third.recv(10) == b"one\n"
        socks[1].close()


@pytest.mark.parametrize("option", ["--rate", "--total-rate"])
def test_a_rate_holds(option: str) -> None:
    """So many bytes a second, of one connection or of all."""
    with Backend("one") as one, proxy(option, "100k", to=(one,)) as running, connected(running) as sock:
        assert sock.recv(10) == b"one\n"
        started = time.monotonic()
        sock.sendall(bytes(60_000))
        got = 0
        while got < 60_000:
            got += len(sock.recv(1 << 16))
        # What the first tick lets through is free.
        assert time.monotonic() - started > 0.3


@pytest.mark.parametrize("version", [1, 2])
def test_the_proxy_header_is_sent(version: int) -> None:
    """The backend learns the client's address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        words = ("--send-proxy", str(version), "--to", shown(listening.getsockname()))
        with proxy(*words) as running, connected(running) as sock:
            sock.sendall(b"hello")
            accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(10)
                me, front = sock.getsockname(), running.address
                if version == 1:
                    expected = f"PROXY TCP4 127.0.0.1 127.0.0.1 {me[1]} {front[1]}\r\n".encode()
                else:
                    addresses = socket.inet_aton("127.0.0.1") * 2 + struct.pack("!HH", me[1], front[1])
                    expected = SIGNATURE + b"\x21\x11\x00\x0c" + addresses
                got = b""
                while len(got) < len(expected) + 5:
                    got += accepted.recv(1000)
                assert got == expected + b"hello"


@pytest.mark.parametrize(
    "head",
    [
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
        SIGNATURE
        + b"\x21\x11\x00\x0c"
        + socket.inet_aton("192.0.2.1")
        + socket.inet_aton("192.0.2.2")
        + struct.pack("!HH", 1111, 2222),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_the_proxy_header_is_read(head: bytes, pieces: int) -> None:
    """In one piece or several; what follows is the backend's, and the address is the one told."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        words = ("--accept-proxy", "--send-proxy", "1", "--to", shown(listening.getsockname()))
        with proxy(*words) as running, connected(running) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = head + b"hello"
            step = -(-len(data) // pieces)
            for start in range(0, len(data), step):
                sock.sendall(data[start : start + step])
                time.sleep(0.02 if pieces > 1 else 0)
            accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(10)
                expected = b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\nhello"
                got = b""
                while len(got) < len(expected):
                    got += accepted.recv(1000)
                assert got == expected


def test_a_client_without_its_proxy_header_is_closed() -> None:
    """With a word in the log."""
    with Backend("one") as one, proxy("--accept-proxy", to=(one,)) as running:
        with connected(running) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1) == b""
        assert "no PROXY header, but b'GET / HTTP/1.0" in running.wait_for("PROXY")
        assert one.accepted == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "--listen HOST:PORT"),
        (["--listen", "127.0.0.1:0"], "--to HOST:PORT"),
        (["--listen", "nowhere", "--to", "a:1"], "'nowhere' is not HOST:PORT"),
        (["--listen", "127.0.0.1:0", "--to", "127.0.0.1:0"], "port must not be 0"),
        (["--listen", "127.0.0.1:0", "--to", "a:1", "--rate", "fast"], "'fast' is not a number of bytes"),
        (["--listen", "127.0.0.1:0", "--to", "a:1", "--ca", "x"], "needs --to-tls"),
        (["--listen", "192.0.2.1:1", "--to", "a:1"], "cannot listen on"),
        (["--listen", "192.0.2.1:1", "--to", "a:1", "--workers", "2"], "cannot listen on 192.0.2.1:1"),
        (["--config", "/none.ini"], "/none.ini: cannot be read: No such file"),
    ],
)
def test_options_that_make_no_sense(words: list[str], text: str) -> None:
    """One line that says what to do, no traceback, and a status that tells."""
    done = run_command("proxy", *words)
    assert done.returncode in (1, 2)
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_help_tells_everything() -> None:
    """Each option, the file, the signals."""
    done = run_command("proxy", "--help")
    assert done.returncode == 0
    for word in ("--listen", "--to", "--send-proxy", "[proxy]", "SIGHUP", "SIGTERM", "least-connections"):
        assert word in done.stdout


def test_no_descriptors_is_no_backends_fault() -> None:
    """Clients are refused then, and nobody is left out."""
    with Backend("one") as one, proxy(to=(one,)) as running:
        pid = running.process.pid
        limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        # One more is for a client, and none for its backend.
        free = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 2
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, limit[1]))
        with connected(running) as sock, contextlib.suppress(ConnectionResetError):
            assert sock.recv(10) == b""
        assert "Too many open files" in running.wait_for("open files")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
        assert running.ask()[0] == b"one"
        assert not any("left out" in line for line in running.log)
