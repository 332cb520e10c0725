"""Buffer: struct evbuffer (floor 5, event2/buffer.h)."""

from .callbacks import BufferCallback as BufferCallback
from .evbuffer import Buffer as Buffer
from .files import FileSegment as FileSegment

__all__ = ["Buffer", "BufferCallback", "FileSegment"]
