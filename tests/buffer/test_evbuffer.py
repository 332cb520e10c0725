"""Buffer, also against a bytearray as the model."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libevent_py import Buffer, BufferEvent, ClosedError, EventBase, ffi, lib


def test_it_begins_empty() -> None:
    """No bytes, false, length 0."""
    buffer = Buffer()
    assert len(buffer) == 0
    assert not buffer
    assert bytes(buffer) == b""
    assert buffer.remove() == buffer.copyout() == b""


def test_first_in_first_out() -> None:
    """What is added last comes last; what is removed is gone."""
    buffer = Buffer(b"one")
    buffer.add(b"two")
    buffer.prepend(b"zero")
    assert bytes(buffer) == b"zeroonetwo"
    assert buffer.remove(4) == b"zero"
    assert len(buffer) == 6
    assert buffer
    assert buffer.remove() == b"onetwo"
    assert not buffer


@pytest.mark.parametrize("data", [b"abc", bytearray(b"abc"), memoryview(b"xabcx")[1:4]])
def test_anything_bytes_like(data: Any) -> None:
    """Is copied."""
    buffer = Buffer(data)
    buffer.add(data)
    buffer.prepend(data)
    assert bytes(buffer) == b"abc" * 3
    if isinstance(data, bytearray):
        data[:] = b"xyz"
        assert bytes(buffer) == b"abc" * 3


def test_copyout_leaves_them() -> None:
    """A copy of the front, as many as there are."""
    buffer = Buffer(b"hello")
    assert buffer.copyout(2) == b"he"
    assert buffer.copyout(100) == b"hello"
    assert buffer.copyout(0) == b""
    assert len(buffer) == 5


def test_drain() -> None:
    """Throws away at most what there is."""
    buffer = Buffer(b"hello")
    buffer.drain(2)
    assert bytes(buffer) == b"llo"
    buffer.drain(0)
    buffer.drain(1 << 60)
    assert len(buffer) == 0


def test_add_buffer_moves() -> None:
    """The other is empty afterwards, and remains usable."""
    one, two = Buffer(b"one"), Buffer(b"two")
    one.add_buffer(two)
    assert bytes(one) == b"onetwo"
    assert bytes(two) == b""
    two.add(b"again")
    one.add_buffer(two)
    one.add_buffer(Buffer())
    assert bytes(one) == b"onetwoagain"


def test_not_to_itself() -> None:
    """A ValueError, and nothing happened."""
    buffer = Buffer(b"x")
    with pytest.raises(ValueError, match="itself"):
        buffer.add_buffer(buffer)
    assert bytes(buffer) == b"x"


def test_closing() -> None:
    """Idempotent; everything else is ClosedError."""
    buffer = Buffer(b"x")
    buffer.close()
    buffer.close()
    assert buffer.closed
    assert repr(buffer) == "<Buffer closed>"
    calls: list[Any] = [
        lambda: len(buffer),
        lambda: bool(buffer),
        lambda: bytes(buffer),
        lambda: buffer.add(b"x"),
        lambda: buffer.prepend(b"x"),
        lambda: buffer.add_buffer(Buffer(b"y")),
        lambda: Buffer(b"y").add_buffer(buffer),
        lambda: buffer.remove(),
        lambda: buffer.copyout(),
        lambda: buffer.drain(1),
        lambda: buffer.pointer,
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()


def test_with() -> None:
    """``with`` closes."""
    with Buffer(b"x") as buffer:
        assert len(buffer) == 1
    assert buffer.closed


def test_dropped_in_another_thread() -> None:
    """A Buffer belongs to no thread: its last reference may go anywhere."""
    holder = [Buffer(b"x" * 10_000) for _ in range(10)]

    def drop() -> None:
        holder.clear()
        gc.collect()

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join()
    assert holder == []


@pytest.mark.parametrize("value", ["text", 3, None, [1], memoryview(b"abcdef")[::2]])
@pytest.mark.parametrize("method", ["add", "prepend"])
def test_no_bytes(method: str, value: Any) -> None:
    """A TypeError, and nothing was added."""
    buffer = Buffer(b"x")
    with pytest.raises(TypeError):
        getattr(buffer, method)(value)
    assert bytes(buffer) == b"x"


@pytest.mark.parametrize("method", ["remove", "copyout", "drain"])
@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (1 << 64, ValueError), (1.0, TypeError), ("1", TypeError)]
)
def test_a_wrong_size(method: str, value: Any, error: type[Exception]) -> None:
    """Negative and huge are ValueErrors, others TypeErrors; nothing is taken."""
    buffer = Buffer(b"x")
    with pytest.raises(error, match="size"):
        getattr(buffer, method)(value)
    assert bytes(buffer) == b"x"


@pytest.mark.parametrize("value", [None, b"x", object()])
def test_add_buffer_of_something_else(value: Any) -> None:
    """A TypeError."""
    with pytest.raises(TypeError, match="need a Buffer"):
        Buffer().add_buffer(value)


def test_a_bufferevents_buffers_keep_their_sides(base: EventBase, socket_pair: Any) -> None:
    """The input takes nothing at its end, the output gives nothing from its front."""
    bev = BufferEvent(base, socket_pair[0])
    with pytest.raises(BufferError):
        bev.input.add(b"x")
    with pytest.raises(BufferError):
        bev.output.prepend(b"x")
    bev.write(b"x" * 5_000_000)
    for take in (bev.output.remove, lambda: bev.output.drain(1)):
        with pytest.raises(BufferError):
            take()


def test_a_bufferevents_buffer_is_not_freed(base: EventBase, socket_pair: Any) -> None:
    """close() of a borrowed Buffer, and dropping it, are nothing."""
    bev = BufferEvent(base, socket_pair[0])
    bev.input.close()
    assert not bev.input.closed
    assert len(bev.input) == 0


def test_the_raw_layer_sees_the_same(base: EventBase) -> None:
    """Pointer is the evbuffer itself."""
    buffer = Buffer(b"abc")
    lib.evbuffer_add(buffer.pointer, b"def", 3)
    assert bytes(buffer) == b"abcdef"
    assert ffi.typeof(buffer.pointer) is ffi.typeof("struct evbuffer *")
    assert repr(buffer) == "<Buffer of 6 bytes>"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "prepend", "add_buffer"]), st.binary(max_size=300)),
        st.tuples(st.sampled_from(["add"]), st.integers(1, 20_000).map(lambda size: b"z" * size)),
        st.tuples(st.sampled_from(["remove", "copyout", "drain"]), st.integers(0, 30_000)),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_it_behaves_like_a_bytearray(steps: list[tuple[str, Any]]) -> None:
    """Any sequence of operations gives what a bytearray would."""
    model = bytearray()
    with Buffer() as buffer:
        for name, value in steps:
            if name == "add":
                buffer.add(value)
                model += value
            elif name == "prepend":
                buffer.prepend(value)
                model[:0] = value
            elif name == "add_buffer":
                buffer.add_buffer(Buffer(value))
                model += value
            elif name == "remove":
                assert buffer.remove(value) == bytes(model[:value])
                del model[:value]
            elif name == "copyout":
                assert buffer.copyout(value) == bytes(model[:value])
            else:
                buffer.drain(value)
                del model[:value]
            assert len(buffer) == len(model)
        assert bytes(buffer) == bytes(model)
