"""``python -m libevent_py doctor``: which security fixes the loaded libevent has."""

from __future__ import annotations

import argparse
import json

from .._build import build_info
from ..doctor import Finding, Verdict, examine, libevent_files

_VENDORED = """\
build with a patched libevent inside, from a checkout or the sdist:
  LIBEVENT_PY_LIBEVENT=vendored pip install --force-reinstall --no-cache-dir ."""
_SYSTEM = f"""\
bring your system's libevent up to date and ask again
(Debian: apt-get update && apt-get install --only-upgrade '^libevent-').
If the distribution has no fixed one (2.1.13, or 2.1.12 with patches, as Debian's
2.1.12-stable-8+deb12u1), {_VENDORED}"""
_PREFIX = f"""\
install libevent 2.1.13 or later where this one was found ({{}}) and ask again,
or {_VENDORED}"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "doctor",
        help="which security fixes the loaded libevent has, and what to do",
        description="Try the loaded libevent for each vulnerability that was published in 2026, in child "
        "processes and on loopback only: versions prove nothing, for distributions patch old ones. "
        "The exit status is 0 only if every fix is there.",
        epilog="example: python -m libevent_py doctor",
    )
    parser.add_argument("--json", action="store_true", help="as a JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what the probes find."""
    build = build_info()
    where = ", ".join(libevent_files()) or "inside the extension"
    findings = list(examine())
    if arguments.json:
        print(json.dumps(as_facts(build["libevent_version"], where, findings), indent=2))
    else:
        print(f"libevent {build['libevent_version']} ({build['libevent']}: {where})\n")
        print(as_table(findings))
        print(f"\n{advice(findings, build['libevent'], where)}")
    return 0 if all(finding.verdict is Verdict.FIXED for finding in findings) else 1


def as_facts(version: str, where: str, findings: list[Finding]) -> dict[str, object]:
    """All that was found, in types that JSON has."""
    return {
        "libevent": version,
        "where": where,
        "fixes": {
            finding.cve: {
                "subject": finding.subject,
                "verdict": finding.verdict.value.lower(),
                "remark": finding.remark,
            }
            for finding in findings
        },
    }


def as_table(findings: list[Finding]) -> str:
    """A line for each finding."""
    return "\n".join(
        f"  {finding.cve}  {finding.subject:<42}  {finding.verdict.value:<7}  {finding.remark}".rstrip()
        for finding in findings
    )


def advice(findings: list[Finding], kind: str, where: str) -> str:
    """What the reader should do.

    Args:
        findings: What was found.
        kind: Where libevent is from: ``"system"``, ``"prefix"`` or ``"vendored"``.
        where: Its files.
    """
    verdicts = {finding.verdict for finding in findings}
    if Verdict.OPEN in verdicts:
        count = sum(finding.verdict is Verdict.OPEN for finding in findings)
        remedy = {"system": _SYSTEM, "vendored": _VENDORED}.get(kind, _PREFIX.format(where))
        return f"{count} of {len(findings)} fixes are missing. To have them, {remedy}"
    if Verdict.UNKNOWN in verdicts:
        return "What is unknown could not be tried here: please report it, with this output."
    return "Every fix is there: nothing to do."
