"""BufferEvent: struct bufferevent (floor 6, event2/bufferevent.h)."""

from .socket import BufferEvent as BufferEvent

__all__ = ["BufferEvent"]
