"""The programs in docs/relay.md and docs/framing.md run, and print what they should."""

from __future__ import annotations

import re

import pytest
from command import ROOT, run


def blocks(name: str) -> list[str]:
    """The Python programs of a guide; fragments, which make no base, are compiled only."""
    text = (ROOT / "docs" / name).read_text()
    found = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for block in found:
        compile(block, name, "exec")
    return [block for block in found if "EventBase()" in block]


PRINTED = {
    "relay.md": ["EOF 8 bytes there, 10 back\nb'the answer'\n", "1000 1000\n"],
    "framing.md": [
        """server: [b'first line']
client: [b'FIRST LINE']
server: [b'second line', b'']
client: [b'SECOND LINE', b'']
""",
        "b'\\x00\\x03one\\x00\\x00\\x00\\x05three'\n[b'one', b'', b'three']\n",
        """the peer sent a message that is too long for LineFraming(EOLStyle.CRLF, max_length=80)
b'500 line too long\\r\\n'
""",
    ],
}
PROGRAMS = [
    (program, printed)
    for name, expected in PRINTED.items()
    for program, printed in zip(blocks(name), expected)
]


@pytest.mark.parametrize(("program", "printed"), PROGRAMS)
def test_a_program_prints(program: str, printed: str) -> None:
    """Without a word on stderr."""
    done = run("-c", program)
    assert done.stderr == ""
    assert done.stdout == printed


def test_every_program_is_tested() -> None:
    """Whoever adds one adds its output here."""
    assert {name: len(blocks(name)) for name in PRINTED} == {
        name: len(expected) for name, expected in PRINTED.items()
    }
