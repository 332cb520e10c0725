"""Runs the tests of one group in this process: ``child.py LOOP GROUP SECONDS``.

The names of the tests come on standard input, one a line; without any, they are listed. One JSON
line of ``[name, state, text]`` goes out for each step, so that the parent knows where it hangs.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import unittest
from typing import Any

import groups


class Reporter(unittest.TestResult):
    """Tells the parent, and puts the loop back in its place before each test."""

    def __init__(self, factory: groups.LoopFactory, seconds: float) -> None:
        super().__init__()
        self._factory = factory
        self._seconds = seconds
        self._out = os.fdopen(os.dup(1), "w", buffering=1)  # tests close and replace theirs

    def tell(self, name: str, state: str, text: str = "") -> None:
        """One line."""
        print(json.dumps([name, state, text]), file=self._out)

    def startTest(self, test: unittest.TestCase) -> None:
        """Begin."""
        super().startTest(test)
        groups.install(self._factory)
        faulthandler.dump_traceback_later(self._seconds, repeat=True)
        self.tell(name_of(test), "begun")

    def _failed(self, test: unittest.TestCase, error: Any) -> None:
        self.tell(name_of(test), "failed", self._exc_info_to_string(error, test))  # type: ignore[attr-defined]

    def addSuccess(self, test: unittest.TestCase) -> None:
        """It passed."""
        self.tell(name_of(test), "passed")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """An assertion failed."""
        self._failed(test, err)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """It raised something else."""
        self._failed(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        """A part of it has ended."""
        if err is not None:
            self._failed(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """It skipped itself."""
        self.tell(name_of(test), "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        """CPython knows that it fails."""
        self.tell(name_of(test), "passed")


def name_of(test: unittest.TestCase) -> str:
    """The class and the method; of what stands for a broken set-up, its own name."""
    return f"{type(test).__name__}.{getattr(test, '_testMethodName', test)}"


def main() -> None:
    """Run or list."""
    loop, group, seconds = sys.argv[1:]
    wanted = set(sys.stdin.read().split())
    module, _, name = loop.partition(":")
    factory = getattr(importlib.import_module(module), name)
    groups.install(factory)
    reporter = Reporter(factory, float(seconds))
    found = list(groups.tests(group, factory))
    if wanted:
        unittest.TestSuite(test for test in found if name_of(test) in wanted).run(reporter)
    else:
        for test in found:
            reporter.tell(name_of(test), "found")
    reporter.tell("", "ended")
    os._exit(0)  # threads that a test has left behind are not waited for


if __name__ == "__main__":
    main()
