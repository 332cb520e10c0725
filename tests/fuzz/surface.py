"""The public API as the fuzz sees it: found by introspection, so that what is new is covered by itself."""

from __future__ import annotations

import enum
import importlib
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import libevent_py

#: Where public names are, besides the package itself.
MODULES = ("tagging", "http", "rpc", "log", "aio")

#: What is no subject of the fuzz, and why.
LEFT_OUT = {
    "ffi": "the raw layer is C, and may do what C does",
    "lib": "the raw layer is C, and may do what C does",
    "__version__": "a text",
    "log.logger": "an object of logging's",
    "log.enable_debug_logging": "for the whole process, whose every call would log",
    "aio.Loop": "asyncio's methods, for which CI has CPython's own tests of asyncio",
    "aio.EventLoopPolicy": "asyncio's methods",
    "aio.new_event_loop": "makes an aio.Loop",
    "aio.run": "runs a coroutine in such a loop",
    "aio.install": "changes the process's policy for good",
}


class Parameter(NamedTuple):
    """One parameter: what to look at when choosing an argument."""

    name: str
    annotation: str
    required: bool
    keyword: bool
    variadic: bool


class Member(NamedTuple):
    """A method (callable with these parameters), or a property where they are None."""

    name: str
    parameters: tuple[Parameter, ...] | None
    writable: bool = False
    on_class: bool = False


class Kind(NamedTuple):
    """A public class."""

    name: str
    type: type
    parameters: tuple[Parameter, ...]
    members: tuple[Member, ...]


def parameters_of(function: Callable[..., Any], skip_first: bool = False) -> tuple[Parameter, ...]:
    """What *function* takes; nothing where Python cannot tell."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return ()
    return tuple(
        Parameter(
            each.name,
            "" if each.annotation is each.empty else str(each.annotation),
            each.default is each.empty,
            each.kind is each.KEYWORD_ONLY,
            each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD),
        )
        for each in found[1 if skip_first else 0 :]
    )


def _members(cls: type) -> tuple[Member, ...]:
    found = []
    for name in dir(cls):
        if name.startswith("_"):
            continue
        static = inspect.getattr_static(cls, name)
        if isinstance(static, property):
            found.append(Member(name, None, writable=static.fset is not None))
        elif isinstance(static, (classmethod, staticmethod)):
            found.append(Member(name, parameters_of(getattr(cls, name)), on_class=True))
        elif callable(static):
            found.append(Member(name, parameters_of(static, skip_first=True)))
        else:
            found.append(Member(name, None))
    return tuple(found)


def public_names() -> dict[str, Any]:
    """All that the package offers: by name in itself, by module and name in :data:`MODULES`."""
    found = {name: getattr(libevent_py, name) for name in libevent_py.__all__}
    known = {id(value) for value in found.values()}
    for module_name in MODULES:
        module = importlib.import_module(f"libevent_py.{module_name}")
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            if not name.startswith("_") and not inspect.ismodule(value) and id(value) not in known:
                found[f"{module_name}.{name}"] = value
    return found


def _public(wanted: Callable[[Any], bool]) -> dict[str, Any]:
    return {name: value for name, value in public_names().items() if name not in LEFT_OUT and wanted(value)}


def _is_kind(value: Any) -> bool:
    return inspect.isclass(value) and not issubclass(value, (BaseException, enum.Enum))


#: The classes whose objects live in a program's slots.
KINDS = {name: Kind(name, cls, parameters_of(cls), _members(cls)) for name, cls in _public(_is_kind).items()}

#: The slots that an object of a class goes into.
NAME_OF = {kind.type: name for name, kind in KINDS.items()}

#: Enumerations.
ENUMS: dict[str, type[enum.IntEnum]] = _public(
    lambda value: inspect.isclass(value) and issubclass(value, enum.Enum)
)

#: Functions of the package itself.
FUNCTIONS = _public(inspect.isroutine)

#: Annotations name base classes too: the kinds that each name stands for.
NAMED_KINDS: dict[str, list[str]] = {}
for _kind in KINDS.values():
    for _class in _kind.type.__mro__:
        if _class.__module__.startswith("libevent_py"):
            NAMED_KINDS.setdefault(_class.__name__, []).append(_kind.name)


#: Every call that there is to make, and its number: a run tells which of them it has made.
TARGETS = {
    name: number
    for number, name in enumerate(
        [
            *(f"{kind.name}()" for kind in KINDS.values()),
            *(f"{kind.name}.{member.name}" for kind in KINDS.values() for member in kind.members),
            *(f"{name}()" for name in (*ENUMS, *FUNCTIONS)),
        ]
    )
}


def describe() -> str:
    """How much there is."""
    members = sum(len(kind.members) for kind in KINDS.values())
    return (
        f"{len(KINDS)} classes with {members} members, {len(ENUMS)} enumerations, {len(FUNCTIONS)} functions"
    )
