"""Who owns what: taking over, closing everywhere, collecting, forking, threads, what is refused."""

from __future__ import annotations

import copy
import gc
import io
import os
import pickle
import socket
import threading
import weakref
from typing import Any

import pytest
from child import check_child
from relays import KINDS, Joined, receive

from libevent_py import (
    BufferEvent,
    BufferEventPair,
    ClosedError,
    EventBase,
    FilterBufferEvent,
    LoopFlags,
    Relay,
    WrongThreadError,
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_keeps_it(base: EventBase, kind: str) -> None:
    """Nobody needs a reference."""
    with Joined(base, kind) as joined:
        seen = weakref.ref(joined.relay)
        joined.relay = None  # type: ignore[assignment]
        gc.collect()
        joined.client.sendall(b"x")
        joined.turn()
        assert receive(joined.server) == b"x"
        relay = seen()
        assert relay is not None
        joined.relay = relay


@pytest.mark.parametrize("kind", KINDS)
def test_closing_the_base_closes_it(kind: str) -> None:
    """And both ends."""
    with EventBase() as base:
        joined = Joined(base, kind)
        joined.client.sendall(b"x" * 1000)
    assert joined.relay.closed
    assert receive(joined.client) is None
    joined.close()


@pytest.mark.parametrize("kind", KINDS)
def test_it_may_be_closed_in_on_end_and_the_base_too(kind: str) -> None:
    """Closing what is closed does nothing, and the loop returns."""
    with EventBase() as base:
        joined = Joined(base, kind)
        joined.relay._on_end = lambda relay, result: (relay.close(), base.close())
        joined.client.close()
        joined.server.close()
        base.dispatch()
        assert base.closed
        joined.close()


def test_a_socket_object_is_detached_and_a_bufferevent_captured(base: EventBase) -> None:
    """Their former owners cannot disturb it."""
    ours, client = socket.socketpair()
    theirs, server = socket.socketpair()
    with client, server:
        below = BufferEvent(base, theirs)
        end = FilterBufferEvent(below, None, lambda data, mode: data)
        relay = Relay(base, ours, end)
        assert ours.fileno() == -1
        for use in (
            lambda: end.set_callbacks(),
            lambda: end.write(b"x"),
            lambda: end.close(),
            lambda: below.close(),
            lambda: Relay(base, end, client),
        ):
            with pytest.raises(RuntimeError, match="works on this bufferevent"):
                use()
        relay.close()
        assert end.closed
        assert below.closed


def test_a_descriptor_is_taken_over(base: EventBase) -> None:
    """And closed with the relay."""
    ours, client = socket.socketpair()
    theirs, server = socket.socketpair()
    with client, server:
        relay = Relay(base, ours.detach(), theirs.detach())
        relay.close()
        assert receive(client) is None


def test_a_closed_relay_refuses(base: EventBase) -> None:
    """As every closed object."""
    with Joined(base, "sockets") as joined:
        joined.relay.close()
        with pytest.raises(ClosedError):
            _ = joined.relay.from_client
        assert repr(joined.relay) == "<Relay closed>"
        assert joined.relay.base is base


def test_another_thread_is_refused(base: EventBase) -> None:
    """While the loop runs."""
    raised: list[BaseException] = []
    with Joined(base, "sockets") as joined:

        def other() -> None:
            for use in (joined.relay.close, lambda: joined.relay.from_client):
                try:
                    use()
                except WrongThreadError as error:
                    raised.append(error)
            base.loopbreak()

        base.call_soon(lambda: threading.Thread(target=other).start())
        base.loop(LoopFlags.NO_EXIT_ON_EMPTY)
        assert len(raised) == 2
        assert not joined.relay.closed


class Wrong:
    """What cannot be an end, and why."""

    def __init__(self, base: EventBase) -> None:
        self.base = base
        self.pair = socket.socketpair()
        self.sock = self.pair[0]
        self.open: list[Any] = [*self.pair]

    def keep(self, thing: Any) -> Any:
        """To be closed."""
        self.open.append(thing)
        return thing

    def close(self) -> None:
        """Close all."""
        for thing in self.open:
            thing.close()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda w: b"x", TypeError),
        (lambda w: None, TypeError),
        (lambda w: -1, ValueError),
        (lambda w: 10_000_000, OSError),
        (lambda w: w.keep(socket.socket()), OSError),  # not connected
        (lambda w: w.keep(socket.socket(type=socket.SOCK_DGRAM)), ValueError),
        (lambda w: w.keep(io.FileIO(os.devnull)).fileno(), ValueError),
        (lambda w: w.sock, ValueError),  # the same
        (lambda w: w.sock.fileno(), ValueError),
    ],
)
def test_what_is_no_stream_is_refused(base: EventBase, make: Any, error: type[Exception]) -> None:
    """And the other end is still the caller's."""
    wrong = Wrong(base)
    try:
        with pytest.raises(error):
            Relay(base, wrong.sock, make(wrong))
        with pytest.raises(error):
            Relay(base, make(wrong), wrong.sock)
        assert wrong.sock.fileno() >= 0
        wrong.sock.sendall(b"x")
        assert wrong.pair[1].recv(1) == b"x"
    finally:
        wrong.close()


def test_a_bufferevent_that_cannot_be_an_end_is_refused(base: EventBase, socket_pair: Any) -> None:
    """Closed, another base's, or ended."""
    one, other = BufferEventPair(base)
    closed, _ = BufferEventPair(base)
    closed.close()
    with EventBase() as second:
        foreign, _ = BufferEventPair(second)
        with pytest.raises(ValueError, match="another EventBase"):
            Relay(base, one, foreign)
    with pytest.raises(ClosedError):
        Relay(base, one, closed)
    with pytest.raises(ValueError, match="same"):
        Relay(base, one, one)
    other.shutdown_write()
    with pytest.raises(ValueError, match="ended"):
        Relay(base, one, other)
    for options in ({"idle_timeout": 0}, {"idle_timeout": -1}, {"idle_timeout": float("nan")}):
        with pytest.raises(ValueError, match="idle_timeout"):
            Relay(base, one, socket_pair[0], **options)
    with pytest.raises(TypeError, match="on_end"):
        Relay(base, one, socket_pair[0], 5)  # type: ignore[arg-type]
    one.write(b"still mine")


def test_a_forked_child_leaves_the_parents_relay_alone() -> None:
    """It can close its own, and make new ones after reinit()."""
    said = check_child(
        """
        import os, socket
        from forking import in_child
        from libevent_py import *

        base = EventBase()
        ours, client = socket.socketpair()
        theirs, server = socket.socketpair()
        relay = Relay(base, ours, theirs)
        client.sendall(bytes(100_000))
        base.loop(LoopFlags.NONBLOCK)

        def child():
            try:
                relay.from_client
                return "no error"
            except ForkError:
                relay.close()
                base.close()
                return "refused"

        print(in_child(child))
        got = 0
        server.setblocking(False)
        while got < 100_000:
            try:
                got += len(server.recv(1 << 20))
            except BlockingIOError:
                base.loop(LoopFlags.ONCE)
        server.sendall(b"answer")
        base.loop(LoopFlags.NONBLOCK)
        print(got, client.recv(10))
        base.close()
        """
    )
    assert said == "refused\n100000 b'answer'\n"


def test_churn_leaks_nothing(base: EventBase) -> None:
    """Descriptors and handles are as many after as before; conftest looks for both."""
    before = len(os.listdir("/proc/self/fd"))
    for number in range(200):
        with Joined(base, "sockets" if number % 2 else "limited") as joined:
            joined.client.sendall(bytes(70_000))
            joined.turn(1)
            if number % 3:
                joined.client.close()
                joined.turn(2)
    base.loop(LoopFlags.NONBLOCK)
    # Pipes for splicing stay with the base.
    assert len(os.listdir("/proc/self/fd")) <= before + 8


def test_it_is_made_once_and_not_copied(base: EventBase) -> None:
    """As all that owns a C structure."""
    with Joined(base, "sockets") as joined:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with pytest.raises(RuntimeError, match="made already"):
                joined.relay.__init__(base, ours, theirs)  # type: ignore[misc]
            for copied in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError, match="cannot be copied"):
                    copied(joined.relay)
        joined.client.sendall(b"x")
        joined.turn()
        assert receive(joined.server) == b"x"
