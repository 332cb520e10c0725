"""EventBase: the event loop (floor 4, event2/event.h)."""

from __future__ import annotations

import errno
import threading
from math import inf
from time import monotonic
from typing import NoReturn

from . import _convert, threads  # noqa: F401  (threads: libevent's locking comes first)
from ._claim import guarded, unguarded
from ._delivery import NOT_ASKED, Delivery, ErrorHandler
from ._errors import check, raise_errno, raise_records_lost, raise_refused
from ._ffi import CData, lib
from ._handles import Owner
from .calls import CallQueue
from .closing import Closing
from .config import EventConfig, new_event_base
from .constants import LoopFlags
from .exceptions import ForkError
from .inspection import Inspection
from .log import drain
from .scheduling import Scheduling
from .signals import MainThreadSignals, set_wakeup, uninterruptible

_NO_FLAGS = LoopFlags(0)
_ONE_PASS = int(LoopFlags.ONCE | LoopFlags.NONBLOCK)

#: Seconds for which calls that schedule calls go on without a look at descriptors.
_UNSEEN = 20e-6

# Looked up in every pass: an attribute of lib takes longer.
_run = lib.lepy_delivery_run
_MORE = lib.LEPY_TOKEN_MORE
_EXIT = lib.LEPY_TOKEN_EXIT
_PASSED = lib.LEPY_RUN_PASSED
_WOKEN = lib.LEPY_RUN_WOKEN


@guarded
class EventBase(Inspection, Scheduling, Closing, Owner):
    """An event loop and all that waits in it (``struct event_base``).

    It keeps pending events, open bufferevents and listeners alive, and closes
    them when it is closed.  One thread at a time runs the loop, and owns the
    base's objects meanwhile.

    Args:
        config: How to make it: backend, flags, fairness; None for libevent's defaults.
        priorities: How many priorities its events have, 0 (first served) to
            *priorities* - 1; new events get the middle one.
        on_error: Called with the exception that a callback raised.  Without it
            the exception stops the loop and comes out of :meth:`dispatch`.

    Raises:
        OSError: No free file descriptors (EMFILE), where libevent would exit.
        UnsupportedError: No backend can do what *config* requires.

    Example::

        with EventBase() as base:
            Timer(base, 1.0, lambda timer: print("one second"))
            base.dispatch()
    """

    _OWNED = "_delivery"

    def __init__(
        self,
        *,
        config: EventConfig | None = None,
        priorities: int = 1,
        on_error: ErrorHandler | None = None,
    ) -> None:
        self._begin()
        _convert.integer(priorities, "priorities", 1, lib.EVENT_MAX_PRIORITIES - 1)
        _convert.callback(on_error, "on_error")
        base = new_event_base(config)
        try:
            if lib.event_base_priority_init(base, priorities) < 0:
                raise MemoryError("libevent found no memory for the priorities")
            self._attach(base, priorities, on_error, owned=True)
        except BaseException:
            if not hasattr(self, "_delivery"):
                lib.event_base_free(base)
            raise
        if config is not None:
            self._delivery.limit(config.max_interval, config.max_callbacks, config.min_priority)

    def _attach(self, base: CData, priorities: int, on_error: ErrorHandler | None, *, owned: bool) -> None:
        self._base = base
        self._owned = owned
        self._priorities = priorities
        self._break = False
        self._left = True
        self._common_timeouts = {}
        self._delivery = Delivery(base, priorities, on_error)
        if owned:
            self._all_owned.add(base)
        self._calls = CallQueue(self._delivery, priorities)

    @classmethod
    def from_pointer(cls, pointer: CData | int, *, on_error: ErrorHandler | None = None) -> EventBase:
        """Wrap an ``event_base`` that native code owns and, as it likes, runs.

        Borrowed: close() removes what Python added and never frees the base.
        It must be called before the owner frees it.

        Args:
            pointer: The base's address, as an int or a cdata; of none that an EventBase owns.
            on_error: As for the constructor.  In a loop that native code runs there is no
                dispatch() to raise from: what on_error does not take goes to sys.excepthook.
        """
        base = _convert.pointer(pointer, "struct event_base *")
        if base in cls._all_owned:
            raise ValueError("an EventBase owns this event_base; use that object")
        self = cls.__new__(cls)
        _convert.callback(on_error, "on_error")
        self._attach(base, lib.event_base_get_npriorities(base), on_error, owned=False)
        return self

    @unguarded
    def dispatch(self) -> bool:
        """Run until no event is left, or until told to stop (``event_base_dispatch``).

        Returns:
            True when no event was left, False after loopexit() or loopbreak().

        Raises:
            Exception: What a callback raised; what else was ready is delivered by the next call.
            KeyboardInterrupt: Ctrl-C, in the main thread, also while idle.
        """
        return self.loop()

    @unguarded
    def loop(self, flags: LoopFlags = _NO_FLAGS) -> bool:
        """Run the loop (``event_base_loop``).

        Args:
            flags: ONCE: until something was delivered.  NONBLOCK: as long as something is
                ready.  Both: one pass.  NO_EXIT_ON_EMPTY: also with no event left.

        Returns:
            True when no event was left, else False.

        Raises:
            RuntimeError: The loop is running already, here or in another thread.
            Exception: As for :meth:`dispatch`.
        """
        flags = LoopFlags(flags)
        delivery = self._delivery
        delivery.live()
        if delivery.running or delivery.delivering:
            raise RuntimeError("the loop of this EventBase is running already")
        return bool(delivery.claimed(self._loop, int(flags)))

    def _loop(self, flags: int) -> bool:
        delivery = self._delivery
        if delivery.closing:
            delivery.refuse_closing()
        with MainThreadSignals(delivery):
            self._break = delivery.exiting = False
            try:
                try:
                    self._left = False
                    delivery.running = True
                    self._calls.enter()
                    return self._run(flags)
                finally:
                    self._leave()
            finally:
                if not self._left:  # a signal handler of the program's own raised in there
                    self._leave()

    def _leave(self) -> None:
        """End loop(): *running* first, as signal handlers look at it; last, that all of it was done."""
        delivery = self._delivery
        delivery.running = delivery.delivering = False
        if delivery.pointer is not None:
            delivery.keep_rest()
            self._calls.leave()
        self._left = True

    def _run(self, flags: int) -> bool:
        delivery = self._delivery
        calls = self._calls
        once = bool(flags & lib.EVLOOP_ONCE)
        made = 0
        looked = 0.0
        delivery.keep_rest()  # a forked child has not yet
        # Not "while condition": CPython 3.11 specializes a loop only where it jumps back unconditionally.
        while True:
            if self._break or delivery.interrupted:
                return False
            if calls.ready or calls.heap:
                made += calls.turn()
                if delivery.exiting or self._break or delivery.interrupted:
                    return False
                if calls.ready and not once:
                    now = monotonic()
                    if now < looked + _UNSEEN:
                        continue
                    looked = now
            delivery.hold_funerals()
            if self._break:
                return False
            delivery.stopping = delivery.interrupted
            calls.asked = inf  # asleep: what another thread adds from here on wakes it
            waits = not (calls.ready or (once and made))
            deadline = calls.deadline() if calls.ready or calls.heap else inf
            # What a function that C calls directly schedules is for libevent to wait for.
            calls.asked = deadline
            delivery.plan(flags if waits else flags | _ONE_PASS, deadline)
            token = delivery.work(_run, waits and not once and deadline == inf)
            calls.asked = NOT_ASKED
            if token >= 0:
                if delivery.pointer is None:
                    return False
                if token & _EXIT:
                    delivery.exiting = True
                ends = delivery.stopping or not token & _MORE
                if delivery.exiting and ends:
                    return False
                if once and ends and not delivery.stopping and not self._active_count():
                    return False
                if delivery.stopping:
                    delivery.keep_rest()
                continue
            if token == _WOKEN:
                drain()
            elif token == _PASSED:
                if once and (made or flags & lib.EVLOOP_NONBLOCK):
                    return False
            elif token == lib.LEPY_RUN_EMPTY:
                drain()
                if not calls.ready:
                    return True
                if once and made:
                    return False
            else:
                drain()
                if token == lib.LEPY_RUN_ENDED:
                    return False
                _raise_failed(token)

    @unguarded
    def loopexit(self, after: float | None = None) -> None:
        """Stop after the current pass, or after some seconds (``event_base_loopexit``); from any thread.

        Called before the loop runs, it stops it after its first pass.  Of several priorities
        it has the middle one: more urgent events still come first, less urgent ones wait.

        Args:
            after: Seconds to go on for; None to stop as soon as what is ready is delivered.
        """
        seconds = 0.0 if after is None else _convert.seconds(after, "after")
        delivery = self._delivery
        with delivery.lock:
            pointer = delivery.check_process()
            in_a_delivery = delivery.running and delivery.delivering and not self._calls.is_asleep
            if after is None and in_a_delivery and delivery.is_mine():
                # libevent's own event that ends the loop has the middle priority.
                middle, level = self._priorities // 2, lib.lepy_delivery_handed_level(pointer)
                if level == middle:
                    delivery.exiting = True
                    return
                if level > middle:
                    delivery.stopping = True
            check(lib.lepy_delivery_loopexit(pointer, seconds), "cannot schedule the loop's end")

    @unguarded
    def loopbreak(self) -> None:
        """Stop after the current callback (``event_base_loopbreak``); from any thread.

        What else was ready is delivered by the next loop.  Before the loop runs it does nothing.
        """
        delivery = self._delivery
        with delivery.lock:
            pointer = delivery.check_process()
            if not delivery.running:
                # A loop that native code runs, or none: then libevent forgets it at the next start.
                check(lib.lepy_delivery_loopbreak(pointer), "cannot break the loop")
                delivery.stopping = bool(delivery.delivering)
                return
            self._break = True
            delivery.stopping = True
            # In the loop's own thread C sleeps below a function that it calls directly, a filter's say.
            if not delivery.is_mine() or self._calls.is_asleep:
                lib.lepy_delivery_interrupt(pointer)

    def loopcontinue(self) -> None:
        """Look at all events anew after the current callback, higher priorities first.

        Wraps ``event_base_loopcontinue``.
        """
        delivery = self._live()
        delivery.stopping = True
        if not delivery.running and lib.event_base_loopcontinue(self._base) < 0:
            raise_errno("cannot continue the loop")

    @unguarded
    def reinit(self) -> None:
        """Make the base this process's own, in a forked child (``event_reinit``).

        A child shares the parent's kernel state, so that until then everything but close()
        raises ForkError there.  Afterwards all that was pending is pending in both processes,
        with the same sockets; what has not been delivered yet is delivered in both.  Allowed
        in a callback, whose loop then goes on in the child too.

        Raises:
            ForkError: Another thread used the base at the fork; make a new EventBase.
            OSError: EBADF: descriptors of events were closed in the child; these events are
                removed, the base can be used.  EMFILE: too few descriptors; nothing was done.
            RuntimeError: Called in a callback of a loop that native code runs, or in a raw callback.

        Example::

            if not os.fork():
                base.reinit()
                base.dispatch()
        """
        self._delivery.claimed_in_child(self._reinit)

    def _reinit(self) -> None:
        delivery = self._delivery
        pointer = delivery.live()
        self._check_stack()
        closed = lib.lepy_delivery_reinit(pointer)
        if closed == lib.LEPY_FORKED:
            raise ForkError(
                "another thread was using this EventBase when the process forked, and is not here to "
                "finish; make a new EventBase in the child"
            )
        check(closed, "cannot give this EventBase descriptors of its own")
        delivery.inherited = False
        delivery.thread = threading.get_ident()
        self._calls.reinited()
        set_wakeup(delivery)
        for handle in delivery.table.open_handles():
            handle._reinited()
        if closed:
            raise OSError(
                errno.EBADF, f"{closed} of this EventBase's descriptors were closed; their events are removed"
            )

    @unguarded
    def __repr__(self) -> str:
        if self.closed:
            return "<EventBase closed>"
        return f"<EventBase {self.method} {'running' if self.running else 'idle'}>"


def _raise_failed(result: int) -> NoReturn:
    """Raise for what lepy_delivery_run could not do."""
    if result == lib.LEPY_RUN_FORKED:
        raise_refused(lib.LEPY_FORKED)
    if result == lib.LEPY_RUN_NO_MEMORY:
        raise_records_lost()
    raise_errno("event_base_loop failed")


uninterruptible.update((EventBase.loop.__code__, EventBase._loop.__code__))
