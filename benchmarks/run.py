"""Run the benchmarks: every program in processes of its own, in turn, round by round.

    python benchmarks/run.py                 # all of it, some five minutes for each --python
    python benchmarks/run.py --quick echo    # less of it, to see where one stands

It compiles the C programs, prints the tables, and writes results.md, results.json and results.svg
beside itself (--quick: nothing). README.md tells what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import instructions
import plot
import report
import subjects
import wsgi
from machine import HERE, Program, ProgramFailed, compile_programs, facts, interpreter

SUBJECTS = {
    "cascade": subjects.cascade,
    "echo": subjects.echo,
    "datagrams": subjects.datagrams,
    "asyncio": subjects.asyncio_echo,
    "tls": subjects.tls,
    "timers": subjects.timers,
    "calls": subjects.calls,
    "idle": subjects.idle,
    "relay": subjects.relay,
    "lines": subjects.lines,
    "http": subjects.http,
    "wsgi": wsgi.wsgi,
}

#: The kinds of Python programs of each subject; uvloop where it is installed.
KINDS = {
    "cascade": ["libevent_py", "libevent_py-asyncio", "uvloop", "asyncio"],
    "echo": ["libevent_py", "libevent_py-buffer", "libevent_py-asyncio", "uvloop", "asyncio-64k", "asyncio"],
    "datagrams": ["libevent_py-asyncio", "uvloop", "asyncio-64k", "asyncio"],
    "asyncio": ["libevent_py-asyncio", "uvloop", "asyncio-64k", "asyncio"],
    "tls": ["libevent_py", "libevent_py-asyncio", "uvloop", "asyncio"],
    "timers": ["libevent_py", "libevent_py-timer", "libevent_py-asyncio", "uvloop", "asyncio"],
    "calls": ["libevent_py", "libevent_py-asyncio", "uvloop", "asyncio"],
    "idle": ["libevent_py", "libevent_py-asyncio", "uvloop", "asyncio"],
    "relay": ["libevent_py", "uvloop", "asyncio-64k"],
    "lines": ["libevent_py", "uvloop", "asyncio-64k"],
    "http": ["libevent_py", "libevent_py-fixed", "uvicorn"],
    "wsgi": [
        "libevent_py",
        "libevent_py, 4 threads",
        "gunicorn, libevent_py",
        wsgi.GEVENT,
        wsgi.BJOERN,
    ],
}

#: Subjects that nothing in C is measured in, to compare with.
WITHOUT_C = ("asyncio", "calls", "wsgi")


def contestants(subject: str, interpreters: dict[str, dict[str, Any]]) -> list[Program]:
    """The programs that measure *subject*, C first."""
    found = [] if subject in WITHOUT_C else [Program("C")]
    if subject in ("echo", "relay"):
        found.append(Program(subjects.RAW))
    if subject == "relay" and shutil.which("haproxy"):
        found += [Program(subjects.HAPROXY), Program(f"{subjects.HAPROXY}, splice")]
    for python, about in interpreters.items():
        name = f"{about['name']} {about['version']}"
        kinds = [kind for kind in KINDS[subject] if kind not in ("uvloop", "uvicorn") or about[kind]]
        kinds = [kind for kind in kinds if wsgi.is_installed(kind, python)]
        found += [Program(kind, python, name) for kind in kinds]
    return found


def say(text: str) -> None:
    """Tell how far it is, beside the output."""
    print(text, file=sys.stderr, flush=True)


def measure(
    names: list[str], interpreters: dict[str, dict[str, Any]], rounds: int, quick: bool
) -> report.Results:
    """Run all programs of each subject in turn, *rounds* times; one that fails is left out from then on."""
    results: report.Results = {}
    for subject in names:
        cases = results.setdefault(subject, {})
        programs = contestants(subject, interpreters)
        for number in range(rounds):
            for program in list(programs):
                say(f"{subject}, round {number + 1} of {rounds}: {program.name}")
                try:
                    samples = SUBJECTS[subject](program, quick)
                except (ProgramFailed, OSError, subprocess.SubprocessError) as failure:
                    say(f"left out: {failure}")
                    programs.remove(program)
                    continue
                for case, sample in samples.items():
                    cases.setdefault(case, {}).setdefault(program.name, []).append(sample)
    return results


def find_interpreters(pythons: list[str]) -> dict[str, dict[str, Any]]:
    """What each of *pythons* is; one that cannot be measured is left out."""
    found = {}
    for python in pythons:
        try:
            found[python] = interpreter(python)
        except ProgramFailed as failure:
            say(f"left out: {failure}")
    if not found:
        raise SystemExit("there is no interpreter to measure")
    return found


def count_instructions(names: list[str], interpreters: dict[str, dict[str, Any]]) -> str:
    """The table of what valgrind counts; PyPy's compiler makes no sense under it."""
    counts: dict[str, dict[str, dict[str, float]]] = {}
    cpython = {python: about for python, about in interpreters.items() if about["name"] == "CPython"}
    for subject in names:
        for program in contestants(subject, cpython):
            say(f"{subject}, instructions: {program.name}")
            for case, value in instructions.count(subject, program).items():
                counts.setdefault(subject, {}).setdefault(case, {})[program.name] = value
    return report.instruction_table(counts)


def conditions(interpreters: dict[str, dict[str, Any]], libevent: str, rounds: int, load: str) -> str:
    """What the reader of the tables has to know."""
    machine = facts()
    pythons = "; ".join(
        f"{about['name']} {about['version']} (libevent {about['libevent_version']}, {about['libevent']}"
        + (f"; uvloop {about['uvloop']})" if about["uvloop"] else ")")
        for about in interpreters.values()
    )
    return (
        f"{datetime.date.today()}, {machine['processor']}, {machine['system']}.\n"
        f"Load before and after: {load}; {machine['load']} (1, 5 and 15 minutes).\n"
        f"C programs: {libevent}. Python: {pythons}.\n"
        f"Median of {rounds} processes each, in turn. × C: the median divided by that of the C program.\n"
    )


def main() -> None:
    """Read the options, run, write."""
    parser = argparse.ArgumentParser(description="Compare libevent_py with C and its peers.")
    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)} (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help="shorter and fewer runs; writes no files")
    parser.add_argument("--rounds", type=int, help="processes of each program (default: 3, quick: 2)")
    parser.add_argument(
        "--python",
        action="append",
        metavar="PATH",
        help="an interpreter for which the package is built here; may be repeated (default: this one)",
    )
    parser.add_argument("--instructions", action="store_true", help="count instructions by valgrind instead")
    options = parser.parse_args()
    names = options.subjects or list(SUBJECTS)
    if unknown := set(names) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(unknown)}")
    rounds = options.rounds or (2 if options.quick else 3)
    interpreters = find_interpreters(options.python or [sys.executable])
    libevent = compile_programs()
    if options.instructions:
        print(count_instructions(names, interpreters))
        return
    load = facts()["load"]
    results = measure(names, interpreters, rounds, options.quick)
    text = conditions(interpreters, libevent, rounds, load) + "\n" + report.tables(results)
    print(text)
    if options.quick:
        return
    (HERE / "results.md").write_text(f"# Results\n\n{text}")
    (HERE / "results.svg").write_text(plot.svg(results))
    raw = {
        subject: {
            case: {name: [asdict(sample) for sample in samples] for name, samples in programs.items()}
            for case, programs in cases.items()
        }
        for subject, cases in results.items()
    }
    (HERE / "results.json").write_text(json.dumps(raw, indent=1) + "\n")


if __name__ == "__main__":
    main()
