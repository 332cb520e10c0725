"""What the benchmarks run on: compiled C programs, interpreters, processes on a core of their own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILT = ROOT / "build" / "benchmarks"

sys.path.insert(0, str(ROOT))

from vendor import discover, toolchain  # noqa: E402

#: Seconds after which a program hangs: the slowest takes a tenth of it.
_TOO_LONG = 600

_CORES = sorted(os.sched_getaffinity(0))
#: Where the measured process runs, and where what keeps it busy does.
MEASURED_CORE, LOAD_CORE = _CORES[0], _CORES[-1]

_ASK = """
import json, platform, sys
import libevent_py
try:
    import uvloop
    has = uvloop.__version__
except ImportError:
    has = ""
try:
    import httptools, uvicorn
    uvicorn = uvicorn.__version__ if has else ""
except ImportError:
    uvicorn = ""
name = platform.python_implementation()
version = ".".join(map(str, sys.pypy_version_info[:3])) if name == "PyPy" else platform.python_version()
print(json.dumps({"name": name, "version": version, "uvloop": has, "uvicorn": uvicorn,
    **libevent_py.build_info()}))
"""


class ProgramFailed(Exception):
    """A program could not be run to its end; why."""


@dataclass(frozen=True)
class Program:
    """One column of the contest: a kind of program, and what runs it ("" for C)."""

    kind: str
    python: str = ""
    interpreter: str = ""

    @property
    def name(self) -> str:
        """As the tables show it."""
        return f"{self.kind}, {self.interpreter}" if self.python else self.kind

    def command(self, program: str, *arguments: object) -> list[str]:
        """The command that runs *program*, in C or in Python."""
        if not self.python:
            return [str(BUILT / program), *map(str, arguments)]
        return [self.python, str(HERE / "programs" / f"{program}.py"), self.kind, *map(str, arguments)]


def compile_programs() -> str:
    """Compile ``c/*.c`` with the libevent that the package is built with; what that is."""
    libevent = discover.find_libevent()
    BUILT.mkdir(parents=True, exist_ok=True)
    for source in sorted((HERE / "c").glob("*.c")):
        flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra", *toolchain.compile_flags(libevent)]
        output = ["-o", str(BUILT / source.stem)]
        command = [*toolchain.compiler(), *flags, str(source), *toolchain.link_flags(libevent), *output]
        subprocess.run(command, check=True)
    return libevent.summary


def interpreter(python: str) -> dict[str, Any]:
    """What *python* is, and what was built for it."""
    command = [python, "-c", _ASK]
    try:
        answer = subprocess.run(command, env=_environment(), check=True, capture_output=True, text=True)
    except OSError as error:
        raise ProgramFailed(f"{python}: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        raise ProgramFailed(
            f"{python} cannot import libevent_py: build it in this directory first\n"
            f"({python} setup.py build_ext --inplace)\n{error.stderr}"
        ) from None
    return json.loads(answer.stdout)  # type: ignore[no-any-return]


def facts() -> dict[str, str]:
    """The machine, for the reader of the tables."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "processor": f"{model}, {len(_CORES)} cores",
        "system": f"{platform.system()} {platform.release()}",
        "load": load,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def start(command: list[str], core: int) -> subprocess.Popen[str]:
    """Start *command* on one core."""
    return subprocess.Popen(
        command,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )


def answers(command: list[str], core: int) -> list[dict[str, Any]]:
    """Run *command* on one core to its end; its lines of JSON."""
    with start(command, core) as process:
        try:
            output, _ = process.communicate(timeout=_TOO_LONG)
        except subprocess.TimeoutExpired:
            process.kill()
            raise ProgramFailed(f"{' '.join(command)} took more than {_TOO_LONG} seconds") from None
    if process.returncode:
        raise ProgramFailed(f"{' '.join(command)} failed")
    return [json.loads(line) for line in output.splitlines()]
