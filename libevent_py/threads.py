"""libevent's own locking, on before anything else of libevent is used (floor 4, event2/thread.h).

And its debug mode, where the environment asks for it: that must come before the first base too.
"""

from __future__ import annotations

import os

from ._ffi import lib

# CFFI releases the GIL around every call, so two Python threads can be inside
# libevent at once; and without this a loopbreak from another thread does not
# wake the loop.  It must come before the first base, under the import lock
# because evthread_use_pthreads itself is not thread-safe in 2.1.
if hasattr(lib, "evthread_use_pthreads") and lib.evthread_use_pthreads() != 0:
    raise ImportError("libevent refuses to use pthreads (was its debug mode turned on before the import?)")

#: ``LIBEVENT_PY_DEBUG=1``: libevent checks how events and locks are used, and aborts on misuse.
debug_mode = os.environ.get("LIBEVENT_PY_DEBUG", "0") not in ("", "0")
if debug_mode:
    if hasattr(lib, "evthread_enable_lock_debugging"):
        lib.evthread_enable_lock_debugging()
    lib.event_enable_debug_mode()
