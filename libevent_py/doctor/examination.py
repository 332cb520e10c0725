"""Each probe in a process of its own, and what came of it (floor 7)."""

from __future__ import annotations

import enum
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .probes import FIXED, OPEN, PROBES

#: Seconds. A probe takes a few milliseconds, its interpreter a tenth of a second.
_PATIENCE = 30.0
_CODE = "from libevent_py.doctor.probes import run; run(*__import__('sys').argv[1:])"


class Verdict(enum.Enum):
    """What a probe found."""

    FIXED = "fixed"
    OPEN = "OPEN"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What one probe found.

    Attributes:
        cve: ``"CVE-2026-63382"``.
        subject: What the vulnerability is about.
        verdict: Whether the loaded libevent has the fix.
        remark: How it showed, where that is not the ordinary way; else empty.
    """

    cve: str
    subject: str
    verdict: Verdict
    remark: str = ""


def examine() -> Iterator[Finding]:
    """Ask for each fix in turn; each takes about as long as an interpreter's start."""
    for probe in PROBES:
        verdict, remark = _ask(probe.cve)
        yield Finding(probe.cve, probe.subject, verdict, remark)


def _ask(cve: str) -> tuple[Verdict, str]:
    package = Path(__file__).parents[2]
    paths = [str(package), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CODE, cve],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Verdict.UNKNOWN, f"no answer in {_PATIENCE:g} seconds"
    return judge(done.returncode, done.stderr)


def judge(status: int, said: str) -> tuple[Verdict, str]:
    """What the end of a probe's process means.

    Args:
        status: As subprocess has it: negative where a signal ended it.
        said: Its stderr.
    """
    if status == FIXED:
        return Verdict.FIXED, ""
    if status == OPEN:
        return Verdict.OPEN, ""
    if status < 0:
        return Verdict.OPEN, f"it crashed, by signal {-status}"
    lines = said.strip().splitlines()
    return Verdict.UNKNOWN, lines[-1] if lines else f"exit status {status}"


def libevent_files() -> list[str]:
    """The libevent libraries that this process has loaded; empty where it is inside the extension."""
    try:
        lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = {line.split(maxsplit=5)[5] for line in lines if "/libevent" in line}
    return sorted(path for path in found if Path(path).name.startswith("libevent") and ".so" in path)
