"""Buffer: being told of changes."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from typing import Any, Callable

import pytest
from child import check_child
from loops import turn

from libevent_py import Buffer, BufferEvent, ClosedError, EventBase, EventFlags, LoopFlags, Timer, lib

CHANGES: dict[str, Callable[[Buffer], Any]] = {
    "add": lambda buffer: buffer.add(b"x"),
    "prepend": lambda buffer: buffer.prepend(b"x"),
    "add_iovec": lambda buffer: buffer.add_iovec([b"x"]),
    "add_reference": lambda buffer: buffer.add_reference(b"x"),
    "add_buffer": lambda buffer: buffer.add_buffer(Buffer(b"x")),
    "add_buffer, away": lambda buffer: Buffer().add_buffer(buffer),
    "add_buffer_reference": lambda buffer: buffer.add_buffer_reference(Buffer(b"x")),
    "prepend_buffer": lambda buffer: buffer.prepend_buffer(Buffer(b"x")),
    "remove_buffer": lambda buffer: buffer.remove_buffer(Buffer(), 1),
    "drain": lambda buffer: buffer.drain(1),
    "remove": lambda buffer: buffer.remove(1),
    "readinto": lambda buffer: buffer.readinto(bytearray(1)),
    "readline": lambda buffer: buffer.readline(),
    "read_line": lambda buffer: buffer.read_line(),
    "commit": lambda buffer: (buffer.reserve(1), buffer.commit(1)),
}


def test_what_it_is_told() -> None:
    """The buffer, its size before, how much was added and deleted."""
    told: list[Any] = []
    buffer = Buffer(b"abc")
    buffer.add_callback(lambda *what: told.append(what))
    buffer.add(b"de")
    buffer.drain(4)
    buffer.drain(0)
    other = Buffer(b"x")
    other.add_callback(lambda *what: told.append(what))
    buffer.add_buffer(other)
    assert told == [(buffer, 3, 2, 0), (buffer, 5, 0, 4), (other, 1, 0, 1), (buffer, 1, 1, 0)]


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_changing_call_raises(change: Callable[[Buffer], Any], kind: type[BaseException]) -> None:
    """What the callback raises, once, with its traceback; the change is made all the same."""

    def fail(*what: object) -> None:
        raise kind("from the callback")

    buffer = Buffer(b"abc\n")
    entry = buffer.add_callback(fail)
    with pytest.raises(kind, match="from the callback") as caught:
        change(buffer)
    assert "fail" in [entry.name for entry in caught.traceback]
    assert buffer != b"abc\n"
    entry.remove()
    change(buffer)


def test_write_buffer_raises(base: EventBase) -> None:
    """A bufferevent that takes the bytes changes the buffer too."""
    buffer = Buffer(b"abc")
    buffer.add_callback(lambda *what: 1 // 0)
    bev = BufferEvent(base)
    with pytest.raises(ZeroDivisionError):
        bev.write_buffer(buffer)
    assert bev.output == b"abc"


def test_the_others_are_called_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first exception is raised, a second one goes to sys.excepthook."""
    hooked: list[Any] = []
    told: list[int] = []
    monkeypatch.setattr(sys, "excepthook", lambda *what: hooked.append(what[0]))
    buffer = Buffer()
    buffer.add_callback(lambda *what: 1 // 0)
    buffer.add_callback(lambda *what: [][0])  # type: ignore[misc]
    buffer.add_callback(lambda *what: told.append(1))
    with pytest.raises(ZeroDivisionError):
        buffer.add(b"x")
    assert (hooked, told) == ([IndexError], [1])


def test_enabled_and_removed() -> None:
    """Not called while disabled, nor after remove(), which is idempotent."""
    told: list[int] = []

    def tell(*what: object) -> None:
        told.append(1)

    buffer = Buffer()
    entry = buffer.add_callback(tell)
    entry.enabled = False
    buffer.add(b"x")
    entry.enabled = True
    buffer.add(b"x")
    assert entry.enabled
    buffer.remove_callback(tell)
    entry.remove()
    buffer.add(b"x")
    assert told == [1]
    assert not entry.enabled
    with pytest.raises(ValueError, match="not a callback"):
        buffer.remove_callback(tell)


def test_removing_each_other_inside() -> None:
    """libevent itself would use freed memory: the removed one is not called any more."""
    told: list[int] = []
    buffer = Buffer()
    entries: list[Any] = []

    def remove_all(*what: object) -> None:
        told.append(1)
        for entry in entries:
            entry.remove()

    entries += [buffer.add_callback(remove_all) for _ in range(3)]
    buffer.add(b"x")
    buffer.add(b"x")
    assert told == [1]


def test_adding_inside() -> None:
    """The new one is called from the next change on."""
    told: list[str] = []
    buffer = Buffer()

    def add_one(*what: object) -> None:
        told.append("old")
        buffer.add_callback(lambda *what: told.append("new"))

    entry = buffer.add_callback(add_one)
    buffer.add(b"x")
    entry.remove()
    buffer.add(b"x")
    assert told == ["old", "new"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_closing_inside(change: Callable[[Buffer], Any]) -> None:
    """libevent itself would use freed memory: the call ends as if it were closed after it."""
    told: list[int] = []
    buffer = Buffer(b"abc\n")
    buffer.add_callback(lambda *what: buffer.close())
    buffer.add_callback(lambda *what: told.append(1))
    change(buffer)
    assert buffer.closed
    assert told == []
    with pytest.raises(ClosedError):
        buffer.add(b"x")


def test_changing_inside() -> None:
    """Calls it again; without end, RecursionError ends it."""
    buffer = Buffer()

    def shorten(buffer: Buffer, orig_size: int, n_added: int, n_deleted: int) -> None:
        if len(buffer) > 3:
            buffer.drain(1)

    entry = buffer.add_callback(shorten)
    buffer.add(b"abcdefgh")
    assert buffer == b"fgh"
    entry.remove()
    buffer.add_callback(lambda *what: buffer.add(b"x"))
    with pytest.raises(RecursionError, match="levels deep"):
        buffer.add(b"x")
    assert len(buffer) < 100


def test_two_that_call_each_other() -> None:
    """End too."""
    one, two = Buffer(), Buffer()
    one.add_callback(lambda *what: two.add(b"x"))
    two.add_callback(lambda *what: one.add(b"x"))
    with pytest.raises(RecursionError):
        one.add(b"x")


def test_dropped_inside() -> None:
    """The last reference to the buffer may go in its callback."""
    holder = [Buffer()]

    def drop(*what: object) -> None:
        holder.clear()
        gc.collect()

    holder[0].add_callback(drop)
    holder[0].add(b"x")
    assert holder == []


def test_no_cycle() -> None:
    """A buffer with callbacks goes with its last reference."""
    buffer = Buffer()
    buffer.add_callback(print)
    there = weakref.ref(buffer)
    del buffer
    for _ in range(3):
        gc.collect()
    assert there() is None


def test_deferred(base: EventBase) -> None:
    """From the loop, once for all changes, with the size before the first."""
    told: list[Any] = []
    buffer = Buffer(b"abc")
    buffer.add_callback(lambda *what: told.append(what))
    buffer.defer_callbacks(base)
    buffer.add(b"de")
    buffer.drain(1)
    assert told == []
    base.loop(LoopFlags.NONBLOCK)
    assert told == [(buffer, 3, 2, 1)]
    base.loop(LoopFlags.NONBLOCK)
    assert len(told) == 1
    buffer.defer_callbacks(base)
    buffer.add(b"f")
    base.loop(LoopFlags.NONBLOCK)
    assert told[1:] == [(buffer, 4, 1, 0)]


def test_deferred_errors(base: EventBase) -> None:
    """The loop raises them."""
    buffer = Buffer()
    buffer.defer_callbacks(base)
    buffer.add_callback(lambda *what: 1 // 0)
    buffer.add(b"x")
    with pytest.raises(ZeroDivisionError):
        base.loop(LoopFlags.NONBLOCK)


@pytest.mark.parametrize("end", ["close", "drop", "remove", "base"])
def test_deferred_and_gone(end: str) -> None:
    """Whatever ends before the loop runs, nothing is called and nothing is left."""
    told: list[int] = []
    with EventBase() as base:
        buffer = Buffer()
        buffer.defer_callbacks(base)
        entry = buffer.add_callback(lambda *what: told.append(1))
        buffer.add(b"x")
        if end == "close":
            buffer.close()
        elif end == "drop":
            del buffer
            gc.collect()
        elif end == "remove":
            entry.remove()
        else:
            base.close()
            buffer.add(b"y")
            return
        base.loop(LoopFlags.NONBLOCK)
    assert told == []


def test_from_another_thread(base: EventBase) -> None:
    """A change in another thread wakes the loop that is to tell of it."""
    told: list[int] = []
    buffer = Buffer()
    buffer.defer_callbacks(base)
    buffer.add_callback(lambda *what: (told.append(threading.get_ident()), base.loopbreak()))
    guard = Timer(base, 10, lambda timer: None)
    thread = threading.Timer(0.05, buffer.add, [b"x"])
    thread.start()
    base.dispatch()
    thread.join()
    guard.close()
    assert told == [threading.get_ident()]


def test_of_a_bufferevent(base: EventBase, socket_pair: Any) -> None:
    """Its buffers tell from the loop, which raises what callbacks raise."""
    told: list[Any] = []
    ours, peer = socket_pair
    bev = BufferEvent(base, ours)
    entry = bev.input.add_callback(lambda buffer, *what: told.append(what))
    bev.enable(2)  # type: ignore[arg-type]
    peer.sendall(b"hello")
    while not told:
        base.loop(LoopFlags.ONCE)
    assert told == [(0, 5, 0)]
    entry.remove()
    bev.input.add_callback(lambda *what: 1 // 0)
    bev.input.drain(5)
    with pytest.raises(ZeroDivisionError):
        base.loop(LoopFlags.NONBLOCK)
    assert bev.input.pullup() == b""
    bev.input.add_callback(lambda *what: told.append(1))
    bev.close()
    base.loop(LoopFlags.NONBLOCK)
    assert len(told) == 1


def test_of_an_input_that_rides_along(base: EventBase, socket_pair: Any) -> None:
    """The bytes that on_data gets were added to the input, and taken from it."""
    ours, peer = socket_pair
    bev = BufferEvent(base, ours)
    got: list[bytes] = []
    changes: list[tuple[int, int, int]] = []
    bev.set_callbacks(on_data=lambda bev, data: got.append(data))
    bev.set_watermark(EventFlags.READ, 2)  # so that it goes by way of the input
    bev.input.add_callback(lambda buffer, *sizes: changes.append(sizes))
    bev.enable(EventFlags.READ)
    peer.send(b"hello")
    turn(base, 2)
    assert got == [b"hello"]
    assert changes == [(0, 5, 5)]


def test_changed_by_the_raw_layer() -> None:
    """There is no call of ours to raise: the thread's next one of a Buffer does."""
    buffer = Buffer()
    buffer.add_callback(lambda *what: 1 // 0)
    lib.evbuffer_add(buffer.pointer, b"x", 1)
    with pytest.raises(ZeroDivisionError):
        Buffer(b"y").drain(1)


def test_at_the_interpreters_end() -> None:
    """Buffers with callbacks end quietly."""
    check_child(
        """
        from libevent_py import Buffer, EventBase
        base = EventBase()
        for number in range(10):
            buffer = Buffer()
            buffer.add_callback(print)
            if number % 2:
                buffer.defer_callbacks(base)
                buffer.add(b"x")
            globals()[f"buffer{number}"] = buffer
        base.close()
        """
    )


def test_wrong_arguments() -> None:
    """TypeErrors."""
    for wrong in (None, 3, "print"):
        with pytest.raises(TypeError, match="callable"):
            Buffer().add_callback(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="EventBase"):
            Buffer().defer_callbacks(wrong)  # type: ignore[arg-type]
