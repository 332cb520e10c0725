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
    assert len(done.stdout.splitlines()) == 20


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
