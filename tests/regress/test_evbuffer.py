"""libevent's regress group evbuffer: adding, moving, reserving, freezing.

``docs/regress.md`` says which case is which test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chains import pieces

from libevent_py import Buffer

BLOCK = bytes(512)


def test_evbuffer() -> None:
    """Evbuffer: adding, draining, moving, pulling up and reserving in turn."""
    one, two = Buffer(b"hello/1"), Buffer()
    one.add_buffer(two)
    one.drain(len(b"hello/"))
    assert one == b"1"
    two.add(b"/hello")
    one.add_buffer(two)
    assert (one, len(two)) == (b"1/hello", 0)
    one.add(BLOCK)
    with one.pullup(7 + 512) as view:
        assert view == b"1/hello" + BLOCK
    one.prepend(b"something")
    one.prepend(b"else")
    with one.pullup(4 + 9 + 7) as view:
        assert view == b"elsesomething1/hello"
    one.drain(1 << 60)
    for _ in range(3):
        two.add(BLOCK)
        one.add_buffer(two)
    assert (len(one), len(two)) == (3 * 512, 0)
    assert one.remove_buffer(two, 1280) == 1280
    assert (len(one), len(two)) == (256, 1280)
    assert (bytes(one.pullup()), bytes(two.pullup())) == (bytes(256), bytes(1280))
    for _ in range(3):
        room = one.reserve(10_000)
        count = len(room)
        assert count >= 10_000
        room[:] = bytes(count)
        one.commit(count)
        one.drain(10_000 * 5000)
        assert not one


@pytest.mark.parametrize(
    ("source", "size", "moved", "left"),
    [
        ((b"foo", None), 2, b"fo", b"o"),
        ((b"foo", None, b"foo"), 3, b"foo", b"foo"),
        ((b"foo", None, None, b"foo"), 6, b"foofoo", b""),
        ((None, b"foo"), 3, b"foo", b""),
        ((None, None), 1, b"", b""),
    ],
)
def test_remove_buffer_with_empty(source: Any, size: int, moved: bytes, left: bytes) -> None:
    """remove_buffer_with_empty, 2, 3, _empty_front, adjust_last_with_datap_with_empty."""
    origin, target = pieces(*source), pieces(b"foo", None)
    assert origin.remove_buffer(target, size) == len(moved)
    target.add(b"end")
    origin.add(b"end")
    assert (bytes(target), bytes(origin)) == (b"foo" + moved + b"end", left + b"end")


@pytest.mark.parametrize("source", [(b"foo", None), (None, b"foo"), (None,), (None, b"foo", None)])
@pytest.mark.parametrize("target", [(), (None,), (b"bar", None), (b"bar",)])
def test_add_buffer_with_empty(source: Any, target: Any) -> None:
    """add_buffer_with_empty, 2, empty_reference_prepend_buffer: pieces without bytes do no harm."""
    for move in ("add_buffer", "prepend_buffer"):
        one, two = pieces(*target), pieces(*source)
        before, moved = bytes(one), bytes(two)
        getattr(one, move)(two)
        expected = before + moved if move == "add_buffer" else moved + before
        assert (bytes(one), bytes(two)) == (expected, b"")
        one.add(b"end")
        one.prepend(b"front")
        assert one == b"front" + expected + b"end"


def test_empty_reference_prepend() -> None:
    """empty_reference_prepend: in front of a piece without bytes."""
    buffer = pieces(None)
    buffer.prepend(b"foo")
    assert buffer == b"foo"


def test_reserve2() -> None:
    """reserve2: two pieces, wholly or partly committed."""
    buffer = Buffer()
    expected = b""
    for size, parts in ((1024, 2), (300, 2), (5000, 2), (100, 1)):
        rooms = buffer.reserve_vectors(size, parts)
        assert sum(map(len, rooms)) >= size
        sizes = [min(len(room), 200) if room is rooms[-1] else len(room) for room in rooms]
        for room, count in zip(rooms, sizes):
            room[:count] = b"X" * count
        buffer.commit(*sizes)
        expected += b"X" * sum(sizes)
        assert buffer == expected
    buffer.reserve_vectors(1024, 2)
    buffer.commit()
    assert buffer == expected


@pytest.mark.parametrize("before", ["", "add", "fill"])
def test_reserve_many(before: str) -> None:
    """reserve_many, 2, 3: many pieces, of an empty, a begun and a full buffer."""
    buffer = Buffer()
    if before:
        buffer.add(b"hello" if before == "add" else b"x" * 4000)
    expected = bytes(buffer)
    for size, parts in ((128, 3), (30_000, 16), (8000, 4)):
        rooms = buffer.reserve_vectors(size, parts)
        sizes = [len(room) for room in rooms]
        for number, room in enumerate(rooms):
            room[:] = bytes([number]) * len(room)
            expected += bytes([number]) * len(room)
        buffer.commit(*sizes)
        assert buffer == expected


def test_reserve_with_empty() -> None:
    """reserve_with_empty, reserve_invalid_last_with_datap: behind a piece without bytes."""
    buffer = pieces(b"foo", None)
    for _ in range(3):
        for room in (rooms := buffer.reserve_vectors(10_000, 2)):
            room[:1] = b"x"
        buffer.commit(*[1 if room is rooms[0] else 0 for room in rooms])
    assert buffer == b"fooxxx"
    buffer.drain(6)
    buffer.reserve(1 << 12)
    buffer.commit(0)
    buffer.add(b"y")
    assert buffer == b"y"


def test_expand() -> None:
    """Expand: at every filling, and from none to much."""
    for size in (0, 1, 100, 4000, 5000):
        for more in (1, 3000, 100_000):
            buffer = Buffer(b"A" * size)
            buffer.drain(size // 2)
            buffer.expand(more)
            buffer.add(b"B" * more)
            assert buffer == b"A" * (size - size // 2) + b"B" * more


@pytest.mark.parametrize("size", [(1 << 63) - 1, 1 << 64, -1])
def test_expand_overflow(size: int) -> None:
    """expand_overflow: refused, and nothing happened."""
    buffer = Buffer(b"foo")
    with pytest.raises(ValueError):
        buffer.expand(size)
    assert buffer == b"foo"


def test_add() -> None:
    """add1, add2: by bits and by the block, also into what was reserved."""
    data = bytes(range(256)) * 5
    one, two = Buffer(), Buffer()
    for number in range(len(data)):
        one.add(data[number : number + 1])
    two.expand(100)
    two.add(data[:50])
    two.add(data[50:])
    assert one == two == data


def test_reference() -> None:
    """Reference, reference2, add_reference: between other bytes; what is behind does not write into it."""
    constant = b"If you have found the answer to such a problem"
    called: list[int] = []
    buffer = Buffer(b"<")
    buffer.add_reference(constant, lambda: called.append(1))
    buffer.add(b">")
    buffer.prepend(b"!")
    assert buffer == b"!<" + constant + b">"
    target = Buffer()
    buffer.remove_buffer(target, 10)
    target.add(b"more")
    assert target == b"!<" + constant[:8] + b"more"
    target.drain(100)
    assert called == []
    buffer.expand(4096)
    buffer.drain(1000)
    assert called == [1]
    assert constant == b"If you have found the answer to such a problem"


def test_iterative() -> None:
    """Iterative: a thousand small additions."""
    buffer, expected = Buffer(), b""
    for number in range(1, 1000):
        line = b"An %d\n" % number
        buffer.add(line)
        expected += line
    assert buffer == expected
    assert len(list(buffer)) == 999


def test_callbacks() -> None:
    """Callbacks: what was added and deleted, one of several off, removed, and changing inside."""
    log: list[tuple[int, int]] = []
    buffer = Buffer()
    buffer.add_callback(lambda buffer, size, added, deleted: log.append((size, size + added - deleted)))
    other = buffer.add_callback(lambda buffer, size, added, deleted: log.append((-1, added)))
    buffer.add(b"The %d magic words are spotty pudding" % 2)
    other.enabled = False
    buffer.drain(10)
    other.enabled = True
    buffer.prepend(b"Hello ")
    other.remove()
    buffer.drain(1000)
    buffer.drain(1000)
    assert sorted(log) == sorted([(0, 36), (-1, 36), (36, 26), (26, 32), (-1, 6), (32, 0)])
    draining = Buffer()
    draining.add_callback(lambda buffer, size, added, deleted: buffer.drain(len(buffer)))
    draining.add(b"zip")
    assert not draining


def test_multicast() -> None:
    """Multicast, multicast_drain: references to references are refused, order and draining are free."""
    one, two = Buffer(b"This is"), Buffer()
    one.add_reference(b" some text")
    two.add_buffer_reference(one)
    two.add(b"!")
    assert two == b"This is some text!"
    assert one == b"This is some text"
    with pytest.raises(BufferError):
        Buffer().add_buffer_reference(two)
    one.drain(100)
    assert two.remove(8) == b"This is "
    two.add_buffer_reference(Buffer(b"."))
    assert two == b"some text!."
    two.drain(100)


def test_prepend() -> None:
    """Prepend: into room in front, before full and shared pieces, and much at once."""
    buffer, expected = Buffer(b"A" * 1500), b"A" * 1500
    buffer.drain(700)
    expected = expected[700:]
    for part in (b"B" * 100, b"C" * 700, b"D", b"E" * 5000):
        buffer.prepend(part)
        expected = part + expected
        assert buffer == expected
    referring = pieces(b"constant")
    referring.prepend(b"x")
    assert referring == b"xconstant"


@pytest.mark.parametrize("start", [True, False])
def test_freeze(start: bool, socket_pair: Any, tmp_path: Path) -> None:
    """freeze_start, freeze_end: what goes to the other end works, the rest changes nothing."""
    ours, peer = socket_pair
    peer.sendall(b"from the socket")
    (tmp_path / "file").write_bytes(b"file_freeze_test_file")
    with (tmp_path / "file").open("rb") as file:
        at_front: list[Any] = [
            lambda buffer: buffer.remove_buffer(Buffer(), 3),
            lambda buffer: buffer.prepend(b"abc"),
            lambda buffer: buffer.prepend_buffer(Buffer(b"xyz")),
            lambda buffer: buffer.drain(3),
            lambda buffer: buffer.remove(3),
            lambda buffer: buffer.read_line(),
            lambda buffer: buffer.write_to(ours),
            lambda buffer: Buffer().add_buffer(buffer),
        ]
        at_end: list[Any] = [
            lambda buffer: buffer.add(b"abc"),
            lambda buffer: buffer.add_buffer(Buffer(b"xyz")),
            lambda buffer: buffer.add_reference(b"foo"),
            lambda buffer: buffer.read_from(ours),
            lambda buffer: buffer.reserve(10),
            lambda buffer: buffer.add_file(file),
        ]
        for call in at_front + at_end:
            buffer = Buffer(b"I've known the wind\nby water banks to shake")
            before = bytes(buffer)
            buffer.freeze(at_front=start)
            if (call in at_front) == start:
                with pytest.raises(BufferError):
                    call(buffer)
                assert buffer == before
            else:
                call(buffer)


def test_add_iovec() -> None:
    """add_iovec: nothing, one, several, and much."""
    parts = [b"Guaranteed", b" to", b"", b" be " * 3000, b"in order"]
    for count in range(len(parts) + 1):
        buffer = Buffer()
        assert buffer.add_iovec(parts[:count]) == len(b"".join(parts[:count]))
        assert buffer == b"".join(parts[:count])
