"""libevent's own messages, in Python's logging (floor 2, event2/event.h).

libevent warns of what it cannot tell otherwise: a descriptor that was closed under
an event, a name server that fails.  From the first :class:`EventBase` on its
messages go to ``logging.getLogger("libevent")``, of which Python prints warnings
and worse to stderr where nobody has configured logging.

C only keeps them (``shim/log.c``), for libevent logs in places where no Python may
run.  They are passed on in the loop, before the callbacks of the same pass; by a
call that fails; and at the interpreter's exit.  A program that sets a callback with
``lib.event_set_log_callback`` gets the messages instead, until it sets NULL.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading

from ._ffi import ffi, lib

__all__ = ["drain", "enable_debug_logging", "logger"]

#: Where libevent's messages go.
logger = logging.getLogger("libevent")

_LEVELS = {
    lib.EVENT_LOG_DEBUG: logging.DEBUG,
    lib.EVENT_LOG_MSG: logging.INFO,
    lib.EVENT_LOG_WARN: logging.WARNING,
    lib.EVENT_LOG_ERR: logging.ERROR,
}

#: Messages that one drain() passes on at most: a handler may cause more of them.
_MOST = 1000


#: Held by drain(): a second one, in a logging handler or another thread, leaves it to the first.
_draining = threading.Lock()


def drain(error: int | None = None) -> None:
    """Pass on what libevent has said to :data:`logger`.

    The loop does it by itself.

    Args:
        error: The errno that this thread is about to raise as an OSError: what libevent
            said about the same has level DEBUG, for the caller is told already.
    """
    lock = _draining
    if not lib.lepy_log_pending() or not lock.acquire(blocking=False):
        return
    try:
        message = ffi.new("struct lepy_log_message *")
        reason = os.strerror(error) if error else None
        for _ in range(_MOST):
            if not lib.lepy_log_take(message):
                break
            text = ffi.string(message.text).decode("utf-8", "backslashreplace")
            is_told = reason is not None and message.is_mine and text.endswith(reason)
            level = logging.DEBUG if is_told else _LEVELS.get(message.severity, logging.WARNING)
            logger.log(level, "%s", text)
        dropped = lib.lepy_log_dropped()
        if dropped:
            logger.warning("%d messages of libevent were lost: too many at once", dropped)
    finally:
        lock.release()


def enable_debug_logging(enabled: bool = True) -> None:
    """Make libevent tell what it does, at level DEBUG (``event_enable_debug_logging``).

    It is a lot, and the whole process's: for looking for a bug, with few events.

    Args:
        enabled: False ends it.

    Example::

        logging.basicConfig(level=logging.DEBUG)
        enable_debug_logging()
    """
    lib.event_enable_debug_logging(lib.EVENT_DBG_ALL if enabled else lib.EVENT_DBG_NONE)


def _end() -> None:
    """At exit: what is said from now on C prints itself."""
    lib.lepy_log_lives(0)
    drain()


def _forked() -> None:
    """In a child: another thread may have held the lock."""
    global _draining
    _draining = threading.Lock()


lib.lepy_log_lives(1)
atexit.register(_end)
os.register_at_fork(after_in_child=_forked)
