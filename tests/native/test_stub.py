"""The type stub tells the truth about the built extension."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import libevent_py
from libevent_py import ffi, lib

PACKAGE = Path(libevent_py.__file__).resolve().parent


def stub_class(name: str) -> dict[str, ast.AST]:
    """The members of one class in the stub."""
    body = ast.parse((PACKAGE / "_libevent.pyi").read_text()).body
    found = next(node for node in body if isinstance(node, ast.ClassDef) and node.name == name)
    members: dict[str, ast.AST] = {}
    for node in found.body:
        if isinstance(node, ast.FunctionDef):
            members[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            members[node.target.id] = node
    return members


def test_stub_is_current() -> None:
    """The committed stub is what the generator writes from the declarations."""
    script = PACKAGE / "_native" / "make_stub.py"
    if not script.exists():
        pytest.skip("the generator is not here: this is an installed package")
    checked = subprocess.run([sys.executable, str(script), "--check"], check=False)
    assert checked.returncode == 0, f"run: python {script.relative_to(PACKAGE.parent)}"


def test_stub_has_all_of_lib() -> None:
    """Whatever ``lib`` has, the stub declares, functions as functions."""
    members = stub_class("Lib")
    for name in dir(lib.real):
        assert name in members, name
        value = getattr(lib, name)
        is_function = isinstance(members[name], ast.FunctionDef)
        assert callable(value) if is_function else isinstance(value, (int, ffi.CData)), name


def test_stub_counts_arguments_as_cffi_does() -> None:
    """A function of the stub takes as many arguments as the C function."""
    members = stub_class("Lib")
    for name in dir(lib.real):
        node = members[name]
        if isinstance(node, ast.FunctionDef):
            ctype = ffi.typeof(ffi.addressof(lib.real, name))
            declared = [*node.args.posonlyargs, *node.args.args]
            assert len(declared) - 1 == len(ctype.args), name
            assert ctype.ellipsis or not node.args.vararg, name


def test_stub_has_the_ffi_methods() -> None:
    """Each method that the stub gives ``ffi`` exists."""
    for name in {**stub_class("_Methods"), **stub_class("FFI")}:
        assert hasattr(ffi, name), name
