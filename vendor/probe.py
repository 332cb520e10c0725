"""Which optional symbols a libevent has, found by compiling and linking, never by version number."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from . import toolchain
from .toolchain import BuildError, Libevent

_SHIM = Path(__file__).resolve().parent.parent / "libevent_py" / "_native" / "shim"

_HEAD = """\
#include "headers.h"
#include <stdint.h>
int main(void) {
"""
_USE = "    {{ volatile intptr_t use = (intptr_t)({}); (void)use; }}"
_TAIL = "    return 0;\n}\n"

_BAD_LINE = re.compile(r"^[^\s:]*probe\.c:(\d+):.*error", re.MULTILINE)
_UNDEFINED = re.compile(r"undefined (?:reference to|symbol:) [`'\"]?_?(\w+)")


def present_symbols(names: list[str], libevent: Libevent) -> set[str]:
    """The functions, macros and enumerators among *names* that compile and link.

    All are tried at once, one to a line. What the compiler or the linker names
    in its errors is absent; the rest is tried again until it builds. So a few
    compiler runs answer for a hundred names.

    Raises:
        BuildError: The compiler fails without naming any of them.
    """
    asked = list(dict.fromkeys(names))
    while True:
        answer = _try(asked, libevent)
        if answer.returncode == 0:
            return set(asked)
        absent = _blamed(answer.stderr, asked)
        if not absent:
            raise BuildError(
                "libevent_py's headers do not compile against this libevent; the compiler says:\n"
                f"{answer.stderr.strip()}"
            )
        asked = [name for name in asked if name not in absent]


def _try(names: list[str], libevent: Libevent) -> subprocess.CompletedProcess[str]:
    program = _HEAD + "".join(_USE.format(name) + "\n" for name in names) + _TAIL
    flags = ["-w", f"-I{_SHIM}", *toolchain.compile_flags(libevent)]
    return toolchain.run_cc(program, flags, [*toolchain.link_flags(libevent), "-o", "{out}"])


def _blamed(errors: str, names: list[str]) -> set[str]:
    """The *names* that the messages are about."""
    first = _HEAD.count("\n") + 1
    lines = (int(number) - first for number in _BAD_LINE.findall(errors))
    by_compiler = {names[index] for index in lines if 0 <= index < len(names)}
    return by_compiler | (set(_UNDEFINED.findall(errors)) & set(names))
