"""Buffer: freezing, locking, moving, threads."""

from __future__ import annotations

import threading
from typing import Any, Callable

import pytest

from libevent_py import Buffer, BufferEvent, EventBase

AT_FRONT: dict[str, Callable[[Buffer], Any]] = {
    "prepend": lambda buffer: buffer.prepend(b"x"),
    "prepend_buffer": lambda buffer: buffer.prepend_buffer(Buffer(b"x")),
    "drain": lambda buffer: buffer.drain(1),
    "remove": lambda buffer: buffer.remove(1),
    "read_line": lambda buffer: buffer.read_line(),
    "add_buffer, away": lambda buffer: Buffer().add_buffer(buffer),
    "remove_buffer": lambda buffer: buffer.remove_buffer(Buffer(), 1),
}
AT_END: dict[str, Callable[[Buffer], Any]] = {
    "add": lambda buffer: buffer.add(b"x"),
    "add_iovec": lambda buffer: buffer.add_iovec([b"x"]),
    "add_reference": lambda buffer: buffer.add_reference(b"x"),
    "add_buffer": lambda buffer: buffer.add_buffer(Buffer(b"x")),
    "add_buffer_reference": lambda buffer: buffer.add_buffer_reference(Buffer(b"x")),
    "remove_buffer, to": lambda buffer: Buffer(b"x").remove_buffer(buffer, 1),
    "reserve": lambda buffer: buffer.reserve(1),
}


@pytest.mark.parametrize("front", [True, False])
def test_a_frozen_end_refuses(front: bool) -> None:
    """BufferError says which; the other end works, and all does after unfreeze()."""
    for name, change in {**AT_FRONT, **AT_END}.items():
        buffer = Buffer(b"abc\n")
        buffer.freeze(at_front=front)
        if (name in AT_FRONT) == front:
            with pytest.raises(BufferError, match=rf"frozen at its {'front' if front else 'end'}"):
                change(buffer)
            assert buffer == b"abc\n"
            buffer.unfreeze(at_front=front)
        change(buffer)


def test_views_of_a_frozen_buffer() -> None:
    """Looking is allowed; the buffer is frozen afterwards as it was before."""
    buffer = Buffer(b"ab")
    buffer.add_reference(b"cd")
    buffer.freeze(at_front=True)
    with buffer.pullup() as view:
        assert view == b"abcd"
        assert buffer == b"abcd"
    buffer.add(b"e")
    with pytest.raises(BufferError, match="frozen"):
        buffer.drain(1)


def test_a_bufferevents_buffer_is_frozen_by_itself(base: EventBase) -> None:
    """It cannot be frozen, unfrozen or deferred from outside."""
    output = BufferEvent(base).output
    for call in (
        lambda: output.freeze(at_front=True),
        lambda: output.unfreeze(at_front=True),
        lambda: output.defer_callbacks(base),
    ):
        with pytest.raises(BufferError, match="Buffer of your own"):
            call()


def test_lock() -> None:
    """Other threads wait until the block ends."""
    buffer = Buffer()
    done = threading.Event()

    def add() -> None:
        buffer.add(b"other")
        done.set()

    with buffer.lock():
        thread = threading.Thread(target=add)
        thread.start()
        buffer.add(b"mine ")
        assert not done.wait(0.05)
    thread.join()
    assert buffer == b"mine other"


def test_many_threads() -> None:
    """Adding, taking, looking and closing at the same time loses nothing and crashes nothing."""
    source, target = Buffer(), Buffer()
    taken: list[int] = []

    def feed() -> None:
        for _ in range(300):
            source.add(b"x" * 100)
            source.add_reference(b"y" * 5000)

    def move() -> None:
        for _ in range(300):
            target.add_buffer(source)
            taken.append(len(target.remove(700)))
            target.search(b"yx")

    threads = [threading.Thread(target=work) for work in (feed, move, feed, move)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(source) + len(target) + sum(taken) == 600 * 5100


def test_closing_under_other_threads() -> None:
    """Their calls end with ClosedError or what they found."""
    for _ in range(20):
        buffer = Buffer(b"x" * 1000)

        def work(buffer: Buffer = buffer) -> None:
            while not buffer.closed:
                try:
                    buffer.add(b"x" * 1000)
                    buffer.search(b"y")
                    buffer.remove(500)
                except ValueError:
                    return

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        buffer.close()
        for thread in threads:
            thread.join()


def test_moving() -> None:
    """remove_buffer moves so many, prepend_buffer all to the front."""
    one, two = Buffer(b"abcdef"), Buffer(b"xyz")
    assert one.remove_buffer(two, 4) == 4
    assert (bytes(one), bytes(two)) == (b"ef", b"xyzabcd")
    assert one.remove_buffer(two, 1 << 40) == 2
    two.prepend_buffer(Buffer(b"front "))
    two.prepend_buffer(one)
    assert two == b"front xyzabcdef"
    for call in (lambda: one.prepend_buffer(one), lambda: one.remove_buffer(one, 1)):
        with pytest.raises(ValueError, match="itself"):
            call()


def test_add_iovec() -> None:
    """All parts in order, with how many bytes they are; wrong ones before anything is added."""
    buffer = Buffer()
    assert buffer.add_iovec([b"a", bytearray(b"bc"), memoryview(b"xdx")[1:2], b""]) == 4
    assert buffer.add_iovec([]) == buffer.add_iovec(b"" for _ in range(3)) == 0
    wrong: list[Any] = [b"abc", "abc", [b"a", "b"], [1], 3]
    for parts in wrong:
        with pytest.raises(TypeError):
            buffer.add_iovec(parts)
    assert buffer == b"abcd"
