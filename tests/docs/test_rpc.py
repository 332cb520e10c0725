"""The program in docs/rpc.md runs, and prints what it should."""

from __future__ import annotations

import re

from command import ROOT, run

PROGRAMS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/rpc.md").read_text(), re.MULTILINE | re.DOTALL)


def test_the_program() -> None:
    """Without a word on stderr."""
    (program,) = PROGRAMS
    done = run("-c", program)
    assert (done.stdout, done.stderr) == ("6\n", "")
