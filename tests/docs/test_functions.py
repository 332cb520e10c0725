"""docs/functions.md has every function of its headers once, and each Python name in it exists."""

from __future__ import annotations

import builtins
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from command import ROOT

import libevent_py

PAGE = (ROOT / "docs" / "functions.md").read_text()
CDEF = ROOT / "libevent_py" / "_native" / "cdef"

pytestmark = pytest.mark.skipif(not CDEF.is_dir(), reason="the declarations are not in a wheel")

#: The page is to have these at least; whoever wraps another header adds its section.
HEADERS = {
    "event.h",
    "thread.h",
    "util.h",
    "listener.h",
    "buffer.h",
    "bufferevent.h",
    "bufferevent_ssl.h",
    "dns.h",
    "http.h",
    "rpc.h",
    "tag.h",
    "watch.h",
    "ws.h",
}
#: Public modules of the package.
MODULES = {"http", "rpc", "tagging"}
SECTIONS = dict(re.findall(r"^## event2/(\w+\.h)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def without_comments(text: str) -> str:
    """C without its comments."""
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def rows(header: str) -> list[tuple[list[str], str]]:
    """The C functions and what is told of them, row by row."""
    table = re.findall(r"^\| (`.*?) \| (.*) \|$", SECTIONS[header], re.MULTILINE)
    return [(re.findall(r"`(\w+)`", functions), told) for functions, told in table]


def declared(header: str) -> list[str]:
    """The functions in the declarations of a header."""
    text = without_comments((CDEF / header).read_text())
    text = re.sub(r"^typedef [^;{]*;", "", text, flags=re.MULTILINE)
    return re.findall(r"\b(\w+)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)\s*;", text)


def resolve(name: str) -> Any:
    """What a dotted name stands for: ours, a builtin, or of the standard library."""
    first, *rest = name.split(".")
    if first == "libevent_py":
        found: Any = libevent_py
    elif first in MODULES:
        found = importlib.import_module(f"libevent_py.{first}")
    elif hasattr(libevent_py, first):
        found = getattr(libevent_py, first)
    elif hasattr(builtins, first):
        found = getattr(builtins, first)
    else:
        found = importlib.import_module(first)
        if rest and not hasattr(found, rest[0]):
            found = importlib.import_module(f"{first}.{rest.pop(0)}")
    for attribute in rest:
        found = getattr(found, attribute)
    return found


def test_the_headers() -> None:
    """All that are wrapped have a section, and no other file has one."""
    assert set(SECTIONS) >= HEADERS
    assert all((CDEF / header).is_file() for header in SECTIONS)


@pytest.mark.parametrize("header", sorted(SECTIONS))
def test_every_function_once(header: str) -> None:
    """No more and no fewer than the header declares."""
    listed = [function for functions, _ in rows(header) for function in functions]
    assert sorted(listed) == sorted(declared(header))


@pytest.mark.parametrize("header", sorted(SECTIONS))
def test_every_name_exists(header: str) -> None:
    """And a row without one says why its functions are raw."""
    for functions, told in rows(header):
        names = re.findall(r"`([A-Za-z_][\w.]*)`", told)
        for name in names:
            resolve(name)
        assert names or told.startswith("raw: "), functions


def source_of(*patterns: str) -> str:
    """The text of all files of the patterns."""
    return "\n".join(path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern)))


@pytest.mark.parametrize("header", sorted(SECTIONS))
def test_every_function_is_called(header: str) -> None:
    """A raw one by a test or an example; one that is wrapped there, or by the package or its C."""
    tested = set(re.findall(r"\blib\.(\w+)", source_of("tests/**/*.py", "examples/*.py")))
    wrapped = set(re.findall(r"\blib\.(\w+)", source_of("libevent_py/**/*.py")))
    wrapped |= set(re.findall(r"\b(\w+)\s*\(", without_comments(source_of("libevent_py/_native/shim/*.c"))))
    for functions, told in rows(header):
        called = tested if told.startswith("raw: ") else tested | wrapped
        assert set(functions) <= called, set(functions) - called


def test_every_declaration_has_a_section() -> None:
    """Of the C headers: 420 functions of libevent 2.1.12 and macros, and what 2.2 adds."""
    ours = {"types.h", "raw.h", "openssl.h", "callbacks.h"}
    headers = {path.name for path in CDEF.glob("*.h") if not path.name.startswith("shim")} - ours
    assert headers == set(SECTIONS)
    assert sum(len(declared(header)) for header in headers) > 420


def test_the_links() -> None:
    """Each page that it refers to is there."""
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert Path(ROOT / "docs" / target).is_file(), target
