"""What arguments at random would hardly ever make: encrypted connections, questions, answers."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import operations
import values

from libevent_py import (
    BufferEventPair,
    EventBase,
    EventFlags,
    HTTPConnection,
    LoopFlags,
    Relay,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
    TLSVersion,
)

if TYPE_CHECKING:
    from program import Program

#: The A record of x.fuzz, as RFC 1035 asks for it.
_QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x04fuzz\x00\x00\x01\x00\x01"

_WORDS = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")

#: What a server may say to a request.
_RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\n\r\nall of it",
    b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
    b"5\r\nhello\r\nfffffff\r\n",
    b"no HTTP\r\n\r\n",
)

#: The PEM file of a key and a certificate, once make_certificate() was called; b"" without openssl.
_certificate = b""


def make_certificate() -> None:
    """Make one for all programs that this process is to run."""
    global _certificate
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "key")
        words = ["openssl", *_WORDS, "-subj", "/CN=fuzz", "-keyout", str(key), "-out", "-"]
        try:
            done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, check=True)
            _certificate = key.read_bytes() + done.stdout
        except (OSError, subprocess.CalledProcessError):
            pass


def _context(rng: Random, server: bool) -> TLSContext:
    version = rng.choice((TLSVersion.TLSv1_2, None))
    if server:
        return TLSContext.server(_certificate, maximum=version, alpn=["x", "y"])
    return TLSContext.client(verify=False, maximum=version, alpn=rng.choice(([], ["y"])))


def make_context(program: Program, rng: Random, path: str) -> None:
    """A TLSContext, for either side."""
    server = bool(_certificate) and rng.random() < 0.5
    made = program.attempt(
        f"{path} TLSContext for {'a server' if server else 'clients'}", lambda: _context(rng, server)
    )
    operations.keep(program, rng, made)


def make_relay(program: Program, rng: Random, path: str) -> None:
    """A Relay between sockets whose other ends the program has."""
    base = program.object_of(rng, "EventBase")
    if base is not None:
        ends = [values.socket_pair() for _ in range(2)]
        program.sockets[0], program.sockets[2] = ends[0][1], ends[1][1]
        callback = program.callback(rng)
        what = f"{path} Relay between sockets"
        made = program.attempt(what, lambda: Relay(base, ends[0][0], ends[1][0], callback))
        operations.keep(program, rng, made)


operations.MAKERS.update(TLSContext=make_context, Relay=make_relay)


def encrypt(program: Program, rng: Random, path: str) -> None:
    """Two ends of an encrypted connection, over a socket or over a pair."""
    base = program.object_of(rng, "EventBase")
    if base is None or not _certificate:
        return

    def connect() -> list[Any]:
        contexts = _context(rng, True), _context(rng, False)
        if rng.random() < 0.5:
            made: list[Any] = [
                TLSBufferEvent(base, context, sock) for context, sock in zip(contexts, values.socket_pair())
            ]
        else:
            pair = BufferEventPair(base)
            made = [TLSFilterBufferEvent(below, context) for context, below in zip(contexts, pair)]
        for end in made:
            end.enable(EventFlags.READ)
            end.write(b"hello")
        return made

    ends = program.attempt(f"{path} encrypt", connect)
    for end in ends or ():
        operations.keep(program, rng, end)
    for _ in range(rng.randrange(8)):
        program.attempt(f"{path} loop", lambda: base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK))
    for end in ends or ():
        operations.keep(program, rng, program.attempt(f"{path} session", lambda end=end: end.session))


def ask(program: Program, rng: Random, path: str) -> None:
    """A question comes to a DNSServer, which may answer in its callback or keep it."""
    server = program.object_of(rng, "DNSServer")
    if server is None:
        return
    address = program.attempt(f"{path} DNSServer.address", lambda: server.address)
    if not isinstance(address, tuple):
        return
    try:
        with socket.socket(
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM
        ) as sock:
            sock.sendto(_QUESTION[: None if rng.random() < 0.9 else rng.randrange(30)], address[:2])
    except OSError:
        return
    base = server.base
    if isinstance(base, EventBase):
        program.attempt(f"{path} loop", lambda: base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK))


def fetch(program: Program, rng: Random, path: str) -> None:
    """A request to a server that answers well, badly, or in the middle of something."""
    base = program.object_of(rng, "EventBase")
    if base is None:
        return
    callbacks = {name: program.callback(rng) for name in ("on_response", "on_data") if rng.random() < 0.6}
    body = rng.choice((None, b"x" * rng.randrange(5), [b"a", b"b"], [b"a", None]))
    made: list[Any] = []

    def ask() -> None:
        made.append(HTTPConnection(base, listening.getsockname(), keep_alive=rng.choice((0, 0.01))))
        for _ in range(rng.randrange(1, 4)):
            method = rng.choice(("GET", "POST", "HEAD"))
            callback = program.callback(rng)
            made.append(
                made[0].request(method, "/", body=body, on_complete=callback, timeout=0.1, **callbacks)
            )

    # The program closes descriptors at random.
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        program.attempt(f"{path} fetch", ask)
        far = None
        for _ in range(rng.randrange(8)):
            program.attempt(f"{path} loop", lambda: base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK))
            try:
                far = far or listening.accept()[0]
                answer = rng.choice(_RESPONSES)
                far.send(answer[: None if rng.random() < 0.7 else rng.randrange(len(answer))])
            except OSError:
                continue
        if far is not None:
            far.close()
    for each in made:
        operations.keep(program, rng, each)


#: What clients say to an HTTPServer.
_SAID = [
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"HEAD /a?b HTTP/1.0\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"X /%61 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcPUT",
    b"GET / HTTP/1.1\r\n",
]


def browse(program: Program, rng: Random, path: str) -> None:
    """Clients ask an HTTPServer, which may answer in its callback or keep the request, and go."""
    server = program.object_of(rng, "HTTPServer")
    if server is None:
        return
    listener = program.attempt(f"{path} HTTPServer.listen", lambda: server.listen(("127.0.0.1", 0)))
    address = program.attempt(f"{path} HTTPListener.address", lambda: listener.address)
    base = server.base
    if not isinstance(address, tuple) or not isinstance(base, EventBase):
        return
    socks = []
    try:
        for _ in range(rng.randrange(1, 4)):
            socks.append(socket.create_connection(address))
            socks[-1].setblocking(False)
            socks[-1].send(b"".join(rng.choices(_SAID, k=rng.randrange(1, 4))))
            for _ in range(rng.randrange(4)):
                program.attempt(f"{path} loop", lambda: base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK))
    except OSError:
        pass
    finally:
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.close()
    program.attempt(f"{path} loop", lambda: base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK))
