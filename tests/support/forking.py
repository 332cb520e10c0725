"""Programs that fork: what they begin with, and hearing what came of a function in the child."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable

from child import check_child


def in_child(function: Callable[[], object]) -> str:
    """What *function* returns in a forked child, as text; ``Class: text`` of its exception; ``died: n``."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(15)  # what hangs shall not outlive the test
        try:
            try:
                said = str(function())
            except BaseException as error:
                if os.environ.get("FORKING_TRACE"):
                    traceback.print_exc()
                said = f"{type(error).__name__}: {error}"
            os.write(writer, said.encode())
            sys.stderr.flush()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(pid, 0)[1]
    return said if status == 0 else f"died: {status}"


#: One environment for each backend.
BACKENDS = {
    "epoll": {},
    "poll": {"EVENT_NOEPOLL": "1"},
    "select": {"EVENT_NOEPOLL": "1", "EVENT_NOPOLL": "1"},
}

SET_UP = """
import gc, os, signal, socket, sys, threading, time, warnings
from forking import in_child
from libevent_py import *
READ, PERSIST = EventFlags.READ, EventFlags.PERSIST
warnings.simplefilter("ignore", ResourceWarning)
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks with threads
base = EventBase()
ours, peer = socket.socketpair()
ours.setblocking(False)
fired = []
event = Event(base, ours, READ | PERSIST, lambda event, what: (fired.append(ours.recv(10)), base.loopbreak()))
event.add()

def still_works():
    '''In the parent: the descriptor that was watched all the time fires.'''
    fired.clear()
    peer.send(b"x")
    guard = Timer(base, 5, lambda timer: base.loopbreak())
    base.dispatch()
    guard.close()
    assert fired == [b"x"], fired
"""


def check_forking(code: str, env: dict[str, str] | None = None) -> None:
    """Run *code* after SET_UP; it must get to its end."""
    text = "\n".join(line[8:] if line.startswith(" " * 8) else line for line in code.splitlines())
    assert check_child(SET_UP + text + "\nprint('ok')", timeout=60, env=env) == "ok\n"
