"""A program: has each allocation of libevent's and the glue's fail, in every scenario.

``memory.py EVERY [scenario…]``, under LD_PRELOAD=faults.so; EVERY 1 is all, 2 each second one.
Each failure is tried in a forked child: the one allocation, and it with all that follow.  Whatever
raises must be MemoryError or OSError; afterwards the same scenario works, and no descriptor is left.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable

from scenarios import SCENARIOS

faults = ctypes.CDLL(None)
faults.faults_arm.argtypes = [ctypes.c_long, ctypes.c_int]
faults.faults_disarm.restype = ctypes.c_long

SECONDS = 20
#: Of more allocations than this the middle ones are left out.
MOST = 80
#: The status of a child that leaves descriptors.
LEFT = 2
#: Where libevent 2.1 itself goes on without the memory that it did not get: crashes and
#: descriptors are its own there.
UPSTREAM = {
    "inspection": "event_reinit ends the process",
    "reading": "bufferevent_setwatermark uses the callback entry that it did not get",
    "pairs": "bufferevent_pair_new frees a half whose timers are not there yet",
    "filters": "bufferevent_filter_new uses the callback entries that it did not get",
    "http_requests": "evhttp_request_new frees the lists of fields that it did not get",
    "references": "evbuffer_add_file_segment does not tell whose the segment is afterwards",
}


def count(run: Callable[[], bool]) -> int:
    """How many allocations it takes."""
    faults.faults_arm(0, 0)
    done = run()
    number: int = faults.faults_disarm()
    assert done, "it does not even work with all memory"
    return number


def attempt(run: Callable[[], bool], number: int, forever: bool) -> set[str]:
    """Run it without memory, and then with; what descriptors are left."""
    before = os.listdir("/proc/self/fd")
    faults.faults_arm(number, forever)
    try:
        run()
    except (MemoryError, OSError):
        pass
    finally:
        faults.faults_disarm()
    gc.collect()
    for thread in threading.enumerate():  # a look-up's
        if thread is not threading.current_thread():
            thread.join()
    after = os.listdir("/proc/self/fd")
    assert run(), "it does not work any more"
    return set(after) - set(before)


def in_child(run: Callable[[], bool], number: int, forever: bool) -> int:
    """Attempt it in a forked child; the status of its end, 0 where all is well."""
    child = os.fork()
    if not child:
        status = 1
        try:
            signal.alarm(SECONDS)
            if run in map(SCENARIOS.get, UPSTREAM):
                faulthandler.disable()
            left = attempt(run, number, forever)
            status = LEFT if left else 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitpid(child, 0)[1]


def main() -> None:
    """Go through all, and tell of each failure."""
    faulthandler.enable()
    warnings.simplefilter("ignore", ResourceWarning)
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks with threads
    logging.getLogger("libevent").addHandler(logging.NullHandler())
    logging.getLogger("libevent").propagate = False
    signal.signal(signal.SIGUSR1, lambda *_: None)
    failed = 0
    every = int(sys.argv[1])
    for name in sys.argv[2:] or SCENARIOS:
        run = SCENARIOS[name]
        run()  # what is made once
        total = count(run)
        numbers = list(range(1, total + 1))
        if total > MOST:
            del numbers[MOST // 2 : -MOST // 2]
        known = 0
        for number in numbers[::every]:
            for forever in (False, True):
                status = in_child(run, number, forever)
                is_theirs = status == LEFT << 8 or status & 0x7F in (signal.SIGSEGV, signal.SIGABRT)
                if is_theirs and name in UPSTREAM:
                    known += 1
                elif status:
                    failed += 1
                    which = f"allocation {number} of {total}{', and all after it' * forever}"
                    print(f"--- {name}: {which}", file=sys.stderr, flush=True)
        why = f", {known} failures of libevent's own: {UPSTREAM[name]}" if known else ""
        print(f"{name}: {total} allocations{why}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
