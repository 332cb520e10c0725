"""libevent's regress group evbuffer, the cases with files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from libevent_py import Buffer, BufferEvent, EventBase, FileSegment, LoopFlags


def test_file_segment_add_cleanup_cb(tmp_path: Path) -> None:
    """file_segment_add_cleanup_cb: called once the segment is freed, and not before."""
    called: list[int] = []
    (tmp_path / "file").write_bytes(b"file_segment_test_file")
    with (tmp_path / "file").open("rb") as file:
        segment = FileSegment(file, on_release=lambda: called.append(1))
    buffer = Buffer()
    buffer.add_file_segment(segment)
    segment.close()
    assert called == []
    buffer.close()
    assert called == [1]


@pytest.mark.parametrize("how", ["sendfile", "mmap", "linear", "nosegment"])
@pytest.mark.parametrize("size", [600, 300_000], ids=["small", "big"])
@pytest.mark.parametrize(("starting", "within"), [(0, 0), (231, 0), (0, 60), (231, 60)])
def test_add_file(
    base: EventBase, socket_pair: Any, tmp_path: Path, how: str, size: int, starting: int, within: int
) -> None:
    """add_file*, add_big_file*, add_file_offset*, 2, 3: the bytes arrive at the other side of a socket."""
    content = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "file").write_bytes(content)
    ours, peer = socket_pair
    peer.setblocking(False)
    bev = BufferEvent(base, ours)
    with (tmp_path / "file").open("rb") as file:
        if how == "nosegment":
            bev.output.add_file(file, starting + within)
        else:
            with FileSegment(file, starting, sendfile=how == "sendfile", mmap=how == "mmap") as segment:
                bev.output.add_file_segment(segment, within)
    expected, received = content[starting + within :], bytearray()
    for _ in range(10_000):
        base.loop(LoopFlags.NONBLOCK)
        try:
            received += peer.recv(1 << 16)
        except BlockingIOError:
            continue
        if len(received) >= len(expected):
            break
    assert received == expected
