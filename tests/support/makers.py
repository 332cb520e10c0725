"""How to make each kind of handle."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from libevent_py import (
    BufferEvent,
    BufferEventPair,
    DNSBase,
    Event,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    Listener,
    RateLimit,
    RateLimitGroup,
    Signal,
    Timer,
)


def ignore(*arguments: object) -> None:
    """A callback for whoever needs one."""


MAKERS: dict[str, Callable[[EventBase], Any]] = {
    "Event": lambda base: Event(base, None, EventFlags(0), ignore),
    "Timer": lambda base: Timer(base, 30, ignore),
    "Signal": lambda base: Signal(base, signal.SIGUSR1, ignore),
    "Listener": lambda base: Listener(base, ("127.0.0.1", 0), ignore),
    "BufferEvent": lambda base: BufferEvent(base),
    "DNSBase": lambda base: DNSBase(base, ["127.0.0.1"]),
}
#: Those that bring others with them, or are kept by nobody.
MORE_MAKERS: dict[str, Callable[[EventBase], Any]] = {
    "PairedBufferEvent": lambda base: next(iter(BufferEventPair(base))),
    "FilterBufferEvent": lambda base: FilterBufferEvent(BufferEvent(base)),
    "Question": lambda base: DNSBase(base, []).resolve_ipv4("a.com", ignore),
    "Lookup": lambda base: DNSBase(base, []).getaddrinfo("a.com", 80, ignore),
    "RateLimitGroup": lambda base: RateLimitGroup(base, RateLimit(1)),
}
#: Each kind of handle.
ALL_MAKERS = {**MAKERS, **MORE_MAKERS}
