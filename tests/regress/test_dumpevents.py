"""Port of libevent's test-dumpevents and its checker: docs/regress.md has the table."""

from __future__ import annotations

import io
import re
import signal
import socket
import time
from typing import Any

from libevent_py import Event, EventBase, EventFlags, Signal, ffi

READ, WRITE, TIMEOUT = EventFlags.READ, EventFlags.WRITE, EventFlags.TIMEOUT
PERSIST, NONE = EventFlags.PERSIST, EventFlags(0)
EVERY = READ | WRITE | TIMEOUT

#: Between when a timer was set and how libevent tells it: two clocks, of which one ticks.
SLACK = 0.1


def ignore(*arguments: Any) -> None:
    """A callback that does nothing."""


def line(event: Event, text: str) -> str:
    """As event_base_dump_events begins a line."""
    return f"  {hex(int(ffi.cast('uintptr_t', event.pointer)))} {text}"


def test_dumpevents(backend_base: EventBase) -> None:
    """Thirteen events, each with what it waits for, its timeout and what it is about to fire with."""
    base = backend_base
    one, two = (socket.socketpair() for _ in range(2))
    fds = [sock.fileno() for sock in (*one, *two)]
    for sock in (*one, *two):
        sock.setblocking(False)
    second, more = base.common_timeout(1), base.common_timeout(2.5)
    before = time.time()
    made = [
        (Event(base, one[0], WRITE, ignore), None, f"[fd  {fds[0]}] Write"),
        (Event(base, one[1], READ | PERSIST, ignore), 1, f"[fd  {fds[1]}] Read Persist Timeout=T+1"),
        (Event(base, two[0], WRITE | PERSIST, ignore), second, f"[fd  {fds[2]}] Write Persist Timeout=T+1"),
        (Event(base, two[1], READ, ignore), more, f"[fd  {fds[3]}] Read Timeout=T+2.5"),
        (Event(base, None, NONE, ignore), second, "[fd  -1] Timeout=T+1"),
        (Event(base, None, NONE, ignore), second, "[fd  -1] Timeout=T+1"),
        (Event(base, None, NONE, ignore), 1, "[fd  -1] Timeout=T+1"),
        (Event(base, None, PERSIST, ignore), more, "[fd  -1] Persist Timeout=T+2.5"),
        (Event(base, None, PERSIST, ignore), second, "[fd  -1] Persist Timeout=T+1"),
        (Event(base, None, PERSIST, ignore), 2.5, "[fd  -1] Persist Timeout=T+2.5"),
    ]
    inserted = set()
    for event, timeout, text in made:
        event.add(timeout)
        inserted.add(line(event, text))
    after = time.time()
    number = Signal(base, signal.SIGINT, ignore)
    inserted.add(line(number, f"[sig {int(signal.SIGINT)}] Signal Persist"))
    active = set()
    for event, what, text in (
        (Event(base, None, NONE, ignore), READ, "[fd  -1, priority=0] Read active"),
        (Event(base, None, NONE, ignore), EVERY, "[fd  -1, priority=0] Read Write Timeout active"),
        (made[1][0], READ, f"[fd  {fds[1]}, priority=0] Read active"),
    ):
        event.active(what)
        active.add(line(event, text))

    listing = io.StringIO()
    base.dump_events(listing)

    def shorten(found: re.Match[str]) -> str:
        seconds = float(found[1])
        for after_now, name in ((1, "1"), (2.5, "2.5")):
            if before + after_now - SLACK < seconds < after + after_now + SLACK:
                return f"Timeout=T+{name}"
        return found[0]

    shown = re.sub(r"Timeout=([\d.]+)", shorten, listing.getvalue())
    head, actives = shown.split("Active events:\n")
    title, *inserted_shown = head.splitlines()
    assert title == "Inserted events:"
    assert {each for each in inserted_shown if "Internal" not in each} == inserted
    assert set(actives.splitlines()) == active
    for event, _, _ in made:
        event.close()
    number.close()
    for sock in (*one, *two):
        sock.close()
