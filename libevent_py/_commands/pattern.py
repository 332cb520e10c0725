"""What the demo's clients send: a stream of bytes that both ends can be checked against."""

from __future__ import annotations

import random

#: The messages that each client sends in turn.
SIZES = (1, 10, 100, 1024, 10 * 1024, 100 * 1024)

#: A prime, so that messages never begin at the same place of the pattern twice in a row.
_PERIOD = 65_521

_STREAM = random.Random(_PERIOD).getrandbits(8 * _PERIOD).to_bytes(_PERIOD, "little")
#: Long enough that a whole message can be cut out at any place of the period.
_TILES = _STREAM * (max(SIZES) // _PERIOD + 2)


class Pattern:
    """One client's stream: what it sends next, and what must come back next."""

    def __init__(self, client: int) -> None:
        # Elsewhere for each client: bytes of another connection are noticed.
        self._start = client * 7919
        self._sent = self._returned = 0

    def next_message(self, size: int) -> bytes:
        """The stream's next *size* bytes."""
        start = (self._start + self._sent) % _PERIOD
        self._sent += size
        return _TILES[start : start + size]

    def first_difference(self, data: bytes) -> int | None:
        """Compare what has come back with the stream, and go on behind it.

        Returns:
            The first wrong byte's place in the stream, None where all are right.
        """
        start = (self._start + self._returned) % _PERIOD
        wanted = _TILES[start : start + len(data)]
        place = self._returned
        self._returned += len(data)
        if data == wanted:
            return None
        return next((place + i for i, (a, b) in enumerate(zip(data, wanted)) if a != b), place + len(wanted))


def size_text(size: int) -> str:
    """A size as people write it: 100 B, 16 KiB."""
    return f"{size // 1024} KiB" if size % 1024 == 0 else f"{size} B"
