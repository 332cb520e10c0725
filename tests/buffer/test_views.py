"""Buffer: views of its memory, and room to write into."""

from __future__ import annotations

import gc
import sys
from typing import Any, Callable

import pytest
from child import check_child

from libevent_py import Buffer, BufferEvent, ClosedError, EventBase, lib

PYPY = sys.implementation.name == "pypy"

CHANGES: dict[str, Callable[[Buffer], Any]] = {
    "add": lambda buffer: buffer.add(b"x"),
    "prepend": lambda buffer: buffer.prepend(b"x"),
    "add_iovec": lambda buffer: buffer.add_iovec([b"x"]),
    "add_reference": lambda buffer: buffer.add_reference(b"x"),
    "add_buffer": lambda buffer: buffer.add_buffer(Buffer(b"x")),
    "add_buffer, away": lambda buffer: Buffer().add_buffer(buffer),
    "add_buffer_reference": lambda buffer: buffer.add_buffer_reference(Buffer(b"x")),
    "prepend_buffer": lambda buffer: buffer.prepend_buffer(Buffer(b"x")),
    "prepend_buffer, away": lambda buffer: Buffer().prepend_buffer(buffer),
    "remove_buffer": lambda buffer: buffer.remove_buffer(Buffer(), 1),
    "remove_buffer, to": lambda buffer: Buffer(b"x").remove_buffer(buffer, 1),
    "drain": lambda buffer: buffer.drain(1),
    "remove": lambda buffer: buffer.remove(1),
    "read": lambda buffer: buffer.read(1),
    "readinto": lambda buffer: buffer.readinto(bytearray(1)),
    "readline": lambda buffer: buffer.readline(),
    "read_line": lambda buffer: buffer.read_line(),
    "expand": lambda buffer: buffer.expand(1 << 20),
    "pullup": lambda buffer: buffer.pullup(),
    "reserve": lambda buffer: buffer.reserve(10),
    "close": lambda buffer: buffer.close(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
@pytest.mark.parametrize("kind", ["pullup", "peek", "reserve"])
def test_no_change_while_a_view_is_in_use(kind: str, change: Callable[[Buffer], Any]) -> None:
    """BufferError, and the bytes are as they were; once it is released, all is allowed."""
    buffer = Buffer(b"abc\n")
    views = {
        "pullup": lambda: (buffer.pullup(),),
        "peek": buffer.peek,
        "reserve": lambda: (buffer.reserve(5),),
    }
    for view in views[kind]():
        with pytest.raises(BufferError, match="view"):
            change(buffer)
        assert buffer == b"abc\n"
        view.release()
    change(buffer)


def test_even_c_cannot_change_it() -> None:
    """The raw layer is refused too."""
    buffer = Buffer(b"abc")
    with buffer.pullup() as view:
        assert lib.evbuffer_add(buffer.pointer, b"x", 1) == -1
        assert lib.evbuffer_drain(buffer.pointer, 1) == -1
        assert view == b"abc"
    buffer.add(b"d")
    assert lib.evbuffer_drain(buffer.pointer, 1) == 0


def test_a_bufferevent_cannot_take_it(base: EventBase) -> None:
    """write_buffer is refused, and the bytes are still there."""
    buffer = Buffer(b"abc")
    bev = BufferEvent(base)
    with buffer.pullup(), pytest.raises(BufferError):
        bev.write_buffer(buffer)
    assert buffer == b"abc"
    bev.write_buffer(buffer)
    assert not buffer


def test_a_view_cannot_dangle() -> None:
    """A slice of a released view, and what others made of it, still count."""
    buffer = Buffer(b"abcdef")
    view = buffer.pullup()
    part = view[2:4]
    view.release()
    if not PYPY:  # whose views are copies
        with pytest.raises(BufferError):
            buffer.add(b"x")
    assert bytes(part) == b"cd"
    del part
    buffer.add(b"x")


def test_a_dropped_view_is_released() -> None:
    """Nobody has to call release()."""
    buffer = Buffer(b"abcdef")
    view = buffer.pullup()
    del view
    buffer.add(b"x")
    assert buffer == b"abcdefx"


def test_a_view_keeps_the_buffer() -> None:
    """The bytes live as long as the view, though the Buffer is dropped."""
    view = Buffer(b"x" * 100_000).pullup()
    gc.collect()
    assert bytes(view) == b"x" * 100_000


def test_views_are_read_only() -> None:
    """The memory may be a bytes object's."""
    constant = b"constant" * 10
    buffer = Buffer()
    buffer.add_reference(constant)
    for view in (buffer.pullup(), *buffer.peek()):
        assert view.readonly
        with pytest.raises(TypeError):
            view[0] = 1
    assert constant == b"constant" * 10


def test_pullup_makes_one_piece() -> None:
    """Of many, as far as is asked; nobody is told of a change."""
    buffer = Buffer()
    for part in (b"ab", b"cd", b"ef"):
        buffer.add_reference(part)
    told: list[Any] = []
    buffer.add_callback(lambda *what: told.append(what))
    assert buffer.contiguous_space == 2
    with buffer.pullup(3) as view:
        assert view == b"abc"
    with buffer.pullup(0) as nothing:
        assert nothing == b""
    assert buffer.contiguous_space >= 3
    assert buffer.pullup() == b"abcdef"
    assert buffer == b"abcdef"
    assert told == []
    buffer.add(b"g")
    assert [what[1:] for what in told] == [(6, 1, 0)]


def test_pullup_of_too_much() -> None:
    """A ValueError, which says how much there is."""
    with pytest.raises(ValueError, match="only 3 bytes"):
        Buffer(b"abc").pullup(4)


def test_pullup_leaves_other_buffers_alone() -> None:
    """Two buffers that share memory do not write into each other's.

    evbuffer_pullup itself puts the bytes behind the shared ones, for both.
    """
    source = Buffer(b"shared")
    one, two = Buffer(), Buffer()
    for buffer, tail in ((one, b" by one"), (two, b" by two")):
        buffer.add_buffer_reference(source)
        buffer.add(tail)
    one.pullup().release()
    two.pullup().release()
    source.pullup().release()
    assert (bytes(one), bytes(two), bytes(source)) == (b"shared by one", b"shared by two", b"shared")


def test_peek() -> None:
    """All pieces, or a range of them, where they are."""
    buffer = Buffer()
    for part in (b"abc", b"def", b"ghi"):
        buffer.add_reference(part)
    for arguments, expected in [
        ((), b"abcdefghi"),
        ((4,), b"abcd"),
        ((4, 2), b"cdef"),
        ((100, 8), b"i"),
        ((1, 9), b""),
    ]:
        views = buffer.peek(*arguments)
        assert b"".join(views) == expected
        if not PYPY:
            assert len(views) <= 3
        for view in views:
            view.release()
    assert Buffer().peek() == ()


def test_a_bufferevents_views_are_copies(base: EventBase, socket_pair: Any) -> None:
    """The loop changes its buffers whenever it likes."""
    bev = BufferEvent(base)
    bev.output.add(b"abc")
    view, (piece,) = bev.output.pullup(), bev.output.peek(2, 1)
    room = bev.output.reserve(3)
    room[:2] = b"de"
    bev.output.commit(2)
    assert (bytes(view), bytes(piece)) == (b"abc", b"bc")
    assert bev.output == b"abcde"


def test_reserve_and_commit() -> None:
    """What is written into the room comes at the end."""
    buffer = Buffer(b"abc")
    room = buffer.reserve(1000)
    assert len(room) >= 1000
    room[:3] = b"def"
    buffer.commit(3)
    assert buffer == b"abcdef"
    with pytest.raises(ValueError, match="released"):
        room[0] = 1
    with pytest.raises(BufferError, match="nothing is reserved"):
        buffer.commit(1)


def test_reserve_vectors() -> None:
    """Pieces that together have the room; filled one after the other."""
    buffer = Buffer(b"x" * 100)
    rooms = buffer.reserve_vectors(10_000, 2)
    assert sum(len(room) for room in rooms) >= 10_000
    for room in rooms:
        room[:] = b"y" * len(room)
    sizes = [len(room) for room in rooms]
    buffer.commit(*sizes)
    assert buffer == b"x" * 100 + b"y" * sum(sizes)


def test_commit_in_a_with_block() -> None:
    """The room may be released before."""
    buffer = Buffer()
    with buffer.reserve(10) as room:
        room[:2] = b"ok"
    if not PYPY:
        buffer.commit(2)
        assert buffer == b"ok"


def test_commit_after_a_change() -> None:
    """The room is given up by any change."""
    buffer = Buffer()
    buffer.reserve(10).release()
    buffer.add(b"x")
    with pytest.raises(BufferError, match="nothing is reserved"):
        buffer.commit(1)


def test_commit_too_much() -> None:
    """A ValueError; the room remains."""
    buffer = Buffer()
    room = buffer.reserve(10)
    room[:1] = b"x"
    for sizes in ((len(room) + 1,), (1, 1), (-1,)):
        with pytest.raises(ValueError):
            buffer.commit(*sizes)
    buffer.commit(1)
    assert buffer == b"x"


def test_commit_nothing() -> None:
    """Releases the room."""
    buffer = Buffer()
    room = buffer.reserve(10)
    buffer.commit()
    buffer.add(b"x")
    assert buffer == b"x"
    del room


@pytest.mark.skipif(PYPY, reason="views are copies there")
def test_commit_while_a_slice_is_used() -> None:
    """BufferError: it could be written to afterwards."""
    buffer = Buffer()
    room = buffer.reserve(10)
    part = room[:3]
    with pytest.raises(BufferError):
        buffer.commit(3)
    part.release()


@pytest.mark.parametrize("size", [0, -1, 1 << 62])
def test_reserve_of_nonsense(size: int) -> None:
    """ValueErrors."""
    for call in (Buffer().reserve, Buffer().reserve_vectors):
        with pytest.raises(ValueError, match="size"):
            call(size)
    with pytest.raises(ValueError, match="vectors"):
        Buffer().reserve_vectors(1, 0)


@pytest.mark.parametrize("method", ["reserve", "expand"])
def test_more_than_there_is(method: str) -> None:
    """MemoryError, and the buffer is as it was."""
    assert (
        check_child(
            """
        import resource, sys
        from libevent_py import Buffer
        resource.setrlimit(resource.RLIMIT_AS, (1 << 34, 1 << 34))
        buffer = Buffer(b"abc")
        try:
            getattr(buffer, sys.argv[1])(1 << 40)
        except MemoryError:
            print(bytes(buffer))
        """,
            method,
        )
        == "b'abc'\n"
    )


def test_expand() -> None:
    """Leaves the bytes."""
    buffer = Buffer(b"abc")
    buffer.expand(100_000)
    assert buffer == b"abc"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is of Python 3.12")
def test_the_buffer_protocol() -> None:
    """``memoryview(buffer)`` is a view like pullup()'s."""
    buffer = Buffer(b"abc")
    with memoryview(buffer) as view:  # type: ignore[arg-type,unused-ignore]
        assert view == b"abc"


def test_closed() -> None:
    """ClosedError."""
    buffer = Buffer(b"abc")
    buffer.close()
    for call in (
        buffer.pullup,
        buffer.peek,
        lambda: buffer.reserve(1),
        lambda: buffer.commit(1),
        lambda: buffer.expand(1),
        lambda: buffer.contiguous_space,
    ):
        with pytest.raises(ClosedError):
            call()
