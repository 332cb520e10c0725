"""Against other implementations: the openssl command, Python's ssl, curl."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bufferevents import Log
from certificates import OPENSSL, Authority
from loops import run_until

from libevent_py import (
    BufferEventEvents,
    ClientCertificates,
    EventBase,
    EventFlags,
    Listener,
    TLSBufferEvent,
    TLSContext,
    TLSVersion,
)

CONNECTED = BufferEventEvents.CONNECTED
READING_EOF = BufferEventEvents.READING | BufferEventEvents.EOF
FLAG = {TLSVersion.TLSv1_2: "-tls1_2", TLSVersion.TLSv1_3: "-tls1_3"}
BIG = bytes(range(256)) * 4096  # 1 MiB


class Echo:
    """A TLS server that echoes, records, and ends what a client ends."""

    def __init__(self, base: EventBase, context: TLSContext) -> None:
        self.base, self.context = base, context
        self.data = bytearray()
        self.events: list[BufferEventEvents] = []
        self.errors: list[Exception | None] = []
        self.bevs: list[TLSBufferEvent] = []
        self.port = Listener(base, ("127.0.0.1", 0), self.on_accept).address[1]

    def on_accept(self, listener: Listener, sock: socket.socket, address: object) -> None:
        """Serve a connection."""
        bev = TLSBufferEvent(self.base, self.context, sock)
        bev.set_callbacks(on_data=self.on_data, on_event=self.on_event)
        bev.enable(EventFlags.READ)
        self.bevs.append(bev)

    def on_data(self, bev: TLSBufferEvent, data: bytes) -> None:
        """Echo; "bye" ends the connection."""
        self.data += data
        bev.write(data)
        if data.endswith(b"bye\n"):
            bev.close_when_flushed()

    def on_event(self, bev: TLSBufferEvent, what: BufferEventEvents) -> None:
        """Record."""
        self.events.append(what)
        self.errors.append(bev.error)
        if what & BufferEventEvents.EOF:
            bev.close_when_flushed()


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that the test starts; they end with it."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def finish(base: EventBase, process: subprocess.Popen[bytes]) -> bytes:
    """Run the loop until *process* ends; what it printed, which is little."""
    run_until(base, lambda: process.poll() is not None)
    output: bytes = process.communicate(timeout=10)[0]
    return output


def s_client(port: int, authority: Authority, *more: object, quiet: bool = True) -> subprocess.Popen[bytes]:
    """The openssl command's client, which verifies."""
    words = [OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", authority.ca]
    words += ["-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error"]
    words += (["-quiet"] if quiet else []) + list(more)
    return subprocess.Popen(
        list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def say(process: subprocess.Popen[bytes], text: bytes) -> None:
    """Type *text*."""
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.flush()


def test_s_client(
    base: EventBase, authority: Authority, server: TLSContext, version: TLSVersion, processes: Any
) -> None:
    """openssl s_client shakes hands, gets its echo, and sees a clean end."""
    echo = Echo(base, server)
    process = s_client(echo.port, authority, FLAG[version])
    processes.append(process)
    say(process, b"hello\nbye\n")
    assert finish(base, process).endswith(b"hello\nbye\n")
    assert process.returncode == 0
    assert echo.errors == [None]


def test_s_client_updates_the_keys(
    base: EventBase, authority: Authority, server: TLSContext, processes: Any
) -> None:
    """TLS 1.3's KeyUpdate, in both ways, disturbs nothing."""
    echo = Echo(base, server)
    process = s_client(echo.port, authority, "-tls1_3", quiet=False)
    processes.append(process)
    run_until(base, lambda: echo.events)
    for command in (b"K\n", b"k\n", b"K\n"):
        say(process, command)
        before = len(echo.data)
        say_later = b"after %s" % command
        threading.Timer(0.05, say, (process, say_later)).start()
        run_until(base, lambda before=before, text=say_later: echo.data[before:] == text)
    say(process, b"bye\n")
    assert b"bye" in finish(base, process)
    assert echo.events == [CONNECTED]


def test_s_client_may_not_renegotiate(
    base: EventBase, authority: Authority, server: TLSContext, processes: Any
) -> None:
    """A client that wants TLS 1.2's renegotiation is refused; that is its own end, not the server's."""
    echo = Echo(base, server)
    refused = s_client(echo.port, authority, "-tls1_2", quiet=False)
    processes.append(refused)
    run_until(base, lambda: echo.events)
    say(refused, b"R\n")
    assert b"no renegotiation" in finish(base, refused)
    process = s_client(echo.port, authority, "-tls1_2")
    processes.append(process)
    say(process, b"bye\n")
    assert finish(base, process).endswith(b"bye\n")


def test_s_client_resumes(
    base: EventBase,
    authority: Authority,
    server: TLSContext,
    version: TLSVersion,
    tmp_path: Path,
    processes: Any,
) -> None:
    """A session that s_client has stored is resumed."""
    echo = Echo(base, server)
    for words, expected in ((("-sess_out", tmp_path / "s"), False), (("-sess_in", tmp_path / "s"), True)):
        process = s_client(echo.port, authority, FLAG[version], *words)
        processes.append(process)
        say(process, b"hello\n")
        run_until(base, lambda: echo.data.endswith(b"hello\n"))
        assert echo.bevs[-1].session_reused is expected
        say(process, b"bye\n")
        finish(base, process)
        assert process.returncode == 0


def test_s_client_with_a_certificate(
    base: EventBase, authority: Authority, localhost: Path, version: TLSVersion, processes: Any
) -> None:
    """s_client shows the certificate that the server wants, and without one is refused."""
    echo = Echo(
        base,
        TLSContext.server(localhost, ca=authority.ca, client_certificates=ClientCertificates.REQUIRED),
    )
    process = s_client(echo.port, authority, FLAG[version], "-cert", authority.certificate("alice"))
    processes.append(process)
    run_until(base, lambda: echo.events)
    certificate = echo.bevs[0].peer_certificate
    assert certificate is not None
    assert certificate.info["subject"][-1] == (("commonName", "alice"),)
    say(process, b"bye\n")
    finish(base, process)
    process = s_client(echo.port, authority, FLAG[version])
    processes.append(process)
    finish(base, process)
    assert process.returncode != 0
    assert "no certificate" in str(echo.errors[-1])


@pytest.mark.parametrize("words", [(), ("-cert2",)], ids=["plain", "names"])
def test_s_server(
    base: EventBase,
    authority: Authority,
    localhost: Path,
    client: TLSContext,
    version: TLSVersion,
    processes: Any,
    words: tuple[str, ...],
) -> None:
    """A client of ours talks to openssl s_server, which chooses a certificate by name too."""
    more: list[object] = [FLAG[version], "-rev", "-alpn", "reverse"]
    host = "localhost"
    if words:
        host = "other.example"
        more += [
            "-cert2",
            authority.certificate(host),
            "-key2",
            authority.certificate(host),
            "-servername",
            host,
        ]
    command = [OPENSSL, "s_server", "-accept", "127.0.0.1:0", "-cert", localhost, *more]
    process = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    processes.append(process)
    assert process.stdout is not None
    line = b""
    while not (found := re.match(rb"ACCEPT .*:(\d+)$", line.strip())):
        line = process.stdout.readline()
        assert line
    context = TLSContext.client(authority.ca, alpn=["reverse"])
    bev = TLSBufferEvent(base, context, server_hostname=host)
    log = Log(bev)
    bev.connect(("127.0.0.1", int(found[1])))
    bev.write(b"hello\n")
    run_until(base, lambda: log.data.endswith(b"\n"))
    assert log.data == b"olleh\n"
    assert bev.alpn == (None if words else "reverse")  # s_server's other context has no ALPN
    assert bev.version == version.name.replace("_", ".")
    bev.close_when_flushed()
    run_until(base, lambda: bev.closed)


def test_pythons_ssl_as_the_client(
    base: EventBase, authority: Authority, server: TLSContext, version: TLSVersion
) -> None:
    """A blocking socket of Python's ssl gets a megabyte back, and ends cleanly."""
    echo = Echo(base, server)
    result: list[bytes] = []

    def talk() -> None:
        context = ssl.create_default_context(cafile=str(authority.ca))
        context.maximum_version = ssl.TLSVersion(int(version))
        with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as plain:
            secure = context.wrap_socket(plain, server_hostname="localhost")
            sender = threading.Thread(target=secure.sendall, args=(BIG,))
            sender.start()
            got = bytearray()
            while len(got) < len(BIG):
                got += secure.recv(65536)
            sender.join()
            secure.unwrap().close()
            result.append(bytes(got))

    thread = threading.Thread(target=talk)
    thread.start()
    run_until(base, lambda: not thread.is_alive())
    assert result == [BIG]
    run_until(base, lambda: echo.bevs[0].closed)
    assert echo.events == [CONNECTED, READING_EOF]


def test_pythons_ssl_as_the_server(
    base: EventBase, localhost: Path, client: TLSContext, version: TLSVersion
) -> None:
    """A blocking server of Python's ssl echoes a megabyte, and both end cleanly."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(localhost))
    context.maximum_version = ssl.TLSVersion(int(version))
    failures: list[BaseException] = []

    def serve(listening: socket.socket) -> None:
        try:
            plain = listening.accept()[0]
            plain.settimeout(10)
            with context.wrap_socket(plain, server_side=True) as secure:
                left = len(BIG)
                while left:
                    data = secure.recv(65536)
                    secure.sendall(data)
                    left -= len(data)
                secure.unwrap().close()
        except BaseException as error:
            failures.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        bev = TLSBufferEvent(base, client)
        log = Log(bev)
        bev.connect(listening.getsockname())
        bev.write(BIG)
        run_until(base, lambda: READING_EOF in log.events)
        bev.close()
        run_until(base, lambda: not thread.is_alive())
    assert failures == []
    assert log.data == BIG


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here")
@pytest.mark.parametrize("trusted", [True, False])
def test_curl(
    base: EventBase,
    authority: Authority,
    server: TLSContext,
    version: TLSVersion,
    processes: Any,
    trusted: bool,
) -> None:
    """curl gets a page over TLS, if it trusts the CA."""

    def on_accept(listener: Listener, sock: socket.socket, address: object) -> None:
        bev = TLSBufferEvent(base, server, sock)

        def on_data(bev: TLSBufferEvent, data: bytes) -> None:
            bev.write(b"HTTP/1.0 200 OK\r\n\r\n" + BIG)
            bev.close_when_flushed()

        bev.set_callbacks(on_data=on_data)
        bev.enable(EventFlags.READ)

    port = Listener(base, ("127.0.0.1", 0), on_accept).address[1]
    command = ["curl", "--silent", "--noproxy", "*", "--resolve", f"localhost:{port}:127.0.0.1"]
    command += ["--tlsv1.2", "--tls-max", version.name[-3:].replace("_", "."), "--output", "-"]
    command += ["--cacert", str(authority.ca)] if trusted else []
    # What AddressSanitizer preloads into us does curl no good.
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    process = subprocess.Popen([*command, f"https://localhost:{port}/"], stdout=subprocess.PIPE, env=env)
    processes.append(process)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(process.communicate(timeout=10)[0]))
    reader.start()
    run_until(base, lambda: not reader.is_alive())
    assert (process.returncode == 0) is trusted
    assert got == [BIG if trusted else b""]
