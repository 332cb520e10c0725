"""The guide to buffers runs as it is printed."""

from __future__ import annotations

import re

import pytest
from command import ROOT

BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs/buffers.md").read_text(), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("text", BLOCKS, ids=range(len(BLOCKS)))
def test_a_program_runs(text: str) -> None:
    """Its assertions hold."""
    exec(compile(text, "docs/buffers.md", "exec"), {})


def test_the_regress_page_names_tests_that_are_there() -> None:
    """And none is missing there."""
    section = (ROOT / "docs/regress.md").read_text().split("## evbuffer")[1].split("\n## ")[0]
    program = "".join(path.read_text() for path in (ROOT / "tests/regress").glob("test_evbuffer*.py"))
    assert set(re.findall(r"`(test_\w+)`", section)) == set(
        re.findall(r"^def (test_\w+)", program, re.MULTILINE)
    )
