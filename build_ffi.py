"""Build recipe of the extension ``libevent_py._libevent`` (CFFI, out-of-line API mode).

``setup.py`` names :func:`ffibuilder`; setuptools compiles what it describes.
The declarations are ``libevent_py/_native/cdef/*.h``, the C glue is
``libevent_py/_native/shim/*.c``, and ``vendor/`` finds or builds libevent.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from vendor import discover, probe, toolchain  # noqa: E402

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
    "openssl",
    "callbacks",
    "shim",
    "shim_dns",
    "shim_tls",
    "shim_relay",
    "shim_http",
    "shim_http_client",
)

#: The facts of this build as JSON, for ``libevent_py.build_info()``.
CDEF_BUILD_INFO = "static char *const LEPY_BUILD_INFO;"

#: setuptools evaluates :func:`ffibuilder` for these too, and they must work where there is no libevent.
COMPILE_NOTHING = ("egg_info", "dist_info", "sdist", "clean")

_GUARD = re.compile(r"^#ifdef LEPY_(?:HAVE_(\w+)|WITH_OPENSSL)$", re.MULTILINE)


def optional_names(text: str) -> list[str]:
    """The symbols that some ``#ifdef LEPY_HAVE_name`` block of *text* asks about, in order."""
    return list(dict.fromkeys(name for name in _GUARD.findall(text) if name))


def strip_absent(text: str, present: set[str], tls: bool = True) -> str:
    """Resolve the guarded blocks of *text*, which CFFI cannot read itself.

    ``#ifdef LEPY_HAVE_name`` … ``#endif`` stays where *name* is *present*,
    ``#ifdef LEPY_WITH_OPENSSL`` … ``#endif`` where the build has *tls*.
    """
    kept: list[str] = []
    keeping = [True]
    for line in text.splitlines():
        guard = _GUARD.match(line)
        if guard:
            keeping.append(keeping[-1] and (guard[1] in present if guard[1] else tls))
        elif line == "#endif":
            keeping.pop()
        elif keeping[-1]:
            kept.append(line)
    return "\n".join(kept)


def build_info(libevent: toolchain.Libevent) -> str:
    """What ``libevent_py.build_info()`` tells about how this extension was made, as JSON."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "libevent_py" / "_version.py").read_text())
    assert version is not None
    facts = {
        "package_version": version[1],
        "libevent": libevent.kind,
        "libevent_version_header": libevent.version,
        "source": libevent.source,
        "patches": libevent.patches,
        "openssl": bool(libevent.openssl),
        "openssl_version_header": libevent.openssl,
        "include_dirs": [path.replace(f"{ROOT}/", "") for path in libevent.include_dirs],
        "libraries": libevent.libraries,
        "compiler": toolchain.compiler_version(),
    }
    return json.dumps(facts)


def ffibuilder() -> FFI:
    """Describe the extension for the libevent that this machine's settings choose."""
    builder = FFI()
    if next((word for word in sys.argv[1:] if not word.startswith("-")), "") in COMPILE_NOTHING:
        builder.set_source("libevent_py._libevent", "")
        return builder
    libevent = discover.find_libevent()
    print(f"libevent_py: {libevent.summary}", file=sys.stderr, flush=True)
    cdef = "\n".join((NATIVE / "cdef" / f"{name}.h").read_text() for name in CDEF_ORDER)
    present = probe.present_symbols(optional_names(cdef), libevent)
    builder.cdef(strip_absent(cdef, present, bool(libevent.openssl)) + f"\n{CDEF_BUILD_INFO}\n")
    shim = (NATIVE / "shim").relative_to(ROOT)
    builder.set_source(
        "libevent_py._libevent",
        # A JSON string is a C string literal too.
        f'#include "shim.h"\n#include "tls.h"\n#define LEPY_BUILD_INFO {json.dumps(build_info(libevent))}\n',
        sources=[str(path.relative_to(ROOT)) for path in sorted((NATIVE / "shim").glob("*.c"))],
        depends=[str(path.relative_to(ROOT)) for path in sorted((NATIVE / "shim").glob("*.h"))],
        include_dirs=[str(shim), *libevent.include_dirs],
        library_dirs=libevent.library_dirs,
        libraries=libevent.libraries,
        define_macros=[(f"LEPY_HAVE_{name}", "1") for name in sorted(present)] + libevent.define_macros,
        extra_compile_args=["-std=gnu11", "-Wall", "-Wextra", "-fvisibility=hidden"],
        extra_link_args=libevent.link_args,
    )
    return builder
