"""Ports of libevent's regress_ssl.c: docs/regress.md has the table."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from typing import Any

import pytest
from certificates import Authority
from loops import run_until, settle, turn

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    BufferEventOptions,
    EOLStyle,
    EventBase,
    EventFlags,
    Listener,
    LoopFlags,
    Timer,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
    TLSTruncatedError,
    TLSVersion,
    ffi,
    lib,
)

READ = EventFlags.READ
CONNECTED, EOF = BufferEventEvents.CONNECTED, BufferEventEvents.EOF
ERROR, TIMEOUT = BufferEventEvents.ERROR, BufferEventEvents.TIMEOUT
DEFER = BufferEventOptions.DEFER_CALLBACKS | BufferEventOptions.CLOSE_ON_FREE

pytestmark = pytest.mark.skipif(
    not hasattr(lib, "bufferevent_openssl_socket_new"), reason="this build has no OpenSSL"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA."""
    return Authority(tmp_path_factory.mktemp("regress"))


@pytest.fixture(params=list(TLSVersion), ids=lambda version: version.name)
def contexts(request: pytest.FixtureRequest, authority: Authority) -> tuple[TLSContext, TLSContext]:
    """A client's and a server's context, of each version."""
    return (
        TLSContext.client(authority.ca, maximum=request.param),
        TLSContext.server(authority.certificate("localhost")),
    )


def open_bevs(base: EventBase, contexts: tuple[TLSContext, TLSContext], kind: str) -> list[Any]:
    """Upstream's open_ssl_bufevs: client and server on a socket pair."""
    bevs: list[Any] = []
    for context, sock in zip(contexts, socket.socketpair()):
        name = None if context.is_server else "localhost"
        if kind == "filter":
            below = BufferEvent(base, sock)
            bevs.append(TLSFilterBufferEvent(below, context, server_hostname=name, options=DEFER))
        else:
            bevs.append(TLSBufferEvent(base, context, sock, server_hostname=name, options=DEFER))
    return bevs


class Game:
    """Two ends that count to 1001 in turns; who gets there is freed."""

    def __init__(self, base: EventBase, *, renegotiate_at: int = 0, last: Any = None) -> None:
        self.base = base
        self.renegotiate_at = renegotiate_at
        self.last = last or (lambda bev: bev.close())
        self.connected: list[Any] = []
        self.ends: list[tuple[BufferEventEvents, Exception | None]] = []
        self.done = False

    def serve(self, bev: Any) -> None:
        """Take part."""
        bev.set_callbacks(on_read=self.on_read, on_event=self.on_event)
        bev.enable(READ)

    def on_read(self, bev: Any) -> None:
        """Upstream's respond_to_number."""
        line = bev.input.read_line(EOLStyle.LF)
        if line is None:
            return
        number = int(line)
        if number == 1001:
            self.done = True
            self.last(bev)
            return
        if number == self.renegotiate_at:
            lib.bufferevent_ssl_renegotiate(bev.pointer)
        bev.write(b"%d\n" % (number + 1))

    def on_event(self, bev: Any, what: BufferEventEvents) -> None:
        """Upstream's eventcb."""
        if what & CONNECTED:
            if bev not in self.connected:
                self.connected.append(bev)
            return
        self.ends.append((what, bev.error))
        bev.close()


@pytest.mark.parametrize("kind", ["socketpair", "filter"])
@pytest.mark.parametrize("after_connect", [False, True])
def test_ssl_bufferevent(
    backend_base: EventBase, contexts: tuple[TLSContext, TLSContext], kind: str, after_connect: bool
) -> None:
    """They count to 1001; the other end hears a clean EOF, where libevent's hears an error."""
    game = Game(backend_base)
    client, server = open_bevs(backend_base, contexts, kind)
    fd = client.fileno()
    if kind == "filter":
        assert client.underlying.fileno() == fd
    game.serve(client)
    game.serve(server)
    if after_connect:
        run_until(backend_base, lambda: client in game.connected)
    client.write(b"1\n")
    backend_base.dispatch()
    assert game.done
    assert set(game.connected) == {client, server}
    assert [(what & EOF, error) for what, error in game.ends] == [(EOF, None)]
    assert client.closed
    assert server.closed


def test_ssl_renegotiate(base: EventBase, contexts: tuple[TLSContext, TLSContext]) -> None:
    """Renegotiation is refused and changes nothing, where libevent's test does it at 600."""
    game = Game(base, renegotiate_at=600)
    client, server = open_bevs(base, contexts, "socketpair")
    game.serve(client)
    game.serve(server)
    client.write(b"1\n")
    run_until(base, lambda: game.done and game.ends)
    assert [(what & EOF, error) for what, error in game.ends] == [(EOF, None)]


@pytest.mark.parametrize("kind", ["socketpair", "filter"])
def test_ssl_dirty_shutdown(base: EventBase, contexts: tuple[TLSContext, TLSContext], kind: str) -> None:
    """An end without close_notify is told by its own exception, once; a program may take it for EOF."""

    def cut(bev: Any) -> None:
        with socket.socket(fileno=os.dup(bev.fileno())) as below:
            below.shutdown(socket.SHUT_WR)

    game = Game(base, last=cut)
    client, server = open_bevs(base, contexts, kind)
    game.serve(client)
    game.serve(server)
    client.write(b"1\n")
    run_until(base, lambda: len(game.ends) == 2)
    assert isinstance(game.ends[0][1], TLSTruncatedError)
    assert game.ends[0][0] & ERROR


@pytest.mark.parametrize("kind", ["socketpair", "filter"])
def test_ssl_freed(base: EventBase, contexts: tuple[TLSContext, TLSContext], kind: str) -> None:
    """Closing one in its last callback frees it, and its descriptor is closed in the next pass."""
    game = Game(base)
    client, server = open_bevs(base, contexts, kind)
    fds = client.fileno(), server.fileno()
    assert len(set(fds)) == 2
    game.serve(client)
    game.serve(server)
    client.write(b"1\n")
    base.dispatch()
    turn(base, 2)
    for bev, fd in zip((client, server), fds):
        assert bev.closed
        with pytest.raises(OSError):
            os.fstat(fd)


def test_ssl_timeout(base: EventBase, contexts: tuple[TLSContext, TLSContext]) -> None:
    """A server that does not shake hands: the client hears of the timeout, and nothing else."""
    one, other = socket.socketpair()
    with other:
        game = Game(base)
        client = TLSBufferEvent(base, contexts[0], one, server_hostname="localhost", options=DEFER)
        fd = client.fileno()
        game.serve(client)
        client.set_timeouts(read=0.05, write=0.05)
        client.write(b"1\n")
        base.dispatch()
        turn(base, 2)
        assert game.connected == []
        assert [what & TIMEOUT for what, _ in game.ends] == [TIMEOUT]
        assert client.closed
        with pytest.raises(OSError):
            os.fstat(fd)


@pytest.mark.parametrize("sleep", [0.0, 0.1])
def test_ssl_connect(backend_base: EventBase, contexts: tuple[TLSContext, TLSContext], sleep: float) -> None:
    """A connecting client plays with a server that comes late, and does not spin meanwhile."""
    game = Game(backend_base)

    def on_accept(listener: Listener, sock: socket.socket, address: object) -> None:
        listener.close()
        Timer(backend_base, sleep, lambda timer: game.serve(TLSBufferEvent(backend_base, contexts[1], sock)))

    client = TLSBufferEvent(backend_base, contexts[0], server_hostname="localhost", options=DEFER)
    game.serve(client)
    listener = Listener(backend_base, ("127.0.0.1", 0), on_accept)
    client.connect(listener.address)
    client.write(b"1\n")
    passes = 0
    while not game.connected:
        backend_base.loop(LoopFlags.ONCE)
        passes += 1
    backend_base.dispatch()
    assert passes <= 100
    assert game.done
    assert len(game.connected) == 2


class Transfer:
    """Upstream's wm_context: each reads in halves, and answers each time with a payload."""

    PAYLOAD, HIGH = b"A" * 1024, 5 * 1024

    def __init__(self, bev: Any) -> None:
        self.got = 0
        self.most = 0
        bev.set_watermark(READ, 0, self.HIGH)
        bev.set_callbacks(on_read=self.on_read)
        bev.enable(READ)

    @property
    def done(self) -> bool:
        """All that was wanted came."""
        return self.got >= 8 * self.HIGH

    def on_read(self, bev: Any) -> None:
        """Upstream's wm_transfer."""
        self.most = max(self.most, len(bev.input))
        if self.done:
            bev.set_callbacks()
            bev.disable(READ)
        else:
            self.got += len(bev.read(len(self.PAYLOAD) // 2))
        payload = Buffer(self.PAYLOAD)
        bev.output.add_buffer(payload)


@pytest.mark.parametrize("defer", [False, True])
@pytest.mark.parametrize("kind", ["socketpair", "filter"])
def test_ssl_wm(
    backend_base: EventBase, contexts: tuple[TLSContext, TLSContext], kind: str, defer: bool
) -> None:
    """With a high mark and readers that take little, all of it comes, and nothing stands still."""
    base = backend_base
    options = DEFER if defer else BufferEventOptions.CLOSE_ON_FREE
    transfers: list[Transfer] = []

    def on_accept(listener: Listener, sock: socket.socket, address: object) -> None:
        listener.close()
        transfers.append(Transfer(TLSBufferEvent(base, contexts[1], sock, options=options)))

    listener = Listener(base, ("127.0.0.1", 0), on_accept)
    if kind == "filter":
        below = BufferEvent(base, None, options)
        client: Any = TLSFilterBufferEvent(below, contexts[0], server_hostname="localhost", options=options)
        transfers.append(Transfer(client))
        below.connect(listener.address)
    else:
        client = TLSBufferEvent(base, contexts[0], server_hostname="localhost", options=options)
        transfers.append(Transfer(client))
        client.connect(listener.address)
    client.write(Transfer.PAYLOAD)
    run_until(base, lambda: len(transfers) == 2 and all(each.done for each in transfers))
    settle(base)
    # Whole records come, and a mark is noticed behind them.
    assert all(each.most < Transfer.HIGH + 2 * 16384 for each in transfers)


def open_ssls(contexts: tuple[TLSContext, TLSContext]) -> list[tuple[Any, int]]:
    """A client's and a server's SSL, with descriptors, that OpenSSL's own functions have connected."""
    # Those of the library that the extension links, which may be another than Python's ssl has.
    openssl = ctypes.CDLL(sys.modules["libevent_py._libevent"].__file__)
    openssl.SSL_new.restype = ctypes.c_void_p
    ends: list[tuple[ctypes.c_void_p, int]] = []
    for context, sock in zip(contexts, socket.socketpair()):
        sock.setblocking(False)
        ssl = ctypes.c_void_p(openssl.SSL_new(ctypes.c_void_p(int(ffi.cast("uintptr_t", context._pointer)))))
        openssl.SSL_set_fd(ssl, sock.fileno())
        (openssl.SSL_set_accept_state if context.is_server else openssl.SSL_set_connect_state)(ssl)
        ends.append((ssl, sock.detach()))
    for _ in range(10):
        done = [openssl.SSL_do_handshake(ssl) == 1 for ssl, _ in ends]
    assert done == [True, True]
    return [(ffi.cast("struct ssl_st *", ssl.value), fd) for ssl, fd in ends]


@pytest.mark.parametrize("dirty", [False, True])
@pytest.mark.parametrize("kind", ["socketpair", "filter"])
def test_ssl_startopen(
    base: EventBase, contexts: tuple[TLSContext, TLSContext], kind: str, dirty: bool
) -> None:
    """Native code's bufferevents of connections that were open before (BUFFEREVENT_SSL_OPEN) play too."""
    pointers, bevs = [], []
    for ssl, fd in open_ssls(contexts):
        if kind == "filter":
            below = lib.bufferevent_socket_new(base.pointer, fd, lib.BEV_OPT_CLOSE_ON_FREE)
            pointer = lib.bufferevent_openssl_filter_new(
                base.pointer, below, ssl, lib.BUFFEREVENT_SSL_OPEN, int(DEFER)
            )
        else:
            pointer = lib.bufferevent_openssl_socket_new(
                base.pointer, fd, ssl, lib.BUFFEREVENT_SSL_OPEN, int(DEFER)
            )
        assert pointer != ffi.NULL
        lib.bufferevent_openssl_set_allow_dirty_shutdown(pointer, dirty)
        pointers.append(pointer)
        bevs.append(BufferEvent.from_pointer(base, pointer))

    def end(bev: Any) -> None:
        if dirty:
            with socket.socket(fileno=os.dup(bev.fileno())) as below:
                below.shutdown(socket.SHUT_WR)
            return
        bev.close()
        lib.bufferevent_free(pointers.pop(bevs.index(bev)))

    game = Game(base, last=end)
    for bev in bevs:
        game.serve(bev)
    bevs[0].write(b"1\n")
    run_until(base, lambda: game.done and game.ends)
    assert game.connected == []
    # Native code's bufferevents end as libevent has it: an error, or EOF where it was told to take that.
    assert [bool(what & (EOF | ERROR)) for what, _ in game.ends] == [True]
    for bev in bevs:
        bev.close()
    for pointer in pointers:
        lib.bufferevent_free(pointer)
    turn(base, 2)
