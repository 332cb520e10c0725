"""Calls that C makes into Python in the middle of a call of Python's (floor 3).

Most of libevent's callbacks are written down and delivered later (``_delivery.py``).
What must be told at once, a change of a buffer, runs below C's frames: nothing may
be raised through them, so that an exception waits here until the call that caused
it returns, and is raised from it (:func:`settle`).

The other way round, what C is done with (memory that it referred to, a file) it
only notes; :func:`settle` lets it go in Python.
"""

from __future__ import annotations

import itertools
import sys
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import Any

from ._ffi import CData, ffi, lib

#: How deep callbacks may cause one another: each level takes some of C's stack.
MAX_DEPTH = 50

#: What callbacks raised, by thread, until settle().
errors: dict[int, list[BaseException]] = {}

#: What C refers to by key, and whom to tell when it does no longer.
pinned: dict[int, tuple[object, Callable[[], object] | None]] = {}

#: Keys that C has released and let_go() has not come to, because something interrupted it.
_released: deque[int] = deque()

_depths: dict[int, int] = {}
_keys = itertools.count(1)


def depth() -> int:
    """How many callbacks of this module are on this thread's stack."""
    return _depths.get(get_ident(), 0)


def settle() -> None:
    """Raise what callbacks below the last call raised, and let go what C is done with.

    Worth calling only if ``errors or pinned``.
    """
    if pinned:
        let_go()
    found = errors.pop(get_ident(), None)
    if found:
        for error in found[1:]:
            sys.excepthook(type(error), error, error.__traceback__)
        raise found[0]


def pin(exported: object, on_release: Callable[[], object] | None) -> int:
    """Keep *exported* until C has released the key that this returns."""
    key = next(_keys)
    pinned[key] = (exported, on_release)
    return key


def unpin(key: int) -> None:
    """Forget *key*, which C did not take."""
    pinned.pop(key, None)


def let_go() -> None:
    """Unpin what C has released, and tell those who wait for it.

    An Exception of theirs goes to ``sys.excepthook``: the call that happens to notice is not to
    blame.  KeyboardInterrupt and SystemExit end the call; the next one tells the rest.
    """
    node = lib.lepy_released_take()
    keys = []
    while node:
        keys.append(node.key)
        node, done = node.next, node
        lib.free(done)
    _released.extend(reversed(keys))  # the list has the last one first
    while _released:
        _, on_release = pinned.pop(_released.popleft(), (None, None))
        if on_release is not None:
            try:
                on_release()
            except Exception as error:
                sys.excepthook(type(error), error, error.__traceback__)


def call_below_c(function: Callable[..., object], *arguments: object) -> None:
    """Call *function* with C's frames below; what it raises waits for settle()."""
    thread = get_ident()
    level = _depths.get(thread, 0)
    if level >= MAX_DEPTH:
        _keep(RecursionError(f"callbacks change buffers that call back, {MAX_DEPTH} levels deep"))
        return
    _depths[thread] = level + 1
    try:
        function(*arguments)
    except BaseException as error:
        _keep(error)
    finally:
        if level:
            _depths[thread] = level
        else:
            _depths.pop(thread, None)


def _keep(error: BaseException) -> None:
    errors.setdefault(get_ident(), []).append(error)


def _keep_lost(kind: Any, error: Any, traceback: Any) -> None:
    """An exception outside of call_below_c's own try: a signal's."""
    _keep(error)


@ffi.def_extern(onerror=_keep_lost)
def lepy_buffer_changed(buffer: CData, info: CData, changes: CData) -> None:
    """``evbuffer_cb_func``: a Buffer with callbacks has changed."""
    call_below_c(ffi.from_handle(changes).dispatch, info.orig_size, info.n_added, info.n_deleted)
