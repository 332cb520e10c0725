"""Event: struct event (floor 4, event2/event.h)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import _convert, threads
from ._claim import unguarded
from ._delivery import delivery_of
from ._errors import check, check_pointer, raise_refused
from ._ffi import CData, ffi, lib
from ._handles import Handle
from .constants import EVENT_FLAGS, EventFlags
from .exceptions import ClosedError
from .finalizer import Finalizer, FinalizerCallback
from .inspection import CommonTimeout

if TYPE_CHECKING:
    from .base import EventBase

_ALL_FLAGS = sum(int(flag) for flag in EventFlags)
_PERSIST = lib.EV_PERSIST  # an int: an operation on EventFlags takes longer than event_add
_pending = lib.event_pending

EventCallback = Callable[["Event", EventFlags], object]


class Event(Handle):
    """Waits for a descriptor, a timeout, or :meth:`active` (``struct event``).

    It fires once for every :meth:`add`, or until :meth:`remove` with
    ``EventFlags.PERSIST``.  A pending event is kept alive by its base; the
    descriptor stays yours, and must stay open while the event is pending.

    Args:
        base: The EventBase to fire in.
        fd: A descriptor or an object with ``fileno()`` (kept alive), or None to
            wait for a timeout or :meth:`active` only.
        flags: What to wait for; PERSIST to stay added.
        callback: Called as ``callback(event, what)`` from the loop.

    Raises:
        OSError: The descriptor is not open (EBADF).

    Example::

        event = Event(base, sock, EventFlags.READ | EventFlags.PERSIST, on_readable)
        event.add(timeout=30)
    """

    __slots__ = ("_activated", "_base", "_callback", "_event", "_events", "_source", "_stays")

    # Its callback is called as this class does it: the delivery then does so itself.
    _is_plain = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._is_plain = cls._deliver is Event._deliver

    def __init__(
        self, base: EventBase, fd: _convert.FileDescriptor | None, flags: EventFlags, callback: EventCallback
    ) -> None:
        self._begin()
        flags = EventFlags(flags)
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        if flags & EventFlags.SIGNAL:
            raise ValueError("signals are for the class Signal")
        if int(flags) & ~_ALL_FLAGS:
            raise ValueError(f"unknown flags: {int(flags) & ~_ALL_FLAGS:#x}")
        if fd is None and flags & (EventFlags.READ | EventFlags.WRITE | EventFlags.CLOSED):
            raise ValueError("READ, WRITE and CLOSED need a file descriptor")
        delivery_of(base)
        if flags & EventFlags.ET and not base.features & lib.EV_FEATURE_ET:
            raise ValueError(f"the backend {base.method} has no edge-triggered events")
        number = -1 if fd is None else _convert.descriptor(fd)
        if threads.debug_mode and number >= 0 and os.get_blocking(number):
            raise ValueError(
                f"descriptor {number} is blocking, on which libevent's debug mode (LIBEVENT_PY_DEBUG) "
                "aborts: call os.set_blocking(fd, False) first"
            )
        self._set_up(base, number, int(flags), callback, fd)

    def _set_up(
        self,
        base: EventBase,
        number: int,
        events: int,
        callback: Callable[..., object],
        source: object = None,
    ) -> None:
        delivery = delivery_of(base)
        self._base = base
        self._delivery = delivery
        self._callback = callback
        self._events = events
        self._source = source
        self._stays = self._activated = False
        delivery.hold_funerals()
        delivery.table.reserve(self)
        pointer = lib.lepy_event_new(delivery.pointer, self._slot, self._generation, number, events)
        if not pointer:
            delivery.table.release(self)
        self._pointer = check_pointer(pointer, "event_new")
        self._event = pointer.event
        delivery.table.leaves(self, lib.lepy_event_free, pointer)

    @classmethod
    def from_pointer(cls, base: EventBase, pointer: CData | int) -> Event:
        """Wrap a ``struct event`` that native code made for *base*'s event_base.

        Borrowed: its callback stays the native one, close() leaves it as it is,
        and it must not be freed while the wrapper is in use.

        Args:
            base: The EventBase of the same event_base.
            pointer: The event's address, as an int or a cdata; of none that an Event owns.
        """
        event = _convert.pointer(pointer, "struct event *")
        if lib.event_get_base(event) != base.pointer:
            raise ValueError("this event belongs to another event_base")
        if lib.lepy_event_of(event):
            raise ValueError("an Event owns this struct event; use that object")
        return _BorrowedEvent(base, event)

    @property
    @unguarded
    def base(self) -> EventBase:
        """The EventBase it fires in."""
        return self._base

    @property
    @unguarded
    def flags(self) -> EventFlags:
        """What it waits for (``event_get_events``)."""
        return EVENT_FLAGS[self._events]

    @property
    def pointer(self) -> CData:
        """The ``struct event *`` for the raw layer; borrowed, gone when this is closed."""
        self._live()
        return self._event

    def fileno(self) -> int:
        """The descriptor or signal number; -1 where there is none (``event_get_fd``)."""
        self._live()
        return lib.event_get_fd(self._event)

    def add(self, timeout: float | CommonTimeout | None = None) -> None:
        """Start waiting (``event_add``).

        Args:
            timeout: Seconds after which it fires with TIMEOUT, or one of
                :meth:`EventBase.common_timeout`.  None waits for ever, or keeps
                the timeout of an earlier add that is running.

        Raises:
            OSError: The backend refuses the descriptor: EPERM for a regular file
                under epoll, EBADF for a closed one.
        """
        self._add(timeout)

    def _add(self, timeout: float | CommonTimeout | None) -> None:
        if isinstance(timeout, CommonTimeout):
            self._live()
            seconds = timeout.seconds
            result = lib.event_add(self._event, timeout._for(self._delivery))
        else:
            seconds = _convert.seconds(timeout)
            result = lib.lepy_event_add(self._live(), seconds)
        if result:
            check(result, f"cannot add {self!r}")
        if self._events & _PERSIST and (seconds != 0 or self._events != _PERSIST):
            self._stays = True
            if self._is_plain:
                self._delivery.table.direct[self._slot] = self._callback
        self._delivery.table.kept[self._slot] = self

    def remove(self) -> None:
        """Stop waiting (``event_del``); a firing that is on its way is dropped."""
        result = lib.lepy_event_remove(self._live())
        if result:
            check(result, f"cannot remove {self!r}")
        self._generation = (self._generation + 1) & 0xFFFFFFFF
        self._stays = False
        table = self._delivery.table
        table.kept[self._slot] = table.direct[self._slot] = None

    @unguarded
    def active(self, what: EventFlags = EventFlags.TIMEOUT) -> None:
        """Fire from the loop with *what*, waited for or not (``event_active``); from any thread.

        An event without PERSIST is no longer pending afterwards, as after any firing.
        """
        what = _convert.flags(what, EventFlags, "flags")
        delivery = self._delivery
        with delivery.lock:
            self._activated = True
            pointer = self._pointer  # once: close() does not wait with it, only with what it frees
            if pointer is None:
                raise ClosedError(f"this {type(self).__name__} is closed")
            delivery.table.kept[self._slot] = self
            refused = lib.lepy_event_active(pointer, int(what))
        if refused:
            raise_refused(refused)
        if delivery.delivering and self._base._priorities > 1:
            # It may be more urgent than the rest of the batch: back to libevent, which knows.
            delivery.stopping = True

    @property
    def pending(self) -> EventFlags:
        """What it is waiting for, or about to fire with (``event_pending``)."""
        self._live()
        return EVENT_FLAGS[_pending(self._event, _ALL_FLAGS, ffi.NULL)]

    @property
    def remaining(self) -> float | None:
        """Seconds until it fires with TIMEOUT, 0.0 where that is due; None without (``event_pending``)."""
        self._live()
        seconds = lib.lepy_event_remaining(self._event)
        return None if seconds < 0 else seconds

    def remove_timer(self) -> None:
        """Wait without a timeout from now on, as ``add()`` without one does (``event_remove_timer``)."""
        self._live()
        check(lib.event_remove_timer(self._event), f"cannot remove the timeout of {self!r}")

    @property
    def priority(self) -> int:
        """Its priority, 0 first (``event_priority_set``)."""
        self._live()
        return lib.event_get_priority(self._event)

    @priority.setter
    def priority(self, priority: int) -> None:
        _convert.integer(priority, "priority", 0, self._base.priorities - 1)
        self._live()
        if self._set_priority(priority) < 0:
            raise RuntimeError("the priority of an event that is about to fire cannot be changed")

    def _set_priority(self, priority: int) -> int:
        return lib.lepy_event_priority_set(self._pointer, priority)

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        # An earlier callback of the pass may have added it again.
        if not self._stays and not _pending(self._event, 0xFF, ffi.NULL):
            self._let_go()
        callback = self._callback  # called as a method, a slot is looked up the slow way
        callback(self, EVENT_FLAGS[what])

    def _let_go(self) -> None:
        """It waits for nothing, so that nothing keeps it, unless another thread activates it just now."""
        kept = self._delivery.table.kept
        kept[self._slot] = None
        if self._activated:  # looked at after that: active() sets the one before the other
            with self._delivery.lock:
                if _pending(self._event, 0xFF, ffi.NULL):
                    kept[self._slot] = self

    def _free(self, pointer: CData) -> None:
        if self._activated:
            with self._delivery.lock:  # active() in another thread may be in C, or have come too late
                kept = self._delivery.table.kept
                if kept[self._slot] is self:
                    kept[self._slot] = None
                lib.lepy_event_free(pointer)
        else:
            lib.lepy_event_free(pointer)

    def finalize(self, finalizer: FinalizerCallback) -> None:
        """Close it, and have a function called when libevent is done with it (``event_free_finalize``).

        Its callback is not called any more, nor for what is on its way.  The finalizer is called
        once in its stead: from the loop, behind what is ready, or by the base's close() where that
        comes first.  Until then the base keeps the event, and so an object that it was made with.

        Args:
            finalizer: Called as ``finalizer(event)``, with the event closed.

        Raises:
            RuntimeError: It is native code's, and so are its finalizers.

        Example::

            event = Event(base, sock, EventFlags.READ, on_readable)
            event.finalize(lambda event: sock.close())
        """
        if not callable(finalizer):
            raise TypeError(f"finalizer must be callable, not {type(finalizer).__name__}")
        self._live()
        with self._delivery.lock:  # active() in another thread may be in C
            Finalizer(self, finalizer)

    @unguarded
    def close(self) -> None:
        """Stop waiting and free the event (``event_free``); idempotent, allowed in its own callback."""
        super().close()
        self._source = None

    def __repr__(self) -> str:
        if self._pointer is None:
            return f"<{type(self).__name__} closed>"
        flags = "|".join(str(flag.name) for flag in EventFlags if flag & self._events) or "no flags"
        return f"<{type(self).__name__} {flags} fd={lib.event_get_fd(self._event)}>"


class _BorrowedEvent(Event):
    """An event of native code's: nothing of it is ours to free, and nothing is delivered to us."""

    __slots__ = ()

    def __init__(self, base: EventBase, event: CData) -> None:
        self._base = base
        self._delivery = delivery_of(base)
        self._events = lib.event_get_events(event)
        self._source = None
        self._stays = False
        self._delivery.table.reserve(self)
        self._pointer = self._event = event

    def add(self, timeout: float | CommonTimeout | None = None) -> None:
        self._live()
        if isinstance(timeout, CommonTimeout):
            result = lib.event_add(self._event, timeout._for(self._delivery))
        else:
            seconds = _convert.seconds(timeout)
            result = lib.lepy_event_add_native(self._delivery.pointer, self._event, seconds)
        check(result, f"cannot add {self!r}")

    def remove(self) -> None:
        check(lib.event_del(self._live()), f"cannot remove {self!r}")

    def active(self, what: EventFlags = EventFlags.TIMEOUT) -> None:
        lib.event_active(self._live(), int(EventFlags(what)), 1)

    def finalize(self, finalizer: FinalizerCallback) -> None:
        self._live()
        raise RuntimeError("this event is native code's; only its owner can finalize it")

    def _free(self, pointer: CData) -> None:
        pass

    def _set_priority(self, priority: int) -> int:
        return lib.event_priority_set(self._event, priority)
