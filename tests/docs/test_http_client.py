"""The programs in docs/http_client.md run, and print what they should."""

from __future__ import annotations

import re

import pytest
from command import ROOT, run

TEXT = (ROOT / "docs" / "http_client.md").read_text()
SERVER, *BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PRINTED = [
    "200 OK 15 b'this is /first\\n'\n200 OK 16 b'this is /second\\n'\n",
    "200 with 14000 bytes\nreceived 14000\n",
    "4950 bytes\n",
    "200 /new\n302 /old\n200 /a?b\n",
]


@pytest.mark.parametrize(("program", "printed"), list(zip(BLOCKS, PRINTED)), ids=range(len(PRINTED)))
def test_a_program_prints(program: str, printed: str) -> None:
    """Without a word on stderr."""
    done = run("-c", SERVER + program)
    assert done.stderr == ""
    assert sorted(done.stdout.splitlines()) == sorted(printed.splitlines())


def test_every_program_is_tested() -> None:
    """Whoever adds one adds its output here."""
    assert len(BLOCKS) == len(PRINTED)
