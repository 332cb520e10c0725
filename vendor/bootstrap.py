"""What the Makefile runs: check the machine, make a virtual environment, build the package into it.

Run by the system's ``python3`` with nothing but its standard library. Root on
Debian gets what is missing from apt; everybody else is told, in one message,
what to install, unless there is another way to go on.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from vendor import discover, static, toolchain  # noqa: E402

_SETTINGS = (
    "LIBEVENT_PY_LIBEVENT",
    "LIBEVENT_PY_OPENSSL",
    "LIBEVENT_PY_ALLOW_UNPATCHED",
    "LIBEVENT_SOURCE",
    "LIBEVENT_PREFIX",
    "LIBEVENT_INCLUDE_DIR",
    "LIBEVENT_LIB_DIR",
    "CC",
    "CFLAGS",
    "LDFLAGS",
)
_PYPY = sys.implementation.name == "pypy"


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(f"libevent_py: {text}", file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    """End here with a text that says what to do."""
    raise toolchain.BuildError(text)


# --- What the machine needs to have ---------------------------------------------------------------------


def missing_packages() -> dict[str, str]:
    """What is missing and cannot be done without: Debian's package names, and why each is needed."""
    python = "pypy3" if _PYPY else _debian_python()
    missing = {}
    if not _can_make_venv():
        missing[f"{python}-venv"] = "a virtual environment"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing[f"{python}-dev"] = "Python's headers (Python.h)"
    if not _can_compile():
        missing["gcc"] = "a C compiler that can compile and link a program"
        missing["libc6-dev"] = "the C library's headers"
    return missing


def missing_openssl() -> dict[str, str]:
    """OpenSSL's package, if it is wanted and not there; the build can do without."""
    if not discover.wants_tls() or (_can_compile() and discover.has_openssl()):
        return {}
    return {"libssl-dev": "OpenSSL's headers, for TLS"}


def _debian_python() -> str:
    """``python3`` where this is the distribution's default one, else ``python3.x``."""
    default = shutil.which("python3", path="/usr/bin")
    is_default = default is not None and os.path.realpath(default) == os.path.realpath(sys.executable)
    return "python3" if is_default else f"python3.{sys.version_info[1]}"


def _can_make_venv() -> bool:
    return importlib.util.find_spec("ensurepip") is not None or _has_virtualenv()


def _has_virtualenv() -> bool:
    return importlib.util.find_spec("virtualenv") is not None


def _can_compile() -> bool:
    try:
        program = '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n'
        return toolchain.run_cc(program, [], ["-o", "{out}"]).returncode == 0
    except toolchain.BuildError:
        return False


def _is_root_on_debian() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_install(packages: list[str]) -> None:
    say(f"installing with apt-get: {' '.join(packages)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-q", "update"], env=env, stdout=subprocess.DEVNULL)
    command = ["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages]
    if subprocess.run(command, env=env, stdout=subprocess.DEVNULL).returncode:
        stop(f"apt-get could not install {' '.join(packages)}; what it said is above.")


def prepare_machine() -> None:
    """Make sure that the machine has what the build needs, or stop with one message."""
    if sys.version_info < (3, 9):  # noqa: UP036 - make runs whatever python3 is
        stop(f"Python 3.9 or newer is needed, and this is {sys.version.split()[0]}: make PYTHON=python3.11")
    missing, without_tls = missing_packages(), missing_openssl()
    if (missing or without_tls) and _is_root_on_debian():
        _apt_install([*missing, *without_tls])
        missing, without_tls = missing_packages(), missing_openssl()
    if missing:
        wanted = {**missing, **without_tls}
        reasons = "\n".join(f"  {name:14} {why}" for name, why in wanted.items())
        stop(
            f"this machine lacks what the build needs (by their names in Debian):\n{reasons}\n"
            f"Have root run:  apt-get install {' '.join(wanted)}\n"
            "and run make again. On another system, install the packages that hold the same."
        )
    if without_tls and "LIBEVENT_PY_OPENSSL" not in os.environ:
        say("OpenSSL's headers are missing: building WITHOUT TLS. To have it, let root run:")
        say("    apt-get install libssl-dev")
        os.environ["LIBEVENT_PY_OPENSSL"] = "no"


def needs_vendored() -> bool:
    """Whether the build will have to make libevent itself."""
    if os.environ.get("LIBEVENT_PREFIX") or os.environ.get("LIBEVENT_INCLUDE_DIR"):
        return False
    if os.environ.get("LIBEVENT_PY_LIBEVENT", "auto") != "auto":
        return os.environ["LIBEVENT_PY_LIBEVENT"] == "vendored"
    try:
        discover.find_system(discover.wants_tls())
    except discover.Unusable:
        return True
    return False


# --- The virtual environment ----------------------------------------------------------------------------


def make_venv(venv: Path) -> Path:
    """The interpreter of *venv*, which is made where it is not there or belongs to another Python."""
    python = venv / "bin" / "python"
    ask = "import sys; print(sys.version, sys.base_prefix)"
    if python.exists():
        answer = subprocess.run([python, "-c", ask], capture_output=True, text=True)
        if answer.stdout == f"{sys.version} {sys.base_prefix}\n":
            return python
    say(f"making the virtual environment {venv}")
    module = "venv" if importlib.util.find_spec("ensurepip") else "virtualenv"
    made = subprocess.run([sys.executable, "-m", module, "--clear", str(venv)])
    if made.returncode:
        stop(f"the virtual environment {venv} could not be made; what was wrong is above.")
    return python


def requirements(key: str) -> list[str]:
    """A list of pyproject.toml, read without ``tomllib``, which Python 3.9 and 3.10 lack."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(rf"^{key} = (\[.*?\])$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, key
    listed: list[str] = ast.literal_eval(found[1])
    return listed


def pip_install(python: Path, *what: str) -> None:
    """Run pip; its output goes to a log, of which only our own lines and a failure are shown."""
    log = ROOT / "build" / "pip.log"
    log.parent.mkdir(exist_ok=True)
    command = [str(python), "-m", "pip", "install", "-v", "--disable-pip-version-check", *what]
    said = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            said.append(line)
            if line.strip().startswith("libevent_py: ") and "error:" not in line:
                say(line.strip().partition(": ")[2])
    log.write_text("".join(said))
    if pip.returncode:
        _explain_pip_failure("".join(said), what, log)


def _explain_pip_failure(said: str, what: tuple[str, ...], log: Path) -> None:
    ours = re.search(r"libevent_py: error: (.*?)\n\s*\n", said, re.DOTALL)
    if ours:
        stop("\n".join(line.strip() for line in ours[1].splitlines()))
    if re.search(r"No matching distribution|NewConnectionError|NameResolutionError|ConnectTimeout", said):
        stop(
            f"pip could not fetch {' '.join(what)}: is there a network, and does pip reach PyPI?\n"
            f"What pip said is in {log}. Where there is no network, put the wheels into a directory and set\n"
            "PIP_NO_INDEX=1 and PIP_FIND_LINKS to it."
        )
    stop("\n".join(["pip failed:", *said.splitlines()[-40:], f"All that it said is in {log}."]))


# --- The package in it ----------------------------------------------------------------------------------


def fingerprint(python: Path) -> str:
    """A checksum of all that decides whether the extension in the tree is up to date."""
    files = [
        ROOT / "build_ffi.py",
        ROOT / "setup.py",
        ROOT / "pyproject.toml",
        ROOT / "libevent_py/_version.py",
    ]
    files += sorted((ROOT / "vendor").glob("*.py")) + sorted((ROOT / "libevent_py/_native").rglob("*.[ch]"))
    total = hashlib.sha256(str(python).encode())
    for path in files:
        total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    total.update(json.dumps([os.environ.get(name, "") for name in _SETTINGS]).encode())
    return total.hexdigest()


def _extension_state(python: Path) -> str:
    """Which file the interpreter would load, and its time: another environment may have rebuilt it."""
    program = "import importlib.machinery as m; print(*m.EXTENSION_SUFFIXES)"
    answer = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    for suffix in answer.stdout.split():
        path = ROOT / "libevent_py" / f"_libevent{suffix}"
        if path.is_file():
            return f"{path.name} {path.stat().st_mtime_ns}"
    return ""


def install(python: Path, venv: Path, extras: list[str]) -> None:
    """Bring the virtual environment up to date: the extension in the tree, and the wanted extras."""
    stamp = venv / "libevent_py.json"
    before = json.loads(stamp.read_text()) if stamp.is_file() else {}
    now = {"fingerprint": fingerprint(python), "extension": _extension_state(python)}
    kept: list[str] = before.pop("extras", [])
    if now != before or not now["extension"]:
        _build(python)
        now["extension"] = _extension_state(python)
        kept = []
    missing = [extra for extra in extras if extra not in kept]
    for extra in missing:
        say(f"fetching what {extra} needs")
        pip_install(python, *requirements(extra))
    stamp.write_text(json.dumps({**now, "extras": kept + missing}))


def _build(python: Path) -> None:
    """Build the extension into the tree, and install the tree as editable."""
    needed = requirements("requires")
    if needs_vendored():
        if not static.cmake():
            needed.append("cmake")
        if not shutil.which("patch") and not shutil.which("git") and _is_root_on_debian():
            _apt_install(["patch"])
    say("fetching the build's requirements")
    pip_install(python, *needed)
    say("compiling")
    pip_install(python, "--no-build-isolation", "--editable", ".")


def main() -> None:
    """Make the environment and build into it; a second run finds everything done."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--venv", type=Path, default=Path(".venv"))
    parser.add_argument("--extra", action="append", default=[], help="an extra of pyproject.toml")
    options = parser.parse_args()
    prepare_machine()
    venv = Path(os.path.abspath(options.venv))
    python = make_venv(venv)
    # A cmake from PyPI is found beside the environment's Python, but its own tools need the PATH.
    os.environ["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    install(python, venv, options.extra)
    say(f"built, in {shlex.quote(str(options.venv))}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
