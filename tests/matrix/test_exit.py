"""The interpreter's end with every kind of callback waiting, however it comes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from child import run_child

HERE = str(Path(__file__).parent)

#: Every kind of callback, alive, and due where that takes no call; the first one calls `act`.
ALIVE = """
import atexit, gc, logging, os, signal, sys, threading, time
sys.path.insert(0, sys.argv[1])
{before}
from kinds import KINDS
from stage import LOOP, Stage
from libevent_py import *
from libevent_py import lib

def act():
    pass

calls = []

def callback(*arguments):
    calls.append(1)
    if len(calls) == 1:
        act()

logging.getLogger("libevent").propagate = False
signal.signal(signal.SIGUSR1, lambda *_: None)
base = EventBase(on_error=lambda error: None)
stages, pokes = [], []
for name, row in KINDS.items():
    if {without_tls} and "TLS" in name:
        continue
    stages.append(Stage(base, callback))
    pokes.append(row.set_up(stages[-1]))
    if row.where == LOOP:
        pokes[-1]()

def loop_in_a_daemon(run):
    runs = threading.Event()
    Timer(base, 0.0001, lambda timer: runs.set(), repeat=True)
    threading.Thread(target=run, daemon=True).start()
    runs.wait()

"""


class Ending(NamedTuple):
    """How a program ends, and what is seen of it."""

    code: str
    status: int = 0
    #: The end of stderr, where something has to be there.
    says: str = ""
    #: What comes before the package is imported.
    before: str = ""
    #: Without those that use OpenSSL, which cleans up in exit() though a thread may be in it.
    without_tls: bool = False


ENDINGS = {
    "nothing": Ending(""),
    "after a pass": Ending("base.loop(LoopFlags.ONCE | LoopFlags.NONBLOCK)"),
    "closed": Ending("base.close()"),
    "dropped": Ending("del base, stages, pokes; gc.collect()"),
    "a cycle": Ending("base.cycle = [base, stages, pokes]; del stages, pokes, base"),
    "sys.exit": Ending("sys.exit(3)", 3),
    "sys.exit in a callback": Ending("act = lambda: sys.exit(4)\nbase.dispatch()", 4),
    "os._exit in a callback": Ending("act = lambda: os._exit(5)\nbase.dispatch()", 5),
    "an exception in a callback": Ending(
        "base._delivery.on_error = None\ndef act(): raise LookupError('mine')\nbase.dispatch()",
        1,
        "LookupError: mine\n",
    ),
    "Ctrl-C in the loop": Ending(
        "base.call_later(0.01, os.kill, os.getpid(), signal.SIGINT)\nbase.dispatch()",
        -2,
        "KeyboardInterrupt\n",
    ),
    "a signal in the loop": Ending("base.call_later(0.01, os.kill, os.getpid(), 15)\nbase.dispatch()", -15),
    "a daemon thread's loop": Ending("loop_in_a_daemon(base.dispatch)"),
    "a daemon thread's loop, sys.exit": Ending("loop_in_a_daemon(base.dispatch); sys.exit(6)", 6),
    "a native loop in a daemon thread": Ending(
        "loop_in_a_daemon(lambda: lib.event_base_dispatch(base.pointer))", without_tls=True
    ),
    "atexit closes": Ending("atexit.register(base.close)"),
    "atexit closes one": Ending("atexit.register(stages[0].there['it'].close)"),
    "atexit runs the loop": Ending(
        "Timer(base, 0.01, lambda timer: base.loopbreak())\natexit.register(base.dispatch)"
    ),
    "atexit from before": Ending(
        "program.append(base)",
        before="program = []; atexit.register(lambda: (program[0].loop(LoopFlags(3)), program[0].close()))",
    ),
    "atexit raises": Ending(
        "def fail(): raise LookupError('mine')\natexit.register(fail)", 0, "LookupError: mine\n"
    ),
}


@pytest.mark.parametrize("dev", [False, True], ids=["plain", "dev"])
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=list(ENDINGS))
def test_exit(ending: Ending, dev: bool) -> None:
    """The status that it must have, soon, and not a word but a ResourceWarning of the dev mode."""
    program = ALIVE.replace("{before}", ending.before) + ending.code
    program = program.replace("{without_tls}", str(ending.without_tls))
    done = run_child(program, HERE, env={"PYTHONDEVMODE": "1"} if dev else None)
    assert done.returncode == ending.status, done.stderr
    lines = done.stderr.splitlines(keepends=True)
    if dev:  # and the source of each warning
        lines = [line for line in lines if "ResourceWarning" not in line and not line.startswith(" ")]
    if ending.says:
        assert lines[-1] == ending.says, done.stderr
        assert lines.count("Traceback (most recent call last):\n") == 1, done.stderr
    else:
        assert not lines, done.stderr
