"""The vendored libevent: static, position independent, built by CMake and kept under ``build/vendored``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import source, toolchain
from .toolchain import BuildError

_OPTIONS = [
    "-DCMAKE_BUILD_TYPE=Release",
    # Without NDEBUG: libevent's assertions stay in, as in the distributions' builds.
    "-DCMAKE_C_FLAGS_RELEASE=-O2",
    "-DCMAKE_POSITION_INDEPENDENT_CODE=ON",
    "-DCMAKE_C_VISIBILITY_PRESET=hidden",
    "-DCMAKE_INSTALL_LIBDIR=lib",
    "-DCMAKE_POLICY_VERSION_MINIMUM=3.5",  # libevent 2.1 asks for 3.1, which CMake 4 refuses
    "-DEVENT__LIBRARY_TYPE=STATIC",
    "-DEVENT__DISABLE_MBEDTLS=ON",
    "-DEVENT__DISABLE_TESTS=ON",
    "-DEVENT__DISABLE_REGRESS=ON",
    "-DEVENT__DISABLE_SAMPLES=ON",
    "-DEVENT__DISABLE_BENCHMARK=ON",
]


class Unavailable(Exception):
    """The vendored build cannot be made here; the text says why."""


@dataclass
class Vendored:
    """A libevent that was built here."""

    source: str
    patches: list[str]
    include: str
    library: str


def build_vendored(tls: bool) -> Vendored:
    """Build libevent, or find the same build from an earlier time.

    Raises:
        Unavailable: There is no source, or no CMake.
        BuildError: CMake or the compiler failed, or the source must not be used.
    """
    try:
        found = source.obtain()
    except source.NoSource as reason:
        raise Unavailable(reason) from None
    options = [*_OPTIONS, f"-DEVENT__DISABLE_OPENSSL={'OFF' if tls else 'ON'}"]
    prefix = source.WORK / f"libevent-{_key(found.identity, options)}"
    if not prefix.is_dir():
        _build(Path(found.tree), prefix, options)
    return Vendored(found.name, found.patches, str(prefix / "include"), str(prefix / "lib"))


def cmake() -> str | None:
    """CMake from the PATH, or the one that pip put beside this Python."""
    return shutil.which("cmake") or shutil.which("cmake", path=str(Path(sys.executable).parent))


def _key(identity: str, options: list[str]) -> str:
    settings = [os.environ.get(name, "") for name in ("CFLAGS", "LDFLAGS", "OPENSSL_ROOT_DIR")]
    facts = [identity, options, settings, toolchain.compiler(), toolchain.compiler_version()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _build(tree: Path, prefix: Path, options: list[str]) -> None:
    program = cmake()
    if not program:
        raise Unavailable("CMake is missing (pip install cmake, or Debian: apt-get install cmake)")
    print(f"libevent_py: building {tree.name} with {program}", file=sys.stderr, flush=True)
    with source.unfinished() as scratch:
        folder, staged = scratch / "build", scratch / "prefix"
        folder.mkdir()
        jobs = str(os.cpu_count() or 1)
        _run([program, str(tree), f"-DCMAKE_INSTALL_PREFIX={staged}", *options], folder)
        _run([program, "--build", ".", "--target", "install", "--parallel", jobs], folder)
        try:
            staged.rename(prefix)  # complete or not there at all, also when the build is interrupted
        except OSError:
            if not prefix.is_dir():  # another build finished the same one first
                raise


def _run(command: list[str], folder: Path) -> None:
    # pip's isolated builds set PYTHONPATH, which keeps a pip-installed cmake from finding its own module.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env["CC"] = " ".join(toolchain.compiler())
    done = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-40:])
        raise BuildError(f"libevent's own build failed ({' '.join(command[:2])} ...):\n{end}")
