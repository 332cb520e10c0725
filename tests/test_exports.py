"""What the package offers by name."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import libevent_py

PUBLIC = sorted(libevent_py.__all__)


def own(value: object) -> bool:
    """Ours, and not ffi or the version."""
    return getattr(value, "__module__", "").partition(".")[0] == "libevent_py"


def documented() -> Iterator[tuple[str, Any]]:
    """Every public class and function, every public method and property of the classes."""
    for name in PUBLIC:
        value = getattr(libevent_py, name)
        if not isinstance(value, (type, types.FunctionType)) or not own(value):
            continue
        yield name, value
        if isinstance(value, type):
            members = {
                key: each for cls in reversed(value.__mro__) if own(cls) for key, each in vars(cls).items()
            }
            for attribute, member in members.items():
                function = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
                if attribute in getattr(value, "_fields", ()):
                    continue  # of a named tuple, whose docstring tells of them
                if not attribute.startswith("_") and isinstance(function, (types.FunctionType, property)):
                    yield f"{name}.{attribute}", function


DOCUMENTED = list(documented())


def test_all_is_what_is_public() -> None:
    """``__all__`` and the names without an underscore are the same, modules aside."""
    names = {
        name
        for name, value in vars(libevent_py).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert names | {"__version__"} == set(libevent_py.__all__)


def test_all_has_no_name_twice() -> None:
    """``__all__`` is a set."""
    assert len(set(libevent_py.__all__)) == len(libevent_py.__all__)


def test_star_import_gives_all() -> None:
    """``from libevent_py import *`` finds every name."""
    namespace: dict[str, Any] = {}
    exec("from libevent_py import *", namespace)
    assert set(libevent_py.__all__) <= set(namespace)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_class_belongs_to_the_package(name: str) -> None:
    """No public name leaks something of somebody else's but CFFI's two objects."""
    value = getattr(libevent_py, name)
    assert own(value) or name in ("ffi", "lib", "__version__")


@pytest.mark.parametrize(("name", "value"), DOCUMENTED, ids=[name for name, _ in DOCUMENTED])
def test_a_public_name_is_documented(name: str, value: Any) -> None:
    """It has a docstring of its own whose first line is a sentence."""
    text = inspect.cleandoc(value.__doc__ or "")
    first = text.split("\n\n")[0]
    assert first.rstrip().endswith((".", ";", ":")), f"{name}: {first!r}"
    assert len(text) > 10


SECTIONS = ("Args:", "Raises:", "Returns:", "Yields:", "Example::", "Attributes:")


@pytest.mark.parametrize(("name", "value"), DOCUMENTED, ids=[name for name, _ in DOCUMENTED])
def test_an_args_section_names_real_arguments(name: str, value: Any) -> None:
    """Google style: each name under ``Args:`` is a parameter, and a class has them all there."""
    text = inspect.cleandoc(value.__doc__ or "")
    function = value.__init__ if isinstance(value, type) else value
    named = arguments_named(text)
    if named is None:
        has_own_init = (
            isinstance(value, type) and "__init__" in vars(value) and not issubclass(value, Exception)
        )
        assert not has_own_init or len(inspect.signature(function).parameters) <= 1, (
            f"{name} has arguments, and no Args:"
        )
        return
    parameters = [each for each in inspect.signature(function).parameters if each not in ("self", "cls")]
    assert named == parameters


def arguments_named(docstring: str) -> list[str] | None:
    """The names under ``Args:``, or None where there is no such section."""
    _, found, rest = docstring.partition("\nArgs:\n")
    if not found:
        return None
    names = []
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        if line.startswith("    ") and not line.startswith("     "):
            names.append(line.split(":")[0].strip().lstrip("*"))
    return names


def test_arguments_are_read_from_a_docstring() -> None:
    """The check above sees names, and where they end."""
    assert arguments_named(
        "Do.\n\nArgs:\n    one: first\n        more: text\n    two: second\n\nRaises:\n    X: y"
    ) == [
        "one",
        "two",
    ]
    assert arguments_named("Do.") is None


def test_the_types_are_shipped() -> None:
    """``py.typed`` and the extension's stub are there for type checkers."""
    package = Path(libevent_py.__file__).parent
    assert (package / "py.typed").exists()
    assert (package / "_libevent.pyi").exists()
