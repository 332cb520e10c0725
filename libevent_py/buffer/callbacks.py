"""Being told of every change of a Buffer (floor 5).

libevent forbids freeing a buffer, or removing another callback, inside a callback.  So
an evbuffer gets one callback of ours, for as long as it lives, and the list of Python's
callbacks is Python's: adding, removing and closing are allowed anywhere.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _convert
from .._claim import unguarded
from .._delivery import Delivery, delivery_of
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from .._handles import Handle
from .core import BufferCore

if TYPE_CHECKING:
    from ..base import EventBase

#: ``callback(buffer, orig_size, n_added, n_deleted)``
ChangeCallback = Callable[[Any, int, int, int], object]


class BufferCallback:
    """One callback on a Buffer (``struct evbuffer_cb_entry``); made by :meth:`Buffer.add_callback`.

    Example::

        entry = buffer.add_callback(lambda buffer, orig_size, n_added, n_deleted: print(len(buffer)))
        entry.enabled = False
        entry.remove()
    """

    __slots__ = ("_callback", "_changes", "_enabled")

    _changes: Changes | None
    _callback: ChangeCallback

    def __init__(self) -> None:
        raise TypeError("Buffer.add_callback() makes these")

    @classmethod
    def _make(cls, changes: Changes, callback: ChangeCallback) -> BufferCallback:
        self = cls.__new__(cls)
        self._changes = changes
        self._callback = callback
        self._enabled = True
        return self

    @property
    def enabled(self) -> bool:
        """Whether it is called (``evbuffer_cb_set_flags``, ``evbuffer_cb_clear_flags``)."""
        return self._enabled and self._changes is not None

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._enabled = bool(enabled)

    def remove(self) -> None:
        """Do not call it any more (``evbuffer_remove_cb_entry``); idempotent, and allowed in a callback."""
        changes, self._changes = self._changes, None
        if changes is not None:
            changes.remove(self)


class Changes:
    """All callbacks of one Buffer, and how C reaches them: at once, or from a base's loop."""

    def __init__(self, buffer: BufferCore) -> None:
        self._buffer = weakref.ref(buffer)
        self._entries: list[BufferCallback] = []
        # Ours in C, and whether it is to be called right in the change.
        self._direct: CData | None = None
        self._deferred: _DeferredChanges | None = None
        self._handle: CData | None = None

    @property
    def entry(self) -> CData:
        """C's entry while it is enabled, or NULL."""
        if self._deferred is not None and not self._deferred.closed:
            return self._deferred.entry
        return self._direct if self._direct is not None and self._entries else ffi.NULL

    def connect(self, pointer: CData) -> None:
        """Have C call at each change."""
        self._handle = ffi.new_handle(self)
        entry = lib.evbuffer_add_cb(pointer, lib.lepy_buffer_changed, self._handle)
        self._direct = check_pointer(entry, "evbuffer_add_cb")
        lib.evbuffer_cb_clear_flags(pointer, entry, lib.EVBUFFER_CB_ENABLED)

    def defer(self, deferred: _DeferredChanges, pointer: CData) -> None:
        """Have *deferred* tell, instead of C."""
        if self._direct is not None:
            lib.evbuffer_cb_clear_flags(pointer, self._direct, lib.EVBUFFER_CB_ENABLED)
            self._direct = None
        if self._deferred is not None:
            self._deferred.close()
        self._deferred = deferred

    def add(self, callback: ChangeCallback) -> BufferCallback:
        """Call *callback* from now on."""
        entry = BufferCallback._make(self, callback)
        self._entries.append(entry)
        self._switch(lib.evbuffer_cb_set_flags)
        return entry

    def remove(self, entry: BufferCallback) -> None:
        """Do not call *entry* any more."""
        if entry in self._entries:
            self._entries.remove(entry)
        if not self._entries:
            self._switch(lib.evbuffer_cb_clear_flags)

    def find(self, callback: ChangeCallback) -> BufferCallback | None:
        """The entry that was made with *callback*."""
        return next((entry for entry in self._entries if entry._callback == callback), None)

    def _switch(self, change: Any) -> None:
        buffer = self._buffer()
        if self._direct is not None and buffer is not None and not buffer.closed:
            change(buffer._pointer, self._direct, lib.EVBUFFER_CB_ENABLED)

    def forget(self) -> None:
        """Call nobody any more: the buffer is closed, or dropped."""
        for entry in self._entries:
            entry._changes = None
        self._entries.clear()
        if self._deferred is not None:
            self._deferred.leave()

    def dispatch(self, orig_size: int, n_added: int, n_deleted: int) -> None:
        """Call all; raise what the first one that failed raised."""
        buffer = self._buffer()
        first: BaseException | None = None
        for entry in tuple(self._entries):
            if buffer is None or buffer.closed:
                break
            if not entry.enabled:
                continue
            try:
                entry._callback(buffer, orig_size, n_added, n_deleted)
            except BaseException as error:
                if first is None:
                    first = error
                else:
                    sys.excepthook(type(error), error, error.__traceback__)
        if first is not None:
            raise first


class _DeferredChanges(Handle):
    """Changes of a Buffer as records of a base's loop (``struct lepy_buffer_watch``)."""

    __slots__ = ("_changes",)

    def __init__(self, delivery: Delivery, changes: Changes, pointer: CData) -> None:
        self._delivery = delivery
        self._changes = changes
        delivery.table.reserve(self)
        watch = lib.lepy_buffer_watch_new(delivery.pointer, self._slot, self._generation, pointer)
        if not watch:
            delivery.table.release(self)
        self._pointer = check_pointer(watch, "evbuffer_add_cb")
        delivery.table.kept[self._slot] = self

    @property
    def entry(self) -> CData:
        """C's entry."""
        return self._pointer.entry

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        sizes = ffi.new("size_t[3]")
        lib.lepy_buffer_watch_take(self._pointer, sizes, sizes + 1, sizes + 2)
        self._changes.dispatch(*sizes)

    def _free(self, pointer: CData) -> None:
        lib.lepy_buffer_watch_free(pointer)

    @unguarded
    def leave(self) -> None:
        """The buffer is about to go, in whichever thread; the base frees the rest."""
        if self._pointer is not None:
            lib.lepy_buffer_watch_detach(self._pointer)
            self._delivery.table.kept[self._slot] = None


class Callbacks(BufferCore):
    """Callbacks on changes."""

    __slots__ = ()

    def add_callback(self, callback: ChangeCallback) -> BufferCallback:
        """Call ``callback(buffer, orig_size, n_added, n_deleted)`` after each change (``evbuffer_add_cb``).

        It is called in the middle of the call that changes the buffer, which raises what the
        callback raises.  It may change the buffer, which calls it again, up to 50 levels deep; it
        may remove callbacks and close the buffer.  Where a callback raises, the others are called
        all the same.

        A bufferevent's buffers tell from the loop, as after :meth:`defer_callbacks`.

        Args:
            callback: Gets the buffer, its size before, and how many bytes were added and deleted.
        """
        pointer = self._live()
        if callback is None:
            raise TypeError("callback must be callable, not None")
        _convert.callback(callback, "callback")
        if self._changes is None:
            changes = Changes(self)
            if self._owner is None:
                changes.connect(pointer)
            else:
                changes.defer(_DeferredChanges(self._owner._delivery, changes, pointer), pointer)
            self._changes = changes
        return self._changes.add(callback)

    def remove_callback(self, callback: ChangeCallback) -> None:
        """Do not call *callback* any more (``evbuffer_remove_cb``).

        Raises:
            ValueError: It is not among the callbacks.
        """
        self._live()
        found = self._changes.find(callback) if self._changes is not None else None
        if found is None:
            raise ValueError(f"{callback!r} is not a callback of this buffer")
        found.remove()

    def defer_callbacks(self, base: EventBase) -> None:
        """Call back from the loop of *base*, once for all changes since (``evbuffer_defer_callbacks``).

        Then ``orig_size`` is the size before the first of them.  The loop raises what callbacks
        raise.  Closing the base ends the callbacks.
        """
        pointer = self._own("deferred: it is already").pointer
        delivery = delivery_of(base)
        delivery.claimed(self._defer, delivery, pointer)

    def _defer(self, delivery: Delivery, pointer: CData) -> None:
        changes = self._changes or Changes(self)
        changes.defer(_DeferredChanges(delivery, changes, pointer), pointer)
        self._changes = changes
