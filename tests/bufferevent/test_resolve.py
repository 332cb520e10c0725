"""connect_hostname()."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from loops import run_until, settle
from names import needs_localhost

from libevent_py import BufferEvent, BufferEventEvents, EventBase, Listener, Timer


def watch(bev: BufferEvent) -> list[tuple[BufferEventEvents, OSError | None]]:
    """What on_event is told, with the error of that moment."""
    seen: list[tuple[BufferEventEvents, OSError | None]] = []
    bev.set_callbacks(on_event=lambda bev, what: seen.append((what, bev.error)))
    return seen


@pytest.mark.parametrize("host", [pytest.param("localhost", marks=needs_localhost), "127.0.0.1"])
def test_a_name_is_found_and_connected(base: EventBase, host: str) -> None:
    """The loop delivers CONNECTED; what was written before is sent."""
    accepted: list[socket.socket] = []
    listener = Listener(base, ("127.0.0.1", 0), lambda listener, sock, address: accepted.append(sock))
    bev = BufferEvent(base)
    seen = watch(bev)
    bev.connect_hostname(host, listener.address[1], socket.AF_INET)
    bev.write(b"early")
    run_until(base, lambda: seen and accepted)
    assert seen == [(BufferEventEvents.CONNECTED, None)]
    accepted[0].settimeout(10)
    assert accepted[0].recv(10) == b"early"
    accepted[0].close()


def test_the_loop_goes_on_meanwhile(base: EventBase) -> None:
    """Timers fire while the name is looked up, and the lookup keeps the loop waiting."""
    bev = BufferEvent(base)
    seen = watch(bev)
    fired: list[int] = []
    Timer(base, 0, lambda timer: fired.append(1))
    bev.connect_hostname("no.such.host.invalid", 80)
    base.dispatch()
    assert fired == [1]
    assert len(seen) == 1


@pytest.mark.parametrize("host", ["no.such.host.invalid", "", "a" * 300, "x..y", "nul\0l"])
def test_a_name_that_is_not_found(base: EventBase, host: str) -> None:
    """ERROR comes from the loop with socket.gaierror, or a ValueError at once; never a hang."""
    bev = BufferEvent(base)
    seen = watch(bev)
    try:
        bev.connect_hostname(host, 80)
    except ValueError:
        return
    run_until(base, lambda: seen)
    assert seen[0][0] == BufferEventEvents.ERROR
    assert isinstance(seen[0][1], OSError)


@needs_localhost
def test_refused(base: EventBase) -> None:
    """A found host that refuses is ConnectionRefusedError."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        bev = BufferEvent(base)
        seen = watch(bev)
        bev.connect_hostname("localhost", closed.getsockname()[1], socket.AF_INET)
        run_until(base, lambda: seen)
    assert seen[0][0] == BufferEventEvents.ERROR
    assert isinstance(seen[0][1], ConnectionRefusedError)


def test_closed_meanwhile(base: EventBase) -> None:
    """The answer of a closed bufferevent's lookup is dropped; its pipe is closed."""
    bev = BufferEvent(base)
    seen = watch(bev)
    bev.connect_hostname("localhost", 9)
    bev.close()
    settle(base, 0.02)
    assert seen == []


def test_base_closed_meanwhile() -> None:
    """Closing the base with a lookup under way leaves no descriptor behind (the leak guard counts)."""
    with EventBase() as base:
        BufferEvent(base).connect_hostname("localhost", 9)


def test_twice(base: EventBase) -> None:
    """A second connect while looking up is a RuntimeError."""
    bev = BufferEvent(base)
    bev.connect_hostname("localhost", 9)
    with pytest.raises(RuntimeError, match="already"):
        bev.connect_hostname("localhost", 9)
    with pytest.raises(RuntimeError, match="already"):
        bev.connect(("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("host", "port", "error"),
    [(None, 80, TypeError), (b"localhost", 80, TypeError), ("localhost", 0, ValueError),
     ("localhost", 65536, ValueError), ("localhost", "80", TypeError), ("localhost", 80.0, TypeError)],
)  # fmt: skip
def test_wrong_arguments(base: EventBase, host: Any, port: Any, error: type[Exception]) -> None:
    """Refused before a thread is started."""
    with pytest.raises(error):
        BufferEvent(base).connect_hostname(host, port)


def test_a_wrong_family(base: EventBase) -> None:
    """An address family that does not exist is an exception or an ERROR event, never silence."""
    bev = BufferEvent(base)
    seen = watch(bev)
    try:
        bev.connect_hostname("127.0.0.1", 80, 9999)
    except (ValueError, OSError):
        return
    run_until(base, lambda: seen)
    assert seen[0][0] == BufferEventEvents.ERROR


def test_close_in_the_error_callback(base: EventBase) -> None:
    """The bufferevent may be closed where its lookup's failure is told."""
    bev = BufferEvent(base)
    done: list[int] = []
    bev.set_callbacks(on_event=lambda bev, what: (bev.close(), done.append(1)))
    bev.connect_hostname("no.such.host.invalid", 80)
    run_until(base, lambda: done)
    assert bev.closed
