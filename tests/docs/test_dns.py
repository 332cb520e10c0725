"""The programs in docs/dns.md run, and print what they should."""

from __future__ import annotations

import re

import pytest
from command import ROOT, run

TEXT = (ROOT / "docs" / "dns.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PRINTED = [
    """\
['192.0.2.1', '192.0.2.2'] for 300 seconds
failed: A of nobody.example.com: there is no such name (NXDOMAIN)
""",
    "AF_INET ('192.0.2.1', 443)\nAF_INET6 ('2001:db8::1', 443)\n",
    "[('192.0.2.53', 53), ('127.0.0.1', 5353)]\nattempts must be between 1 and 255, not 0\n",
    "connected\n",
    "127.0.0.1 asks for alias.example.com\n['192.0.2.7']\n",
]


@pytest.mark.parametrize(("program", "printed"), list(zip(BLOCKS, PRINTED)), ids=range(len(PRINTED)))
def test_a_program_prints(program: str, printed: str) -> None:
    """Without a word on stderr."""
    done = run("-c", program)
    assert done.stderr == ""
    assert sorted(done.stdout.splitlines()) == sorted(printed.splitlines())


def test_every_program_is_tested() -> None:
    """Whoever adds one adds its output here."""
    assert len(BLOCKS) == len(PRINTED)
