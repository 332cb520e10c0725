"""What a call of the fuzz may end with, and what is a bug."""

from __future__ import annotations

import enum
import pickle
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import libevent_py

PACKAGE = str(Path(libevent_py.__file__).parent)

#: Documented outcomes; each has subclasses (ClosedError, WrongThreadError, BlockingIOError…).
DOCUMENTED = (
    TypeError,
    ValueError,
    OSError,
    OverflowError,
    RuntimeError,
    MemoryError,
    BufferError,
    EOFError,
    libevent_py.LibeventError,
)

#: Documented for an operation of Python's own: ``buffer[99]``, ``next(lines)``.
OF_OPERATIONS = (IndexError, KeyError, StopIteration)

#: Python's own words for what a package should have prevented, though the type is documented.
TELLTALES = ("changed size during iteration", "mutated during iteration", "not subscriptable")


class Bug(Exception):
    """An outcome that nothing documents."""


def frames_of(trace: TracebackType | None) -> list[str]:
    """The files of the traceback, the deepest last."""
    return [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]


def is_injected(error: BaseException) -> bool:
    """The fuzz raised this itself."""
    return error.args[:1] == ("injected",)


def _is_pythons_own(error: BaseException) -> bool:
    """A bug of CPython 3.10 and 3.11: iter() of a released memoryview."""
    return isinstance(error, SystemError) and "released memoryview" in str(error.__cause__)


def judge(error: BaseException, operation: bool = False) -> None:
    """Raise Bug where *error* is not what a wrong call may end with."""
    if isinstance(error, Bug):
        raise error
    if is_injected(error) or _is_pythons_own(error):
        return
    files = frames_of(error.__traceback__)
    inside = [file for file in files if file.startswith(PACKAGE)]
    if not inside:
        # Python refused before the package saw anything: no such argument, a property without setter.
        if isinstance(error, (*DOCUMENTED, AttributeError, *OF_OPERATIONS, pickle.PicklingError)):
            return
    elif (isinstance(error, DOCUMENTED) and not any(word in str(error) for word in TELLTALES)) or (
        operation and isinstance(error, (*OF_OPERATIONS, pickle.PicklingError))
    ):
        return
    raise Bug(f"{type(error).__name__}: {error}") from error


def told(bug: BaseException) -> str:
    """*bug* with its cause, as text."""
    return "".join(traceback.format_exception(type(bug), bug, bug.__traceback__))


def one_line(value: Any, limit: int = 40) -> str:
    """A short text for *value* that calls nothing of the package's."""
    if isinstance(value, (bytes, bytearray)) and len(value) < 1 << 30:
        return f"{type(value).__name__}[{len(value)}]"
    if type(value) in (int, bool, float, str, type(None)) or isinstance(value, enum.Enum):
        return repr(value)[:limit]
    return type(value).__name__
