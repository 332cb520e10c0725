"""The fuzz itself: that it knows of every public name, and a short run of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import surface  # noqa: E402


def test_every_public_name_is_covered() -> None:
    """A new class, enumeration or function is called by the fuzz, or left out with a reason."""
    known = {*surface.KINDS, *surface.ENUMS, *surface.FUNCTIONS, *surface.LEFT_OUT}
    missing = [
        name
        for name, value in surface.public_names().items()
        if name not in known and not (isinstance(value, type) and issubclass(value, BaseException))
    ]
    assert missing == []


def test_every_method_is_a_target() -> None:
    """Of a class the fuzz calls all that it offers."""
    for kind in surface.KINDS.values():
        names = {name for name in dir(kind.type) if not name.startswith("_")}
        assert {member.name for member in kind.members} == names


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="starting a program takes PyPy too long")
def test_a_short_run() -> None:
    """No program ends by a signal, an exit or a hang, nor raises what nothing documents.

    ``make fuzz`` runs longer, and ``.ci/run`` makes 100,000 calls.
    """
    words = [sys.executable, str(HERE), "--seed", "1", "--calls", "5000", "--jobs", "2"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
