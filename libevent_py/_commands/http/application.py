"""``module:app`` on the command line: finding the application that it names."""

from __future__ import annotations

import importlib
import re
from typing import Any

_WORD = re.compile(r"(?P<module>\w+(?:\.\w+)*):(?P<name>\w+(?:\.\w+)*)(?P<call>\(\))?")


class ApplicationError(Exception):
    """What the user named is no application; the text says why."""


def is_application(word: str) -> bool:
    """Whether *word* looks like ``module:app``, ``package.module:app`` or ``module:make_app()``."""
    return _WORD.fullmatch(word) is not None


def load(word: str) -> Any:
    """Import the application; with ``()`` behind its name it is what that returns.

    Raises:
        ApplicationError: There is none. What the module itself raises is raised.
    """
    found = _WORD.fullmatch(word)
    if found is None:
        raise ApplicationError(f"{word!r} does not look like module:app")
    try:
        value: Any = importlib.import_module(found["module"])
    except ModuleNotFoundError as error:
        # One that the module itself needs is the module's own trouble, and its traceback tells.
        if error.name is None or not f"{found['module']}.".startswith(f"{error.name}."):
            raise
        raise ApplicationError(f"there is no module {error.name!r} here, nor where Python looks") from None
    for part in found["name"].split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise ApplicationError(f"the module {found['module']!r} has no {found['name']!r}") from None
    if found["call"]:
        value = value()
    if not callable(value):
        raise ApplicationError(f"{word!r} is no application: {type(value).__name__} cannot be called")
    return value
