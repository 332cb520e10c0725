"""``python -m libevent_py doctor``."""

from __future__ import annotations

import json

import pytest
from command import run_command

import libevent_py.__main__
from libevent_py._commands import doctor
from libevent_py.doctor import Finding, Verdict
from libevent_py.doctor.probes import PROBES


def test_json_holds_the_verdicts() -> None:
    """One for each CVE, and status 0 only where every fix is there."""
    done = run_command("doctor", "--json")
    facts = json.loads(done.stdout)
    assert done.stderr == ""
    assert facts["libevent"] == libevent_py.build_info()["libevent_version"]
    assert list(facts["fixes"]) == [probe.cve for probe in PROBES]
    is_safe = all(fix["verdict"] == "fixed" for fix in facts["fixes"].values())
    assert done.returncode == (0 if is_safe else 1)


@pytest.mark.parametrize(
    ("verdict", "kind", "told"),
    [
        (Verdict.FIXED, "system", "nothing to do"),
        (Verdict.UNKNOWN, "system", "please report it"),
        (Verdict.OPEN, "system", "apt-get install --only-upgrade"),
        (Verdict.OPEN, "prefix", "libevent 2.1.13 or later where this one was found (/opt/libevent.so)"),
        (Verdict.OPEN, "vendored", "LIBEVENT_PY_LIBEVENT=vendored pip install --force-reinstall"),
    ],
)
def test_it_says_what_to_do(
    verdict: Verdict,
    kind: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By where this libevent is from; one open vulnerability is enough."""
    findings = [Finding("CVE-1", "one", Verdict.FIXED), Finding("CVE-2", "another", verdict, "by signal 6")]
    monkeypatch.setattr(doctor, "examine", lambda: iter(findings))
    monkeypatch.setattr(doctor, "libevent_files", lambda: ["/opt/libevent.so"])
    monkeypatch.setattr(doctor, "build_info", lambda: {"libevent": kind, "libevent_version": "2.1.12-stable"})
    assert libevent_py.__main__.main(["doctor"]) == (0 if verdict is Verdict.FIXED else 1)
    printed = capsys.readouterr().out
    assert told in printed
    assert "CVE-2  another" in printed
    assert "by signal 6" in printed
