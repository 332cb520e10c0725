"""Programs of ours as child processes that cannot hang a test."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import libevent_py

#: Where README.md, docs/ and examples/ are; the package may be installed elsewhere.
ROOT = Path(__file__).parents[2]
PACKAGES = Path(libevent_py.__file__).parents[1]
SECONDS = 30.0


def _options() -> dict[str, object]:
    return {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": {**os.environ, "PYTHONPATH": str(PACKAGES), "PYTHONWARNINGS": "error"},
    }


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run ``python words`` to its end; *options* are subprocess.run's."""
    return subprocess.run([sys.executable, *words], **{**_options(), "timeout": SECONDS, **options})  # type: ignore


def run_command(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run ``python -m libevent_py words`` to its end."""
    return run("-m", "libevent_py", *words, **options)


@contextmanager
def start(*words: str) -> Iterator[subprocess.Popen[str]]:
    """``python words`` while the block runs; killed after SECONDS, so that what waits for it ends."""
    process = subprocess.Popen([sys.executable, *words], **_options())  # type: ignore[call-overload]
    guard = threading.Timer(SECONDS, process.kill)
    guard.start()
    with process:
        try:
            yield process
        finally:
            guard.cancel()
            guard.join()
            process.kill()
