"""The proxy as several processes on one port."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from proxies import Backend, Running, connected, proxy, shown, told


def workers(running: Running) -> list[int]:
    """Their process ids."""
    return [
        int(pid)
        for pid in Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
        .read_text()
        .split()
    ]


def test_workers_share_a_port(tmp_path: Path) -> None:
    """The statistics are of all of them together, and SIGTERM ends all."""
    path = str(tmp_path / "stats")
    with Backend("one") as one, proxy("--workers", "3", "--stats", path, to=(one,)) as running:
        assert "with 3 workers" in running.log[-1]
        assert len(workers(running)) == 3
        for _ in range(20):
            assert running.ask() == [b"one", b"hello"]
        assert "connections 20, now 0" in told(path)
        pids = workers(running)
        running.signal(signal.SIGTERM)
        assert running.end() == 0
        assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_a_worker_that_dies_is_replaced() -> None:
    """And the others go on meanwhile."""
    with Backend("one") as one, proxy("--workers", "2", to=(one,)) as running:
        pids = workers(running)
        os.kill(pids[0], signal.SIGKILL)
        assert f"worker {pids[0]} has died (status -9)" in running.wait_for("is replaced")
        running.wait_for("with 2 workers")
        assert running.ask()[0] == b"one"


def test_workers_end_with_their_master() -> None:
    """Also where that is killed."""
    with Backend("one") as one, proxy("--workers", "2", to=(one,)) as running:
        pids = workers(running)
        running.signal(signal.SIGKILL)
        running.end()
        until = time.monotonic() + 10
        while any(_is_running(pid) for pid in pids) and time.monotonic() < until:
            time.sleep(0.01)
        assert not any(_is_running(pid) for pid in pids)


def _is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return re.sub(r".*\) ", "", stat)[0] != "Z"


def test_sighup_reaches_all_workers(tmp_path: Path) -> None:
    """Nobody is dropped, and the new backend gets the new clients."""
    file = tmp_path / "proxy.ini"
    with Backend("old") as old, Backend("new") as new:
        text = "[proxy]\nlisten = 127.0.0.1:0\nworkers = 2\nto = "
        file.write_text(text + shown(old.address))
        with proxy("--config", str(file), listen=False) as running, connected(running) as held:
            assert held.recv(10) == b"old\n"
            file.write_text(text + shown(new.address))
            running.signal(signal.SIGHUP)
            running.wait_for("were read again")
            until = time.monotonic() + 10
            # The workers hear of it a moment later.
            while {running.ask()[0] for _ in range(6)} != {b"new"} and time.monotonic() < until:
                pass
            assert {running.ask()[0] for _ in range(6)} == {b"new"}
            held.sendall(b"still here")
            assert held.recv(100) == b"still here"


def test_ctrl_c_waits_in_all_workers() -> None:
    """A terminal sends it to each process of the group; only the master's counts."""
    with Backend("one") as one, proxy("--workers", "2", to=(one,)) as running, connected(running) as held:
        assert held.recv(10) == b"one\n"
        for pid in [running.process.pid, *workers(running)]:
            os.kill(pid, signal.SIGINT)
        running.wait_for("for 1 connections")
        held.sendall(b"x")
        assert held.recv(1) == b"x"
        held.close()
        assert running.end() == 0
