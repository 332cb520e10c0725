"""memoryviews as arguments: the collector may take them in any order."""

from __future__ import annotations

import sys

import pytest
from child import check_child

from libevent_py import Buffer

CYCLE = """
    import gc, sys
    from libevent_py import Buffer

    def fail(buffer, orig_size, n_added, n_deleted):
        raise LookupError

    def once(method):
        buffer = Buffer(b"some bytes")
        buffer.add_callback(fail)
        view = memoryview(bytearray(9))
        try:
            getattr(buffer, method)([view] if method == "add_iovec" else view)
        except LookupError as error:
            error.itself = error  # keeps the frames, and in them the view, until the collector comes
        else:
            raise AssertionError("it did not raise")

    for _ in range(10):
        once(sys.argv[1])
        gc.collect()
    print("ok")
"""


@pytest.mark.parametrize("method", ["add", "prepend", "add_iovec", "add_reference", "readinto"])
def test_a_view_in_the_frames_of_an_exception(method: str) -> None:
    """Collecting an exception that holds a view in use by a call crashes nothing, and tells nothing."""
    assert check_child(CYCLE, method) == "ok\n"


def test_a_view_of_a_part_is_referred_to() -> None:
    """add_reference() takes the bytes of a slice, and keeps the whole from being resized."""
    memory = bytearray(b"0123456789" * 100)
    buffer = Buffer()
    told: list[str] = []
    buffer.add_reference(memoryview(memory)[5:15], lambda: told.append("released"))
    if sys.implementation.name != "pypy":  # where a bytearray always can be
        with pytest.raises(BufferError):
            memory.append(1)
    memory[5] = ord("x")
    assert bytes(buffer) == b"x678901234"
    buffer.drain(100)
    assert told == ["released"]
    memory.append(1)


def test_a_released_view() -> None:
    """A view that was released is refused."""
    view = memoryview(b"bytes")
    view.release()
    buffer = Buffer()
    for call in (buffer.add, buffer.prepend, buffer.add_reference):
        with pytest.raises((TypeError, ValueError)):
            call(view)
    assert not buffer
