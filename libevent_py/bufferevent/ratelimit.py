"""RateLimit and RateLimitGroup: how fast bufferevents may go (floor 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _convert
from .._claim import unguarded
from .._delivery import delivery_of
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from .._handles import Handle, Owner

if TYPE_CHECKING:
    from ..base import EventBase

#: More than any machine moves, and far enough from where libevent's sums would overflow.
UNLIMITED = 1 << 60

_SHORTEST_TICK = 0.001
_LONGEST_TICK = 86400.0


class RateLimit(Owner):
    """Bytes a tick that may be read and written (``struct ev_token_bucket_cfg``).

    A bucket holds at most *burst* bytes, loses what is read or written, and gets *rate*
    bytes back each tick.  One RateLimit serves any number of bufferevents and groups; each has
    buckets of its own.

    Args:
        read: Bytes to read each tick; None for no limit.
        write: Bytes to write each tick; None for no limit.
        read_burst: How much may be read at once after a rest; one tick's worth by default.
        write_burst: How much may be written at once after a rest; one tick's worth by default.
        tick: Seconds, a thousandth to a day.  Shorter ticks flow more evenly and cost more.

    Raises:
        ValueError: A burst smaller than its rate, or a number out of range.

    Example::

        bev.set_rate_limit(RateLimit(read=100_000, write=50_000))
    """

    __slots__ = ("_pointer", "_read", "_tick", "_write")

    def __init__(
        self,
        read: int | None = None,
        write: int | None = None,
        *,
        read_burst: int | None = None,
        write_burst: int | None = None,
        tick: float = 1.0,
    ) -> None:
        self._begin()
        self._read = _bucket("read", read, read_burst)
        self._write = _bucket("write", write, write_burst)
        if tick is None or not _SHORTEST_TICK <= _convert.seconds(tick, "tick") <= _LONGEST_TICK:
            raise ValueError(f"tick must be {_SHORTEST_TICK} to {_LONGEST_TICK:.0f} seconds, not {tick!r}")
        self._tick = float(tick)
        length = ffi.new("struct timeval *")
        length.tv_sec = int(tick)
        length.tv_usec = int((tick - int(tick)) * 1_000_000)
        cfg = lib.ev_token_bucket_cfg_new(*self._read, *self._write, length)
        self._pointer = ffi.gc(check_pointer(cfg, "ev_token_bucket_cfg_new"), lib.ev_token_bucket_cfg_free)

    @property
    def pointer(self) -> CData:
        """The ``struct ev_token_bucket_cfg *`` for the raw layer, freed with this object."""
        return self._pointer

    @property
    def tick(self) -> float:
        """Seconds between two refills."""
        return self._tick

    def __repr__(self) -> str:
        rates = (f"{name}={_shown(rate)}" for name, rate in (("read", self._read), ("write", self._write)))
        return f"<RateLimit {' '.join(rates)} tick={self._tick}>"


class RateLimitGroup(Handle):
    """Bufferevents that share one limit (``struct bufferevent_rate_limit_group``).

    Members join with :meth:`BufferEvent.join_group` and leave when they are closed.  Its
    members keep it alive.

    Args:
        base: The EventBase of its members.
        limit: What they may do together.

    Example::

        group = RateLimitGroup(base, RateLimit(read=1_000_000))
        bev.join_group(group)
    """

    __slots__ = ("_base", "_members")

    def __init__(self, base: EventBase, limit: RateLimit) -> None:
        self._begin()
        cfg = of_limit(limit)
        delivery = delivery_of(base)
        self._base = base
        self._delivery = delivery
        self._members: dict[int, Any] = {}
        group = check_pointer(
            lib.bufferevent_rate_limit_group_new(delivery.base, cfg), "bufferevent_rate_limit_group_new"
        )
        delivery.table.reserve(self)
        self._pointer = group
        delivery.table.leaves(self, lib.bufferevent_rate_limit_group_free, group)

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        raise AssertionError("a group reports nothing")

    @property
    @unguarded
    def base(self) -> EventBase:
        """The EventBase of its members."""
        return self._base

    @property
    def pointer(self) -> CData:
        """The ``struct bufferevent_rate_limit_group *`` for the raw layer; gone when this is closed."""
        return self._live()

    @unguarded
    def __len__(self) -> int:
        """How many members there are."""
        return len(self._members)

    @unguarded
    def __bool__(self) -> bool:
        return True

    def set_limit(self, limit: RateLimit) -> None:
        """Exchange the limit (``bufferevent_rate_limit_group_set_cfg``)."""
        cfg = of_limit(limit)
        if lib.bufferevent_rate_limit_group_set_cfg(self._live(), cfg) < 0:
            raise RuntimeError("libevent could not start the group's timer")

    def set_min_share(self, size: int) -> None:
        """Let no member have less than *size* bytes a turn (``bufferevent_rate_limit_group_set_min_share``).

        Rather few members go at a time than all in tiny pieces; 64 at first.  More than a
        tick's rate counts as that.
        """
        lib.bufferevent_rate_limit_group_set_min_share(self._live(), _convert.size(size, "size"))

    @property
    def read_limit(self) -> int:
        """Bytes that may be read now, negative after an overdraft."""
        return lib.bufferevent_rate_limit_group_get_read_limit(self._live())

    @property
    def write_limit(self) -> int:
        """Bytes that may be written now, negative after an overdraft."""
        return lib.bufferevent_rate_limit_group_get_write_limit(self._live())

    def decrement_read(self, size: int) -> None:
        """Count *size* bytes as read elsewhere; a negative number gives some back."""
        lib.bufferevent_rate_limit_group_decrement_read(self._live(), decrement(size))

    def decrement_write(self, size: int) -> None:
        """Count *size* bytes as written elsewhere; a negative number gives some back."""
        lib.bufferevent_rate_limit_group_decrement_write(self._live(), decrement(size))

    @property
    def totals(self) -> tuple[int, int]:
        """Bytes read and written by members since the start or :meth:`reset_totals`."""
        read, written = ffi.new("ev_uint64_t *"), ffi.new("ev_uint64_t *")
        lib.bufferevent_rate_limit_group_get_totals(self._live(), read, written)
        return read[0], written[0]

    def reset_totals(self) -> None:
        """Count :attr:`totals` from zero again."""
        lib.bufferevent_rate_limit_group_reset_totals(self._live())

    def _free(self, pointer: CData) -> None:
        # libevent aborts the process over a group that is freed with members.
        for member in list(self._members.values()):
            member.leave_group()
        lib.bufferevent_rate_limit_group_free(pointer)

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<RateLimitGroup closed>"
        return f"<RateLimitGroup of {len(self)}>"


def of_limit(limit: RateLimit) -> CData:
    """The C structure of *limit*, which must be a RateLimit."""
    if not isinstance(limit, RateLimit):
        raise TypeError(f"need a RateLimit, not {type(limit).__name__}")
    return limit.pointer


def decrement(size: int) -> int:
    """*size*, which libevent subtracts without looking."""
    return _convert.integer(size, "size", -UNLIMITED, UNLIMITED)


def _bucket(name: str, rate: int | None, burst: int | None) -> tuple[int, int]:
    if rate is None:
        if burst is not None:
            raise ValueError(f"{name}_burst without {name}: there is no limit to exceed")
        return UNLIMITED, UNLIMITED
    _convert.integer(rate, name, 1, UNLIMITED)
    if burst is None:
        return rate, rate
    _convert.integer(burst, f"{name}_burst", 1, UNLIMITED)
    if burst < rate:
        raise ValueError(f"{name}_burst ({burst}) must not be less than {name} ({rate})")
    return rate, burst


def _shown(rate: tuple[int, int]) -> str:
    return "unlimited" if rate[0] == UNLIMITED else f"{rate[0]} (burst {rate[1]})"
