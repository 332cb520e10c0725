"""What owns a C structure exists once: no copies, no second ``__init__``, no second end."""

from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

from libevent_py import (
    Buffer,
    BufferCallback,
    BufferEvent,
    BufferEventPair,
    Event,
    EventBase,
    EventFlags,
    FileSegment,
    FilterBufferEvent,
    Listener,
    LoopFlags,
    RateLimit,
    RateLimitGroup,
    Signal,
    Timer,
)


def ignore(*arguments: object) -> None:
    """A callback."""


def segment(base: EventBase) -> FileSegment:
    """A segment of a file that is gone by then."""
    with tempfile.TemporaryFile() as file:
        file.write(b"content")
        file.flush()
        return FileSegment(file)


MAKERS: dict[str, tuple[Callable[[EventBase], Any], Callable[[EventBase], tuple[Any, ...]]]] = {
    "EventBase": (lambda base: base, lambda base: ()),
    "Event": (
        lambda base: Event(base, None, EventFlags(0), ignore),
        lambda base: (base, None, EventFlags(0), ignore),
    ),
    "Timer": (lambda base: Timer(base, 1, ignore), lambda base: (base, 1, ignore)),
    "Signal": (lambda base: Signal(base, 10, ignore), lambda base: (base, 10, ignore)),
    "Buffer": (lambda base: Buffer(b"bytes"), lambda base: (b"other",)),
    "FileSegment": (segment, lambda base: (0,)),
    "Listener": (
        lambda base: Listener(base, ("127.0.0.1", 0), ignore),
        lambda base: (base, ("127.0.0.1", 0), ignore),
    ),
    "BufferEvent": (BufferEvent, lambda base: (base,)),
    "FilterBufferEvent": (
        lambda base: FilterBufferEvent(BufferEvent(base)),
        lambda base: (BufferEvent(base),),
    ),
    "RateLimit": (lambda base: RateLimit(read=1000), lambda base: (5,)),
    "RateLimitGroup": (
        lambda base: RateLimitGroup(base, RateLimit(1000)),
        lambda base: (base, RateLimit(5)),
    ),
}

each = pytest.mark.parametrize("kind", list(MAKERS))


@each
def test_is_not_copied(base: EventBase, kind: str) -> None:
    """A copy would free the same C structure once more, so there is none."""
    owner = MAKERS[kind][0](base)
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=f"{kind} cannot be copied or pickled"):
            copied(owner)
    if hasattr(owner, "close"):
        owner.close()


@each
def test_is_made_once(base: EventBase, kind: str) -> None:
    """A second __init__ is refused, and the first one's structure stays as it is."""
    owner = MAKERS[kind][0](base)
    pointer = owner.pointer
    with pytest.raises(RuntimeError, match="made already"):
        owner.__init__(*MAKERS[kind][1](base))
    assert owner.pointer == pointer
    if hasattr(owner, "close"):
        owner.close()
        with pytest.raises(RuntimeError, match="made already"):
            owner.__init__(*MAKERS[kind][1](base))


@each
def test_ends_once(kind: str) -> None:
    """Who calls __del__ by hand may have ended it, and the collector frees nothing twice."""
    if kind == "RateLimit":
        pytest.skip("CFFI frees it")
    with EventBase() as base:
        owner = MAKERS[kind][0](base)
        if kind == "EventBase":
            owner.close()
        owner.__del__()
        owner.__del__()
        if not base.closed:
            base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)
        assert owner.closed or owner.pointer


def test_callbacks_of_buffers_are_made_by_buffers() -> None:
    """A BufferCallback of its own belongs to no buffer."""
    with pytest.raises(TypeError, match="add_callback"):
        BufferCallback()


def test_a_pair_is_copied_without_harm(base: EventBase) -> None:
    """BufferEventPair owns nothing but its two ends, which are the same in a copy."""
    pair = BufferEventPair(base)
    assert tuple(copy.copy(pair)) == tuple(pair)
    pair.close()
