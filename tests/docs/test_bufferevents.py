"""The programs in docs/bufferevents.md run, and print what they should."""

from __future__ import annotations

import re

import pytest
from command import ROOT, run

TEXT = (ROOT / "docs" / "bufferevents.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PRINTED = [
    "got b'a present'\nanswer b'thanks' then EOF\n",
    "got b'hello'\nthe end\n",
    "b'first line\\n'\nb'second line\\n'\nb'rest'\n",
    "50000 1 (0, 0)\n",
    "paused True\n",
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
