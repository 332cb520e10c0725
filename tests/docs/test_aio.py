"""The programs in docs/aio.md run, and print what they should."""

from __future__ import annotations

import re
import sys

import pytest
from command import ROOT, run

PROGRAMS = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs" / "aio.md").read_text(), re.MULTILINE | re.DOTALL
)

PRINTED = [
    "<class 'libevent_py.aio.loop.Loop'>\n",
    "b'HELLO\\n'\n",
    "DNSAnswer(records=['127.0.0.1'], ttl=60)\nb'good day\\n'\nb'good day\\n'\n",
    "[b'hello', b'hello', b'hello']\n",
]


@pytest.mark.parametrize(("program", "printed"), list(zip(PROGRAMS, PRINTED)))
def test_a_program_prints(program: str, printed: str) -> None:
    """Without a word on stderr."""
    if "Runner" in program and sys.version_info < (3, 11):
        pytest.skip("asyncio.Runner came with 3.11")
    done = run("-c", program)
    assert done.stderr == ""
    assert done.stdout == printed


def test_every_program_is_tested() -> None:
    """Whoever adds one adds its output here."""
    assert len(PROGRAMS) == len(PRINTED)
