"""Buffer: bytes that are not copied."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest
from child import check_child

from libevent_py import Buffer, BufferEvent, EventBase, _callbacks, lib

PYPY = sys.implementation.name == "pypy"


def test_add_reference() -> None:
    """The bytes are there, and let go of once they are consumed: once."""
    released: list[int] = []
    buffer = Buffer(b"<")
    buffer.add_reference(b"abc", lambda: released.append(1))
    buffer.add_reference(bytearray(b"def"), lambda: released.append(2))
    buffer.add(b">")
    assert buffer == b"<abcdef>"
    buffer.drain(3)
    assert released == []
    buffer.drain(1)
    assert released == [1]
    assert buffer.remove() == b"def>"
    assert released == [1, 2]
    assert not _callbacks.pinned


def test_it_moves_with_the_bytes() -> None:
    """Into other buffers, whose end it is that counts."""
    released: list[int] = []
    one, two = Buffer(), Buffer()
    one.add_reference(b"abc", lambda: released.append(1))
    two.add_buffer(one)
    one.close()
    assert released == []
    two.close()
    assert released == [1]


def test_the_memory_is_kept() -> None:
    """Though nobody else keeps the object."""
    buffer = Buffer()
    for number in range(50):
        buffer.add_reference(bytes([number]) * 10_000)
    gc.collect()
    assert bytes(buffer) == b"".join(bytes([number]) * 10_000 for number in range(50))


@pytest.mark.skipif(PYPY, reason="PyPy's bytearray does not count its exports")
def test_a_bytearray_is_pinned() -> None:
    """It cannot be resized until it is consumed."""
    buffer, data = Buffer(), bytearray(b"abc")
    buffer.add_reference(data)
    with pytest.raises(BufferError):
        data += b"d"
    buffer.drain(3)
    data += b"d"


def test_nothing_to_refer_to() -> None:
    """No bytes are released at once."""
    released: list[int] = []
    buffer = Buffer()
    buffer.add_reference(b"", lambda: released.append(1))
    assert released == [1]
    assert buffer == b""


def test_released_by_a_loop(base: EventBase, socket_pair: Any) -> None:
    """What the output sends is released in a pass of the loop, or by the next call."""
    released: list[int] = []
    ours, peer = socket_pair
    bev = BufferEvent(base, ours)
    bev.set_callbacks(on_write=lambda bev: base.loopbreak())
    bev.output.add_reference(b"x" * 50_000, lambda: released.append(1))
    base.dispatch()
    assert peer.recv(50_000, 0)
    Buffer(b"x").drain(1)
    assert released == [1]


def test_released_with_the_base() -> None:
    """What nobody sent is released too."""
    released: list[int] = []
    with EventBase() as base:
        BufferEvent(base).output.add_reference(b"abc", lambda: released.append(1))
    Buffer(b"x").drain(1)
    assert released == [1]


def test_refused() -> None:
    """Nothing stays pinned."""
    released: list[int] = []
    buffer = Buffer()
    buffer.freeze(at_front=False)
    with pytest.raises(BufferError):
        buffer.add_reference(b"abc", lambda: released.append(1))
    assert not _callbacks.pinned
    for wrong in ("text", 3, None, [1]):
        with pytest.raises(TypeError):
            Buffer().add_reference(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_release"):
        Buffer().add_reference(b"x", 3)  # type: ignore[arg-type]


def test_on_release_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that noticed is not to blame: sys.excepthook is told."""
    told: list[Any] = []
    monkeypatch.setattr(sys, "excepthook", lambda *what: told.append(what[0]))
    buffer = Buffer()
    buffer.add_reference(b"abc", lambda: 1 // 0)
    buffer.drain(3)
    assert told == [ZeroDivisionError]


def test_at_the_interpreters_end() -> None:
    """Quiet, whatever is still referred to."""
    check_child(
        """
        from libevent_py import Buffer, BufferEvent, EventBase
        buffer, base = Buffer(), EventBase()
        buffer.add_reference(b"x" * 10_000, print)
        bev = BufferEvent(base)
        bev.output.add_reference(b"x" * 10_000)
        base.close()
        """
    )


def test_add_buffer_reference() -> None:
    """Both have the bytes; either may change or end without the other."""
    source = Buffer(b"shared")
    one, two = Buffer(b"1 "), Buffer()
    one.add_buffer_reference(source)
    two.add_buffer_reference(source)
    source.add(b" and more")
    one.drain(4)
    assert (bytes(one), bytes(two), bytes(source)) == (b"ared", b"shared", b"shared and more")
    source.close()
    del source
    gc.collect()
    assert (bytes(one), bytes(two)) == (b"ared", b"shared")
    one.add_buffer_reference(Buffer())
    assert one == b"ared"


@pytest.mark.parametrize("empty", ["expanded", "drained", "referred"])
def test_into_an_empty_buffer_with_memory(empty: str) -> None:
    """CVE-2026-63381: what was empty is as good as new."""
    target = Buffer()
    if empty == "expanded":
        target.expand(1000)
    elif empty == "drained":
        target.add(b"abc")
        target.drain(3)
    else:
        lib.evbuffer_add_reference(target.pointer, b"", 0, _callbacks.ffi.NULL, _callbacks.ffi.NULL)
    target.add_buffer_reference(Buffer(b"shared"))
    target.add(b" and own")
    target.prepend(b"some ")
    assert target == b"some shared and own"
    target.drain(100)


def test_what_cannot_be_referred_to(base: EventBase) -> None:
    """A bufferevent's buffer, references to a third one, itself; with the way out."""
    third = Buffer(b"third")
    source = Buffer()
    source.add_buffer_reference(third)
    with pytest.raises(BufferError, match="copy it"):
        Buffer().add_buffer_reference(source)
    with pytest.raises(BufferError, match="add_buffer"):
        Buffer().add_buffer_reference(BufferEvent(base).input)
    with pytest.raises(ValueError, match="itself"):
        source.add_buffer_reference(source)
    with pytest.raises(TypeError, match="need a Buffer"):
        source.add_buffer_reference(b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_release_loses_no_other(error: type[BaseException]) -> None:
    """on_release that ends the call: the next call tells the rest, once."""
    told: list[int] = []

    def interrupt() -> None:
        told.append(1)
        raise error

    buffer = Buffer()
    buffer.add_reference(b"one", interrupt)
    buffer.add_reference(b"two", lambda: told.append(2))
    with pytest.raises(error):
        buffer.drain(6)
    buffer.add(b"x")
    buffer.drain(1)
    assert told == [1, 2]
    assert not _callbacks.pinned
