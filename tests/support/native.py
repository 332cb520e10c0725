"""Compiling C for the tests, against the same libevent as the extension."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import libevent_py

#: What the C sources of tests and examples must compile without a word under.
STRICT = ["-std=gnu11", "-Wall", "-Wextra", "-Werror"]


def need_shared_libevent() -> list[str]:
    """Compiler options for the extension's libevent; skips where native code cannot share it."""
    info = getattr(libevent_py, "build_info", dict)()
    if info.get("libevent") == "vendored":
        pytest.skip("the extension holds a libevent of its own, and two copies cannot share a base")
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler (cc)")
    options = [f"-I{path}" for path in info.get("include_dirs", []) if Path(path).is_absolute()]
    if not compiles("#include <event2/event.h>\n", options):
        pytest.skip("libevent's headers are not installed (libevent-dev)")
    return options


def compiles(text: str, options: Sequence[str] = ()) -> bool:
    """Whether *text* is a C file that the compiler takes."""
    command = ["cc", "-x", "c", "-fsyntax-only", *options, "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True, timeout=60).returncode == 0


def compile_c(source: Path, target: Path, *options: str) -> Path:
    """Compile and link *source*, where a warning is an error."""
    done = subprocess.run(
        ["cc", *STRICT, "-o", str(target), str(source), *options], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return target
