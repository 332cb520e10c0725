"""Build recipe of the extension ``libevent_py._libevent`` (CFFI, out-of-line API mode).

``setup.py`` names :data:`ffibuilder`; setuptools compiles what it describes.
The declarations are ``libevent_py/_native/cdef/*.h``, the C glue is
``libevent_py/_native/shim/*.c``, and ``vendor/`` finds or builds libevent.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from vendor import discover, probe  # noqa: E402

NATIVE = ROOT / "libevent_py" / "_native"

#: One cdef file per C header; each may use what the files before it declare.
CDEF_ORDER = (
    "types",
    "util",
    "event",
    "watch",
    "thread",
    "buffer",
    "bufferevent",
    "bufferevent_ssl",
    "listener",
    "dns",
    "http",
    "ws",
    "rpc",
    "tag",
    "raw",
    "callbacks",
    "shim",
)

_GUARD = re.compile(r"^#ifdef LEPY_HAVE_(\w+)$")


def optional_names(text: str) -> list[str]:
    """The symbols that some ``#ifdef LEPY_HAVE_name`` block of *text* asks about, in order."""
    return list(dict.fromkeys(re.findall(r"^#ifdef LEPY_HAVE_(\w+)$", text, re.MULTILINE)))


def strip_absent(text: str, present: set[str]) -> str:
    """Resolve the ``#ifdef LEPY_HAVE_name`` … ``#endif`` blocks, which CFFI cannot read itself."""
    kept: list[str] = []
    keeping = [True]
    for line in text.splitlines():
        guard = _GUARD.match(line)
        if guard:
            keeping.append(keeping[-1] and guard[1] in present)
        elif line == "#endif":
            keeping.pop()
        elif keeping[-1]:
            kept.append(line)
    return "\n".join(kept)


def make_ffibuilder() -> FFI:
    """Describe the extension for the libevent that this machine's settings choose."""
    libevent = discover.find_libevent()
    print(f"libevent_py: {libevent.summary}", file=sys.stderr)
    cdef = "\n".join((NATIVE / "cdef" / f"{name}.h").read_text() for name in CDEF_ORDER)
    asked = optional_names(cdef)
    present = probe.present_symbols(asked, libevent)
    builder = FFI()
    builder.cdef(strip_absent(cdef, present))
    builder.set_source(
        "libevent_py._libevent",
        '#include "shim.h"\n',
        sources=[str(path.relative_to(ROOT)) for path in sorted((NATIVE / "shim").glob("*.c"))],
        include_dirs=[str((NATIVE / "shim").relative_to(ROOT)), *libevent.include_dirs],
        library_dirs=libevent.library_dirs,
        libraries=libevent.libraries,
        extra_objects=libevent.extra_objects,
        define_macros=[(f"LEPY_HAVE_{name}", "1") for name in sorted(present)] + libevent.define_macros,
        extra_compile_args=["-std=gnu11", "-Wall", "-Wextra", *libevent.compile_args],
        extra_link_args=libevent.link_args,
    )
    return builder


ffibuilder = make_ffibuilder()
