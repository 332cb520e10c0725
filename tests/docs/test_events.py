"""The programs in docs/events.md run, and print what they should."""

from __future__ import annotations

import re

import pytest
from command import ROOT, run

TEXT = (ROOT / "docs" / "events.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PRINTED = [
    "got b'hello'\nsilence for a tenth of a second\n",
    "finalized\n",
    "three ticks\n",
    "first this\nthen this\n",
    "got SIGUSR1\n",
    "True\n",
    "1 event\n",
]


@pytest.mark.parametrize(("program", "printed"), list(zip(BLOCKS, PRINTED)), ids=range(len(PRINTED)))
def test_a_program_prints(program: str, printed: str) -> None:
    """Without a word on stderr."""
    done = run("-c", program)
    assert done.stderr == ""
    assert done.stdout == printed


def test_every_program_is_tested() -> None:
    """Whoever adds one adds its output here."""
    assert len(BLOCKS) == len(PRINTED)
