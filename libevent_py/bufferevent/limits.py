"""How much a bufferevent takes at a time, how fast, how soon and how long (floor 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _convert
from .._errors import check
from .._ffi import CData, ffi, lib
from .._handles import Handle
from ..constants import EventFlags
from ..exceptions import UnsupportedError
from .ratelimit import RateLimit, RateLimitGroup, decrement, of_limit

if TYPE_CHECKING:
    from ..base import EventBase

_OWN = lib.LEPY_LIMIT_OWN
_GROUP = lib.LEPY_LIMIT_GROUP


class BaseBufferEventLimits(Handle):
    """Marks, time limits, rates, sizes of single reads and writes; a part of every bufferevent."""

    __slots__ = ("_base", "_bev", "_captor", "_group", "_limit")

    #: Pairs and filters move bytes in memory, and libevent limits only what touches a socket.
    _can_limit = True
    #: Only a socket has events of its own, and so a priority.
    _has_priority = True

    _base: EventBase
    _bev: CData
    _limit: RateLimit | None
    _group: RateLimitGroup | None
    #: The filter that works on this.
    _captor: Any

    def _changeable(self) -> CData:
        pointer = self._live()
        if self._captor is not None:
            raise RuntimeError(f"{self._captor!r} works on this bufferevent; use that, or close it first")
        return pointer

    def set_watermark(self, what: EventFlags, low: int = 0, high: int = 0) -> None:
        """Set when callbacks come and reading pauses (``bufferevent_setwatermark``).

        Args:
            what: READ, WRITE or both.
            low: For READ: bytes of input before it is reported.  For WRITE: bytes of output
                at or below which on_write comes.
            high: For READ: bytes of input at which reading pauses until some are taken;
                0 for no limit.  What a filter's function gives beyond it waits in the filter.
                For WRITE a socket ignores it.

        Raises:
            ValueError: *low* above *high*: the connection would stand still.
        """
        what = direction(what)
        _convert.size(low, "low")
        _convert.size(high, "high")
        if high and low > high:
            raise ValueError(f"low ({low}) must not be above high ({high}): nothing would ever be reported")
        pointer = self._changeable()
        if what & EventFlags.READ:
            self._check_high_mark(high)
        check(lib.lepy_bufferevent_setwatermark(pointer, int(what), low, high), "bufferevent_setwatermark")

    def _check_high_mark(self, high: int) -> None:
        """Refuse a mark for reading that would stop it for ever."""

    def get_watermark(self, what: EventFlags) -> tuple[int, int]:
        """Low and high of READ or WRITE (``bufferevent_getwatermark``)."""
        if what not in (EventFlags.READ, EventFlags.WRITE):
            raise ValueError(f"need EventFlags.READ or EventFlags.WRITE, not {what!r}")
        low, high = ffi.new("size_t *"), ffi.new("size_t *")
        self._live()
        lib.bufferevent_getwatermark(self._bev, int(what), low, high)
        return low[0], high[0]

    def set_timeouts(self, read: float | None = None, write: float | None = None) -> None:
        """Give reading and writing a time limit in seconds (``bufferevent_set_timeouts``).

        It runs while that direction is on, for writing only with output waiting, and begins
        anew with every byte.  Running out turns the direction off and reports TIMEOUT;
        :meth:`enable` it again to go on.  None is no limit.
        """
        limits = _convert.seconds(read, "read"), _convert.seconds(write, "write")
        if 0.0 in limits:
            raise ValueError("a timeout must be more than 0 seconds; None is for no timeout")
        check(lib.lepy_bufferevent_set_timeouts(self._changeable(), *limits), "bufferevent_set_timeouts")

    @property
    def priority(self) -> int:
        """The priority of its events, 0 first (``bufferevent_priority_set``).

        Pairs and filters stay at the middle one.
        """
        self._live()
        return lib.bufferevent_get_priority(self._bev)

    @priority.setter
    def priority(self, priority: int) -> None:
        _convert.integer(priority, "priority", 0, self._base.priorities - 1)
        if not self._has_priority:
            raise UnsupportedError("libevent gives only sockets a priority; set it on the BufferEvent below")
        if lib.lepy_bufferevent_priority_set(self._live(), priority) < 0:
            raise RuntimeError("the priority cannot be changed while an event of it is about to fire")

    # Rates.

    def set_rate_limit(self, limit: RateLimit | None) -> None:
        """Limit reading and writing; None ends it (``bufferevent_set_rate_limit``).

        Raises:
            UnsupportedError: A pair or a filter; limit the socket's BufferEvent below.
        """
        pointer = self._limitable()
        if limit is None:
            lib.bufferevent_set_rate_limit(self._bev, ffi.NULL)
        else:
            check(lib.bufferevent_set_rate_limit(self._bev, of_limit(limit)), "bufferevent_set_rate_limit")
        lib.lepy_bufferevent_set_limited(pointer, _OWN, limit is not None)
        self._limit = limit  # libevent keeps the pointer without a reference

    @property
    def rate_limit(self) -> RateLimit | None:
        """Its own limit; None without one (``bufferevent_get_token_bucket_cfg``)."""
        self._live()
        return self._limit

    @property
    def group(self) -> RateLimitGroup | None:
        """The group that it shares a limit with."""
        self._live()
        return self._group

    def join_group(self, group: RateLimitGroup) -> None:
        """Share *group*'s limit, beside its own (``bufferevent_add_to_rate_limit_group``).

        It leaves the group that it was in before.
        """
        pointer = self._limitable()
        if not isinstance(group, RateLimitGroup):
            raise TypeError(f"need a RateLimitGroup, not {type(group).__name__}")
        target = group._live()
        if group._base is not self._base:
            raise ValueError("the group belongs to another EventBase")
        if self._group is group:
            return
        self.leave_group()
        if lib.bufferevent_add_to_rate_limit_group(self._bev, target) < 0:
            raise MemoryError("libevent found no memory for the limit")
        lib.lepy_bufferevent_set_limited(pointer, _GROUP, 1)
        self._group = group
        group._members[id(self)] = self

    def leave_group(self) -> None:
        """Share no limit any more (``bufferevent_remove_from_rate_limit_group``)."""
        pointer = self._live()
        if self._group is not None:
            lib.bufferevent_remove_from_rate_limit_group(self._bev)
            lib.lepy_bufferevent_set_limited(pointer, _GROUP, 0)
            self._forget_group()

    def _forget_group(self) -> None:
        group, self._group = self._group, None
        if group is not None:
            del group._members[id(self)]

    @property
    def read_limit(self) -> int | None:
        """Bytes that its own limit lets it read now, negative after an overdraft; None without a limit."""
        self._live()
        return lib.bufferevent_get_read_limit(self._bev) if self._limit is not None else None

    @property
    def write_limit(self) -> int | None:
        """Bytes that its own limit lets it write now, negative after an overdraft; None without a limit."""
        self._live()
        return lib.bufferevent_get_write_limit(self._bev) if self._limit is not None else None

    @property
    def max_to_read(self) -> int:
        """Bytes that libevent would read at once now, with all limits (``bufferevent_get_max_to_read``)."""
        self._live()
        return lib.bufferevent_get_max_to_read(self._bev)

    @property
    def max_to_write(self) -> int:
        """Bytes that libevent would write at once now, with all limits (``bufferevent_get_max_to_write``)."""
        self._live()
        return lib.bufferevent_get_max_to_write(self._bev)

    def decrement_read_limit(self, size: int) -> None:
        """Count *size* bytes as read elsewhere (``bufferevent_decrement_read_limit``).

        A negative number gives some back.

        Raises:
            RuntimeError: It has no rate limit of its own.
        """
        self._need_limit()
        check(
            lib.bufferevent_decrement_read_limit(self._bev, decrement(size)), "cannot wait for the next tick"
        )

    def decrement_write_limit(self, size: int) -> None:
        """Count *size* bytes as written elsewhere (``bufferevent_decrement_write_limit``).

        A negative number gives some back.

        Raises:
            RuntimeError: It has no rate limit of its own.
        """
        self._need_limit()
        check(
            lib.bufferevent_decrement_write_limit(self._bev, decrement(size)), "cannot wait for the next tick"
        )

    def _need_limit(self) -> None:
        self._live()
        if self._limit is None:
            raise RuntimeError("this bufferevent has no rate limit; set_rate_limit() comes first")

    @property
    def max_single_read(self) -> int:
        """Most bytes to read at a time, so that one connection does not keep the others waiting.

        262,144 at first on a socket.  libevent itself says 16,384 and, up to 2.1, reads 4,096
        (``bufferevent_set_max_single_read``).  0 sets the default again.
        """
        return lib.lepy_bufferevent_get_single_read(self._live())

    @max_single_read.setter
    def max_single_read(self, size: int) -> None:
        self._set_single(EventFlags.READ, _convert.size(size, "max_single_read"))

    @property
    def max_single_write(self) -> int:
        """Most bytes to write at a time (``bufferevent_set_max_single_write``); 0 sets the default again.

        At first 16,384 from the loop, and in :meth:`write` as many as the socket takes.
        """
        self._live()
        return lib.bufferevent_get_max_single_write(self._bev)

    @max_single_write.setter
    def max_single_write(self, size: int) -> None:
        self._set_single(EventFlags.WRITE, _convert.size(size, "max_single_write"))

    def _set_single(self, what: EventFlags, size: int) -> None:
        check(lib.lepy_bufferevent_set_single(self._limitable(), int(what), size), "cannot set the size")

    def _limitable(self) -> CData:
        pointer = self._live()
        if not self._can_limit:
            raise UnsupportedError("libevent limits only sockets; set it on the BufferEvent below")
        return pointer


def direction(what: EventFlags) -> EventFlags:
    """*what*, which must be READ, WRITE or both."""
    if not isinstance(what, int) or not what or int(what) & ~int(EventFlags.READ | EventFlags.WRITE):
        raise ValueError(f"need EventFlags.READ, EventFlags.WRITE or both, not {what!r}")
    return EventFlags(what)
