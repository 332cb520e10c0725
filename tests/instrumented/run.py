"""Run pytest with instrumented C: ``run.py asan`` or ``run.py valgrind``, then what pytest is to be told.

The sources are copied to ``build/<tool>`` and built there into ``.venv-<tool>``, so that the extension in
the tree stays as it was.  Fails when pytest fails, or when the tool reported anything, in children too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path("tests/instrumented")
LEFT_OUT = (".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "build", "dist", "*.egg-info", "*.so")

DEBUG = "-g -fno-omit-frame-pointer -fno-optimize-sibling-calls"
SANITIZE = "-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"
BUILD = {
    "asan": {"LIBEVENT_PY_LIBEVENT": "vendored", "CFLAGS": f"{SANITIZE} {DEBUG}", "LDFLAGS": SANITIZE},
    "valgrind": {"CFLAGS": DEBUG},
}

#: What exercises each file of the C glue and stays in the process: valgrind takes thirty times as long.
VALGRIND_TESTS = [
    "tests/native/test_raw*.py",
    "tests/buffer",
    "tests/bufferevent",
    "tests/interop/test_pointers*.py",
    "tests/test_delivery*.py",
    "tests/test_event*.py",
    "tests/test_listener*.py",
    "tests/test_signal.py",
    "tests/test_timer.py",
]


def copy_sources(target: Path) -> None:
    """Make *target* a copy of the tree, with the extension and what was built for it kept."""
    for path in target.rglob("*"):
        kept = path.suffix == ".so" or "build" in path.relative_to(target).parts[:1]
        if not kept and not path.is_dir():
            path.unlink()
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)


def build(tool: str, tree: Path, venv: Path) -> None:
    """Build the package in *tree* with *tool*'s flags, into *venv*."""
    command = [sys.executable, "vendor/bootstrap.py", "--venv", str(venv), "--extra", "test"]
    subprocess.run(command, cwd=tree, env={**os.environ, **BUILD[tool]}, check=True)


def runtime(name: str) -> str:
    """The path of a library that comes with the compiler."""
    command = [*os.environ.get("CC", "cc").split(), f"-print-file-name={name}.so"]
    path = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    if not path.is_absolute():
        sys.exit(f"{command[0]} has no {name}: it comes with gcc (Debian: apt-get install gcc)")
    return str(path.resolve())


def asan(tree: Path, reports: Path) -> tuple[list[str], dict[str, str]]:
    """What to put before Python, and into its environment."""
    ours = {
        # Before the interpreter's own allocations, as Python itself is not instrumented.
        "LD_PRELOAD": ":".join(runtime(name) for name in ("libasan", "libubsan")),
        "ASAN_OPTIONS": f"log_path={reports}/asan:detect_leaks=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": f"log_path={reports}/ubsan:print_stacktrace=1",
        "LSAN_OPTIONS": f"suppressions={tree / HERE / 'lsan.supp'}:print_suppressions=0",
    }
    # Options of the caller's come last, where they win.
    return [], {name: ":".join(filter(None, (value, os.environ.get(name)))) for name, value in ours.items()}


def valgrind(tree: Path, reports: Path) -> tuple[list[str], dict[str, str]]:
    """What to put before Python, and into its environment."""
    if not shutil.which("valgrind"):
        sys.exit("valgrind is missing (Debian: apt-get install valgrind)")
    return [
        "valgrind",
        "--quiet",
        "--error-exitcode=9",
        "--num-callers=40",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--errors-for-leak-kinds=definite",
        f"--suppressions={tree / HERE / 'valgrind.supp'}",
        f"--log-file={reports}/%p",
    ], {}


def main() -> int:
    """Build, run, and show the reports."""
    tool, *arguments = sys.argv[1:]
    tree, venv, reports = ROOT / "build" / tool, ROOT / f".venv-{tool}", ROOT / "build" / f"{tool}-reports"
    tree.mkdir(parents=True, exist_ok=True)
    copy_sources(tree)
    build(tool, tree, venv)
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    prefix, env = (asan if tool == "asan" else valgrind)(tree, reports)
    if tool == "valgrind" and not any(argument.startswith("tests") for argument in arguments):
        arguments += [str(path) for pattern in VALGRIND_TESTS for path in sorted(tree.glob(pattern))]
    paths = [str(tree / HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    pytest = [str(venv / "bin" / "python"), "-m", "pytest", "-p", "no:cacheprovider", "-p", "plugin"]
    done = subprocess.run(
        [*prefix, *pytest, *arguments],
        cwd=tree,
        env={**os.environ, **env, "PYTHONMALLOC": "malloc", "PYTHONPATH": os.pathsep.join(paths)},
    )
    found = [path for path in sorted(reports.iterdir()) if path.stat().st_size]
    for path in found:
        print(f"\n--- {path}\n{path.read_text(errors='replace')}")
    print(f"{tool}: {len(found) or 'no'} reports, pytest's exit code is {done.returncode}")
    return done.returncode or bool(found)


if __name__ == "__main__":
    sys.exit(main())
