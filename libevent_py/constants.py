"""libevent's flags as Python enums, filled from the C headers (floor 2)."""

from __future__ import annotations

import enum

from ._features import has
from ._ffi import lib


class EventFlags(enum.IntFlag):
    """What an event waits for, and what a callback is told (``EV_*``)."""

    TIMEOUT = lib.EV_TIMEOUT
    READ = lib.EV_READ
    WRITE = lib.EV_WRITE
    SIGNAL = lib.EV_SIGNAL
    #: Stay added after firing.
    PERSIST = lib.EV_PERSIST
    #: Edge-triggered, on backends that can.
    ET = lib.EV_ET
    #: The peer closed, on backends that can tell without reading.
    CLOSED = lib.EV_CLOSED


#: By number: EventFlags(2) takes twenty times as long, on every delivery.
EVENT_FLAGS = [EventFlags(number) for number in range(256)]


class LoopFlags(enum.IntFlag):
    """How :meth:`EventBase.loop` runs (``EVLOOP_*``)."""

    #: Wait until something was delivered, deliver all that is ready, return.
    ONCE = lib.EVLOOP_ONCE
    #: Deliver what is ready now without waiting.
    NONBLOCK = lib.EVLOOP_NONBLOCK
    #: Go on waiting when no event is left.
    NO_EXIT_ON_EMPTY = lib.EVLOOP_NO_EXIT_ON_EMPTY


class EventBaseFeatures(enum.IntFlag):
    """What a backend can do (``EV_FEATURE_*``)."""

    #: Edge-triggered events.
    ET = lib.EV_FEATURE_ET
    #: Adding and firing an event costs the same however many there are.
    O1 = lib.EV_FEATURE_O1
    #: Descriptors that are no sockets, regular files too.
    FDS = lib.EV_FEATURE_FDS
    #: Tell of a peer's close without reading (``EventFlags.CLOSED``).
    EARLY_CLOSE = lib.EV_FEATURE_EARLY_CLOSE


class EventCount(enum.IntFlag):
    """Which events :meth:`EventBase.num_events` counts (``EVENT_BASE_COUNT_*``)."""

    #: About to be called.
    ACTIVE = lib.EVENT_BASE_COUNT_ACTIVE
    #: What keeps the loop alive without being an event, deferred work say.
    VIRTUAL = lib.EVENT_BASE_COUNT_VIRTUAL
    #: Added: as libevent counts, once for the descriptor and once for the timeout.
    ADDED = lib.EVENT_BASE_COUNT_ADDED


class EventBaseFlags(enum.IntFlag):
    """Options of a base (``EVENT_BASE_FLAG_*``), for EventConfig.

    With libevent 2.2 also ``EPOLL_DISALLOW_TIMERFD``, and ``DISALLOW_SIGNALFD`` (2.2.1-alpha) or
    ``USE_SIGNALFD`` (later): one bit with opposite meanings, of which a build has one name.
    """

    #: No lock in the base.  Not safe in Python: EventConfig refuses it.
    NOLOCK = lib.EVENT_BASE_FLAG_NOLOCK
    #: Ignore ``EVENT_NOEPOLL`` and the like in the environment.
    IGNORE_ENV = lib.EVENT_BASE_FLAG_IGNORE_ENV
    #: IOCP from the start on Windows; nothing elsewhere.
    STARTUP_IOCP = lib.EVENT_BASE_FLAG_STARTUP_IOCP
    #: Ask for the time whenever it is needed, not once a pass.
    NO_CACHE_TIME = lib.EVENT_BASE_FLAG_NO_CACHE_TIME
    #: Fewer system calls under epoll.  Event.add() then reports no errors, and a descriptor that was
    #: copied with dup() must not be used.
    EPOLL_USE_CHANGELIST = lib.EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST
    #: The most precise clock that the system has, which may be slower.
    PRECISE_TIMER = lib.EVENT_BASE_FLAG_PRECISE_TIMER
    if has("EVENT_BASE_FLAG_EPOLL_DISALLOW_TIMERFD"):
        #: Timeouts by epoll_wait's milliseconds, also with PRECISE_TIMER.
        EPOLL_DISALLOW_TIMERFD = lib.EVENT_BASE_FLAG_EPOLL_DISALLOW_TIMERFD
    if has("EVENT_BASE_FLAG_DISALLOW_SIGNALFD"):
        #: Signals without signalfd, which is used otherwise.
        DISALLOW_SIGNALFD = lib.EVENT_BASE_FLAG_DISALLOW_SIGNALFD
    if has("EVENT_BASE_FLAG_USE_SIGNALFD"):
        #: Signals by signalfd.
        USE_SIGNALFD = lib.EVENT_BASE_FLAG_USE_SIGNALFD


class BufferEventOptions(enum.IntFlag):
    """How a bufferevent is made (``BEV_OPT_*``)."""

    #: Closing the bufferevent closes its socket.
    CLOSE_ON_FREE = lib.BEV_OPT_CLOSE_ON_FREE
    #: libevent locks the bufferevent; native code may use it from other threads.
    THREADSAFE = lib.BEV_OPT_THREADSAFE
    #: libevent calls back from the loop only.
    DEFER_CALLBACKS = lib.BEV_OPT_DEFER_CALLBACKS
    #: Deferred callbacks run without the lock; needs DEFER_CALLBACKS.
    UNLOCK_CALLBACKS = lib.BEV_OPT_UNLOCK_CALLBACKS


class BufferEventEvents(enum.IntFlag):
    """What happened to a bufferevent (``BEV_EVENT_*``)."""

    READING = lib.BEV_EVENT_READING
    WRITING = lib.BEV_EVENT_WRITING
    EOF = lib.BEV_EVENT_EOF
    ERROR = lib.BEV_EVENT_ERROR
    TIMEOUT = lib.BEV_EVENT_TIMEOUT
    CONNECTED = lib.BEV_EVENT_CONNECTED


class BufferEventTriggers(enum.IntFlag):
    """How :meth:`BufferEvent.trigger` goes about it (``BEV_TRIG_*``)."""

    #: Call whatever the marks say.
    IGNORE_WATERMARKS = lib.BEV_TRIG_IGNORE_WATERMARKS
    #: From libevent's loop at the earliest.
    DEFER_CALLBACKS = lib.BEV_TRIG_DEFER_CALLBACKS


class FlushMode(enum.IntEnum):
    """How thoroughly a filter gives out what it holds (``enum bufferevent_flush_mode``)."""

    #: As much as is convenient: a filter's usual way.
    NORMAL = lib.BEV_NORMAL
    #: All that the other side can use.
    FLUSH = lib.BEV_FLUSH
    #: All, with whatever marks the end: nothing follows.
    FINISHED = lib.BEV_FINISHED


class EOLStyle(enum.IntEnum):
    """What ends a line in a Buffer (``enum evbuffer_eol_style``)."""

    #: Any number of CR and LF in any order; empty lines are lost.
    ANY = lib.EVBUFFER_EOL_ANY
    #: LF, or CR LF.
    CRLF = lib.EVBUFFER_EOL_CRLF
    #: CR LF only.
    CRLF_STRICT = lib.EVBUFFER_EOL_CRLF_STRICT
    #: LF only.
    LF = lib.EVBUFFER_EOL_LF
    #: A zero byte.
    NUL = lib.EVBUFFER_EOL_NUL


class TLSVersion(enum.IntEnum):
    """A version of the protocol, by its number on the wire."""

    TLSv1_2 = 0x0303
    TLSv1_3 = 0x0304
