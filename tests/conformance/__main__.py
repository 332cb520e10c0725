"""Run CPython's own asyncio tests with this package's loop, or another one.

    python tests/conformance                                  # all groups, about 45 seconds
    python tests/conformance --groups events,sock -k unix
    python tests/conformance --loop asyncio:SelectorEventLoop # what stock asyncio passes
    PYTHONASYNCIODEBUG=1 python tests/conformance

Each group runs in a child process. A test that hangs or kills the child counts as failed, and the
rest of the group goes on in another child. The exit code says whether all passed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import groups

HERE = Path(__file__).resolve().parent

#: Name, state, text.
Line = tuple[str, str, str]


class Child:
    """One run of child.py."""

    def __init__(self, options: argparse.Namespace, group: str, names: list[str]) -> None:
        self._seconds = options.timeout + 5
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        # CPython's tests leave files where they run.
        self._directory = tempfile.TemporaryDirectory()
        paths = [os.getcwd(), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, HERE / "child.py", options.loop, group, str(options.timeout)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=self._directory.name,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write("\n".join(names))

    def lines(self) -> Iterator[Line]:
        """What it tells, until it ends or nothing comes for longer than a test may take."""
        arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def read() -> None:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                arrived.put(line)
            arrived.put(None)

        reader = threading.Thread(target=read)
        reader.start()
        with contextlib.suppress(queue.Empty):
            while (line := arrived.get(timeout=self._seconds)) is not None:
                with contextlib.suppress(ValueError):  # what a test itself prints
                    yield tuple(json.loads(line))
        self.end()
        reader.join()

    def end(self) -> None:
        """Kill it, and what its tests have started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._directory.cleanup()

    def last_words(self) -> str:
        """What is on its standard error."""
        self.errors.seek(0)
        return self.errors.read()[-4000:]


def names_of(options: argparse.Namespace, group: str) -> list[str]:
    """The tests of *group* that are wanted."""
    names = [name for name, state, _ in Child(options, group, []).lines() if state == "found"]
    return [name for name in names if options.k in name and name.partition(".")[2] not in groups.WHITE_BOX]


def run(options: argparse.Namespace, group: str) -> dict[str, tuple[str, str]]:
    """State and text of each test of *group*."""
    found: dict[str, tuple[str, str]] = {}
    left = names_of(options, group)
    while left:
        child = Child(options, group, left)
        current = left[0]
        ended = False
        for name, state, text in child.lines():
            if state == "begun":
                current = name
            elif state == "ended":
                ended = True
            elif found.get(name, ("", ""))[0] != "failed":  # a part of it
                found[name] = state, text
        if not ended:
            found[current] = "failed", f"hangs, or ends the process\n{child.last_words()}"
        left = [] if ended else [name for name in left if name not in found]
    return found


def main() -> int:
    """Run the groups and print a line for each."""
    parser = argparse.ArgumentParser(description="Run CPython's asyncio tests with another loop.")
    parser.add_argument(
        "--loop", default="libevent_py.aio:new_event_loop", metavar="MODULE:NAME", help="what makes the loops"
    )
    parser.add_argument("--groups", default=",".join(groups.GROUPS), help="default: %(default)s")
    parser.add_argument("-k", default="", metavar="TEXT", help="only tests whose name has it")
    parser.add_argument("--timeout", type=float, default=30, help="seconds for a test (default: %(default)s)")
    parser.add_argument("-v", action="store_true", help="show the whole text of each failure")
    options = parser.parse_args()
    wanted = options.groups.split(",")
    if unknown := set(wanted) - set(groups.GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    total: collections.Counter[str] = collections.Counter()
    for group in wanted:
        found = run(options, group)
        count = collections.Counter(state for state, _ in found.values())
        total += count
        print(
            f"{group:11}{count['passed']:4} passed{count['failed']:4} failed{count['skipped']:4} skipped",
            flush=True,
        )
        for name, (state, text) in found.items():
            if state == "failed":
                print(f"    {name}: {text if options.v else (text.strip().splitlines() or [''])[-1]}")
    print(f"\n{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
