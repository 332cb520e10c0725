"""docs/doctor.md: its table is the command's, and its program runs."""

from __future__ import annotations

import re

from command import ROOT, run

from libevent_py._commands.doctor import as_table
from libevent_py.doctor import Finding, Verdict
from libevent_py.doctor.probes import PROBES

TEXT = (ROOT / "docs" / "doctor.md").read_text()


def test_the_table_is_what_is_printed() -> None:
    """Where every fix is there."""
    table = as_table([Finding(probe.cve, probe.subject, Verdict.FIXED) for probe in PROBES])
    assert table in TEXT


def test_the_program_runs() -> None:
    """It prints nothing, or a line for each fix that is missing."""
    (program,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    done = run("-c", program)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.startswith("CVE-2026-") for line in done.stdout.splitlines())
