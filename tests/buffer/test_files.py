"""Buffer: files."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from libevent_py import Buffer, BufferEvent, ClosedError, EventBase, FileSegment, LoopFlags

CONTENT = bytes(range(256)) * 800


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of CONTENT."""
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    "choice", [{}, {"sendfile": False}, {"mmap": True}, {"sendfile": False, "mmap": True}], ids=str
)
@pytest.mark.parametrize(("offset", "length"), [(0, None), (1, 4097), (5000, 100_000), (204_799, 1)])
def test_a_segment_in_a_buffer(path: Path, choice: Any, offset: int, length: int | None) -> None:
    """Its bytes, however they come there, more than once, and after the segment is closed."""
    expected = CONTENT[offset:][:length]
    buffer = Buffer(b"<")
    with path.open("rb") as file:
        segment = FileSegment(file, offset, length, **choice)
    assert len(segment) == len(expected)
    buffer.add_file_segment(segment)
    buffer.add_file_segment(segment, len(segment) - 1)
    buffer.add_file_segment(segment, 0, 0)
    segment.close()
    buffer.add(b">")
    assert buffer == b"<" + expected + expected[-1:] + b">"
    buffer.close()


@pytest.mark.parametrize("choice", [{}, {"sendfile": False}], ids=str)
def test_through_a_socket(base: EventBase, socket_pair: Any, path: Path, choice: Any) -> None:
    """The other side gets it, between what was written before and after."""
    ours, peer = socket_pair
    bev = BufferEvent(base, ours)
    bev.output.add(b"<")
    with path.open("rb") as file, FileSegment(file, 100, 150_000, **choice) as segment:
        bev.output.add_file_segment(segment)
    bev.output.add(b">")
    expected = b"<" + CONTENT[100:150_100] + b">"
    received = bytearray()
    peer.setblocking(False)
    for _ in range(1000):
        base.loop(LoopFlags.NONBLOCK)
        try:
            received += peer.recv(1 << 20)
        except BlockingIOError:
            continue
        if len(received) >= len(expected):
            break
    assert received == expected


def test_add_file(base: EventBase, path: Path) -> None:
    """The file remains the caller's; how many bytes were added."""
    buffer = Buffer()
    with path.open("rb") as file:
        assert buffer.add_file(file, 10, 20) == 20
        assert buffer.add_file(file.fileno()) == len(CONTENT)
        assert buffer.add_file(file, len(CONTENT)) == 0
        assert file.read(3) == CONTENT[:3]
    assert buffer == CONTENT[10:30] + CONTENT


def test_a_file_in_the_output_cannot_be_looked_at(base: EventBase, path: Path) -> None:
    """Its bytes are not in memory; looking there would crash."""
    bev = BufferEvent(base)
    with path.open("rb") as file:
        bev.output.add_file(file)
    output = bev.output
    assert len(output) == len(CONTENT)
    for look in (
        output.copyout,
        output.pullup,
        output.peek,
        lambda: output.search(b"x"),
        lambda: output[0],
        lambda: bytes(output),
        output.search_eol,
        output.readline,
    ):
        with pytest.raises(BufferError, match="sendfile"):
            look()


@pytest.mark.parametrize(
    ("offset", "length"), [(-1, 1), (0, -1), (0, len(CONTENT) + 1), (len(CONTENT) + 1, None), (1 << 63, 1)]
)
def test_a_range_outside_of_the_file(path: Path, offset: int, length: int | None) -> None:
    """ValueErrors."""
    buffer = Buffer()
    with path.open("rb") as file:
        with FileSegment(file) as segment, pytest.raises(ValueError):
            buffer.add_file_segment(segment, offset, length)
        with pytest.raises(ValueError):
            buffer.add_file(file, offset, length)
        with pytest.raises(ValueError):
            FileSegment(file, offset, length)
    assert not buffer


def test_no_regular_file() -> None:
    """Pipes and sockets are refused, with what takes them; nothing at all too."""
    read, write = os.pipe()
    try:
        with pytest.raises(ValueError, match="regular file"):
            Buffer().add_file(read)
        with pytest.raises(ValueError, match="regular file"):
            FileSegment(write)
    finally:
        os.close(read)
        os.close(write)
    with pytest.raises(OSError, match="Bad file"):
        FileSegment(read)
    for wrong in ("name", None, 1.5):
        with pytest.raises(TypeError):
            Buffer().add_file(wrong)  # type: ignore[arg-type]
    with socket.socket() as sock, pytest.raises(ValueError, match="regular file"):
        Buffer().add_file(sock)


def test_an_empty_file(tmp_path: Path) -> None:
    """Adds nothing; a segment must have something."""
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb") as file:
        assert Buffer().add_file(file) == 0
        with pytest.raises(ValueError, match="at least one byte"):
            FileSegment(file)


def test_truncated_meanwhile(path: Path) -> None:
    """An OSError, and the file is let go once, by libevent 2.2 at once, else by close()."""
    released: list[None] = []
    with path.open("r+b") as file, FileSegment(file, on_release=lambda: released.append(None)) as segment:
        file.truncate(10)
        with pytest.raises(OSError, match="truncated"):
            Buffer().add_file_segment(segment)
    assert segment.closed
    assert len(released) == 1


def test_frozen(path: Path) -> None:
    """Refused, and the segment is as good as before."""
    buffer = Buffer()
    buffer.freeze(at_front=False)
    with path.open("rb") as file, FileSegment(file) as segment:
        with pytest.raises(BufferError, match="frozen"):
            buffer.add_file_segment(segment)
        buffer.unfreeze(at_front=False)
        buffer.add_file_segment(segment)
    assert buffer == CONTENT


def test_a_bufferevents_input(base: EventBase, path: Path) -> None:
    """Refused, and the segment is as good as before."""
    with path.open("rb") as file, FileSegment(file) as segment:
        with pytest.raises(BufferError):
            BufferEvent(base).input.add_file_segment(segment)
        Buffer().add_file_segment(segment)


def test_on_release(path: Path) -> None:
    """Called once, when neither buffer nor segment need the file."""
    released: list[int] = []
    one, two = Buffer(), Buffer()
    with path.open("rb") as file:
        segment = FileSegment(file, on_release=lambda: released.append(1))
    one.add_file_segment(segment)
    two.add_file_segment(segment, 1, 2)
    segment.close()
    segment.close()
    one.close()
    assert released == []
    two.drain(2)
    assert released == [1]


def test_a_closed_segment(path: Path) -> None:
    """ClosedError."""
    with path.open("rb") as file:
        segment = FileSegment(file)
    assert not segment.closed
    assert repr(segment) == f"<FileSegment of {len(CONTENT)} bytes>"
    assert segment.pointer
    segment.close()
    assert segment.closed
    assert repr(segment) == "<FileSegment closed>"
    for call in (lambda: segment.pointer, lambda: Buffer().add_file_segment(segment)):
        with pytest.raises(ClosedError):
            call()
    with pytest.raises(TypeError, match="need a FileSegment"):
        Buffer().add_file_segment(b"x")  # type: ignore[arg-type]
