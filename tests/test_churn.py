"""A short form of `make churn`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command import run

CHURN = Path(__file__).parent / "churn"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system has no /proc")
def test_nothing_is_left() -> None:
    """Some thousands of each: descriptors, handles, slots, objects and memory are as before."""
    done = run(str(CHURN), "--scale", "0.01", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.count("flat") == len(done.stdout.splitlines()) == 7


def test_it_finds_what_is_left(tmp_path: Path) -> None:
    """A kind of work that leaves something behind is told of, and the command fails."""
    program = """
        sys.path.insert(0, sys.argv.pop(1))
        import runpy, work
        class Leak(work.Work):
            left = []
            def __call__(self, count):
                self.left += [work.Timer(self.base, 100, print) for _ in range(count)]
        work.WORK = {"leak": work.Item(Leak, 1000)}
        runpy.run_path(sys.argv[0], run_name="__main__")
    """
    text = "import sys\n" + "\n".join(line[8:] for line in program.splitlines())
    done = run("-c", text.replace("sys.argv[0]", repr(str(CHURN / "__main__.py"))), str(CHURN))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "900 more handles" in done.stdout
    assert sys.implementation.name == "pypy" or "900 more objects: Timer" in done.stdout
