"""The package is built in floors; a module imports from its own and from lower ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import libevent_py

PACKAGE = Path(libevent_py.__file__).parent
ROOT = PACKAGE.parent

FLOORS = {
    1: "_ffi _features _build _version",
    2: "exceptions constants log _errors _convert",
    3: "_claim _handles _delivery _callbacks _filter_callbacks",
    4: "timer signal_event finalizer config base closing inspection event threads signals calls scheduling "
    "fork",
    5: "buffer listener",
    6: "bufferevent tls dns relay tagging",
    7: "http rpc doctor",
    8: "aio",
    9: "__init__ __main__ _commands testing",
}
FLOOR_OF = {name: floor for floor, names in FLOORS.items() for name in names.split()}

#: Above the wrappers nothing needs C; the facade hands ``lib`` on.
HIGHEST_FLOOR_WITH_LIB = 8

LONGEST_FILE = 400
#: Tables, long by nature.
TABLES = {"_libevent.pyi"}


def modules() -> list[str]:
    """Every module, as its path in the package."""
    return sorted(
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "_native" not in path.relative_to(PACKAGE).parts
    )


def parts_of(module: str) -> tuple[str, ...]:
    """``bufferevent/socket.py`` -> (bufferevent, socket)."""
    return Path(module).with_suffix("").parts


def floor_of(parts: tuple[str, ...]) -> int | None:
    """The floor of the module or package that *parts* name."""
    return FLOOR_OF.get(parts[0])


def is_type_checking(node: ast.AST) -> bool:
    """``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for the type checker only."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node):
            assert isinstance(node, ast.If)
            for other in node.orelse:
                yield other
                yield from statements(other)
            continue
        yield node
        yield from statements(node)


def imports(module: str, source: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line, and what of the package is imported there: (package, module) as far as it is told."""
    package = parts_of(module)[:-1]
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name.split(".")
                if name[0] == "libevent_py":
                    yield node.lineno, tuple(name[1:])
        elif isinstance(node, ast.ImportFrom):
            name = node.module.split(".") if node.module else []
            if node.level:
                start = list(package[: len(package) - node.level + 1])
            elif name[:1] == ["libevent_py"]:
                start, name = [], name[1:]
            else:
                continue
            found = start + name
            if found:
                yield node.lineno, tuple(found)
            else:  # from . import a, b
                for alias in node.names:
                    yield node.lineno, (alias.name,)


def breaches(module: str, source: str) -> list[str]:
    """The imports of *module* that reach up, or into C past the one door."""
    floor = floor_of(parts_of(module))
    assert floor is not None
    found = []
    for line, target in imports(module, source):
        where = f"{module}:{line}"
        if not target:
            found.append(f"{where} imports the facade")
        elif target[0] == "_libevent":
            if module != "_ffi.py":
                found.append(f"{where} imports the extension")
        elif (other := FLOOR_OF.get(target[0])) is None or other > floor:
            found.append(f"{where} (floor {floor}) imports {'.'.join(target)} (floor {other})")
    return found


def lib_uses(source: str) -> list[int]:
    """Lines that say ``lib.something``."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("lib", "_lib")
    ]


@pytest.mark.parametrize("module", modules())
def test_a_module_has_a_floor(module: str) -> None:
    """Whoever adds a module says where it belongs."""
    assert floor_of(parts_of(module)) is not None


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_no_higher_floor(module: str) -> None:
    """Imports go down or sideways, and the extension has one door."""
    assert breaches(module, (PACKAGE / module).read_text()) == []


@pytest.mark.parametrize("module", modules())
def test_only_the_wrappers_say_lib(module: str) -> None:
    """The facade and the command line call classes, not C."""
    floor = floor_of(parts_of(module))
    assert floor is not None
    if floor > HIGHEST_FLOOR_WITH_LIB:
        assert lib_uses((PACKAGE / module).read_text()) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("_errors.py", "from .base import EventBase"),
        ("_errors.py", "from ._libevent import lib"),
        ("_errors.py", "from libevent_py._libevent import lib"),
        ("_errors.py", "import libevent_py._delivery"),
        ("_errors.py", "import libevent_py"),
        ("_errors.py", "from . import base"),
        ("_errors.py", "def f():\n    from .base import EventBase"),
        ("buffer/evbuffer.py", "from ..bufferevent import BufferEvent"),
        ("buffer/evbuffer.py", "from .. import bufferevent"),
        ("buffer/evbuffer.py", "from ..nowhere import x"),
    ],
)
def test_the_check_sees_a_breach(module: str, source: str) -> None:
    """Each way to write a wrong import is noticed."""
    assert breaches(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("base.py", "from .event import Event"),
        ("base.py", "from ._ffi import lib"),
        ("_ffi.py", "from libevent_py._libevent import ffi, lib"),
        ("buffer/evbuffer.py", "from .chain import x"),
        ("buffer/evbuffer.py", "from .. import _convert"),
        (
            "_errors.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .base import EventBase",
        ),
        ("_errors.py", "import os"),
    ],
)
def test_the_check_allows_what_is_right(module: str, source: str) -> None:
    """Imports from the same floor, lower ones, and for the type checker pass."""
    assert breaches(module, source) == []


def test_the_check_sees_lib() -> None:
    """``lib.x`` is found, an attribute called lib is not."""
    assert lib_uses("a = 1\nlib.event_new()\nself.lib.x") == [2]


def test_c_lives_in_the_shim_only() -> None:
    """C code is under _native/shim, declarations under _native/cdef."""
    for path in PACKAGE.rglob("*.[ch]"):
        where = path.relative_to(PACKAGE).parts[:2]
        assert where == ("_native", "shim") or (where == ("_native", "cdef") and path.suffix == ".h"), path


def test_the_shim_knows_no_python() -> None:
    """The same C compiles for CPython and PyPy."""
    if not (PACKAGE / "_native" / "shim").is_dir():
        pytest.skip("the C sources are not here: this is an installed package")
    for path in (PACKAGE / "_native" / "shim").iterdir():
        assert "Python.h" not in path.read_text(), path


def source_files() -> list[str]:
    """What people read, in Python and C."""
    found = [path for suffix in ("py", "c", "h", "pyi") for path in PACKAGE.rglob(f"*.{suffix}")]
    return sorted(str(path.relative_to(PACKAGE)) for path in found if path.name not in TABLES)


@pytest.mark.parametrize("name", source_files())
def test_a_file_has_one_subject(name: str) -> None:
    """More than 400 lines hold two."""
    is_long = len((PACKAGE / name).read_text().splitlines()) > LONGEST_FILE
    assert not is_long
