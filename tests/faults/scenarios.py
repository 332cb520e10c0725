"""What is done while memory is short; each returns whether all of it came about."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventPair,
    Event,
    EventBase,
    EventConfig,
    EventFlags,
    FileSegment,
    FilterBufferEvent,
    HTTPConnection,
    Listener,
    LoopFlags,
    RateLimit,
    RateLimitGroup,
    Signal,
    Timer,
    lib,
)

READ, PERSIST = EventFlags.READ, EventFlags.PERSIST
SCENARIOS: dict[str, Callable[[], bool]] = {}


def scenario(function: Callable[[EventBase, list[Any]], object]) -> Callable[..., object]:
    """Enter what is done with a base, whose callbacks append to a list; True where it got there."""

    def run() -> bool:
        seen: list[Any] = []
        with EventBase(priorities=2) as base:
            return function(base, seen) is not False and bool(seen)

    SCENARIOS[function.__name__] = run
    return function


def passes(base: EventBase, seen: list[Any], enough: int = 1) -> None:
    """Run the loop until there is enough, or nothing more comes."""
    for _ in range(50):
        base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
        if len(seen) >= enough:
            return


@scenario
def bases(base: EventBase, seen: list[Any]) -> None:
    """One that is configured, and one of native code's."""
    with EventBase(config=EventConfig(avoid_methods=["select"]), priorities=3) as other:
        other.call_soon(seen.append, 1)
        other.dispatch()
    native = lib.event_base_new()
    if not native:
        raise MemoryError
    try:
        EventBase.from_pointer(native).close()
    finally:
        lib.event_base_free(native)


@scenario
def events(base: EventBase, seen: list[Any]) -> None:
    """Several on one descriptor, and one on a high one."""
    near, far = socket.socketpair()
    with near, far:
        high = os.dup2(near.fileno(), 500)
        try:
            for fd in (near.fileno(), near.fileno(), high):
                Event(base, fd, READ | PERSIST, lambda event, what: (seen.append(1), event.close())).add(30)
            far.send(b"x")
            passes(base, seen, 3)
        finally:
            for handle in list(base._delivery.table.open_handles()):
                handle.close()
            os.close(high)


@scenario
def many_timers(base: EventBase, seen: list[Any]) -> None:
    """The heap grows."""
    for number in range(40):
        Timer(base, number * 1e-6, lambda timer: seen.append(1))
    time.sleep(0.005)  # libevent's clock is coarse
    passes(base, seen, 40)


@scenario
def common_timeouts(base: EventBase, seen: list[Any]) -> None:
    """With their queues."""
    for number in range(20):
        Event(base, None, EventFlags(0), lambda event, what: seen.append(1)).add(
            base.common_timeout(0.001 + number * 1e-5)
        )
    time.sleep(0.01)
    passes(base, seen)


@scenario
def calls(base: EventBase, seen: list[Any]) -> None:
    """Scheduled ones."""
    base.call_soon(seen.append, 1)
    base.call_later(0, seen.append, 1)
    base.call_soon_threadsafe(seen.append, 1)
    base.dispatch()


@scenario
def signals(base: EventBase, seen: list[Any]) -> None:
    """One of the process's."""
    term = Signal(base, signal.SIGUSR1, lambda event: seen.append(1))
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        passes(base, seen)
    finally:
        term.close()


@scenario
def more_than_a_batch(base: EventBase, seen: list[Any]) -> None:
    """Records for which the queue grows."""
    made = [Event(base, None, EventFlags(0), lambda event, what: seen.append(1)) for _ in range(1500)]
    for event in made:
        event.active()
    passes(base, seen, 1500)


@scenario
def inspection(base: EventBase, seen: list[Any]) -> None:
    """What there is."""
    Timer(base, 30, print)
    seen += base.events()
    base.reinit()


@scenario
def listeners(base: EventBase, seen: list[Any]) -> None:
    """A connection comes."""
    listener = Listener(
        base, ("127.0.0.1", 0), lambda listener, sock, address: (sock.close(), seen.append(1))
    )
    with socket.create_connection(listener.address):
        passes(base, seen)


def _ends(base: EventBase) -> tuple[BufferEvent, BufferEvent]:
    near, far = socket.socketpair()
    with near, far:
        one = BufferEvent(base, near)
        return one, BufferEvent(base, far)


def _talk(base: EventBase, one: Any, other: Any, seen: list[Any], size: int = 30000) -> None:
    got = bytearray()
    other.set_callbacks(on_data=lambda bev, data: got.extend(data))
    other.enable(READ)
    one.write(bytes(size))
    for _ in range(50):
        base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
        if len(got) >= size:
            seen.append(1)
            return


@scenario
def sockets(base: EventBase, seen: list[Any]) -> None:
    """Through a bufferevent and back."""
    one, other = _ends(base)
    _talk(base, one, other, seen)
    _talk(base, other, one, seen, 1 << 20)


@scenario
def reading(base: EventBase, seen: list[Any]) -> None:
    """With on_read, marks and timeouts."""
    one, other = _ends(base)
    other.set_callbacks(on_read=lambda bev: seen.append(bev.read(10)))
    other.set_watermark(READ, 5, 1000)
    other.set_timeouts(5, 5)
    other.enable(READ)
    one.write(b"0123456789" * 1000)
    passes(base, seen, 3)


@scenario
def pairs(base: EventBase, seen: list[Any]) -> None:
    """Without a socket."""
    one, other = BufferEventPair(base)
    _talk(base, one, other, seen)
    one.shutdown_write()
    base.loop(LoopFlags.NONBLOCK)


@scenario
def filters(base: EventBase, seen: list[Any]) -> None:
    """Two of them, over a socket."""
    one, other = (
        FilterBufferEvent(bev, lambda data, mode: data, lambda data, mode: data) for bev in _ends(base)
    )
    _talk(base, one, other, seen)


@scenario
def limits(base: EventBase, seen: list[Any]) -> None:
    """Rates, of its own and a group's."""
    one, other = _ends(base)
    limit = RateLimit(read=1 << 20, write=1 << 20, tick=0.01)
    group = RateLimitGroup(base, limit)
    for each in (one, other):
        each.set_rate_limit(limit)
        each.join_group(group)
    group.set_limit(RateLimit(read=1 << 20))
    _talk(base, one, other, seen, 1000)
    one.close()
    group.close()


@scenario
def output_limits(base: EventBase, seen: list[Any]) -> None:
    """Pause, resume, and close when all is sent."""
    one, other = _ends(base)
    one.set_output_limit(1000, 10, on_pause=seen.append, on_resume=seen.append)
    _talk(base, one, other, [], 1 << 20)
    one.close_when_flushed(5)
    passes(base, seen, 2)


@scenario
def connecting(base: EventBase, seen: list[Any]) -> None:
    """By address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        bev = BufferEvent(base)
        bev.set_callbacks(on_event=lambda bev, what: seen.append(what))
        bev.connect(server.getsockname())
        bev.write(b"hello")
        passes(base, seen)


@scenario
def looking_up(base: EventBase, seen: list[Any]) -> None:
    """By name."""
    bev = BufferEvent(base)
    bev.set_callbacks(on_event=lambda bev, what: seen.append(what))
    bev.connect_hostname("127.0.0.1", 1)
    if base._delivery.table.open_count > 1:  # the look-up's event, which comes for certain
        base.loop(LoopFlags.ONCE)
    passes(base, seen)


@scenario
def buffers(base: EventBase, seen: list[Any]) -> bool:
    """What a Buffer does."""
    with Buffer(b"some") as buffer, Buffer() as other:
        buffer.add(bytes(5000))
        buffer.prepend(bytes(5000))
        buffer.add_iovec([b"a", b"b", bytes(3000)])
        buffer.expand(10000)
        other.add_buffer(buffer)
        other.add_buffer_reference(Buffer(b"more"))
        other.pullup(9000)
        other.remove_buffer(buffer, 7000)
        buffer.prepend_buffer(other)
        seen.append(buffer.search(b"more"))
        while buffer:
            buffer.remove(4000)
    return seen[0] > 0


@scenario
def references(base: EventBase, seen: list[Any]) -> bool:
    """Memory of Python's, files, and changes that are told."""
    with open(__file__, "rb") as file, Buffer() as buffer:
        buffer.add_callback(lambda buffer, *sizes: seen.append(2))
        buffer.add_reference(bytes(5000), lambda: seen.append(1))
        with FileSegment(file, 0, 100, on_release=lambda: seen.append(1)) as segment:
            buffer.add_file_segment(segment)
        buffer.add_file(file, 0, 100)
        buffer.drain(5200)
    deferred = Buffer()
    deferred.defer_callbacks(base)
    deferred.add_callback(lambda buffer, *sizes: seen.append(3))
    deferred.add(b"x")
    passes(base, seen, 100)
    return seen.count(1) == 2 and seen.count(3) == 1


@scenario
def files_to_a_socket(base: EventBase, seen: list[Any]) -> None:
    """By sendfile."""
    one, other = _ends(base)
    with open(__file__, "rb") as file:
        one.output.add_file(file, 0, 1000)
    other.set_callbacks(on_data=lambda bev, data: seen.append(len(data)))
    other.enable(READ)
    passes(base, seen)


@scenario
def http_requests(base: EventBase, seen: list[Any]) -> bool:
    """Two on one connection; each has one outcome."""
    told: list[Any] = []

    def accept(listener: Listener, sock: Any, address: Any) -> None:
        bev = BufferEvent(base, sock)
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n"
        bev.set_callbacks(on_data=lambda bev, data: bev.write(chunked))
        bev.enable(READ)

    listener = Listener(base, ("127.0.0.1", 0), accept)
    with HTTPConnection(base, listener.address) as connection:
        for method in ("GET", "POST"):
            connection.request(method, "/", on_complete=told.append, timeout=0.2)
        passes(base, told, 2)
    listener.close()
    seen += [request for request in told if request.error is None and request.result().body == b"yes"]
    return len(seen) == 2
