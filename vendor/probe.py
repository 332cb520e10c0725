"""Which optional symbols a libevent has, found by compiling and linking, never by version number."""

from __future__ import annotations

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import discover

_SHIM = Path(__file__).resolve().parent.parent / "libevent_py" / "_native" / "shim"

_PROGRAM = """\
#include "headers.h"
#include <stdint.h>
int main(void) {{
{uses}
    return 0;
}}
"""


def _links(names: list[str], libevent: discover.Libevent) -> bool:
    uses = "\n".join(f"    {{ volatile intptr_t use = (intptr_t)({name}); (void)use; }}" for name in names)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text(_PROGRAM.format(uses=uses))
        command = [os.environ.get("CC", "cc"), "-w", "-D_GNU_SOURCE", f"-I{_SHIM}"]
        command += [f"-I{path}" for path in libevent.include_dirs]
        command += [f"-D{name}={value}" for name, value in libevent.define_macros]
        command += [*libevent.compile_args, str(source), "-o", str(Path(folder) / "probe")]
        command += libevent.extra_objects
        command += [f"-L{path}" for path in libevent.library_dirs]
        command += [f"-l{name}" for name in libevent.libraries]
        command += libevent.link_args
        return subprocess.run(command, capture_output=True).returncode == 0


def present_symbols(names: list[str], libevent: discover.Libevent) -> set[str]:
    """The functions, macros and enumerators among *names* that compile and link."""
    if not names or _links(names, libevent):
        return set(names)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda name: _links([name], libevent), names)
    return {name for name, is_there in zip(names, found) if is_there}
