"""OwnFile: a descriptor on its way to C (floor 7)."""

from __future__ import annotations

import os


class OwnFile:
    """A duplicate of a file's descriptor, which is closed with this unless somebody takes it.

    Args:
        fd: The descriptor, which stays its owner's.
    """

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = os.dup(fd)

    def take(self) -> int:
        """Give the duplicate to who closes it."""
        fd, self._fd = self._fd, -1
        return fd

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)
