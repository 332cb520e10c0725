"""Buffer: struct evbuffer (floor 5, event2/buffer.h)."""

from .evbuffer import Buffer as Buffer

__all__ = ["Buffer"]
