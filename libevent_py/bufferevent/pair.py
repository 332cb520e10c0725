"""BufferEventPair: two bufferevents that talk to each other in memory (floor 6)."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from .._claim import guarded, unguarded
from .._delivery import delivery_of
from .._errors import raise_errno
from .._ffi import CData, ffi, lib
from ..constants import BufferEventOptions
from .common import BaseBufferEvent

if TYPE_CHECKING:
    from ..base import EventBase

_OPTIONS = BufferEventOptions.THREADSAFE | BufferEventOptions.DEFER_CALLBACKS
_NO_OPTIONS = BufferEventOptions(0)
_ALL_OPTIONS = _OPTIONS | BufferEventOptions.CLOSE_ON_FREE | BufferEventOptions.UNLOCK_CALLBACKS


class PairedBufferEvent(BaseBufferEvent):
    """One end of a :class:`BufferEventPair`.

    What is written here the other end reads, as soon as it has reading enabled.
    """

    __slots__ = ("_partner",)

    _can_limit = False
    _has_priority = False
    _partner: PairedBufferEvent | None

    def __init__(self) -> None:
        raise TypeError("BufferEventPair(base) makes both ends")

    @classmethod
    def _wrap(cls, base: EventBase, bev: CData, options: BufferEventOptions) -> PairedBufferEvent:
        self = cls.__new__(cls)
        self._partner = None
        self._set_up(base, bev, options, owned=True)
        return self

    @property
    def partner(self) -> PairedBufferEvent | None:
        """The other end; None once that is closed (``bufferevent_pair_get_partner``)."""
        self._live()
        return self._partner

    def _shut_down(self) -> None:
        if self._partner is not None:
            lib.lepy_bufferevent_flush(self._pointer, lib.EV_WRITE, lib.BEV_FINISHED)

    def _free(self, pointer: CData) -> None:
        partner, self._partner = self._partner, None
        if partner is not None:
            # libevent would leave the other end waiting for ever.  The first flush fills it
            # to its high mark, the second goes beyond, and says EOF.
            partner._partner = None
            lib.lepy_bufferevent_flush(pointer, lib.EV_WRITE, lib.BEV_FLUSH)
            lib.lepy_bufferevent_flush(pointer, lib.EV_WRITE, lib.BEV_FINISHED)
        super()._free(pointer)

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<PairedBufferEvent closed>"
        return "<PairedBufferEvent alone>" if self._partner is None else "<PairedBufferEvent>"


@guarded
class BufferEventPair:
    """Two connected bufferevents without a socket (``bufferevent_pair_new``).

    Unpack it into the two ends.  For tests, and for code that wants a bufferevent where there
    is no connection.  Closing one end hands what it had written to the other, which then
    gets EOF.

    Args:
        base: The EventBase of both.
        options: THREADSAFE or not; the rest makes no difference to a pair.

    Example::

        one, other = BufferEventPair(base)
        other.set_callbacks(on_data=lambda bev, data: print(data))
        other.enable(EventFlags.READ)
        one.write(b"hello")
    """

    __slots__ = ("_ends",)

    def __init__(self, base: EventBase, options: BufferEventOptions = _NO_OPTIONS) -> None:
        options = BufferEventOptions(options)
        unknown = int(options) & ~int(_ALL_OPTIONS)
        if unknown:
            raise ValueError(f"unknown options: {unknown:#x}")
        delivery = delivery_of(base)
        delivery.hold_funerals()
        pointers = ffi.new("struct bufferevent *[2]")
        # A pair defers its callbacks in any case, and has nothing to close.
        if lib.bufferevent_pair_new(delivery.base, int(options & _OPTIONS), pointers) < 0:
            raise_errno("bufferevent_pair_new")
        try:
            one = PairedBufferEvent._wrap(base, pointers[0], options)
        except BaseException:
            lib.bufferevent_free(pointers[1])
            raise
        try:
            other = PairedBufferEvent._wrap(base, pointers[1], options)
        except BaseException:
            one.close()
            raise
        one._partner, other._partner = other, one
        self._ends = one, other

    def __iter__(self) -> Iterator[PairedBufferEvent]:
        return iter(self._ends)

    @unguarded
    def close(self) -> None:
        """Close both ends."""
        for end in self._ends:
            end.close()

    def __enter__(self) -> BufferEventPair:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
