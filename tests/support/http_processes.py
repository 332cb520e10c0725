"""HTTP servers as processes of their own, and curl."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import PACKAGES

#: Seconds: these are several interpreters that start, maybe beside other suites on the same cores.
PATIENCE = 120.0


class Running:
    """A process that logs to stderr where it serves."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[str] = []

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read its log up to a line in which *pattern* is found."""
        while True:
            assert self.process.stderr is not None
            line = self.process.stderr.readline()
            assert line, f"no {pattern!r} in:\n" + "".join(self.log)
            self.log.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.process.pid, number)

    def end(self) -> int:
        """Wait for its end; the exit status."""
        assert self.process.stderr is not None
        self.log += self.process.stderr
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def running(*words: str, folder: Path) -> Iterator[Running]:
    """``python words`` in a directory, which modules can be imported from; killed at the end."""
    paths = [str(folder), str(PACKAGES)]
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(2 * PATIENCE, process.kill)
    guard.start()
    with process:
        try:
            yield Running(process)
        finally:
            guard.cancel()
            guard.join()
            process.kill()


@contextlib.contextmanager
def http(*words: str, folder: Path) -> Iterator[tuple[Running, str]]:
    """``python -m libevent_py http words``, and where it serves: its first URL."""
    with running("-m", "libevent_py", "http", *words, folder=folder) as process:
        yield process, process.wait_for(r"serving .* at ([^\s,]+?)/?(,|$)")[1]


def curl(*words: str) -> str:
    """What curl prints; it must succeed."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not here")
    done = subprocess.run(
        [program, "--silent", "--show-error", "--max-time", str(PATIENCE), *words],
        capture_output=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
