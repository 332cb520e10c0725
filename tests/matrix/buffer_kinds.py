"""The callbacks of buffers."""

from __future__ import annotations

import io

from stage import CALL, LOOP, Poke, Stage, kind

from libevent_py import Buffer, BufferEvent, EventFlags, FileSegment


@kind(CALL)
def buffer_change(stage: Stage) -> Poke:
    """A Buffer changes."""
    there = stage.there
    there["it"] = Buffer()
    there["it"].add_callback(lambda buffer, *sizes: stage.act(buffer))
    return lambda: there["it"].add(b"x")


@kind(LOOP)
def deferred_buffer_change(stage: Stage) -> Poke:
    """And tells so in the loop."""
    there = stage.there
    there["it"] = Buffer()
    there["it"].defer_callbacks(stage.base)
    there["it"].add_callback(lambda buffer, *sizes: stage.act(buffer))
    return lambda: there["it"].add(b"x")


@kind(LOOP)
def output_change(stage: Stage) -> Poke:
    """A bufferevent's output changes."""
    there = stage.there
    near, _ = stage.sockets()
    there["it"] = BufferEvent(stage.base, near)
    there["it"].disable(EventFlags.WRITE)
    there["it"].output.add_callback(lambda buffer, *sizes: stage.act(buffer))
    return lambda: there["it"].write(b"x")


@kind(CALL, is_told=True)
def reference_release(stage: Stage) -> Poke:
    """C needs the memory of a reference no more."""
    there = stage.there
    there["it"] = Buffer()

    def add_and_take() -> None:
        there["it"].add_reference(b"x" * 5000, stage.act)
        there["it"].drain(5000)

    return add_and_take


@kind(LOOP, is_told=True)
def reference_release_in_the_loop(stage: Stage) -> Poke:
    """The loop has sent it."""
    near, _ = stage.sockets()
    there = stage.there
    there["it"] = BufferEvent(stage.base, near)
    return lambda: there["it"].output.add_reference(b"x" * 5000, stage.act)


@kind(CALL, is_told=True)
def segment_release(stage: Stage) -> Poke:
    """A file segment is in no buffer any more."""
    there = stage.there
    there["file"] = file = io.FileIO(__file__)
    there["it"] = Buffer()
    number = file.fileno()

    def add_and_take() -> None:
        with FileSegment(number, 0, 4, on_release=stage.act) as segment:
            there["it"].add_file_segment(segment)
        there["it"].drain(4)

    return add_and_take
