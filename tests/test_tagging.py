"""Tagged data against the encoding written down in Python, and cut off or changed anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings
from hypothesis import strategies as st

from libevent_py import Buffer, BufferEventPair, ClosedError, EventBase, TagError, ffi, lib, tagging

TAGS = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1))
INTS = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1))
INTS_64 = st.one_of(INTS, st.integers(0, 2**64 - 1))
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))

Unmarshal = Callable[[Buffer, int], Any]


def encoded_tag(tag: int) -> bytes:
    """Seven bits in each byte, the lowest first; the highest bit says that more follow."""
    found = bytearray()
    while tag > 0x7F:
        found.append(0x80 | tag & 0x7F)
        tag >>= 7
    return bytes([*found, tag])


def encoded_int(number: int) -> bytes:
    """How many nibbles less one, then the nibbles, lowest first, two in a byte."""
    nibbles = []
    while number:
        nibbles.append(number & 15)
        number >>= 4
    everything = [max(len(nibbles) - 1, 0), *nibbles]
    everything += [0] * (len(everything) % 2)
    return bytes(high << 4 | low for high, low in zip(everything[::2], everything[1::2]))


def record(tag: int, payload: bytes) -> bytes:
    """A tag, a length, and what follows."""
    return encoded_tag(tag) + encoded_int(len(payload)) + payload


def unmarshal(buffer: Buffer, tag: int) -> Any:
    """As the others are called."""
    return tagging.unmarshal(buffer)


UNMARSHAL: list[Unmarshal] = [
    unmarshal,
    tagging.unmarshal_int,
    tagging.unmarshal_int64,
    tagging.unmarshal_string,
    tagging.unmarshal_timeval,
    lambda buffer, tag: tagging.consume(buffer),
    lambda buffer, tag: tagging.unmarshal_header(buffer),
    lambda buffer, tag: tagging.peek(buffer),
    lambda buffer, tag: tagging.peek_length(buffer),
    lambda buffer, tag: tagging.payload_length(buffer),
]


@given(TAGS, st.binary(max_size=5000))
def test_bytes(tag: int, data: bytes) -> None:
    """They are as the encoding says, and come back."""
    buffer = Buffer()
    tagging.marshal(buffer, tag, data)
    assert buffer == record(tag, data)
    assert tagging.peek(buffer) == tag
    assert tagging.payload_length(buffer) == len(data)
    assert tagging.peek_length(buffer) == len(buffer)
    assert tagging.unmarshal(buffer) == (tag, data)
    assert not buffer


@given(TAGS, st.binary(max_size=5000))
def test_a_buffer(tag: int, data: bytes) -> None:
    """It is moved, as a record; what was in front stays there."""
    buffer, other = Buffer(b"in front"), Buffer(data)
    tagging.marshal_buffer(buffer, tag, other)
    assert buffer == b"in front" + record(tag, data)
    assert not other
    buffer.drain(len(b"in front"))
    assert tagging.unmarshal_header(buffer) == (tag, len(data))
    assert buffer == data


@given(TAGS, INTS_64)
def test_numbers(tag: int, number: int) -> None:
    """Of 32 and 64 bits, which have one encoding; a large one is refused where a small one is asked for."""
    buffer = Buffer()
    tagging.marshal_int64(buffer, tag, number)
    assert buffer == record(tag, encoded_int(number))
    if number < 2**32:
        other = Buffer()
        tagging.marshal_int(other, tag, number)
        assert other == buffer
        assert tagging.unmarshal_int(other, tag) == number
        assert not other
    else:
        with pytest.raises(TagError, match="over 32 bits"):
            tagging.unmarshal_int(buffer, tag)
    assert tagging.unmarshal_int64(buffer, tag) == number
    assert not buffer


@given(TAGS, TEXTS)
def test_text(tag: int, text: str) -> None:
    """It is UTF-8."""
    buffer = Buffer()
    tagging.marshal_string(buffer, tag, text)
    assert buffer == record(tag, text.encode())
    assert tagging.unmarshal_string(buffer, tag) == text
    assert not buffer


@given(TAGS, st.integers(0, 2**32 - 1), st.integers(0, 999_999))
def test_seconds(tag: int, seconds: int, microseconds: int) -> None:
    """To the microsecond."""
    buffer = Buffer()
    tagging.marshal_timeval(buffer, tag, seconds + microseconds / 1_000_000)
    assert buffer == record(tag, encoded_int(seconds) + encoded_int(microseconds))
    assert tagging.unmarshal_timeval(buffer, tag) == seconds + microseconds / 1_000_000
    assert not buffer


@given(TAGS, st.sampled_from(["int", "int64", "string", "timeval", "bytes"]), st.data())
def test_what_is_cut_off(tag: int, kind: str, data: st.DataObject) -> None:
    """Raises EOFError and stays as it is, until the rest is there."""
    whole = Buffer()
    if kind == "string":
        tagging.marshal_string(whole, tag, "text" * 9)
        take: Unmarshal = tagging.unmarshal_string
    elif kind == "bytes":
        tagging.marshal(whole, tag, b"bytes" * 99)
        take = unmarshal
    else:
        getattr(tagging, f"marshal_{kind}")(whole, tag, data.draw(INTS))
        take = getattr(tagging, f"unmarshal_{kind}")
    everything = bytes(whole)
    expected = take(whole, tag)
    cut = data.draw(st.integers(0, len(everything) - 1))
    buffer = Buffer(everything[:cut])
    with pytest.raises(EOFError):
        take(buffer, tag)
    assert buffer == everything[:cut]
    buffer.add(everything[cut:])
    assert take(buffer, tag) == expected


@given(st.binary(max_size=40), st.integers(1, 7), st.sampled_from(UNMARSHAL), TAGS)
@settings(max_examples=400)
def test_any_bytes(data: bytes, split: int, take: Unmarshal, tag: int) -> None:
    """Whatever comes in, in whatever pieces: an answer, or one of two errors and nothing is gone."""
    buffer = Buffer()
    for start in range(0, len(data), split):
        piece = Buffer(data[start : start + split])
        buffer.add_buffer(piece)
    try:
        take(buffer, tag)
    except (EOFError, TagError):
        assert buffer == data


@given(TAGS, st.binary(max_size=12), st.sampled_from(UNMARSHAL[1:5]))
def test_any_payload(tag: int, payload: bytes, take: Unmarshal) -> None:
    """A record with anything in it, and another behind: never a byte of that one."""
    buffer = Buffer(record(tag, payload) + record(1, b"behind" * 9))
    try:
        take(buffer, tag)
    except TagError:
        assert tagging.unmarshal(buffer) == (tag, payload)
    assert tagging.unmarshal(buffer) == (1, b"behind" * 9)


@pytest.mark.parametrize("take", UNMARSHAL[1:5])
def test_another_tag(take: Unmarshal) -> None:
    """It is refused, and the record stays."""
    buffer = Buffer(record(7, b"\0"))
    with pytest.raises(TagError, match="tag 7, not 8"):
        take(buffer, 8)
    assert buffer == record(7, b"\0")


@pytest.mark.parametrize("take", UNMARSHAL)
@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"\x80" * 6, id="a tag without end"),
        pytest.param(b"\xff\xff\xff\xff\x10", id="a tag of 33 bits"),
        pytest.param(b"\x01\x80" + b"\xff" * 9, id="a length of 36 bits"),
    ],
)
def test_no_record(take: Unmarshal, head: bytes) -> None:
    """A header that is none, however much follows."""
    for behind in (b"", b"\xff" * 100):
        buffer = Buffer(head + behind)
        with pytest.raises(TagError, match="over 32 bits"):
            take(buffer, 1)
        assert buffer == head + behind


@pytest.mark.parametrize("length", [2**31, 2**32 - 1])
def test_a_length_of_gigabytes(length: int) -> None:
    """It is told as it is, though a sum of 32 bits wraps; the record itself is refused at once."""
    head = encoded_tag(1) + encoded_int(length)
    buffer = Buffer(head + b"x" * 100)
    assert tagging.payload_length(buffer) == length
    assert tagging.peek_length(buffer) == length + len(head)
    with pytest.raises(TagError, match="more than libevent takes"):
        tagging.unmarshal(buffer)
    assert buffer == head + b"x" * 100


def test_text_that_is_none() -> None:
    """Bytes that are not UTF-8 are told of, and stay for unmarshal(); a NUL is a character."""
    buffer = Buffer(record(1, b"\xff") + record(2, b"a\0b"))
    with pytest.raises(TagError, match="not UTF-8"):
        tagging.unmarshal_string(buffer, 1)
    assert tagging.unmarshal(buffer) == (1, b"\xff")
    assert tagging.unmarshal_string(buffer, 2) == "a\0b"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda buffer: tagging.marshal(buffer, -1, b""), ValueError),
        (lambda buffer: tagging.marshal(buffer, 2**32, b""), ValueError),
        (lambda buffer: tagging.marshal(buffer, "1", b""), TypeError),
        (lambda buffer: tagging.marshal(buffer, 1, "text"), TypeError),
        (lambda buffer: tagging.marshal_int(buffer, 1, 2**32), ValueError),
        (lambda buffer: tagging.marshal_int(buffer, 1, -1), ValueError),
        (lambda buffer: tagging.marshal_int64(buffer, 1, 2**64), ValueError),
        (lambda buffer: tagging.marshal_int64(buffer, 1, 1.5), TypeError),
        (lambda buffer: tagging.marshal_string(buffer, 1, b"bytes"), TypeError),
        (lambda buffer: tagging.marshal_string(buffer, 1, "a\0b"), ValueError),
        (lambda buffer: tagging.marshal_timeval(buffer, 1, -0.1), ValueError),
        (lambda buffer: tagging.marshal_timeval(buffer, 1, 2**32), ValueError),
        (lambda buffer: tagging.marshal_timeval(buffer, 1, 2**32 - 1e-7), ValueError),
        (lambda buffer: tagging.marshal_timeval(buffer, 1, float("nan")), ValueError),
        (lambda buffer: tagging.marshal_timeval(buffer, 1, "1"), TypeError),
        (lambda buffer: tagging.marshal_buffer(buffer, 1, buffer), ValueError),
        (lambda buffer: tagging.marshal_buffer(buffer, 1, b"bytes"), TypeError),
        (lambda buffer: tagging.marshal(b"", 1, b""), TypeError),
        (lambda buffer: tagging.unmarshal_int(buffer, -1), ValueError),
        (lambda buffer: tagging.unmarshal_int(buffer, None), TypeError),
        (lambda buffer: tagging.peek(None), TypeError),
    ],
)
def test_wrong_arguments(call: Callable[[Buffer], None], error: type[Exception]) -> None:
    """Exceptions before libevent is called: the buffer stays as it was."""
    buffer = Buffer(record(1, b"\0"))
    with pytest.raises(error):
        call(buffer)
    assert buffer == record(1, b"\0")


def test_a_refused_buffer_is_given_back() -> None:
    """What could not be appended as a record is where it was."""
    buffer, other = Buffer(b"x"), Buffer(b"data")
    with pytest.raises(ValueError, match="tag"):
        tagging.marshal_buffer(buffer, 2**32, other)
    buffer.freeze(at_front=False)
    with pytest.raises(BufferError, match="frozen at its end"):
        tagging.marshal_buffer(buffer, 1, other)
    assert (bytes(buffer), bytes(other)) == (b"x", b"data")


@pytest.mark.parametrize("take", UNMARSHAL[:7])
def test_a_frozen_front(take: Unmarshal) -> None:
    """Nothing is taken, where libevent would give the record again and again."""
    buffer = Buffer(record(7, b"\0\0"))
    buffer.freeze(at_front=True)
    with pytest.raises(BufferError, match="frozen at its front"):
        take(buffer, 7)
    buffer.unfreeze(at_front=True)
    take(buffer, 7)


def test_a_frozen_end() -> None:
    """Nothing is lost silently."""
    buffer = Buffer()
    buffer.freeze(at_front=False)
    with pytest.raises(BufferError, match="frozen at its end"):
        tagging.marshal_int(buffer, 7, 1)


@pytest.mark.parametrize("take", UNMARSHAL)
def test_a_view_in_use(take: Unmarshal) -> None:
    """Even looking would move what it shows."""
    buffer = Buffer(record(7, b"\0\0"))
    with buffer.pullup(2), pytest.raises(BufferError, match="a view of this buffer is in use"):
        take(buffer, 7)


def test_a_closed_buffer() -> None:
    """It says so."""
    buffer = Buffer()
    buffer.close()
    with pytest.raises(ClosedError):
        tagging.marshal_int(buffer, 1, 1)
    with pytest.raises(ClosedError):
        tagging.peek(buffer)


def test_a_bufferevents_buffers(base: EventBase) -> None:
    """Records go into an output and come out of an input; the other ends are not the program's."""
    pair = BufferEventPair(base)
    one, two = pair
    seen: list[tuple[int, bytes]] = []

    def on_read(bev: Any) -> None:
        while bev.input:
            seen.append(tagging.unmarshal(bev.input))
        with pytest.raises(BufferError):
            tagging.marshal_int(bev.input, 1, 1)
        base.loopbreak()

    two.set_callbacks(on_read=on_read)
    tagging.marshal_int(one.output, 1, 5)
    tagging.marshal_buffer(one.output, 2, Buffer(b"moved"))
    with pytest.raises(BufferError, match="belongs to its bufferevent"):
        tagging.consume(one.output)
    for end in pair:
        end.enable(3 << 1)
    base.dispatch()
    assert seen == [(1, encoded_int(5)), (2, b"moved")]
    one.close()
    two.close()


def test_an_exception_in_a_change_callback() -> None:
    """It comes out of the call that changed the buffer."""
    buffer = Buffer()

    def on_change(*arguments: Any) -> None:
        raise ZeroDivisionError

    callback = buffer.add_callback(on_change)
    with pytest.raises(ZeroDivisionError):
        tagging.marshal_int(buffer, 1, 2)
    callback.remove()
    assert tagging.unmarshal_int(buffer, 1) == 2


def test_threads_do_not_mix_records() -> None:
    """Each is appended in one piece, and two buffers that go into each other end no wait."""
    buffers = Buffer(), Buffer()

    def work(number: int) -> None:
        here, there = buffers[number % 2], buffers[1 - number % 2]
        for count in range(150):
            tagging.marshal(here, number, bytes([number]) * count)
            if count % 50 == 49:
                tagging.marshal_buffer(here, 100, there)

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()

    counts = dict.fromkeys(range(4), 0)
    waiting = list(buffers)
    while waiting:
        buffer = waiting.pop()
        while buffer:
            tag, data = tagging.unmarshal(buffer)
            if tag == 100:
                waiting.append(Buffer(data))
            else:
                assert data == bytes([tag]) * len(data)
                counts[tag] += 1
    assert counts == dict.fromkeys(range(4), 150)


def test_the_raw_calls_agree() -> None:
    """What the module makes, C reads, also where only the raw layer has the call."""
    buffer = Buffer()
    tagging.marshal(buffer, 3, b"four")
    tagging.marshal(buffer, 4, b"five")
    room, tag = ffi.new("char[4]"), ffi.new("ev_uint32_t *")
    assert lib.evtag_unmarshal_fixed(buffer.pointer, 3, room, 4) == 0
    assert bytes(ffi.buffer(room)) == b"four"
    with Buffer() as target:
        assert lib.evtag_unmarshal(buffer.pointer, tag, target.pointer) == 4
        assert (tag[0], bytes(target)) == (4, b"five")
