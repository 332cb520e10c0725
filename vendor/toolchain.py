"""The C compiler as the build uses it, and the two types that every build module shares."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

#: Keeps the symbols of static archives out of the extension's dynamic symbol table, so that another
#: copy of libevent in the same process can neither be mistaken for ours nor take ours over.
HIDE_ARCHIVES = [] if sys.platform == "darwin" else ["-Wl,--exclude-libs,ALL"]


class BuildError(SystemExit):
    """The build cannot go on.

    A ``SystemExit``, so that setuptools and pip print the text, which says what
    to do, without a traceback around it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(f"\nlibevent_py: error: {text}\n")


@dataclass
class Libevent:
    """A chosen libevent: what the compiler needs, and what ``build_info()`` tells."""

    kind: str
    source: str
    include_dirs: list[str] = field(default_factory=list)
    library_dirs: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    define_macros: list[tuple[str, str]] = field(default_factory=list)
    link_args: list[str] = field(default_factory=list)
    patches: list[str] = field(default_factory=list)
    version: str = ""
    openssl: str = ""

    @property
    def summary(self) -> str:
        """One line for the person who reads the build's output."""
        tls = self.openssl or "without TLS"
        return f"{self.kind} libevent {self.version} ({self.source}), {tls}"


def compiler() -> list[str]:
    """The command that setuptools will compile with: ``CC``, else Python's own, else ``cc``.

    Raises:
        BuildError: There is no such program.
    """
    command = shlex.split(os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "cc"))
    if shutil.which(command[0]):
        return command
    if "CC" not in os.environ and shutil.which("cc"):
        os.environ["CC"] = "cc"  # setuptools reads it too, and would look for Python's own otherwise
        return ["cc"]
    raise BuildError(
        f"there is no C compiler {command[0]!r}. Install one (Debian: apt-get install gcc libc6-dev), "
        "or name yours in CC."
    )


def compiler_version() -> str:
    """The first line of ``cc --version``."""
    answer = subprocess.run([*compiler(), "--version"], capture_output=True, text=True)
    return answer.stdout.partition("\n")[0]


def compile_flags(libevent: Libevent) -> list[str]:
    """What comes before the source file: ``CFLAGS``, macros and include directories."""
    flags = shlex.split(os.environ.get("CFLAGS", ""))
    flags += [f"-D{name}={value}" for name, value in libevent.define_macros]
    return flags + [f"-I{path}" for path in libevent.include_dirs]


def link_flags(libevent: Libevent) -> list[str]:
    """What comes after it: ``LDFLAGS``, library directories and libraries."""
    flags = shlex.split(os.environ.get("LDFLAGS", ""))
    flags += [f"-L{path}" for path in libevent.library_dirs]
    return flags + [f"-l{name}" for name in libevent.libraries] + libevent.link_args


def run_cc(program: str, flags: list[str], after: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the compiler on *program*; ``{out}`` in a flag stands for a file that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(program)
        command = [*compiler(), *flags, str(source), *after]
        command = [word.replace("{out}", str(Path(folder, "probe"))) for word in command]
        # English messages, because the symbol probe reads them.
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})


def links(program: str, libevent: Libevent) -> subprocess.CompletedProcess[str]:
    """Compile *program* and link it with *libevent*."""
    return run_cc(program, ["-w", *compile_flags(libevent)], [*link_flags(libevent), "-o", "{out}"])


def macro_values(header: str, names: list[str], libevent: Libevent) -> dict[str, str]:
    """The values that *header* gives to the macros *names*, or nothing if it cannot be read."""
    lines = [f"#include <{header}>", *(f"lepy_value {name}" for name in names)]
    answer = run_cc("\n".join(lines) + "\n", ["-E", "-P", *compile_flags(libevent)], [])
    if answer.returncode:
        return {}
    values = re.findall(r"^lepy_value (.*)$", answer.stdout, re.MULTILINE)
    # Adjacent string literals are one string to C.
    return {name: re.sub(r'"\s*"', "", value).strip().strip('"') for name, value in zip(names, values)}
