"""Closing and dropping everything from every kind of callback, where a crash is a result."""

from __future__ import annotations

from pathlib import Path

import pytest
from child import run_child
from kinds import FAMILIES

HERE = str(Path(__file__).parent)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_closing(family: str) -> None:
    """Nothing crashes or is left; what must be delivered is, once; what must not, is not."""
    program = "import sys; sys.path.insert(0, sys.argv[1]); import closing; closing.main(sys.argv[2])"
    done = run_child(program, HERE, family, timeout=120)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
    assert done.stdout.endswith("ok\n")
    assert done.stderr == ""
