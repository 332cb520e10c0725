"""The guarded blocks of the cdef files."""

from __future__ import annotations

import re

import build_ffi

TEXT = """\
int always(void);
#ifdef LEPY_HAVE_outer
int outer(void);
#ifdef LEPY_HAVE_inner
int inner(void);
#endif
#endif
#ifdef LEPY_WITH_OPENSSL
int tls(void);
#endif"""


def kept(present: set[str], tls: bool = False) -> list[str]:
    """The functions that are left of the sample."""
    return re.findall(r"(\w+)\(void\)", build_ffi.strip_absent(TEXT, present, tls))


def test_names_are_found_once_and_in_order() -> None:
    """Each guarded symbol is asked about once; the TLS guard is no symbol."""
    assert build_ffi.optional_names(TEXT + "\n" + TEXT) == ["outer", "inner"]


def test_absent_blocks_go() -> None:
    """A block stays if its symbol is present, and only then."""
    assert kept(set()) == ["always"]
    assert kept({"outer"}) == ["always", "outer"]
    assert kept({"outer", "inner"}) == ["always", "outer", "inner"]


def test_inner_block_goes_with_its_outer_one() -> None:
    """A present symbol inside an absent block is absent."""
    assert kept({"inner"}) == ["always"]


def test_tls_guard() -> None:
    """Declarations that need OpenSSL stay only in builds that have it."""
    assert kept(set(), tls=True) == ["always", "tls"]


def test_every_cdef_guard_is_closed() -> None:
    """The declaration files use no other preprocessor block, and close each that they open."""
    for name in build_ffi.CDEF_ORDER:
        text = (build_ffi.NATIVE / "cdef" / f"{name}.h").read_text()
        opened = re.findall(r"^#if.*$", text, re.MULTILINE)
        assert all(build_ffi._GUARD.match(line) for line in opened), name
        assert len(opened) == len(re.findall(r"^#endif$", text, re.MULTILINE)), name


def test_every_cdef_file_is_named() -> None:
    """A new declaration file cannot be forgotten in the order."""
    files = {path.stem for path in (build_ffi.NATIVE / "cdef").glob("*.h")}
    assert files == set(build_ffi.CDEF_ORDER)
