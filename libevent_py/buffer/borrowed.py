"""BufferEventBuffer: the input or output of a bufferevent (floor 5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .._claim import guarded, unguarded
from .._delivery import Delivery
from .._ffi import lib
from .evbuffer import Buffer


@guarded
class BufferEventBuffer(Buffer):
    """A Buffer that a bufferevent owns: whoever uses it claims the bufferevent's base.

    ``Buffer._borrow`` makes it.
    """

    __slots__ = ()

    @property
    def _delivery(self) -> Delivery:
        assert self._owner is not None
        return self._owner._delivery

    @unguarded
    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other threads out for several calls: claim the base, and lock a THREADSAFE bufferevent."""
        delivery = self._delivery
        pointer = delivery.live()
        had = delivery.is_mine()
        is_new = not had
        try:
            if not had:
                is_new = delivery.claim(pointer)
            lib.evbuffer_lock(self._live())
            try:
                yield
            finally:
                if not self.closed:
                    lib.evbuffer_unlock(self._pointer)
        finally:
            if not had:
                delivery.release(pointer, is_new)
