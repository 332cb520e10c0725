"""The guard over all tests, guarded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import child

LEAKERS = """
import gc, os, signal, socket, threading

import pytest

from libevent_py import Event, EventBase, EventFlags

kept = []


def test_clean(base):
    pass


def test_base():
    kept.append(EventBase())


def test_base_dropped():
    EventBase()
    gc.collect()


def test_descriptor():
    kept.append(os.dup(0))


def test_thread():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, args=(4,), daemon=True)
    thread.start()


def test_wakeup_descriptor():
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    signal.set_wakeup_fd(ours.fileno())
    kept.append((ours, peer))


def test_finalizer():
    class Bad:
        def __del__(self):
            raise ZeroDivisionError

    Bad()
    gc.collect()
"""


def test_every_kind_of_leak_fails_its_test(tmp_path: Path) -> None:
    """A test that leaves a base, descriptor, thread or wake-up fd, or fails in __del__, does not pass."""
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (tmp_path / "support").symlink_to(Path(__file__).parent / "support")
    (tmp_path / "test_leakers.py").write_text(LEAKERS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-q", "-W", "error", "-p", "no:cacheprovider",
         "--import-mode=importlib", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(child.PACKAGE_PARENT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    summary = {
        line.split("::")[1].split()[0]: line.split()[0] for line in done.stdout.splitlines() if "py::" in line
    }
    assert summary.pop("test_clean") == "PASSED"
    assert sorted(summary) == sorted(
        f"test_{name}"
        for name in ("base", "base_dropped", "descriptor", "thread", "wakeup_descriptor", "finalizer")
    ), done.stdout
    assert "PASSED" not in summary.values(), done.stdout
