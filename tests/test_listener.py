"""Listener."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from child import check_child
from loops import run_until, settle, turn
from names import needs_localhost

from libevent_py import BufferEvent, EventBase, Listener, lib


class Accepted(list[socket.socket]):
    """An on_accept that keeps the sockets, to be closed together."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[Any] = []

    def __call__(self, listener: Listener, sock: socket.socket, address: Any) -> None:
        """Take one connection."""
        self.append(sock)
        self.addresses.append(address)

    def close(self) -> None:
        """Close them all."""
        for sock in self:
            sock.close()


def test_a_free_port(backend_base: EventBase) -> None:
    """Port 0 is any; the callback gets a non-blocking socket and the peer's address."""
    accepted = Accepted()
    listener = Listener(backend_base, ("127.0.0.1", 0), accepted)
    host, port = listener.address
    assert host == "127.0.0.1"
    assert port > 0
    with socket.create_connection(listener.address) as client:
        run_until(backend_base, lambda: accepted)
        assert accepted.addresses == [client.getsockname()]
        assert accepted[0].getpeername() == client.getsockname()
        assert accepted[0].gettimeout() == 0
        assert not os.get_inheritable(accepted[0].fileno())
        accepted.close()


def test_ipv6(base: EventBase) -> None:
    """An IPv6 address, whose peers have four parts."""
    accepted = Accepted()
    try:
        listener = Listener(base, ("::1", 0), accepted)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with socket.create_connection(listener.address[:2]) as client:
        run_until(base, lambda: accepted)
        assert accepted.addresses == [client.getsockname()]
        accepted.close()


@needs_localhost
def test_a_name_of_this_machine(base: EventBase) -> None:
    """The name "localhost" is looked up once."""
    listener = Listener(base, ("localhost", 0), Accepted())
    assert listener.address[0] in ("127.0.0.1", "::1")


def test_a_path(base: EventBase, tmp_path: Path) -> None:
    """A UNIX socket, which close() unlinks."""
    path = tmp_path / "socket"
    accepted = Accepted()
    listener = Listener(base, f"unix:{path}", accepted)
    assert listener.address == str(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        run_until(base, lambda: accepted)
    accepted.close()
    listener.close()
    assert not path.exists()


def test_a_path_that_is_somebody_elses_by_now(base: EventBase, tmp_path: Path) -> None:
    """close() leaves what was put in the socket's place."""
    path = tmp_path / "socket"
    listener = Listener(base, f"unix:{path}", Accepted())
    path.rename(tmp_path / "moved")
    path.write_text("mine")
    listener.close()
    assert path.read_text() == "mine"


def test_a_forked_child_leaves_the_path(tmp_path: Path) -> None:
    """A child that closes its copy of the base does not unlink its parent's socket."""
    printed = check_child(
        """
        import os, sys
        from libevent_py import EventBase, Listener
        path = sys.argv[1]
        with EventBase() as base:
            Listener(base, f"unix:{path}", print)
            pid = os.fork()
            if not pid:
                base.close()
                os._exit(0)
            os.waitpid(pid, 0)
            print(os.path.exists(path))
        print(os.path.exists(path))
        """,
        str(tmp_path / "socket"),
    )
    assert printed == "True\nFalse\n"


def test_a_path_that_is_taken(base: EventBase, tmp_path: Path) -> None:
    """EADDRINUSE, and the file stays."""
    path = tmp_path / "socket"
    path.write_text("mine")
    with pytest.raises(OSError, match="cannot listen on 'unix:") as caught:
        Listener(base, f"unix:{path}", Accepted())
    assert caught.value.errno == errno.EADDRINUSE
    assert path.read_text() == "mine"


def test_a_bound_socket(base: EventBase) -> None:
    """It is taken over: the listener closes it."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    accepted = Accepted()
    listener = Listener(base, sock, accepted)
    with socket.create_connection(sock.getsockname()):
        run_until(base, lambda: accepted)
    accepted.close()
    listener.close()
    assert sock.fileno() == -1


def test_an_address_in_use(base: EventBase) -> None:
    """EADDRINUSE says which address; no slot is held."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(OSError, match="cannot listen on") as caught:
            Listener(base, other.getsockname(), Accepted())
        assert caught.value.errno == errno.EADDRINUSE
    assert base._delivery.table.open_count == 0


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT here")
def test_reuse_port(base: EventBase) -> None:
    """Two listeners share a port that both allow to share."""
    first = Listener(base, ("127.0.0.1", 0), Accepted(), reuse_port=True)
    second = Listener(base, first.address, Accepted(), reuse_port=True)
    assert first.address == second.address


def test_many_connections_in_one_pass(base: EventBase) -> None:
    """The backlog is taken in one go, in order."""
    accepted = Accepted()
    listener = Listener(base, ("127.0.0.1", 0), accepted)
    clients = [socket.create_connection(listener.address) for _ in range(30)]
    run_until(base, lambda: len(accepted) == 30)
    assert accepted.addresses == [client.getsockname() for client in clients]
    accepted.close()
    for client in clients:
        client.close()


def test_disable(base: EventBase) -> None:
    """Connections wait in the backlog until enable()."""
    accepted = Accepted()
    listener = Listener(base, ("127.0.0.1", 0), accepted)
    listener.disable()
    with socket.create_connection(listener.address):
        settle(base, 0.01)
        assert accepted == []
        listener.enable()
        run_until(base, lambda: accepted)
        accepted.close()


def test_a_raising_callback_closes_the_socket(base: EventBase) -> None:
    """The exception comes out of the loop, the peer sees the end, and the next connection is served."""

    def fail(listener: Listener, sock: socket.socket, address: Any) -> None:
        seen.append(sock)
        raise ZeroDivisionError

    seen: list[socket.socket] = []
    listener = Listener(base, ("127.0.0.1", 0), fail)
    for number in (1, 2):
        with socket.create_connection(listener.address) as client:
            with pytest.raises(ZeroDivisionError):
                base.dispatch()
            assert client.recv(1) == b""
        assert len(seen) == number
        assert seen[-1].fileno() == -1


def test_closing_closes_what_was_accepted_in_the_pass(base: EventBase) -> None:
    """Connections on their way to a closed listener's callback are closed (the leak guard counts)."""
    seen: list[int] = []

    def close(listener: Listener, sock: socket.socket, address: Any) -> None:
        seen.append(1)
        sock.close()
        listener.close()

    listener = Listener(base, ("127.0.0.1", 0), close)
    clients = [socket.create_connection(listener.address) for _ in range(5)]
    turn(base, 2)
    assert seen == [1]
    for client in clients:
        client.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
        client.close()


def test_two_listeners(base: EventBase) -> None:
    """Each gets its own (regress listener)."""
    first, second = Accepted(), Accepted()
    one = Listener(base, ("127.0.0.1", 0), first)
    two = Listener(base, ("127.0.0.1", 0), second)
    with socket.create_connection(one.address), socket.create_connection(two.address) as other:
        run_until(base, lambda: first and second)
        assert len(first) == len(second) == 1
        assert second.addresses == [other.getsockname()]
    first.close()
    second.close()


@pytest.mark.parametrize("backlog", [0, -1, 10**6])
def test_a_wrong_backlog(base: EventBase, backlog: int) -> None:
    """A ValueError."""
    with pytest.raises(ValueError, match="backlog"):
        Listener(base, ("127.0.0.1", 0), Accepted(), backlog=backlog)


@pytest.mark.parametrize(
    "address", [("127.0.0.1", -1), ("127.0.0.1", 65536), "127.0.0.1:80", "unix:", "unix:a\0b"]
)
def test_a_wrong_address(base: EventBase, address: Any) -> None:
    """A ValueError, and nothing is open."""
    with pytest.raises(ValueError):
        Listener(base, address, Accepted())
    assert base._delivery.table.open_count == 0


@pytest.mark.parametrize("address", [None, 80, ("127.0.0.1",), ("127.0.0.1", "80"), (1, 2), [], b"unix:x"])
def test_an_address_of_a_wrong_type(base: EventBase, address: Any) -> None:
    """A TypeError."""
    with pytest.raises(TypeError):
        Listener(base, address, Accepted())
    assert base._delivery.table.open_count == 0


def test_a_name_that_nobody_has(base: EventBase) -> None:
    """Looking it up fails with socket.gaierror, which says for which name."""
    with pytest.raises(socket.gaierror, match=r"cannot listen on \('"):
        Listener(base, ("no.such.host.invalid", 0), Accepted())


@pytest.mark.parametrize("what", ["on_accept", "on_error"])
def test_callbacks_must_be_callable(base: EventBase, what: str) -> None:
    """A TypeError says which is not."""
    arguments: dict[str, Any] = {"on_accept": Accepted(), what: 3}
    with pytest.raises(TypeError, match=what):
        Listener(base, ("127.0.0.1", 0), **arguments)


def test_a_closed_socket(base: EventBase) -> None:
    """OSError or ValueError, and no slot is held."""
    sock = socket.socket()
    sock.close()
    with pytest.raises((OSError, ValueError)):
        Listener(base, sock, Accepted())
    assert base._delivery.table.open_count == 0


def test_pointer_and_repr(base: EventBase) -> None:
    """The raw layer sees the same descriptor; repr tells the address."""
    listener = Listener(base, ("127.0.0.1", 0), Accepted())
    assert lib.evconnlistener_get_fd(listener.pointer) == listener.fileno()
    assert repr(listener) == f"<Listener at {listener.address!r}>"
    assert listener.base is base


def test_a_path_too_long_for_an_address(base: EventBase, tmp_path: Path) -> None:
    """Python has no errno for it; we say which limit it is."""
    with pytest.raises(OSError, match="cannot listen on .*: File name too long") as caught:
        Listener(base, f"unix:{tmp_path / ('x' * 200)}", Accepted())
    assert caught.value.errno == errno.ENAMETOOLONG


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
def test_an_abstract_name(base: EventBase) -> None:
    """``unix:@name`` needs no file, for both sides."""
    name = f"unix:@libevent_py-{os.getpid()}"
    accepted = Accepted()
    listener = Listener(base, name, accepted)
    bev = BufferEvent(base)
    bev.connect(name)
    run_until(base, lambda: accepted)
    assert listener.address == name.replace("unix:@", "\0").encode()
    bev.close()
    accepted.close()
    listener.close()
    Listener(base, name, accepted).close()


@pytest.mark.parametrize("dual", [False, True])
def test_dual_stack(base: EventBase, dual: bool) -> None:
    """An IPv6 listener takes IPv4 connections only when it is told to."""
    accepted = Accepted()
    try:
        listener = Listener(base, ("::", 0), accepted, dual_stack=dual)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    where = ("127.0.0.1", listener.address[1])
    if not dual:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)
        return
    with socket.create_connection(where):
        run_until(base, lambda: accepted)
    assert accepted.addresses[0][0] == "::ffff:127.0.0.1"
    accepted.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_DEFER_ACCEPT"), reason="the system cannot")
def test_deferred_accept(base: EventBase) -> None:
    """A connection is accepted when its first bytes are there."""
    accepted = Accepted()
    listener = Listener(base, ("127.0.0.1", 0), accepted, defer_accept=30)
    with socket.create_connection(listener.address) as client:
        settle(base, 0.05)
        assert not accepted
        client.send(b"now")
        run_until(base, lambda: accepted)
    accepted.close()
