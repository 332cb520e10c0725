"""Each allocation of libevent's and of the glue fails in turn, in some twenty scenarios.

python tests/faults                  all of them
python tests/faults --every 7        each seventh
python tests/faults pairs filters    only these scenarios
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def compile_faults(directory: str) -> str:
    """The path of faults.so, made in *directory*."""
    target = str(Path(directory) / "faults.so")
    options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *options, "-o", target, str(HERE / "faults.c"), "-ldl"], check=True)
    return target


def main() -> int:
    """Compile, and run the program under it."""
    parser = argparse.ArgumentParser(prog="tests/faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="scenario")
    parser.add_argument("--every", type=int, default=1, help="try only each so manieth allocation")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        paths = [str(HERE.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {**os.environ, "LD_PRELOAD": compile_faults(directory), "PYTHONPATH": os.pathsep.join(paths)}
        program = [sys.executable, str(HERE / "memory.py"), str(words.every), *words.names]
        return subprocess.run(program, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
