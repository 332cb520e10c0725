"""Bufferevents: struct bufferevent (floor 6, event2/bufferevent.h)."""

from .filter import FilterBufferEvent as FilterBufferEvent
from .framing import LengthFraming as LengthFraming
from .framing import LineFraming as LineFraming
from .pair import BufferEventPair as BufferEventPair
from .pair import PairedBufferEvent as PairedBufferEvent
from .ratelimit import RateLimit as RateLimit
from .ratelimit import RateLimitGroup as RateLimitGroup
from .socket import BufferEvent as BufferEvent

__all__ = [
    "BufferEvent",
    "BufferEventPair",
    "FilterBufferEvent",
    "LengthFraming",
    "LineFraming",
    "PairedBufferEvent",
    "RateLimit",
    "RateLimitGroup",
]
