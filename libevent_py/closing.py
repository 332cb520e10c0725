"""How an EventBase ends (floor 4)."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, TypeVar

from ._claim import unguarded
from ._delivery import Delivery
from ._ffi import CData, lib
from .calls import CallQueue
from .signals import forget_wakeup

_Self = TypeVar("_Self", bound="Closing")

#: Passes that closing a base gives to libevent's own deferred work.
_PASSES = 64


class Closing:
    """The part of EventBase that closes it, and all that is in it."""

    _base: CData
    _owned: bool
    _delivery: Delivery
    _calls: CallQueue
    _break: bool

    #: Every ``event_base`` that an open EventBase owns.
    _all_owned: ClassVar[set[CData]] = set()
    _active_count: Callable[[], int]

    @unguarded
    def close(self) -> None:
        """Close everything in the base, and free it (``event_base_free``).

        Idempotent, and allowed in a callback, after which the loop returns.

        Raises:
            WrongThreadError: Another thread runs the loop.
            RuntimeError: Called in a callback of a loop that native code runs, or in a raw callback.
            Exception: What a finalizer raised (:meth:`Event.finalize`), with all closed.
        """
        if self._delivery.pointer is not None:
            self._delivery.claimed_in_child(self._close)

    def _close(self) -> None:
        delivery = self._delivery
        if delivery.closing:
            return
        self._check_stack()
        may_free = delivery.may_free()
        delivery.closing = self._break = True
        try:
            self._calls.close()
            errors = self._close_handles()
            forget_wakeup(delivery)
            if may_free:
                delivery.close()
                if self._owned:
                    self._all_owned.discard(self._base)
                    self._finish_deferred_work()
                    lib.event_base_free(self._base)
            else:
                delivery.abandon()
        finally:
            delivery.closing = False
        for error in errors[1:]:
            sys.excepthook(type(error), error, error.__traceback__)
        if errors:
            raise errors[0]

    def _close_handles(self) -> list[BaseException]:
        """Close all that is open, the youngest first; what finalizers raised that on_error does not take."""
        table, on_error = self._delivery.table, self._delivery.on_error
        errors: list[BaseException] = []
        count = 0
        # Again, as a finalizer may leave another one.
        while (handles := table.open_handles()) and len(handles) != count:
            count = len(handles)
            for handle in reversed(handles):
                try:
                    try:
                        handle.close()
                    except Exception as error:
                        if on_error is None:
                            raise
                        on_error(error)
                except BaseException as error:
                    errors.append(error)
        return errors

    def _check_stack(self) -> None:
        """Raise RuntimeError where C frames below still use what close() frees, or reinit() exchanges."""
        if lib.lepy_delivery_on_stack(self._delivery.pointer):
            raise RuntimeError(
                "a base cannot be closed or reinited in a callback that C calls: one in a loop that "
                "native code runs, or a raw one; let the loop return first"
            )

    def _finish_deferred_work(self) -> None:
        # A bufferevent freed with a deferred callback outstanding is leaked, with its
        # descriptor, unless that callback runs before event_base_free.
        for _ in range(_PASSES):
            idle = not self._active_count()
            if idle and not self._delivery.postponed:
                return
            lib.event_base_loop(self._base, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)
            if idle:
                return

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        delivery = getattr(self, "_delivery", None)
        if delivery is None or delivery.pointer is None or sys.is_finalizing():
            return
        try:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        finally:
            # Nobody can run the loop any more: this thread may.
            self.close()
