"""The delivery queue's Python side (floor 3).

``shim/delivery.c`` collects records; here they become calls of the handles'
``_deliver``.  ``docs/topics/delivery.md`` tells the whole story.
"""

from __future__ import annotations

import atexit
import os
import struct
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sized
from math import inf
from operator import length_hint
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from ._callbacks import let_go, pinned
from ._claim import Claimable
from ._errors import check_pointer, raise_records_lost, raise_refused
from ._ffi import CData, ffi, lib
from ._handles import Handle, HandleTable
from .constants import EVENT_FLAGS
from .exceptions import ClosedError, WrongThreadError
from .log import drain

if TYPE_CHECKING:
    from .calls import CallQueue

# struct lepy_record: slot, generation, kind, is_last, what, offset, length.
_RECORD = struct.Struct("IIhhiII")
assert _RECORD.size == ffi.sizeof("struct lepy_record")

_SIZE = _RECORD.size
_NAME = lib.LEPY_TOKEN_NAME
_KIND_ACCEPT = lib.LEPY_KIND_ACCEPT

#: Bytes that one read() takes without a second call; room for a whole arena.
SCRATCH_SIZE = 256 * 1024

#: What Delivery.delivering is while there is no record in hand.
SCHEDULED = 2

#: What CallQueue.asked is while a loop() of Python's is awake; earlier than any deadline.
NOT_ASKED = -inf

ErrorHandler = Callable[[Exception], object]

#: Every queue there is.
deliveries: weakref.WeakSet[Delivery] = weakref.WeakSet()

# Name, records, the memory that these are read from, and the arena.
_Batch = tuple[int, Iterator[tuple[int, ...]], Any, Any]
_NO_BATCH: _Batch = (-1, iter(()), b"", b"")


class Delivery(Claimable):
    """The queue between one event_base and its Python handles.

    Owns the shim's ``struct lepy_delivery``; the event_base is the owner's.
    """

    def __init__(self, base: CData, priorities: int, on_error: ErrorHandler | None) -> None:
        self.table = HandleTable()
        self.on_error = on_error
        #: A callback wants the rest of the batch to wait: loopbreak, loopcontinue, close.
        self.stopping = False
        #: The loop ends when the rest of the pass is delivered: loopexit.
        self.exiting = False
        #: A limit of max_interval or max_callbacks was reached.
        self.limited = False
        #: Records are being delivered, from our loop or somebody else's; SCHEDULED: loop() makes
        #: scheduled calls.
        self.delivering: bool | int = False
        #: Python's loop() is on the stack.
        self.running = False
        #: The base's close() is on the stack: nothing new is made in it.
        self.closing = False
        #: Held by what other threads may do while they are in C, and to free what they use there.
        #: Reentrant, for signal handlers and finalizers do it too.
        self.lock = RLock()
        #: Something frees itself in the first pass in which libevent has nothing deferred.
        self.postponed = False
        self.on_fork: Callable[[], object] | None = None  #: Called in a forked child.
        #: Ctrl-C struck where it would have lost a record; loop() is about to raise it.
        self.interrupted = False
        #: What loop() gives to signal.set_wakeup_fd; -1 before its first time.
        self.wakeup_fd = -1
        #: Containers of what an asyncio loop of the base is to do: work() goes on while they are empty.
        self.waiting: tuple[Sized, Sized] = ((), ())
        #: Every ``bufferevent`` that an object of Python's owns; a set takes up to four times the memory.
        self.own_bufferevents: dict[CData, None] = {}
        self.base = base
        self.calls: CallQueue  #: Set by its owner.
        self.graveyard: deque[tuple[int, int, Callable[[CData], object], CData]] = deque()
        self._scratch: tuple[CData, Any] | None = None
        # The batch that is being worked on.  How far that has come, the iterator alone knows; and
        # as C compares the name, an interrupt at any moment loses nothing.
        self._batch = _NO_BATCH
        self.planned: tuple[int, float] | None = None  #: What plan() has told C.
        # Seconds, callbacks and the first priority of limit(); None without limits.
        self._limits: tuple[float, float, int] | None = None
        # The deadline, and how many callbacks are left, where a pass goes on in the next batch.
        self._allowance: tuple[float, float] | None = None
        self._handle = ffi.new_handle(self)
        pointer = check_pointer(
            lib.lepy_delivery_new(base, priorities, self._handle), "cannot attach to the event_base"
        )
        # Not with close(): another thread may be about to ask whether it is closed.
        self.pointer = self._structure = ffi.gc(pointer, lib.lepy_delivery_forget)
        deliveries.add(self)

    def refuse_closing(self) -> NoReturn:
        """Raise for what cannot be done while the base's close() is on the stack."""
        raise ClosedError("this EventBase is being closed")

    def check_process(self) -> CData:
        """As live(), and ForkError in a forked child; for what any thread may do."""
        pointer = self.live()
        if lib.lepy_delivery_forked(pointer):
            raise_refused(lib.LEPY_FORKED)
        return pointer

    def may_free(self) -> bool:
        """Whether what is closed now can be freed; False: leak it.

        That is so in a forked child where the base cannot be separated from the parent's.
        """
        return not self.inherited or bool(lib.lepy_delivery_separate(self.live()))

    def scratch(self) -> tuple[CData, Any]:
        """Memory for one read, and a buffer over it.  Per base: a base has one thread at a time."""
        if self._scratch is None:
            memory = ffi.new("char[]", SCRATCH_SIZE)
            self._scratch = memory, ffi.buffer(memory)
        return self._scratch

    def plan(self, flags: int, deadline: float) -> None:
        """Run libevent's loop with *flags* from now on, and until *deadline* (``time.monotonic()``)."""
        plan = (flags, deadline)
        if plan != self.planned:
            lib.lepy_delivery_plan(self.pointer, flags, deadline)
            self.planned = plan

    def _begin(self, token: int) -> tuple[Iterator[tuple[int, ...]], Any]:
        """The records that *token* stands for, and the arena with their bytes."""
        if token & lib.LEPY_TOKEN_LOGGED:
            drain()
            if self.stopping:  # a log handler has closed the base, say
                return iter(()), b""
        name = token & _NAME
        if name != self._batch[0]:
            batch = lib.lepy_delivery_handed(self.pointer)
            unread = lib.LEPY_BATCH_RECORDS - batch.begin
            memory = ffi.buffer(batch.records + batch.begin, unread * _SIZE)
            self._batch = (name, _RECORD.iter_unpack(memory), memory, ffi.buffer(batch.arena))
        _, records, _, arena = self._batch
        return (records if self._limits is None else self._limited(token, *self._limits)), arena

    def left(self) -> int:
        """How many records of what C has handed over are not begun."""
        name, records, *_ = self._batch
        return lib.lepy_delivery_left(self.pointer, name, length_hint(records))

    def limit(self, seconds: float | None, callbacks: int | None, min_priority: int) -> None:
        """Let libevent look at all priorities anew after so many seconds or callbacks."""
        if seconds is not None or callbacks is not None:
            self._limits = (inf if seconds is None else seconds, callbacks or inf, min_priority)

    def _limited(
        self, token: int, seconds: float, callbacks: float, min_priority: int
    ) -> Iterator[tuple[int, ...]]:
        """The records that *token* stands for until a limit is reached; what is left is for later."""
        records = self._batch[1]
        if lib.lepy_delivery_handed_level(self.pointer) < min_priority:
            yield from records
            return
        deadline, callbacks = self._allowance or (monotonic() + seconds, callbacks)
        for slot, generation, kind, is_last, *rest in records:
            callbacks -= 1
            self._allowance = (deadline, callbacks)
            yield (slot, generation, kind, 0, *rest)  # not the last: this ends it
            if callbacks <= 0 or monotonic() >= deadline:
                if token & lib.LEPY_TOKEN_MORE or not is_last:
                    self.keep_rest()  # else the pass's next batch would come at once
                    self.limited = self.stopping = True
                return
            if is_last:
                break
        if not token & lib.LEPY_TOKEN_MORE:
            self._allowance = None

    def work(self, run: Callable[[CData], int], again: bool) -> int:
        """Let C *run* until it has a batch, and deliver it; *again*: and so on until there is more to do.

        Gives what *run* (``lepy_delivery_run``) returned last.  After an exception, or with ``stopping``
        set, something of the batch may be left: keep_rest() gives that back to C.
        """
        pointer = self.pointer
        calls = self.calls
        ready, heap, graveyard = calls.ready, calls.heap, self.graveyard
        others, timers = self.waiting
        kept, direct, streams = self.table.kept, self.table.direct, self.table.streams
        name, records, _, arena = self._batch
        if self._limits is not None:
            name = -1  # no batch's: each begins with limits of its own
        awake = NOT_ASKED if self.running else calls.asked
        while True:
            token = run(pointer)
            calls.asked = awake
            if token != name:
                if token < 0:
                    return token
                records, arena = self._begin(token)
                if self._limits is None:
                    name = token & _NAME
            self.delivering = True
            for slot, generation, kind, is_last, what, offset, length in records:
                handle = kept[slot]
                if handle is not None and handle._generation == generation:
                    stream = None
                    try:
                        if length:
                            data = arena[offset : offset + length]
                            stream = streams[slot]
                            if stream is not None:
                                stream[0](stream[1], data)
                            else:
                                handle._deliver(kind, what, data)
                        elif (callback := direct[slot]) is not None:
                            callback(handle, EVENT_FLAGS[what])
                        else:
                            handle._deliver(kind, what, b"")
                    except BaseException as error:
                        on_error: Any = self.on_error if stream is None else stream[2]
                        if on_error is None or (stream is None and not isinstance(error, Exception)):
                            raise
                        on_error(error)
                elif kind == _KIND_ACCEPT:
                    os.close(what)
                if is_last or self.stopping:
                    break
            handle = callback = stream = data = None  # nothing is kept alive by having been the last
            self.delivering = False
            if token != name or not again or self.stopping or self.exiting:
                return token
            calls.asked = inf  # before the look at what another thread adds, which wakes it then
            if ready or heap or graveyard or pinned or others or timers:
                return token

    def deliver(self, token: int) -> None:
        """Deliver the batch that *token* stands for, as work() does."""
        if self.work(lambda pointer: token, False) == lib.LEPY_RUN_NO_MEMORY:
            raise_records_lost()

    def work_for_foreign_loop(self, token: int) -> None:
        """Deliver a whole batch inside a loop that is not ours.

        There is no Python caller to raise to: what on_error does not take goes to
        ``sys.excepthook``, and the loop, whose owner asked for no more, goes on.
        """
        self.stopping = self.limited = False
        while not _reporting(self.deliver, token) and not self.stopping and self.left():
            pass  # with the next record
        self.delivering = False
        _reporting(self.hold_funerals)
        if self.limited:
            lib.event_base_loopcontinue(self.base)
        self.keep_rest()

    def current(self) -> Handle | None:
        """Whose callback is running: the handle of the last record that was begun."""
        if self.delivering is not True:
            return None
        _, records, memory, _ = self._batch
        position = len(memory) - (length_hint(records) + 1) * _SIZE
        return self.table.find(*_RECORD.unpack_from(memory, position)[:2]) if position >= 0 else None

    def num_events(self, flags: int) -> int:
        """How many there are in libevent, and of active ones those whose records wait for Python."""
        count = lib.lepy_delivery_num_events(self.pointer, flags)
        if self.delivering and flags & lib.EVENT_BASE_COUNT_ACTIVE:
            count += self.left()
        return count

    def keep_rest(self) -> None:
        """Give what a cut-short batch has left back to C, for whoever runs the loop next."""
        if self.pointer is not None:
            name, records, *_ = self._batch
            lib.lepy_delivery_consume(self.pointer, name, length_hint(records))

    def bury(self, slot: int, generation: int, free: Callable[[CData], object], pointer: CData) -> None:
        """Take over the C structure of a handle that was garbage collected; from any thread."""
        if self.pointer is not None:  # else close() has freed it
            self.graveyard.append((slot, generation, free, pointer))

    def hold_funerals(self) -> None:
        """Free what was buried; in a thread that may."""
        while self.graveyard:
            slot, generation, free, pointer = self.graveyard.popleft()
            self.table.release_slot(slot, generation)
            free(pointer)
        if pinned:
            let_go()

    def close(self) -> None:
        """Free the shim's structure; the handles must be closed before, and may_free() be True."""
        self.keep_rest()
        self.hold_funerals()
        for slot, free, structure in self.table.remains():
            self.table.release_slot(slot, 0)
            free(structure)
        with self.lock:
            pointer, self.pointer = self.pointer, None
        self.thread = None  # a callback that has closed the base finds it closed
        self.stopping = True
        self._batch = _NO_BATCH
        lib.lepy_delivery_free(pointer)

    def abandon(self) -> None:
        """Forget all, free nothing: a base that a forked child cannot have."""
        self.graveyard.clear()
        self.pointer = None
        self.stopping = True
        self._batch = _NO_BATCH

    def forked(self) -> None:
        """In a forked child: what is on its way is the parent's, until reinit()."""
        if self.pointer is None:
            return
        self.lock = RLock()  # another thread may have held it
        self.thread = None
        self.inherited = self.stopping = True
        lib.lepy_delivery_stop_in_child(self.pointer)
        if lib.lepy_delivery_lost(self.pointer):  # its thread is not here
            self.running = self.delivering = False
        if self.on_fork is not None:
            self.on_fork()


def delivery_of(base: Any) -> Delivery:
    """The queue of *base*, which the caller was given as an EventBase."""
    delivery = getattr(base, "_delivery", None)
    # An object of the base has its queue too, but not its calls.
    if not isinstance(delivery, Delivery) or getattr(base, "_calls", None) is not delivery.calls:
        raise TypeError(f"base must be an EventBase, not {type(base).__name__}")
    delivery.live()
    if delivery.closing:
        delivery.refuse_closing()
    return delivery


def _reporting(function: Callable[..., object], *arguments: object) -> bool:
    """Call *function*; tell of what it raises, which has no caller to go to, and whether it did not."""
    try:
        function(*arguments)
        return True
    except BaseException:
        try:
            sys.excepthook(*sys.exc_info())
        except BaseException:  # the application's own hook failed: the loop shall not lose records for it
            sys.__excepthook__(*sys.exc_info())
        return False


def _report_lost(kind: Any, error: Any, traceback: Any) -> None:
    """An exception outside of _reporting's own try: a signal's.  Nothing is lost but what it struck."""
    sys.excepthook(kind, error, traceback)
    delivery: Delivery = ffi.from_handle(traceback.tb_frame.f_locals["python"])
    delivery.delivering = False
    delivery.keep_rest()


def _forked() -> None:
    for delivery in list(deliveries):
        delivery.forked()


if lib.lepy_fork_watch():
    raise ImportError("no memory to watch for forks")
os.register_at_fork(after_in_child=_forked)

# A host may go on with its loop after the interpreter's end: then C drops what it has to tell.
lib.lepy_python_lives(1)
atexit.register(lib.lepy_python_lives, 0)


@ffi.def_extern(onerror=_report_lost)
def lepy_deliver(python: CData, token: int) -> None:
    """C's one call into Python, when somebody else runs the loop."""
    delivery: Delivery = ffi.from_handle(python)
    try:
        delivery.claimed_in_child(delivery.work_for_foreign_loop, token)
    except WrongThreadError:  # it is about to finish: in the loop's next pass, then
        delivery.keep_rest()
