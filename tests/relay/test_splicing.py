"""Between sockets a relay copies, and splices where its base is behind; no byte is lost between the two."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import pytest
from relays import Joined, receive

from libevent_py import EventBase, LoopFlags

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="splice(2) is Linux's")

#: More than the 16 that make a base be behind, and more bytes than the 32 KiB that are worth a pipe.
CROWD, LARGE = 24, 100_000


def pipes() -> int:
    """How many descriptors of this process are pipes' ends."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found += os.readlink(f"/proc/self/fd/{name}").startswith("pipe:")
    return found


@pytest.fixture(params=["sockets", "tcp"])
def crowd(request: pytest.FixtureRequest, base: EventBase) -> Iterator[list[Joined]]:
    """So many relays that large reads of all of them at a time are spliced."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Joined(base, request.param)) for _ in range(CROWD)]


def pass_on(base: EventBase, joined: list[Joined], pieces: list[bytes]) -> int:
    """Send a piece by each relay at a time, and compare; the least that a socket took at once."""
    left = [memoryview(piece) for piece in pieces]
    got = [bytearray() for _ in pieces]
    least = None
    for _ in range(2000):
        for number, each in enumerate(joined):
            with contextlib.suppress(BlockingIOError):
                count = each.client.send(left[number]) if left[number] else 0
                left[number] = left[number][count:]
        if least is None:
            least = min(len(piece) - len(rest) for piece, rest in zip(pieces, left))
        base.loop(LoopFlags.NONBLOCK)
        for number, each in enumerate(joined):
            got[number] += receive(each.server) or b""
        if all(len(one) == len(other) for one, other in zip(got, pieces)):
            break
    assert got == pieces
    return least or 0


def test_a_busy_base_splices(base: EventBase, crowd: list[Joined]) -> None:
    """What comes through pipes is what was sent."""
    before = pipes()
    least = min(pass_on(base, crowd, [os.urandom(LARGE) for _ in crowd]) for _ in range(4))
    if least < 64 * 1024:
        pytest.skip(f"the sockets here take only {least} bytes at a time")
    assert pipes() > before


def test_one_relay_alone_copies(base: EventBase) -> None:
    """Messages that one read takes whole need no pipe while nothing else waits."""
    before = pipes()
    with Joined(base, "sockets") as joined:
        for _ in range(4):
            pass_on(base, [joined], [os.urandom(LARGE)])
        assert pipes() == before


def test_large_and_small_in_turn(base: EventBase, crowd: list[Joined]) -> None:
    """Splicing and copying take turns, and no byte overtakes another."""
    for number in range(12):
        sizes = [LARGE if (number + each) % 3 else 100 * number + 1 for each in range(CROWD)]
        pass_on(base, crowd, [os.urandom(size) for size in sizes])


def test_a_slow_end_of_a_spliced_relay(base: EventBase, crowd: list[Joined]) -> None:
    """What waits in a pipe is sent when there is room again, and before the end."""
    sent = [bytearray() for _ in crowd]
    for _ in range(30):
        for each, so_far in zip(crowd, sent):
            piece = os.urandom(LARGE)
            with contextlib.suppress(BlockingIOError):
                so_far += piece[: each.client.send(piece)]
        base.loop(LoopFlags.NONBLOCK)
    for each in crowd:
        each.client.close()
    got = [bytearray() for _ in crowd]
    for _ in range(2000):
        for each, so_far in zip(crowd, got):
            so_far += receive(each.server) or b""
        base.loop(LoopFlags.NONBLOCK)
        if all(len(one) == len(other) for one, other in zip(got, sent)):
            break
    assert got == sent


def test_no_descriptor_for_a_pipe(base: EventBase, crowd: list[Joined]) -> None:
    """Then it is copied."""
    sent = [[os.urandom(LARGE) for _ in crowd] for _ in range(3)]  # PyPy opens /dev/urandom for that
    spent = []
    try:
        while True:
            spent.append(os.dup(0))
    except OSError:
        pass
    try:
        for messages in sent:
            pass_on(base, crowd, messages)
    finally:
        for fd in spent:
            os.close(fd)
    assert all(each.results == [] for each in crowd)
