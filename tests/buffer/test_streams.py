"""Buffer: as a file, and to and from descriptors."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from libevent_py import Buffer, BufferEvent, EventBase


def test_read() -> None:
    """As a file does: so many, all, or nothing at the end."""
    buffer = Buffer(b"abcdef")
    assert buffer.read(2) == b"ab"
    assert buffer.read(0) == b""
    assert buffer.read() == b"cdef"
    assert buffer.read(-1) == buffer.read(None) == buffer.read(5) == b""
    with pytest.raises(TypeError):
        buffer.read("1")  # type: ignore[arg-type]


def test_readinto() -> None:
    """As many as fit; only into what can be written to."""
    buffer, room = Buffer(b"abcdef"), bytearray(4)
    assert buffer.readinto(room) == 4
    assert buffer.readinto(memoryview(room)[1:]) == 2
    assert room == b"aefd"
    assert buffer.readinto(room) == 0
    for wrong in (b"abcd", 3, None):
        with pytest.raises(TypeError):
            buffer.readinto(wrong)


def test_readline() -> None:
    """With its end, and the rest without."""
    buffer = Buffer(b"one\ntwo\nthree")
    assert buffer.readline() == b"one\n"
    assert buffer.readline(2) == b"tw"
    assert buffer.readline(100) == b"o\n"
    assert buffer.readline() == b"three"
    assert buffer.readline() == b""


def test_file_users_take_it() -> None:
    """Json, csv and io's wrapper."""
    buffer = Buffer()
    buffer.write(b'{"a": 1}')
    assert json.load(buffer) == {"a": 1}  # type: ignore[arg-type]
    assert buffer.write(memoryview(b"a,b\r\nc,d\r\n")) == 10
    assert list(csv.reader(io.TextIOWrapper(buffer, newline=""))) == [["a", "b"], ["c", "d"]]  # type: ignore
    assert Buffer().readable()
    assert Buffer().writable()
    assert not Buffer().seekable()
    Buffer().flush()


def test_from_and_to_a_socket(socket_pair: Any) -> None:
    """Counts, BlockingIOError where it would block, 0 at the end."""
    ours, peer = socket_pair
    buffer = Buffer()
    with pytest.raises(BlockingIOError):
        buffer.read_from(ours)
    peer.sendall(b"hello")
    assert buffer.read_from(ours, 2) == 2
    assert buffer.read_from(ours) == 3
    assert buffer.write_to(ours, 1) == 1
    assert buffer.write_to(ours, 0) == 0
    assert buffer.write_to(ours) == 4
    assert buffer.write_to(ours) == 0
    assert peer.recv(10) == b"hello"
    peer.shutdown(socket.SHUT_WR)
    assert buffer.read_from(ours) == 0
    buffer.add(b"x" * 5_000_000)
    written = buffer.write_to(ours)
    assert 0 < written < 5_000_000
    assert len(buffer) == 5_000_000 - written
    with pytest.raises(BlockingIOError):
        while True:
            buffer.write_to(ours)
    peer.close()
    with pytest.raises(BrokenPipeError):
        buffer.write_to(ours)


def test_from_and_to_a_file(tmp_path: Path) -> None:
    """Files and descriptors too."""
    content = os.urandom(20_000)
    (tmp_path / "in").write_bytes(content)
    buffer = Buffer()
    with (tmp_path / "in").open("rb") as source:
        while buffer.read_from(source):
            pass
    assert buffer == content
    with (tmp_path / "out").open("wb") as target:
        while buffer:
            buffer.write_to(target.fileno())
    assert (tmp_path / "out").read_bytes() == content


def test_refused(base: EventBase, socket_pair: Any) -> None:
    """Frozen ends, those of a bufferevent too; bad descriptors; nothing is lost."""
    ours, peer = socket_pair
    peer.sendall(b"x")
    buffer = Buffer(b"abc")
    buffer.freeze(at_front=False)
    buffer.freeze(at_front=True)
    bev = BufferEvent(base)
    bev.output.add(b"abc")
    for call in (
        lambda: buffer.read_from(ours),
        lambda: buffer.write_to(ours),
        lambda: bev.input.read_from(ours),
        lambda: bev.output.write_to(ours),
        lambda: bev.output.read(1),
        lambda: bev.output.readinto(bytearray(1)),
    ):
        with pytest.raises(BufferError):
            call()
    for wrong, error in ((-1, ValueError), ("x", TypeError), (None, TypeError), (99_999, OSError)):
        for method in (Buffer(b"x").read_from, Buffer(b"x").write_to):
            with pytest.raises(error):
                method(wrong)  # type: ignore[arg-type]
    for size in (0, -1, 1 << 31):
        with pytest.raises(ValueError, match="size"):
            Buffer().read_from(ours, size)
    assert buffer == b"abc"
