"""Instructions per operation, counted by valgrind: steady where the clock is not, and blind to the kernel."""

from __future__ import annotations

import re
from collections.abc import Callable

from machine import BUILT, LOAD_CORE, MEASURED_CORE, Program, answers
from subjects import CALLS, CONNECTIONS, SIZES, server

_LOG = BUILT / "valgrind.log"
_VALGRIND = (
    "valgrind",
    "--tool=cachegrind",
    "--cache-sim=no",
    "--cachegrind-out-file=/dev/null",
    f"--log-file={_LOG}",
)


def count(subject: str, program: Program) -> dict[str, float]:
    """By case: instructions per operation, from two runs of different length."""
    found = {}
    if subject == "cascade":
        for pipes, active in ((100, 1), (1000, 100)):
            found[f"{active} of {pipes} pipes active"] = _slope(
                lambda n, p=pipes, a=active: _run(program, "cascade", p, a, n, 1), 3_000, 9_000
            )
    elif subject == "timers":
        found["added and cancelled, added and fired"] = _slope(
            lambda n: _run(program, "timers", n, 1), 10_000, 30_000
        )
    elif subject == "calls":
        for case, name in CALLS.items():
            found[name] = _slope(lambda n, c=case: _run(program, "calls", c, n), 50_000, 150_000)
    elif subject == "echo":
        for name, size in SIZES.items():
            few = 2_000 if size < 4096 else 300
            found[name] = _slope(lambda n, s=size: _serve(program, s, n), few, 4 * few)
    return found


def _slope(run: Callable[[int], int], few: int, many: int) -> float:
    return (run(many) - run(few)) / (many - few)


def _run(program: Program, name: str, *arguments: int) -> int:
    answers([*_VALGRIND, *program.command(name, *arguments)], MEASURED_CORE)
    return _counted()


def _serve(program: Program, size: int, messages: int) -> int:
    with server(program, *_VALGRIND) as (port, pid):
        answers(Program("C").command("echo_client", port, CONNECTIONS, size, 0, messages, pid), LOAD_CORE)
    return _counted()


def _counted() -> int:
    found = re.search(r"I +refs: +([\d,]+)", _LOG.read_text())
    assert found, _LOG.read_text()
    return int(found[1].replace(",", ""))
