"""The programs in docs/http.md run, and print what they should."""

from __future__ import annotations

import re

import pytest
from command import ROOT, run

TEXT = (ROOT / "docs" / "http.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PRINTED = [
    "200 b'hello you\\n'\n200 b'User-agent: *\\nDisallow: /\\n'\n404 b'404 Not Found\\n'\n",
    "b'4999950000'\n",
    "10000000 bytes\n",
    "DELETE /it HTTP/1.1 204 0\n",
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
