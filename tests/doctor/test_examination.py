"""The probes of the loaded libevent, and how their ends are judged."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from child import run_child

from libevent_py import build_info
from libevent_py.doctor import Verdict, examination, examine, libevent_files
from libevent_py.doctor.probes import FIXED, OPEN, PROBES


def test_the_eight_are_asked_for_once_each() -> None:
    """By their CVEs, in order."""
    numbers = [63379, 63381, 63382, 63383, 63384, 63385, 63387, 63388]
    assert [probe.cve for probe in PROBES] == [f"CVE-2026-{number}" for number in numbers]


def test_the_loaded_libevent_has_all_fixes_or_none() -> None:
    """They were published together, and each probe sees its own: a stray verdict is a wrong probe."""
    findings = list(examine())
    assert [finding.cve for finding in findings] == [probe.cve for probe in PROBES]
    verdicts = {finding.verdict for finding in findings}
    assert len(verdicts) == 1, findings
    if build_info()["libevent"] == "vendored" and build_info()["patches"]:
        assert verdicts == {Verdict.FIXED}


@pytest.mark.parametrize(
    ("status", "said", "verdict", "remark"),
    [
        (FIXED, "", Verdict.FIXED, ""),
        (OPEN, "", Verdict.OPEN, ""),
        (-signal.SIGABRT, "[err] Assertion failed", Verdict.OPEN, "it crashed, by signal 6"),
        (0, "", Verdict.UNKNOWN, "exit status 0"),
        (1, "Traceback\n  File x\nOSError: no sockets here\n", Verdict.UNKNOWN, "OSError: no sockets here"),
    ],
)
def test_a_process_is_judged_by_its_end(status: int, said: str, verdict: Verdict, remark: str) -> None:
    """A crash is a missing fix; what could not be tried is neither there nor missing."""
    assert examination.judge(status, said) == (verdict, remark)


def test_a_crash_ends_the_probe_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that examines lives on, and asks for the next one."""
    monkeypatch.setattr(examination, "_CODE", "import os; os.abort()")
    monkeypatch.setattr(examination, "PROBES", PROBES[:2])
    findings = list(examine())
    assert [finding.verdict for finding in findings] == [Verdict.OPEN] * 2
    assert {finding.remark for finding in findings} == {"it crashed, by signal 6"}


def test_a_probe_that_hangs_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and the next one asked."""
    monkeypatch.setattr(examination, "_CODE", "import time; time.sleep(60)")
    monkeypatch.setattr(examination, "_PATIENCE", 0.1)
    assert {finding.verdict for finding in examine()} == {Verdict.UNKNOWN}


def test_a_read_past_the_mapping_kills() -> None:
    """The page behind the tag really is one that nobody may read: the probe can fail."""
    done = run_child(
        """
        import mmap, os, tempfile
        with tempfile.TemporaryFile() as file:
            file.truncate(2 * mmap.PAGESIZE)
            mapping = mmap.mmap(file.fileno(), 2 * mmap.PAGESIZE)
            os.ftruncate(file.fileno(), mmap.PAGESIZE)
        mapping[mmap.PAGESIZE]
        """
    )
    assert done.returncode == -signal.SIGBUS


def test_the_loaded_files_are_libevents() -> None:
    """The system's libraries by their paths; none where libevent is inside the extension."""
    files = libevent_files()
    assert files if build_info()["libevent"] == "system" else True
    assert not files if build_info()["libevent"] == "vendored" else True
    assert all(Path(path).exists() for path in files)
