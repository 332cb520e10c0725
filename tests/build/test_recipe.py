"""The recipe as setuptools sees it, and the extension that came out of it."""

from __future__ import annotations

import importlib.machinery
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import build_ffi
from vendor import discover, toolchain


def extension(root: Path) -> Path:
    """The extension that was built into the tree."""
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = root / "libevent_py" / f"_libevent{suffix}"
        if path.is_file():
            return path
    pytest.skip("the extension is not built into the tree (make build)")


@pytest.mark.parametrize("command", build_ffi.COMPILE_NOTHING)
def test_metadata_needs_no_libevent(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making an sdist, or asking for the metadata, works where there is no libevent."""
    monkeypatch.setattr(sys, "argv", ["setup.py", "--quiet", command])
    monkeypatch.setattr(discover, "find_libevent", lambda: pytest.fail("looked for libevent"))
    build_ffi.ffibuilder()


def test_build_info() -> None:
    """The facts are all there, and do not tell where the builder's checkout is."""
    inside = str(build_ffi.ROOT / "build" / "vendored" / "libevent-x" / "include")
    libevent = toolchain.Libevent(
        "vendored", 'a "source"', [inside], version="9", patches=["p"], openssl="OpenSSL 3"
    )
    facts = json.loads(build_ffi.build_info(libevent))
    assert facts["include_dirs"] == ["build/vendored/libevent-x/include"]
    assert str(build_ffi.ROOT) not in json.dumps(facts)
    assert facts["source"] == 'a "source"'
    assert facts["openssl"] is True
    assert facts["patches"] == ["p"]


def test_no_symbol_but_our_own_is_exported(root: Path) -> None:
    """Neither a vendored libevent nor the C glue can clash with another library of the process."""
    if not shutil.which("nm"):
        pytest.skip("nm is not installed")
    command = ["nm", "-D", "--defined-only", str(extension(root))]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    names = [line.split()[-1] for line in answer.stdout.splitlines()]
    assert [name for name in names if name.startswith(("ev", "bufferevent"))] == []
    assert any(name.startswith(("PyInit_", "_cffi_pypyinit_")) for name in names)


def test_setup_py_has_three_lines(root: Path) -> None:
    """setup.py only names the recipe; everything else is declared."""
    assert len((root / "setup.py").read_text().splitlines()) == 3
