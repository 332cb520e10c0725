"""Wrong arguments, one table over the public API: a clear Python exception each, and nothing changed."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest
from child import check_child
from loops import turn

from libevent_py import (
    Buffer,
    BufferEvent,
    ClosedError,
    Event,
    EventBase,
    EventFlags,
    Listener,
    LoopFlags,
    Signal,
    Timer,
    ffi,
)

READ = EventFlags.READ


def ignore(*arguments: object) -> None:
    """A callback."""


MAKERS: dict[str, Callable[[Any], Any]] = {
    "Event": lambda base: Event(base, None, EventFlags(0), ignore),
    "Event-fd": lambda base: Event(base, 0, READ, ignore),
    "Timer": lambda base: Timer(base, 1, ignore),
    "Signal": lambda base: Signal(base, signal.SIGUSR1, ignore),
    "Listener": lambda base: Listener(base, ("127.0.0.1", 0), ignore),
    "BufferEvent": lambda base: BufferEvent(base),
    "Event.from_pointer": lambda base: Event.from_pointer(base, 1 << 20),
    "BufferEvent.from_pointer": lambda base: BufferEvent.from_pointer(base, 1 << 20),
}


@pytest.mark.parametrize("make", [maker for name, maker in MAKERS.items() if "pointer" not in name],
                         ids=[name for name in MAKERS if "pointer" not in name])  # fmt: skip
@pytest.mark.parametrize(
    "value", [None, 0, "base", object(), EventBase, Buffer()], ids=lambda value: type(value).__name__
)
def test_no_base(make: Callable[[Any], Any], value: Any) -> None:
    """Something else in the base's place is a TypeError that says so."""
    with pytest.raises(TypeError, match="EventBase"):
        make(value)


def test_a_handle_for_a_base(base: EventBase) -> None:
    """An Event is no EventBase."""
    event = Event(base, None, EventFlags(0), ignore)
    with pytest.raises(TypeError, match="EventBase"):
        Timer(event, 1, ignore)  # type: ignore[arg-type]


Thing = Callable[[EventBase, socket.socket], Any]
CALLS: dict[str, tuple[Thing, list[tuple[Any, type[Exception] | tuple[type[Exception], ...]]]]] = {
    "EventBase.loop": (
        lambda base, sock: base.loop,
        [(None, (TypeError, ValueError)), ("x", (TypeError, ValueError)), (1.5, (TypeError, ValueError))],
    ),
    "EventBase.loopexit": (
        lambda base, sock: base.loopexit,
        [("x", TypeError), (-1, ValueError), (math.nan, ValueError), (math.inf, ValueError),
         (2**80, ValueError)],
    ),
    "Event.add": (
        lambda base, sock: Event(base, sock, READ, ignore).add,
        [("x", TypeError), (-1, ValueError), (-0.5, ValueError), (math.nan, ValueError),
         (math.inf, ValueError),
         (2**80, ValueError), (b"1", TypeError), ([], TypeError)],
    ),
    "Event.active": (
        lambda base, sock: Event(base, sock, READ, ignore).active,
        [("x", (TypeError, ValueError)), (None, (TypeError, ValueError)), (2**40,
         (ValueError, OverflowError)),
         (1.5, (TypeError, ValueError))],
    ),
    "Event.priority": (
        lambda base, sock: lambda value: setattr(Event(base, sock, READ, ignore), "priority", value),
        [(-1, ValueError), (1, ValueError), (2**40, ValueError), ("0", TypeError), (None, TypeError),
         (0.0, TypeError)],
    ),
    "Event.fd": (
        lambda base, sock: lambda value: Event(base, value, READ, ignore),
        [(-1, ValueError), (2**31, ValueError), (2**70, ValueError), ("0", TypeError), (1.0, TypeError),
         (object(), TypeError), (99999, OSError)],
    ),
    "Event.flags": (
        lambda base, sock: lambda value: Event(base, sock, value, ignore),
        [("READ", (TypeError, ValueError)), (None, (TypeError, ValueError)), (1.5, (TypeError, ValueError)),
         (1 << 20, ValueError), (1 << 10, ValueError), (EventFlags.SIGNAL, ValueError)],
    ),
    "Timer.seconds": (
        lambda base, sock: lambda value: Timer(base, value, ignore),
        [(-1, ValueError), (math.nan, ValueError), ("1", TypeError), (None, TypeError)],
    ),
    "BufferEvent.sock": (
        lambda base, sock: lambda value: BufferEvent(base, value),
        [(-1, ValueError), (2**70, ValueError), ("0", TypeError), (object(), TypeError), (99999, OSError)],
    ),
    "BufferEvent.write": (
        lambda base, sock: BufferEvent(base, sock).write,
        [("text", TypeError), (None, TypeError), (3, TypeError), ([1], TypeError),
         (memoryview(b"abcd")[::2], TypeError)],
    ),
    "BufferEvent.write_buffer": (
        lambda base, sock: BufferEvent(base, sock).write_buffer,
        [(b"x", TypeError), (None, TypeError)],
    ),
    "BufferEvent.read": (
        lambda base, sock: BufferEvent(base, sock).read,
        [(-1, ValueError), (2**63, ValueError), (1.0, TypeError), ("1", TypeError)],
    ),
    "BufferEvent.enable": (
        lambda base, sock: BufferEvent(base, sock).enable,
        [(0, ValueError), (None, (TypeError, ValueError)), ("r", (TypeError, ValueError)), (8, ValueError),
         (1 << 20, ValueError), (-1, ValueError)],
    ),
    "BufferEvent.disable": (
        lambda base, sock: BufferEvent(base, sock).disable,
        [(0, ValueError), (None, (TypeError, ValueError)), (READ | EventFlags.PERSIST, ValueError),
         (2**70, ValueError)],
    ),
    "BufferEvent.set_watermark": (
        lambda base, sock: lambda value: BufferEvent(base, sock).set_watermark(READ, *value),
        [((-1,), ValueError), ((0, -1), ValueError), ((2**63,), ValueError), ((10, 5), ValueError),
         ((1.0,), TypeError), (("1",), TypeError), ((None,), TypeError)],
    ),
    "BufferEvent.get_watermark": (
        lambda base, sock: BufferEvent(base, sock).get_watermark,
        [(READ | EventFlags.WRITE, ValueError), (0, ValueError), (None, ValueError)],
    ),
    "BufferEvent.set_timeouts": (
        lambda base, sock: BufferEvent(base, sock).set_timeouts,
        [(0, ValueError), (-1, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError)],
    ),
    "BufferEvent.priority": (
        lambda base, sock: lambda value: setattr(BufferEvent(base, sock), "priority", value),
        [(-1, ValueError), (1, ValueError), ("0", TypeError)],
    ),
    "BufferEvent.set_callbacks": (
        lambda base, sock: lambda value: BufferEvent(base, sock).set_callbacks(**value),
        [({"on_data": 1}, TypeError), ({"on_read": "x"}, TypeError), ({"on_write": 1}, TypeError),
         ({"on_event": 1}, TypeError), ({"on_other": None}, TypeError)],
    ),
    "BufferEvent.connect": (
        lambda base, sock: BufferEvent(base).connect,
        [(None, TypeError), (80, TypeError), (("127.0.0.1",), TypeError), (("127.0.0.1", -1), ValueError),
         (("127.0.0.1", 2**20), ValueError), (("localhost", 80), ValueError), ("nowhere", ValueError),
         ("unix:" + "x" * 5000, (OSError, ValueError)), (("127.0.0.1", 80, "a", "b"),
         (TypeError, ValueError))],
    ),
}  # fmt: skip
CASES = [(name, value, error) for name, (_, cases) in CALLS.items() for value, error in cases]


@pytest.mark.parametrize(
    ("name", "value", "error"), CASES, ids=[f"{name}-{str(value)[:20]}" for name, value, _ in CASES]
)
def test_a_wrong_argument(
    base: EventBase,
    socket_pair: Any,
    name: str,
    value: Any,
    error: type[Exception] | tuple[type[Exception], ...],
) -> None:
    """The exception that Python has for it, and the base still works."""
    call = CALLS[name][0](base, socket_pair[0])
    with pytest.raises(error) as caught:
        call(value)
    assert "_live" not in str(caught.value), "an accident, not a check"
    fired: list[int] = []
    Timer(base, 0, lambda timer: fired.append(1))
    turn(base, 2)
    assert fired == [1]


def test_a_buffer_that_is_closed(base: EventBase, socket_pair: Any) -> None:
    """Writing a closed Buffer is ClosedError."""
    bev = BufferEvent(base, socket_pair[0])
    buffer = Buffer(b"x")
    buffer.close()
    with pytest.raises(ClosedError):
        bev.write_buffer(buffer)


def test_the_buffers_of_another_bufferevent(base: EventBase, socket_pair: Any) -> None:
    """Another's input may be written, a closed one's is ClosedError."""
    first, second = BufferEvent(base, socket_pair[0]), BufferEvent(base, socket_pair[1])
    second.write_buffer(first.input)
    dead = first.input
    first.close()
    with pytest.raises(ClosedError):
        second.write_buffer(dead)


def test_a_descriptor_that_was_closed(base: EventBase) -> None:
    """EBADF for each kind, at once."""
    fd = os.dup(0)
    os.close(fd)
    for make in (lambda: Event(base, fd, READ, ignore), lambda: BufferEvent(base, fd)):
        with pytest.raises(OSError, match="Bad file descriptor"):
            make()


def test_a_descriptor_closed_after_the_event_was_made(base: EventBase) -> None:
    """add() is an OSError; close() is quiet."""
    reader, writer = os.pipe()
    event = Event(base, reader, READ, ignore)
    os.close(reader)
    os.close(writer)
    with pytest.raises(OSError, match="cannot add"):
        event.add()
    assert not event.pending
    event.close()


DANGEROUS = {
    "loop inside a callback of the raw loop": "lib.event_base_loop(base.pointer, 0)",
    "a bufferevent freed natively in its callback": """
ours, peer = socket.socketpair()
bev = BufferEvent(base, ours)
bev.set_callbacks(on_data=lambda bev, data: (bev.close(), bev.close()))
bev.enable(EventFlags.READ)
peer.send(b"x")
base.loop(LoopFlags.ONCE)
""",
    "everything closed in the wrong order": """
ours, peer = socket.socketpair()
bev = BufferEvent(base, ours)
buffers = bev.input, bev.output
event = Event(base, peer, EventFlags.READ, print)
event.add()
base.close()
event.close(); bev.close()
for buffer in buffers:
    buffer.close()
del buffers, bev, event
gc.collect()
""",
    "a descriptor far beyond any table": """
for fd in (1 << 20, (1 << 26) - 1, 1 << 27, 1 << 31, 1 << 62):
    for make in (lambda: Event(base, fd, EventFlags.READ, print), lambda: BufferEvent(base, fd)):
        try:
            make()
        except (OSError, ValueError):
            continue
        raise AssertionError(fd)
""",
    "recursion in callbacks": """
def deep(timer):
    deep(timer)
Timer(base, 0, deep)
try:
    base.dispatch()
except RecursionError:
    pass
""",
    "closing the base in each callback": """
for make in (
    lambda base: Timer(base, 0, lambda timer: base.close()),
    lambda base: Event(base, None, EventFlags(0), lambda event, what: base.close()).active(),
):
    other = EventBase()
    make(other)
    make(other)
    other.dispatch()
    assert other.closed
""",
    "closing the base in a bufferevent's and a listener's callback": """
for kind in ("on_data", "on_read", "on_write", "on_event"):
    other = EventBase()
    ours, peer = socket.socketpair()
    bev = BufferEvent(other, ours)
    bev.set_callbacks(**{kind: lambda *a: other.close()})
    bev.enable(EventFlags.READ | EventFlags.WRITE)
    peer.send(b"x")
    peer.close()
    other.dispatch()
    assert other.closed, kind
other = EventBase()
listener = Listener(other, ("127.0.0.1", 0), lambda listener, sock, address: (sock.close(), other.close()))
clients = [socket.create_connection(listener.address) for _ in range(3)]
other.dispatch()
assert other.closed
for client in clients:
    client.close()
""",
    "dropping all references in callbacks": """
def drop(timer):
    things.clear()
    gc.collect()
for _ in range(20):
    things = [Event(base, None, EventFlags(0), print) for _ in range(50)]
    Timer(base, 0, drop)
    base.dispatch()
""",
    "two bufferevents on one socket": """
ours, peer = socket.socketpair()
first = BufferEvent(base, ours.fileno(), BufferEventOptions(0))
second = BufferEvent(base, ours.fileno(), BufferEventOptions(0))
for bev in (first, second):
    bev.set_callbacks(on_data=lambda bev, data: None)
    bev.enable(EventFlags.READ)
peer.send(b"x")
base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
first.close(); second.close()
ours.close(); peer.close()
""",
    "threads closing while the loop runs": """
events = [Timer(base, 30, print) for _ in range(100)]
def close_all():
    for event in events:
        try:
            event.close()
        except WrongThreadError:
            pass
    base.loopbreak()
thread = threading.Thread(target=close_all)
Timer(base, 0, lambda timer: thread.start())
base.dispatch()
thread.join()
""",
    "a foreign wake-up of a base closed meanwhile": """
other = EventBase()
threading.Timer(0.02, other.loopbreak).start()
other.loop(LoopFlags.NO_EXIT_ON_EMPTY)
other.close()
try:
    other.loopbreak()
except ClosedError:
    pass
else:
    raise AssertionError
""",
}


@pytest.mark.parametrize("name", list(DANGEROUS))
def test_it_does_not_crash(name: str) -> None:
    """What would tempt fate runs in a process of its own, under faulthandler, with debugging malloc."""
    code = (
        "import gc, os, signal, socket, threading, warnings\n"
        "from libevent_py import *\n"
        "warnings.simplefilter('ignore')\n"
        "base = EventBase()\n" + DANGEROUS[name] + "\nbase.close()\nprint('ok')\n"
    )
    assert check_child(code, env={"PYTHONMALLOC": "debug", "MALLOC_PERTURB_": "165"}) == "ok\n"


@pytest.mark.parametrize("kind", [Event, BufferEvent])
@pytest.mark.parametrize("pointer", [0, -1, 2**64, ffi.NULL])
def test_null_for_a_pointer(base: EventBase, kind: Any, pointer: Any) -> None:
    """from_pointer() of NULL and of what no address is."""
    with pytest.raises(ValueError):
        kind.from_pointer(base, pointer)


def test_loop_flags_that_do_not_exist(base: EventBase) -> None:
    """Unknown bits are refused or ignored by libevent, but nothing hangs or crashes."""
    with contextlib.suppress(ValueError):
        base.loop(LoopFlags(0x40 | LoopFlags.NONBLOCK))
