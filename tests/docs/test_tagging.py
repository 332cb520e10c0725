"""The programs in docs/tagging.md run as they are printed."""

from __future__ import annotations

import re

import pytest
from command import ROOT

from libevent_py import tagging

PAGE = (ROOT / "docs/tagging.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS, ids=range(len(BLOCKS)))
def test_a_program_runs(text: str) -> None:
    """Its assertions hold."""
    exec(compile(text, "docs/tagging.md", "exec"), {})


def test_the_table_has_every_function() -> None:
    """Once, in the first table."""
    table = re.search(r"^\| to write .*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert table is not None
    cells = [cell for row in table[0].splitlines()[2:] for cell in row.split("|")[1:3]]
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(tagging.__all__)
