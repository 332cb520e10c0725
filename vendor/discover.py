"""Which libevent to compile against: an explicit prefix, the system's, or one that the build makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import static, toolchain
from .toolchain import BuildError, Libevent

MINIMUM = 0x02010C00  # 2.1.12
_BASE_LIBRARIES = ["event_pthreads", "event_extra", "event_core"]
_TLS_LIBRARIES = ["event_openssl"]

_INSTALL = """\
  Debian, Ubuntu:  apt-get install libevent-dev libssl-dev
  Fedora:          dnf install libevent-devel openssl-devel
  Alpine:          apk add libevent-dev openssl-dev
  macOS:           brew install libevent openssl"""

_LINK_TEST = """\
#include <event2/event.h>
#include <event2/http.h>
#include <event2/thread.h>
#ifdef LEPY_WITH_OPENSSL
#include <openssl/ssl.h>
#include <event2/bufferevent_ssl.h>
#endif
int main(void) {
#ifdef LEPY_WITH_OPENSSL
    bufferevent_openssl_get_ssl(NULL);
    SSL_CTX_free(NULL);
#endif
    return evthread_use_pthreads() + (evhttp_new(event_base_new()) == NULL);
}
"""


class Unusable(Exception):
    """A libevent that is not there, or not fit; the text completes 'the system's libevent ...'."""


def find_libevent() -> Libevent:
    """Choose a libevent by the environment's settings, and check that it compiles and links.

    Raises:
        BuildError: A setting is wrong, or there is no way to a libevent; the text names the remedies.
    """
    choice = _choice("LIBEVENT_PY_LIBEVENT", "auto", "system", "vendored")
    tls = wants_tls()
    if tls and not has_openssl():
        raise BuildError(
            "OpenSSL's headers or libraries are missing (openssl/ssl.h, -lssl -lcrypto).\n"
            "Install them (Debian: apt-get install libssl-dev; Fedora: dnf install openssl-devel), name\n"
            "their place in CFLAGS and LDFLAGS, or set LIBEVENT_PY_OPENSSL=no to build without TLS."
        )
    explicit = _explicit_prefix(tls)
    if explicit and choice == "vendored":
        raise BuildError("LIBEVENT_PY_LIBEVENT=vendored contradicts LIBEVENT_PREFIX: unset one of them.")
    if explicit:
        return _checked_or_error(explicit)
    why_not = ""
    if choice != "vendored":
        try:
            return find_system(tls)
        except Unusable as reason:
            why_not = f"the system's libevent {reason}"
        if choice == "system":
            raise BuildError(
                f"{why_not}. Install it with its headers:\n{_INSTALL}\n"
                "or set LIBEVENT_PREFIX to the place of another one, or LIBEVENT_PY_LIBEVENT=vendored."
            )
    return _vendored(tls, why_not)


def wants_tls() -> bool:
    """Whether the extension shall have TLS (``LIBEVENT_PY_OPENSSL``)."""
    return _choice("LIBEVENT_PY_OPENSSL", "yes", "no") == "yes"


def has_openssl() -> bool:
    """Whether a program can be compiled and linked with OpenSSL here."""
    include_dirs, library_dirs = _openssl_dirs()
    openssl = Libevent("", "", include_dirs, library_dirs, ["ssl", "crypto"])
    program = "#include <openssl/ssl.h>\nint main(void) { SSL_CTX_free(NULL); return 0; }\n"
    return toolchain.links(program, openssl).returncode == 0


def find_system(tls: bool) -> Libevent:
    """The installed libevent, by pkg-config where it knows one, else in the compiler's default paths.

    Raises:
        Unusable: It is not there, too old, or incomplete.
    """
    modules = ["libevent_core", "libevent_extra", "libevent_pthreads", *(["libevent_openssl"] if tls else [])]
    dirs = _pkg_config_dirs(modules)
    source = "the compiler's default paths" if dirs is None else "pkg-config"
    return _checked(_describe("system", source, tls, *(dirs or ([], []))))


def _choice(name: str, *values: str) -> str:
    value = os.environ.get(name) or values[0]
    if value not in values:
        raise BuildError(f"{name}={value!r} is not known: set it to {' or '.join(values)}, or unset it.")
    return value


def _pkg_config_dirs(modules: list[str]) -> tuple[list[str], list[str]] | None:
    """Include and library directories only.

    The libraries are named by us: the .pc files of libevent_openssl and
    libevent_pthreads ask for ``-levent``, a second copy of core and extra with
    globals of its own.
    """
    if not shutil.which("pkg-config"):
        return None
    found = []
    for option, flag in (("--cflags-only-I", "-I"), ("--libs-only-L", "-L")):
        answer = subprocess.run(["pkg-config", option, *modules], capture_output=True, text=True)
        if answer.returncode:
            return None
        found.append(list(dict.fromkeys(word[len(flag) :] for word in answer.stdout.split())))
    return found[0], found[1]


def _openssl_dirs() -> tuple[list[str], list[str]]:
    return _pkg_config_dirs(["openssl"]) or ([], [])


def _describe(
    kind: str, source: str, tls: bool, include_dirs: list[str], library_dirs: list[str]
) -> Libevent:
    found = Libevent(kind, source, list(include_dirs), list(library_dirs))
    found.link_args += toolchain.HIDE_ARCHIVES
    # Static archives need this order: each before what it uses.
    found.libraries = (_TLS_LIBRARIES if tls else []) + _BASE_LIBRARIES
    if tls:
        found.libraries += ["ssl", "crypto"]
        found.define_macros.append(("LEPY_WITH_OPENSSL", "1"))
        for mine, openssl in zip((found.include_dirs, found.library_dirs), _openssl_dirs()):
            mine.extend(path for path in openssl if path not in mine)
    if kind != "system":
        found.libraries.append("pthread")  # static archives name no dependencies
    return found


def _checked(libevent: Libevent) -> Libevent:
    """Fill in the versions, and make sure that a program with *libevent* links."""
    names = ["LIBEVENT_VERSION", "LIBEVENT_VERSION_NUMBER"]
    facts = toolchain.macro_values("event2/event.h", names, libevent)
    if not facts:
        raise Unusable("has no headers here (event2/event.h is not found)")
    libevent.version = facts["LIBEVENT_VERSION"]
    if int(facts["LIBEVENT_VERSION_NUMBER"], 0) < MINIMUM:
        raise Unusable(f"is {libevent.version}, older than the 2.1.12 that is needed")
    if "event_openssl" in libevent.libraries:
        text = toolchain.macro_values("openssl/opensslv.h", ["OPENSSL_VERSION_TEXT"], libevent)
        libevent.openssl = text.get("OPENSSL_VERSION_TEXT", "")
    linked = toolchain.links(_LINK_TEST, libevent)
    if linked.returncode:
        wanted = " ".join(f"-l{name}" for name in libevent.libraries)
        raise Unusable(f"{libevent.version} does not link with {wanted}:\n{linked.stderr.strip()}\n")
    return libevent


def _checked_or_error(libevent: Libevent) -> Libevent:
    try:
        return _checked(libevent)
    except Unusable as reason:
        raise BuildError(f"the libevent in {libevent.include_dirs[0]} {reason}.") from None


def _explicit_prefix(tls: bool) -> Libevent | None:
    """The libevent that ``LIBEVENT_PREFIX``, or the two directories, point at."""
    prefix = os.environ.get("LIBEVENT_PREFIX")
    include = os.environ.get("LIBEVENT_INCLUDE_DIR") or (prefix and f"{prefix}/include")
    library = os.environ.get("LIBEVENT_LIB_DIR") or (prefix and _library_dir(prefix))
    if not include and not library:
        return None
    if not include or not library:
        raise BuildError("LIBEVENT_INCLUDE_DIR and LIBEVENT_LIB_DIR need each other: set both.")
    for folder, holds in ((include, "event2/event.h"), (library, "libevent_core.*")):
        if not any(Path(folder).glob(holds)):
            raise BuildError(
                f"{folder} has no {holds}: set LIBEVENT_PREFIX (or LIBEVENT_INCLUDE_DIR and "
                "LIBEVENT_LIB_DIR) to the place of an installed libevent."
            )
    include, library = os.path.abspath(include), os.path.abspath(library)
    source = "LIBEVENT_PREFIX" if prefix else "LIBEVENT_INCLUDE_DIR and LIBEVENT_LIB_DIR"
    found = _describe("prefix", source, tls, [include], [library])
    if any(Path(library).glob("libevent_core*.so*")):
        # The only case with an rpath: nothing else would find this directory when the program runs.
        found.link_args.append(f"-Wl,-rpath,{library}")
    return found


def _library_dir(prefix: str) -> str:
    """``lib``, or the variant of it that CMake or a multiarch system chose."""
    for folder in sorted(Path(prefix).glob("lib*")) + sorted(Path(prefix).glob("lib/*-*")):
        if any(folder.glob("libevent_core.*")):
            return str(folder)
    return f"{prefix}/lib"


def _vendored(tls: bool, why_not: str) -> Libevent:
    if why_not:
        print(f"libevent_py: {why_not}: building one into the extension", file=sys.stderr, flush=True)
    try:
        built = static.build_vendored(tls)
    except static.Unavailable as reason:
        first = f"{why_not}, and the build cannot make one itself:\n" if why_not else ""
        raise BuildError(
            f"{first}{reason}\n"
            f"Install libevent with its headers:\n{_INSTALL}\n"
            "or set LIBEVENT_PREFIX to the place of one, or LIBEVENT_SOURCE to its source (a tree or a\n"
            "tarball), which needs CMake (pip install cmake)."
        ) from None
    found = _describe("vendored", built.source, tls, [built.include], [built.library])
    found.patches = built.patches
    return _checked_or_error(found)
