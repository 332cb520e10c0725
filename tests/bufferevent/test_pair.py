"""BufferEventPair: two ends in memory."""

from __future__ import annotations

import pytest
from loops import run_until, settle, turn

from libevent_py import (
    BufferEventEvents,
    BufferEventOptions,
    BufferEventPair,
    EventBase,
    EventFlags,
    FlushMode,
    PairedBufferEvent,
    RateLimit,
    UnsupportedError,
)

READ, WRITE = EventFlags.READ, EventFlags.WRITE
EOF = BufferEventEvents.READING | BufferEventEvents.EOF


class Log:
    """What one end is told."""

    def __init__(self, bev: PairedBufferEvent) -> None:
        self.data = bytearray()
        self.events: list[BufferEventEvents] = []
        self.writes = 0
        bev.set_callbacks(
            on_data=lambda _, data: self.data.extend(data),
            on_write=lambda _: setattr(self, "writes", self.writes + 1),
            on_event=lambda _, what: self.events.append(what),
        )
        bev.enable(READ)


@pytest.mark.parametrize("options", [BufferEventOptions(0), BufferEventOptions.THREADSAFE])
def test_both_ways(base: EventBase, options: BufferEventOptions) -> None:
    """What one end writes the other reads, and the writer hears that it is gone."""
    one, other = BufferEventPair(base, options)
    logs = Log(one), Log(other)
    one.write(b"to the other")
    other.write(b"to the one")
    turn(base, 2)
    assert (logs[1].data, logs[0].data) == (b"to the other", b"to the one")
    assert logs[0].writes and logs[1].writes


def test_partners(base: EventBase) -> None:
    """Each end knows the other until it is closed; there is no descriptor and no priority."""
    with BufferEventPair(base) as (one, other):
        assert one.partner is other and other.partner is one
        assert one.fileno() == -1
        with pytest.raises(UnsupportedError, match="below"):
            one.priority = 0
        with pytest.raises(UnsupportedError, match="sockets"):
            one.set_rate_limit(RateLimit(1))
        other.close()
        assert one.partner is None
        assert repr(one) == "<PairedBufferEvent alone>"
        with pytest.raises(BrokenPipeError, match="closed"):
            one.flush(WRITE, FlushMode.FINISHED)
    assert one.closed


@pytest.mark.parametrize("high", [0, 3])
def test_closing_one_end_tells_the_other(base: EventBase, high: int) -> None:
    """All that was written arrives first, whatever the high mark, then EOF."""
    one, other = BufferEventPair(base)
    log = Log(other)
    other.set_watermark(READ, 0, high)
    one.write(b"last words")
    one.close()
    turn(base, 4)
    assert log.data == b"last words"
    assert log.events == [EOF]


def test_half_close(base: EventBase) -> None:
    """shutdown_write() waits until the other end takes what is there; the other way stays open."""
    one, other = BufferEventPair(base)
    back = Log(one)
    one.write(b"question")
    one.shutdown_write()
    with pytest.raises(BrokenPipeError, match="shutdown_write"):
        one.write(b"more")
    log = Log(other)
    turn(base, 3)
    assert (log.data, log.events) == (b"question", [EOF])
    other.write(b"answer")
    turn(base, 2)
    assert back.data == b"answer"


def test_reading_off_holds_the_bytes_at_the_writer(base: EventBase) -> None:
    """Nothing moves before the reader wants it."""
    one, other = BufferEventPair(base)
    one.write(b"waiting")
    settle(base)
    assert (len(one.output), len(other.input)) == (7, 0)
    log = Log(other)
    run_until(base, lambda: log.data)
    assert log.data == b"waiting"


def test_closing_both_in_a_callback(base: EventBase) -> None:
    """Ends may be closed by each other's callbacks."""
    pair = BufferEventPair(base)
    one, other = pair
    other.set_callbacks(on_data=lambda bev, data: pair.close())
    other.enable(READ)
    one.write(b"x")
    turn(base, 3)
    assert one.closed and other.closed


def test_wrong_arguments(base: EventBase) -> None:
    """Refused before C."""
    with pytest.raises(TypeError, match="BufferEventPair"):
        PairedBufferEvent()
    with pytest.raises(ValueError, match="unknown options"):
        BufferEventPair(base, BufferEventOptions(1 << 10))
    with pytest.raises(TypeError):
        BufferEventPair(None)  # type: ignore[arg-type]
