"""What an EventBase tells of itself, and its clocks (floor 4, event2/event.h)."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NamedTuple, TextIO

from . import _convert
from ._claim import unguarded
from ._delivery import Delivery
from ._errors import check_pointer, raise_errno
from ._features import has
from ._ffi import CData, ffi, lib
from ._handles import Handle
from .constants import EventBaseFeatures, EventCount, EventFlags
from .exceptions import UnsupportedError

if TYPE_CHECKING:
    from .event import Event

#: libevent finds a common timeout by the eight bits that its timeval has for that.
_MOST_COMMON_TIMEOUTS = 256
_BY_DESCRIPTOR = EventFlags.READ | EventFlags.WRITE | EventFlags.CLOSED | EventFlags.TIMEOUT


class EventInfo(NamedTuple):
    """What :meth:`EventBase.events` tells of one event, as it was at that moment.

    Attributes:
        event: The Event, where Python made it; None of native code's and of those inside a
            bufferevent or listener.
        fd: Its descriptor or signal number; -1 where there is none.
        flags: What it waits for.
        active: What it is about to fire with.
        priority: Its priority, 0 first.
        remaining: Seconds until its timeout; None where none is running.
    """

    event: Event | None
    fd: int
    flags: EventFlags
    active: EventFlags
    priority: int
    remaining: float | None


class CommonTimeout:
    """A duration that many events of one base wait for (``event_base_init_common_timeout``).

    Made by :meth:`EventBase.common_timeout`, for :meth:`Event.add` and Timer.  It is libevent's
    own timeval: what it points to is never shown.
    """

    __slots__ = ("_delivery", "_pointer", "_seconds")

    _delivery: Delivery
    _pointer: CData
    _seconds: float

    def __init__(self) -> None:
        raise TypeError("EventBase.common_timeout() makes them")

    @classmethod
    def _of(cls, delivery: Delivery, pointer: CData, seconds: float) -> CommonTimeout:
        self = cls.__new__(cls)
        self._delivery = delivery
        self._pointer = pointer
        self._seconds = seconds
        return self

    @property
    def seconds(self) -> float:
        """The duration."""
        return self._seconds

    def _in(self, delivery: Delivery) -> CData:
        """The timeval, for an event of *delivery*'s base, which is open."""
        if delivery is not self._delivery:
            raise ValueError("this CommonTimeout belongs to another EventBase")
        return self._pointer

    def _for(self, delivery: Delivery) -> CData:
        """As _in(), for an event that is added now."""
        pointer = self._in(delivery)
        lib.lepy_delivery_refresh_time(delivery.pointer)
        return pointer

    def __repr__(self) -> str:
        return f"<CommonTimeout {self._seconds:g} s>"


class Inspection:
    """The part of EventBase that looks, and changes nothing."""

    _base: CData
    _delivery: Delivery
    _priorities: int
    _break: bool
    _common_timeouts: dict[float, CommonTimeout]

    def _live(self) -> Delivery:
        """The delivery queue, for a thread that has claimed the base."""
        self._delivery.live()
        return self._delivery

    @property
    @unguarded
    def pointer(self) -> CData:
        """The ``struct event_base *`` for the raw layer; borrowed, gone when this is closed."""
        self._delivery.check_process()
        return self._base

    @property
    @unguarded
    def closed(self) -> bool:
        """True once :meth:`close` was called."""
        return self._delivery.pointer is None

    @property
    @unguarded
    def running(self) -> bool:
        """True while :meth:`loop` or :meth:`dispatch` runs."""
        return self._delivery.running

    @property
    @unguarded
    def method(self) -> str:
        """The backend: ``epoll``, ``poll``, ``select``, ``kqueue``… (``event_base_get_method``)."""
        with self._delivery.lock:  # close() in another thread waits
            self._delivery.live()
            return str(ffi.string(lib.event_base_get_method(self._base)), "ascii")

    @property
    @unguarded
    def signal_method(self) -> str:
        """How signals reach the loop (``event_base_get_signal_method``).

        Raises:
            UnsupportedError: Before libevent 2.2, which has one way only.
        """
        if not has("event_base_get_signal_method"):
            raise UnsupportedError("signal_method needs libevent 2.2")
        with self._delivery.lock:
            return str(ffi.string(lib.event_base_get_signal_method(self.pointer)), "ascii")

    @property
    @unguarded
    def features(self) -> EventBaseFeatures:
        """What the backend can do (``event_base_get_features``)."""
        with self._delivery.lock:
            self._delivery.live()
            return EventBaseFeatures(lib.event_base_get_features(self._base))

    @property
    @unguarded
    def priorities(self) -> int:
        """How many priorities there are (``event_base_get_npriorities``)."""
        return self._priorities

    @property
    @unguarded
    def got_exit(self) -> bool:
        """True when loopexit() has ended the last loop, or is ending this one (``event_base_got_exit``)."""
        with self._delivery.lock:
            return bool(self._delivery.exiting or lib.event_base_got_exit(self.pointer))

    @property
    @unguarded
    def got_break(self) -> bool:
        """True when loopbreak() has ended the last loop, or is ending this one (``event_base_got_break``)."""
        with self._delivery.lock:
            pointer = self._delivery.live()
            return bool(self._break or lib.lepy_delivery_got_break(pointer))

    @property
    def running_event(self) -> Handle | None:
        """The Event, BufferEvent or Listener whose callback is running, else None.

        None too once that has been removed or closed.  It is what Python is told, not
        ``event_base_get_running_event``: outside of a callback that crashes libevent 2.1.
        """
        return self._live().current()

    def num_events(self, flags: EventCount = EventCount.ADDED) -> int:
        """How many events there are (``event_base_get_num_events``).

        Args:
            flags: Which to count; of several the sum.  ACTIVE has those too that libevent has
                reported and whose callbacks are still to be called.
        """
        flags = _convert.flags(flags, EventCount, "flags")
        return self._live().num_events(int(flags))

    def max_events(self, flags: EventCount = EventCount.ADDED, *, clear: bool = False) -> int:
        """The most events that there ever were (``event_base_get_max_events``).

        Args:
            flags: As for :meth:`num_events`.  Of ACTIVE libevent counts internal events with the rest.
            clear: Begin anew from 0.
        """
        flags = _convert.flags(flags, EventCount, "flags")
        self._live()
        return lib.event_base_get_max_events(self._base, int(flags), bool(clear))

    def _active_count(self) -> int:
        """How many events libevent is about to call back for, in a thread that may ask."""
        return lib.event_base_get_num_events(self._base, lib.EVENT_BASE_COUNT_ACTIVE)

    def events(self) -> list[EventInfo]:
        """All events that are added or active (``event_base_foreach_event``), internal ones left out."""
        delivery = self._live()
        delivery.hold_funerals()
        count = ffi.new("int *")
        array = lib.lepy_delivery_events(delivery.pointer, count)
        if count[0] < 0:
            raise MemoryError("no memory for the list of events")
        try:
            return [_info(delivery, array[index]) for index in range(count[0])]
        finally:
            lib.free(array)

    def dump_events(self, file: TextIO | None = None) -> None:
        """Write a list of all events, internal ones too, for people to read (``event_base_dump_events``).

        Args:
            file: Where to; standard output when None.
        """
        self._live()
        target = sys.stdout if file is None else file
        if not hasattr(target, "write"):
            raise TypeError(f"file must have a write(), not be {type(target).__name__}")
        length = ffi.new("size_t *")
        text = check_pointer(lib.lepy_event_base_dump(self._base, length), "cannot list the events")
        try:
            listing = ffi.unpack(text, length[0]).decode()
        finally:
            lib.free(text)
        target.write(listing)

    def active_by_fd(self, fd: _convert.FileDescriptor, what: EventFlags) -> None:
        """Fire the events that wait for a descriptor (``event_base_active_by_fd``).

        Args:
            fd: The descriptor, or an object with ``fileno()``.
            what: READ, WRITE, CLOSED: those which wait for one of these.  TIMEOUT: those with
                a timeout that is running.
        """
        number = _convert.descriptor(fd)
        what = _convert.flags(what, EventFlags, "flags")
        if not what or what & ~_BY_DESCRIPTOR:
            raise ValueError("need READ, WRITE, CLOSED or TIMEOUT")
        self._live()
        # libevent looks for one kind or the other.
        for which in (what & EventFlags.TIMEOUT, what & ~EventFlags.TIMEOUT):
            if which:
                lib.event_base_active_by_fd(self._base, number, int(which))

    def active_by_signal(self, number: int) -> None:
        """Fire the Signals for *number* as if it had come (``event_base_active_by_signal``).

        Args:
            number: The signal.
        """
        _convert.integer(number, "signal number", 1, signal.NSIG - 1)
        self._live()
        lib.event_base_active_by_signal(self._base, number)

    @unguarded
    def time(self) -> float:
        """Seconds on the clock of the timeouts, which is never set back (``event_gettime_monotonic``)."""
        with self._delivery.lock:
            return _time(lib.lepy_event_base_time(self.pointer))

    @unguarded
    def gettimeofday_cached(self) -> float:
        """Seconds since the epoch (``event_base_gettimeofday_cached``).

        Cached where native code runs the loop.  In dispatch() and loop() callbacks run
        between two passes, where libevent keeps no time: it is the present.
        """
        with self._delivery.lock:
            return _time(lib.lepy_event_base_cached_time(self.pointer))

    def update_cache_time(self) -> None:
        """Bring the cached time up to date (``event_base_update_cache_time``).

        After something slow in a loop that native code runs; elsewhere it does nothing.
        """
        self._live()
        lib.event_base_update_cache_time(self._base)

    def common_timeout(self, seconds: float) -> CommonTimeout:
        """A timeout for many events, which costs the same however many there are.

        Wraps ``event_base_init_common_timeout``: ordinary timeouts stand in a heap, those of a
        common one in a list.  Worth it from some thousand events with the same timeout.

        Args:
            seconds: How long; the same number gives the same CommonTimeout.

        Raises:
            RuntimeError: The base has 256 of them, which stay until it is closed.
        """
        if seconds is None:
            raise TypeError("a common timeout needs its seconds")
        seconds = _convert.seconds(seconds, "seconds")
        delivery = self._live()
        found = self._common_timeouts.get(seconds)
        if found is not None:
            return found
        if len(self._common_timeouts) >= _MOST_COMMON_TIMEOUTS:
            raise RuntimeError(f"an EventBase can have {_MOST_COMMON_TIMEOUTS} common timeouts")
        pointer = lib.lepy_event_base_common_timeout(self._base, seconds)
        if not pointer:
            raise MemoryError("libevent found no memory for the common timeout")
        found = self._common_timeouts[seconds] = CommonTimeout._of(delivery, pointer, seconds)
        return found


def _time(seconds: float) -> float:
    if seconds < 0:
        raise_errno("cannot read the clock")
    return seconds


def _info(delivery: Delivery, info: CData) -> EventInfo:
    event = delivery.table.find(info.slot, info.generation) if info.is_own else None
    return EventInfo(
        event=event,  # type: ignore[arg-type]  # is_own: C saw that it is an Event
        fd=info.fd,
        flags=EventFlags(info.flags),
        active=EventFlags(info.active),
        priority=info.priority,
        remaining=None if info.remaining < 0 else info.remaining,
    )
