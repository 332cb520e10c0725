"""Running code in an interpreter of its own, where a crash is a result and not the end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import libevent_py

#: The directory that ``import libevent_py`` takes the package from, also in the child.
PACKAGE_PARENT = Path(libevent_py.__file__).parents[1]


def run_child(
    code: str, *arguments: str, timeout: float = 20, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run *code* as ``python -X faulthandler -c code arguments``; it may crash, but not hang."""
    paths = [str(PACKAGE_PARENT), str(Path(__file__).parent)]
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def check_child(code: str, *arguments: str, timeout: float = 20, env: Mapping[str, str] | None = None) -> str:
    """Run *code* as run_child does, demand a quiet success, and give what it printed."""
    done = run_child(code, *arguments, timeout=timeout, env=env)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stderr == "", done.stderr
    return done.stdout
