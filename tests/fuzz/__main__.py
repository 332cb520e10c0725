"""Random programs over the whole public API, each in a process of its own.

python tests/fuzz --seconds 60              until then, on all processors
python tests/fuzz --calls 100000 --seed 1   at least so many calls, these programs first
python tests/fuzz --program 1234            that one again, with what it called
python tests/fuzz --program 1234 --minimize the same with as few steps as still fail
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
sys.path.append(str(HERE.parents[1]))  # the package where it was built in place

import jail  # noqa: E402
import minimize  # noqa: E402
import recipes  # noqa: E402
import surface  # noqa: E402


def _report(seed: int, result: jail.Result, last: int = 40) -> str:
    lines = [f"program {seed} {result.failure or 'is well'} after {result.calls} calls; its last:"]
    lines += result.trace[-last:]
    if result.output.strip():
        lines += ["--- it printed:", result.output.rstrip()[-6000:]]
    if result.failure:
        lines += ["--- again:", f"{sys.executable} {HERE} --program {seed}"]
    return "\n".join(lines)


def work(first: int, stride: int) -> None:
    """Run programs until standard input is closed; a line of JSON for each."""
    recipes.make_certificate()
    seed = first
    while not select.select([sys.stdin], [], [], 0)[0]:
        result = jail.run(seed)
        failure = _report(seed, result) if result.failure else ""
        print(json.dumps([seed, result.calls, result.covered, result.failure, failure]), flush=True)
        seed += stride


def manage(first: int, calls: int, seconds: float, jobs: int, keep_going: bool, complete: bool) -> int:
    """Have workers run programs until there were enough; how many failed."""
    print(f"fuzz: {surface.describe()}; programs from seed {first} on, {jobs} at a time", flush=True)
    words = [sys.executable, str(HERE), "--worker"]
    workers = [
        subprocess.Popen(
            [*words, str(first + number), str(jobs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for number in range(jobs)
    ]
    outputs = {worker.stdout.fileno(): worker for worker in workers if worker.stdout}
    total = done = failed = 0
    kinds: dict[str, list[int]] = {}
    covered: set[int] = set()
    began = time.monotonic()
    enough = False
    pending: dict[int, bytes] = dict.fromkeys(outputs, b"")
    while outputs:
        for fd in select.select(list(outputs), [], [], 0.5)[0]:
            chunk = os.read(fd, 1 << 16)
            if not chunk:
                with outputs.pop(fd) as worker:
                    status = worker.wait()
                if status:
                    print("fuzz: a worker died", flush=True)
                    failed += 1
                continue
            *lines, pending[fd] = (pending[fd] + chunk).split(b"\n")
            for line in lines:
                seed, made, called, failure, text = json.loads(line)
                covered.update(called)
                total += made
                done += 1
                if failure:
                    failed += 1
                    kind = re.sub(r"'\w+'", "'…'", failure)
                    kinds.setdefault(kind, []).append(seed)
                    if len(kinds[kind]) == 1:
                        print(text, flush=True)
        if not enough and (
            (total >= calls if calls else time.monotonic() - began > seconds) or (failed and not keep_going)
        ):
            enough = True
            for worker in workers:
                if worker.stdin:
                    worker.stdin.close()
    for failure, seeds in kinds.items():
        print(f"fuzz: {len(seeds)} programs: {failure}: {seeds[:8]}")
    spent = time.monotonic() - began
    left = [name for name, number in surface.TARGETS.items() if number not in covered]
    shown = f"; not {left[:40]}" if left else ""
    print(f"fuzz: {len(covered)} of {len(surface.TARGETS)} names called{shown}")
    print(f"fuzz: {total} calls in {done} programs, {failed} failed, {spent:.1f} s", flush=True)
    return failed or (complete and bool(left))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=0, help="stop after at least so many calls")
    parser.add_argument("--seconds", type=float, default=60.0, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0, help="the first program; by default the time says")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="programs at a time")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    parser.add_argument("--complete", action="store_true", help="fail where a public name was not called")
    parser.add_argument("--program", type=int, help="run this one only")
    parser.add_argument("--steps", help="of that program only these steps: 3,17,40")
    parser.add_argument("--minimize", action="store_true", help="find the fewest steps of it that fail")
    parser.add_argument("--worker", nargs=2, type=int, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.worker:
        work(*words.worker)
        return 0
    if words.program is None:
        first = words.seed or int(time.time()) % 100_000 * 1000
        return min(manage(first, words.calls, words.seconds, words.jobs, words.keep_going, words.complete), 1)
    only = frozenset(map(int, words.steps.split(","))) if words.steps else None
    recipes.make_certificate()
    if words.minimize:
        only = minimize.minimize(words.program, only)
    result = jail.run(words.program, only)
    print(_report(words.program, result, last=1000))
    return 1 if result.failure else 0


if __name__ == "__main__":
    sys.exit(main())
