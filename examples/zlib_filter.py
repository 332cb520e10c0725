"""A compressed conversation: a zlib filter over a bufferevent, as libevent's regress_zlib.c has it.

    python examples/zlib_filter.py

Two ends of a pair stand for the two machines.  What one end writes crosses the pair
compressed, and the other end reads it as it was.
"""

from __future__ import annotations

import zlib

from libevent_py import (
    BufferEventEvents,
    BufferEventPair,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    FlushMode,
)


class ZlibCodec:
    """Both functions of one end; the state of a stream belongs to one connection."""

    def __init__(self) -> None:
        self._pack = zlib.compressobj()
        self._unpack = zlib.decompressobj()
        self.packed = 0

    def process_out(self, data: bytes, mode: FlushMode) -> bytes:
        """Compress; give out all that can be read so far only when asked to flush."""
        packed = self._pack.compress(data)
        if mode is FlushMode.FLUSH:
            packed += self._pack.flush(zlib.Z_SYNC_FLUSH)
        elif mode is FlushMode.FINISHED:
            packed += self._pack.flush()
        self.packed += len(packed)
        return packed

    def process_in(self, data: bytes, mode: FlushMode) -> bytes:
        """Decompress; a stream that breaks off in the middle is an error."""
        plain = self._unpack.decompress(data)
        if mode is FlushMode.FINISHED and not self._unpack.eof:
            raise EOFError("the compressed stream ended too early")
        return plain


def main() -> None:
    """Send a megabyte of text through the filters and say how little of it crossed the pair."""
    text = b"All work and no play makes Jack a dull boy.\n" * 25_000
    got = bytearray()
    with EventBase() as base:
        here, there = BufferEventPair(base)
        codec = ZlibCodec()
        writer = FilterBufferEvent(here, codec.process_in, codec.process_out)
        answer = ZlibCodec()
        reader = FilterBufferEvent(there, answer.process_in, answer.process_out)

        def on_event(bev: FilterBufferEvent, what: BufferEventEvents) -> None:
            print(f"read {len(got)} bytes, {'the same' if got == text else 'not the same'} as were written")
            bev.close()

        reader.set_callbacks(on_data=lambda bev, data: got.extend(data), on_event=on_event)
        reader.enable(EventFlags.READ)
        writer.write(text)
        writer.close_when_flushed()
        base.dispatch()
        print(f"{codec.packed} bytes crossed the pair")


if __name__ == "__main__":
    main()
