"""The libevent releases that the build knows by their checksums."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .toolchain import BuildError

#: What is fetched from upstream where no distribution has a source package.
UPSTREAM_FILE = "libevent-2.1.13-stable.tar.gz"
UPSTREAM_URL = f"https://github.com/libevent/libevent/releases/download/release-2.1.13-stable/{UPSTREAM_FILE}"

_RELEASE_2_1_12 = "92e6de1be9ec176428fd2367677e61ceffc2ee1cb119035037a27d346b0403bb"
_RELEASE_2_1_13 = "f7e9383b8c0baa81b687e5b5eecc01beefaf1b19b64151d95ed61647fe7a315c"

#: sha256 by file name. Debian's .orig.tar.gz is upstream's release file under another name.
SHA256 = {
    "libevent-2.1.12-stable.tar.gz": _RELEASE_2_1_12,
    "libevent_2.1.12-stable.orig.tar.gz": _RELEASE_2_1_12,
    "libevent-2.1.13-stable.tar.gz": _RELEASE_2_1_13,
    "libevent_2.1.13-stable.orig.tar.gz": _RELEASE_2_1_13,
    "libevent_2.1.12-stable-8+deb12u1.debian.tar.xz": (
        "0c721f8a55e6a9e225f62f151f477675ed901400b56003bb424ef2eea74f370d"
    ),
    "libevent_2.1.13-stable-1~deb13u1.debian.tar.xz": (
        "4fe2cae89d3596fb50381f68d1add2ca371f187b6f15c381e16e36e0f89b6102"
    ),
    "libevent_2.1.13-stable-1.debian.tar.xz": (
        "791df04bdf33bcedbb5d383cc99691af414cbaa7a4022f0add49d358f47863cc"
    ),
}

#: A function that the fixes of the eight CVEs of 2026 brought. Debian's fixed 2.1.12 still calls itself
#: 2.1.12, so the source is asked, not its version.
_FIXED_MARK = "evhttp_str_is_chunked_"


def sha256(path: Path) -> str:
    """The checksum of a file, as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def verify(path: Path, expected: str = "") -> None:
    """Make sure that a file is what it should be: *expected*, and the pin of its name if it has one.

    Raises:
        BuildError: It is something else.
    """
    found = sha256(path)
    for wanted in filter(None, (expected, SHA256.get(path.name))):
        if found != wanted:
            raise BuildError(
                f"the checksum of {path.name} is wrong, so it is not used.\n"
                f"  wanted sha256 {wanted}\n  found  sha256 {found}\n"
                "Remove the file and fetch it again; if it stays wrong, somebody changed it on the way."
            )


def has_security_fixes(tree: Path) -> bool:
    """Whether a libevent source tree holds the security fixes of 2026."""
    return _FIXED_MARK in (tree / "http.c").read_text(errors="replace")
