"""Messages over their maximum: the error, the end, and bounded memory."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from bufferevents import READ
from messages import Messages, Pair, turn

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    EOLStyle,
    EventBase,
    LengthFraming,
    LineFraming,
    MessageTooLongError,
)

ERROR, READING = BufferEventEvents.ERROR, BufferEventEvents.READING


@pytest.mark.parametrize(
    ("framing", "data"),
    [
        (LineFraming(EOLStyle.LF, 8), b"fine\n123456789"),
        (LineFraming(EOLStyle.LF, 8), b"fine\n123456789\nmore\n"),
        (LineFraming(EOLStyle.CRLF, 8), b"fine\r\n123456789\r\n"),
        (LineFraming(EOLStyle.CRLF, 8), b"fine\n12345678\rx"),
        (LineFraming(EOLStyle.NUL, 8), b"fine\0\n\n\n\n\n\n\n\n\n"),
        (LengthFraming(1, max_length=8), b"\x04fine\x09"),
        (LengthFraming(8, max_length=8), b"\0\0\0\0\0\0\0\x04fine" + b"\xff" * 8),
    ],
)
def test_a_message_over_its_maximum_ends_the_connection(
    base: EventBase, bev: BufferEvent, socket_pair: Pair, framing: Any, data: bytes
) -> None:
    """Those before it are delivered; then ERROR comes with the reason, once, and all is closed."""
    log = Messages(bev, framing)
    socket_pair[1].sendall(data)
    for _ in range(4):
        turn(base)
    assert log.all == [b"fine"]
    assert log.events == [ERROR | READING]
    assert isinstance(log.error, MessageTooLongError)
    assert repr(framing) in str(log.error)
    assert bev.closed


@pytest.mark.parametrize(
    ("framing", "data"),
    [
        (LineFraming(EOLStyle.LF, 8), b"12345678\n"),
        (LineFraming(EOLStyle.CRLF, 8), b"12345678\r\n"),
        (LineFraming(EOLStyle.CRLF_STRICT, 8), b"12345678\r\n"),
        (LengthFraming(4, max_length=8), b"\0\0\0\x0812345678"),
    ],
)
def test_a_message_may_have_its_maximum(
    base: EventBase, bev: BufferEvent, socket_pair: Pair, framing: Any, data: bytes
) -> None:
    """Its end or its length does not count, nor how it is cut."""
    log = Messages(bev, framing)
    for number in range(len(data)):
        socket_pair[1].sendall(data[number : number + 1])
        turn(base)
    assert log.all == [b"12345678"]
    assert log.events == []


def test_memory_is_bounded(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """A peer that never ends its line is stopped at the maximum and one read."""
    socket_pair[1].setblocking(False)
    most = [0]
    Messages(bev, LineFraming(EOLStyle.LF, 100_000))
    for _ in range(100):
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            socket_pair[1].send(b"x" * 65536)
        turn(base)
        if bev.closed:
            break
        most.append(len(bev.input))
    assert bev.closed
    assert 0 < max(most) <= 100_000


def test_a_farewell_is_sent(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """close_when_flushed() in on_event has the last word."""

    def on_event(bev: BufferEvent, what: BufferEventEvents) -> None:
        bev.write(b"line too long\n")
        bev.close_when_flushed()

    bev.set_callbacks(
        on_messages=lambda bev, messages: None, on_event=on_event, framing=LineFraming(EOLStyle.LF, 4)
    )
    bev.enable(READ)
    socket_pair[1].sendall(b"123456789")
    turn(base)
    turn(base)
    assert bev.closed
    assert socket_pair[1].recv(100) == b"line too long\n"


def test_a_message_too_long_without_on_event_closes(
    base: EventBase, bev: BufferEvent, socket_pair: Pair
) -> None:
    """Nobody is told, nothing is raised: the peer is to blame."""
    bev.set_callbacks(on_messages=lambda bev, messages: None, framing=LengthFraming(1, max_length=1))
    bev.enable(READ)
    socket_pair[1].sendall(b"\x02")
    turn(base)
    assert bev.closed


def test_the_connection_is_closed_though_on_event_raises(
    base: EventBase, bev: BufferEvent, socket_pair: Pair
) -> None:
    """The exception comes out of the loop."""

    def on_event(bev: BufferEvent, what: BufferEventEvents) -> None:
        raise LookupError("mine")

    bev.set_callbacks(
        on_messages=lambda bev, messages: None, on_event=on_event, framing=LengthFraming(1, max_length=1)
    )
    bev.enable(READ)
    socket_pair[1].sendall(b"\x02")
    with pytest.raises(LookupError, match="mine"):
        turn(base)
    assert bev.closed


def test_a_high_mark_must_leave_room_for_a_message(bev: BufferEvent) -> None:
    """Reading would pause before the message is whole."""
    framing = LengthFraming(4, max_length=100)
    bev.set_callbacks(on_messages=print, framing=framing)
    with pytest.raises(ValueError, match="104"):
        bev.set_watermark(READ, 0, 103)
    bev.set_watermark(READ, 0, 104)
    bev.set_callbacks()
    bev.set_watermark(READ, 0, 103)
    with pytest.raises(ValueError, match="104"):
        bev.set_callbacks(on_messages=print, framing=framing)
