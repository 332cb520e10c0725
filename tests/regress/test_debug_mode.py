"""libevent's regress_debug: the whole directory once more, in libevent's debug mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from child import PACKAGE_PARENT
from command import ROOT

from libevent_py import threads


@pytest.mark.slow
@pytest.mark.skipif(threads.debug_mode, reason="this is the run in debug mode")
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="C's checks are the same, PyPy's start is slow")
def test_regress_debug() -> None:
    """With LIBEVENT_PY_DEBUG=1 nothing aborts, and every test here passes."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path(__file__).parent)],
        cwd=ROOT,
        env={**os.environ, "LIBEVENT_PY_DEBUG": "1", "PYTHONPATH": str(PACKAGE_PARENT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    tail = done.stdout[-10_000:] + done.stderr[-5000:]
    assert done.returncode == 0, f"exit code {done.returncode}\n{tail}"
    assert "passed" in done.stdout
