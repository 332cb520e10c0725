"""Turning what C returns into exceptions (floor 2)."""

from __future__ import annotations

import errno
import os
from typing import NoReturn

from ._ffi import CData, ffi, lib
from .exceptions import ClosedError, ForkError, LibeventError, WrongThreadError
from .log import drain


def raise_errno(what: str) -> NoReturn:
    """Raise the OSError of C's errno; LibeventError where C left none."""
    number = ffi.errno
    drain(number)
    if number:
        raise OSError(number, f"{what}: {os.strerror(number)}")
    raise LibeventError(f"{what}: libevent refused without saying why")


def explained(error: OSError, what: str) -> OSError:
    """*error* again, telling what could not be done."""
    # Python gives no errno for one case: a path too long for a socket's address.
    number = error.errno or errno.ENAMETOOLONG
    return OSError(number, f"{what}: {os.strerror(number)}")


def raise_refused(result: int) -> NoReturn:
    """Raise for a call from where the base may not be used: LEPY_FOREIGN_THREAD, LEPY_FORKED, LEPY_CLOSED."""
    if result == lib.LEPY_CLOSED:
        raise ClosedError("this object, or its EventBase, was closed by another thread")
    if result == lib.LEPY_FORKED:
        raise ForkError(
            "this EventBase comes from the parent process; call its reinit() in the child before "
            "anything else, or make a new EventBase"
        )
    raise WrongThreadError(
        "another thread runs this EventBase's loop, or is using it just now, and owns its objects until "
        "that returns; only call_soon_threadsafe(), loopbreak(), loopexit() and Event.active() may be "
        "called from here"
    )


def raise_records_lost() -> NoReturn:
    """Raise for LEPY_RUN_NO_MEMORY."""
    raise MemoryError("no memory to record what happened; some callbacks of this pass are lost")


def check(result: int, what: str) -> int:
    """Give *result* back unless it says that C failed."""
    if result >= 0:
        return result
    if result in (lib.LEPY_FOREIGN_THREAD, lib.LEPY_FORKED, lib.LEPY_CLOSED):
        raise_refused(result)
    raise_errno(what)


def check_pointer(pointer: CData, what: str) -> CData:
    """Give *pointer* back unless it is NULL."""
    if pointer:
        return pointer
    if ffi.errno in (0, errno.ENOMEM):
        raise MemoryError(f"{what}: libevent found no memory")
    raise_errno(what)
