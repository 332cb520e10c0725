"""A short form of `make faults`, and accept() that fails."""

from __future__ import annotations

import errno
import shutil
import sys
from pathlib import Path

import pytest
from child import check_child
from command import run
from native import compile_c

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("cc"), reason="needs LD_PRELOAD and a C compiler (cc)"
)


def test_memory() -> None:
    """Some allocations of each scenario: MemoryError, OSError or success, and it works afterwards."""
    done = run(str(HERE), "--every", "30", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    scenarios = (HERE / "scenarios.py").read_text().count("\n@scenario\n")
    assert len(done.stdout.splitlines()) == scenarios > 0


@pytest.mark.parametrize("name", ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EINTR"])
def test_accept_fails(name: str, tmp_path: Path) -> None:
    """What the process or the system is short of is told and waited for; what passes is tried again."""
    library = compile_c(HERE / "faults.c", tmp_path / "faults.so", "-shared", "-fPIC", "-ldl")
    printed = check_child(
        """
        import ctypes, errno, socket, sys
        from libevent_py import *

        number = int(sys.argv[1])
        base = EventBase()
        told = []
        listener = Listener(
            base,
            ("127.0.0.1", 0),
            lambda listener, sock, address: (sock.close(), told.append("accepted"), base.loopexit()),
            on_error=lambda listener, error: (told.append(error.errno), listener.enable()),
        )
        client = socket.create_connection(listener.address)
        ctypes.CDLL(None).faults_accept(number, 1)
        Timer(base, 10, lambda timer: base.loopexit())
        base.dispatch()
        print(told)
        client.close()
        base.close()
        """,
        str(getattr(errno, name)),
        env={"LD_PRELOAD": str(library)},
    )
    expected = [] if name in ("ECONNABORTED", "EINTR") else [getattr(errno, name)]
    assert printed == f"{[*expected, 'accepted']}\n"


def test_no_memory_for_a_record_in_a_native_loop(tmp_path: Path) -> None:
    """There is nobody to raise to: sys.excepthook is told, and the loop goes on."""
    library = compile_c(HERE / "faults.c", tmp_path / "faults.so", "-shared", "-fPIC", "-ldl")
    printed = check_child(
        """
        import ctypes, sys
        from libevent_py import EventBase, Event, EventFlags, lib

        sys.excepthook = lambda kind, error, traceback: print(kind.__name__, error)
        faults = ctypes.CDLL(None)
        with EventBase() as base:
            event = Event(base, None, EventFlags.PERSIST, lambda event, what: print("called"))
            event.add(0.001)
            for _ in range(2):
                event.active()
                faults.faults_arm(1, 1)
                lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)
                faults.faults_disarm()
            event.active()
            lib.event_base_loop(base.pointer, lib.EVLOOP_ONCE | lib.EVLOOP_NONBLOCK)
        """,
        env={"LD_PRELOAD": str(library)},
    )
    lost = "MemoryError no memory to record what happened; some callbacks of this pass are lost\n"
    assert printed == f"{lost}{lost}called\n"
