"""Messages of a bufferevent: delivery in lists, the end, changes under way."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from bufferevents import READ
from messages import LINES, Messages, Pair, turn

from libevent_py import (
    BufferEvent,
    BufferEventEvents,
    BufferEventPair,
    EOLStyle,
    EventBase,
    FilterBufferEvent,
    LengthFraming,
    LineFraming,
    LoopFlags,
)

ERROR, EOF, READING = BufferEventEvents.ERROR, BufferEventEvents.EOF, BufferEventEvents.READING


def test_the_messages_of_a_pass_come_in_one_list(
    base: EventBase, bev: BufferEvent, socket_pair: Pair
) -> None:
    """And what has no end yet waits in the input."""
    log = Messages(bev)
    socket_pair[1].sendall(b"one\ntwo\n\nthr")
    turn(base)
    assert log.lists == [[b"one", b"two", b""]]
    assert bytes(bev.input) == b"thr"
    socket_pair[1].sendall(b"ee\n")
    turn(base)
    assert log.lists[1:] == [[b"three"]]


def test_lengths_on_a_socket(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """Empty messages are messages."""
    framing = LengthFraming(2, "little")
    log = Messages(bev, framing)
    socket_pair[1].sendall(framing.join([b"", b"abc", b"\0\0"]) + b"\x02")
    turn(base)
    assert log.lists == [[b"", b"abc", b"\0\0"]]
    assert bytes(bev.input) == b"\x02"


def test_a_pair_and_a_filter_have_messages_too(base: EventBase) -> None:
    """Framing begins where bytes are in the input, whoever has put them there."""
    one, other = BufferEventPair(base)
    log = Messages(FilterBufferEvent(other, lambda data, mode: data.upper()))
    one.write(b"one\ntw")
    turn(base)
    one.write(b"o\n")
    turn(base)
    assert log.lists == [[b"ONE"], [b"TWO"]]


def test_many_messages_need_more_than_one_record(
    base: EventBase, bev: BufferEvent, socket_pair: Pair
) -> None:
    """More bytes than the arena holds come in several lists, in order."""
    framing = LengthFraming(1)
    log = Messages(bev, framing)
    sent = [b"%d" % number for number in range(40_000)]
    data = framing.join(sent)
    while data:
        data = data[socket_pair[1].send(data[:65536]) :]
        turn(base)
    assert log.all == sent


@pytest.mark.parametrize("framing", [LineFraming(EOLStyle.CRLF, 1 << 20), LengthFraming(4)])
def test_a_message_larger_than_the_arena(base: EventBase, framing: Any) -> None:
    """Is fetched in memory of its size, and those around it are in order."""
    one, other = BufferEventPair(base)
    log = Messages(other, framing)
    sent = [b"before", b"x" * (1 << 20), b"after", b"y" * 300_000, b""]
    one.write(framing.join(sent))
    for _ in range(10):
        turn(base)
    assert log.all == sent
    assert not len(other.input)


def test_an_unfinished_message_is_left_at_the_end(
    base: EventBase, bev: BufferEvent, socket_pair: Pair
) -> None:
    """What was whole comes first, then EOF, and read() gives the rest."""
    log = Messages(bev)
    socket_pair[1].sendall(b"one\nhalf a li")
    socket_pair[1].shutdown(socket.SHUT_WR)
    base.loop(LoopFlags.ONCE)
    turn(base)
    assert log.lists == [[b"one"]]
    assert log.events == [EOF | READING]
    assert bev.read() == b"half a li"


def test_all_messages_come_before_the_end(base: EventBase) -> None:
    """Also those for which the arena had no room."""
    one, other = BufferEventPair(base)
    log = Messages(other)
    seen: list[int] = []
    other.set_callbacks(
        on_messages=log.on_messages, framing=LINES, on_event=lambda bev, what: seen.append(len(log.all))
    )
    one.write(b"a line\n" * 100_000)
    one.close()
    for _ in range(5):
        turn(base)
    assert seen == [100_000]


@pytest.mark.parametrize(
    ("framing", "raw"),
    [
        (LINES, b"one\ntwo\nrest"),
        (LineFraming(EOLStyle.CRLF), b"one\r\ntwo\nrest"),
        (LineFraming(EOLStyle.ANY), b"one\r\r\ntwo\nrest"),
        (LineFraming(EOLStyle.CRLF_STRICT), b"one\r\ntwo\r\nrest"),
        (LineFraming(EOLStyle.NUL), b"one\0two\0rest"),
        (LengthFraming(2), b"\0\x03one\0\x03two\0\xff"),
    ],
)
def test_messages_under_way_wait_while_reading_is_off(
    base: EventBase, bev: BufferEvent, socket_pair: Pair, framing: Any, raw: bytes
) -> None:
    """They go back to the input, and enable() reports them again."""
    log = Messages(bev, framing)
    with BufferEventPair(base) as (one, other):
        # Reported before the socket's: turns reading off while that is under way.
        other.set_callbacks(on_data=lambda _, data: bev.disable(READ))
        other.enable(READ)
        one.write(b"!")
        socket_pair[1].sendall(raw)
        turn(base)
        turn(base)
    assert log.all == []
    bev.enable(READ)
    turn(base)
    assert log.all == [b"one", b"two"]


def test_another_framing_finds_what_was_under_way(
    base: EventBase, bev: BufferEvent, socket_pair: Pair
) -> None:
    """A record of the old one is cut anew."""
    old, new = Messages(bev), []
    with BufferEventPair(base) as (one, other):
        other.set_callbacks(
            on_data=lambda _, data: bev.set_callbacks(
                on_messages=lambda _, messages: new.extend(messages), framing=LineFraming(EOLStyle.NUL)
            )
        )
        other.enable(READ)
        one.write(b"!")
        socket_pair[1].sendall(b"one\ntwo\0")
        turn(base)
        turn(base)
    # Whichever was first: nothing is lost.
    assert old.all + new in ([b"one\ntwo"], [b"one", b"two"])


def test_input_that_waits_is_cut_when_framing_is_set(
    base: EventBase, bev: BufferEvent, socket_pair: Pair
) -> None:
    """A protocol may begin without it."""
    bev.set_callbacks(on_read=lambda bev: None)
    bev.enable(READ)
    socket_pair[1].sendall(b"one\ntwo\n")
    turn(base)
    log = Messages(bev)
    turn(base)
    assert log.all == [b"one", b"two"]


def test_framing_ends_with_other_callbacks(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """on_data gets bytes again, the unfinished message first."""
    Messages(bev)
    socket_pair[1].sendall(b"one\nrest")
    turn(base)
    got: list[bytes] = []
    bev.set_callbacks(on_data=lambda bev, data: got.append(data))
    socket_pair[1].sendall(b" more\n")
    turn(base)
    assert b"".join(got) == b"rest more\n"


def test_an_exception_loses_no_message_of_the_next_pass(
    base: EventBase, bev: BufferEvent, socket_pair: Pair
) -> None:
    """It comes out of the loop; the list is gone, the next comes."""
    seen: list[bytes] = []

    def on_messages(bev: BufferEvent, messages: list[bytes]) -> None:
        seen.extend(messages)
        if messages == [b"one"]:
            raise LookupError

    bev.set_callbacks(on_messages=on_messages, framing=LINES)
    bev.enable(READ)
    socket_pair[1].sendall(b"one\ntw")
    with pytest.raises(LookupError):
        turn(base)
    socket_pair[1].sendall(b"o\n")
    turn(base)
    assert seen == [b"one", b"two"]


def test_closing_in_on_messages(base: EventBase, bev: BufferEvent, socket_pair: Pair) -> None:
    """Is allowed, and ends it."""
    calls: list[list[bytes]] = []

    def on_messages(bev: BufferEvent, messages: list[bytes]) -> None:
        calls.append(messages)
        bev.close()

    bev.set_callbacks(on_messages=on_messages, framing=LINES)
    bev.enable(READ)
    socket_pair[1].sendall(b"one\n" * 5000)
    turn(base)
    turn(base)
    assert len(calls) == 1


def test_what_does_not_go_together_is_refused(bev: BufferEvent) -> None:
    """on_messages and framing belong to each other, and exclude the other ways to read."""
    for wrong in (
        {"on_messages": print},
        {"framing": LINES},
        {"on_messages": print, "framing": LINES, "on_data": print},
        {"on_messages": print, "framing": LINES, "on_read": print},
    ):
        with pytest.raises(ValueError, match="each other"):
            bev.set_callbacks(**wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="LineFraming"):
        bev.set_callbacks(on_messages=print, framing=b"\n")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_messages"):
        bev.set_callbacks(on_messages=1, framing=LINES)  # type: ignore[arg-type]
