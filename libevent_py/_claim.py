"""Which thread has a base: one at a time, and only that enters C with its objects (floor 3).

``loop()`` claims its base for as long as it runs.  Where no loop runs, each call of a
method claims the base for as long as it takes: CFFI lets go of the GIL around every call
of C, so that two threads would be in it together, and one of them might free what the
other uses.  ``docs/topics/threads.md`` has the rule.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import get_ident
from typing import Any, TypeVar

from ._errors import raise_refused
from ._ffi import CData, lib
from .exceptions import ClosedError, ForkError, WrongThreadError

#: Special methods that do not enter C, or call others that claim the base.
_LEFT_OUT = frozenset(
    ("__del__", "__enter__", "__exit__", "__init_subclass__", "__iter__", "__next__", "__reduce_ex__")
)

_Class = TypeVar("_Class", bound=type)
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Claimable:
    """What a thread claims: the part of Delivery that says whose a base is."""

    #: The shim's structure; None once the base is closed.
    pointer: CData
    #: The thread that has claimed the base; C knows the same.
    thread: int | None = None
    #: In a forked child, before reinit().
    inherited = False

    def live(self) -> CData:
        """The shim's structure; ClosedError once the base is closed."""
        pointer = self.pointer
        if pointer is None:
            raise ClosedError("this EventBase is closed")
        return pointer

    def is_mine(self) -> bool:
        """Whether this thread has the base."""
        return self.thread == get_ident()

    def claimed(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call *function* while this thread has the base.

        Raises:
            WrongThreadError: Another thread has it.
            ForkError: It is a parent process's.
            ClosedError: It is closed.
        """
        if self.thread == get_ident():
            return function(*args, **kwargs)
        pointer = self.live()
        is_new = True
        try:
            is_new = self.claim(pointer)
            return function(*args, **kwargs)
        finally:
            self.release(pointer, is_new)

    def claimed_in_child(self, function: Callable[..., Any], *args: Any) -> Any:
        """As claimed(), for what may be done with a parent process's base too."""
        if not self.inherited:
            return self.claimed(function, *args)
        pointer = self.live()
        claim = lib.lepy_delivery_claim(pointer, True)
        if claim < 0:
            raise_refused(claim)
        try:
            return function(*args)
        finally:
            if claim:  # else this thread forked while it had the base, and keeps it
                self.release(pointer, True)

    def claim(self, pointer: CData) -> bool:
        """Take the base for this thread; False where C has done so, in a call that called Python."""
        claim = lib.lepy_delivery_claim(pointer, False)
        if claim < 0:
            raise_refused(claim)
        self.thread = get_ident()
        return claim > 0

    def release(self, pointer: CData, is_new: bool) -> None:
        """Let the base go, or leave it to C; does nothing where this thread could not take it."""
        if self.thread == get_ident():
            self.thread = None
        if is_new:
            lib.lepy_delivery_release(pointer)


def unguarded(function: _Function) -> _Function:
    """Mark a method that any thread may call, or that claims the base itself."""
    function._unguarded = True  # type: ignore[attr-defined]
    return function


def guarded(cls: _Class) -> _Class:
    """Let every public method and property of *cls*, and its making, claim the base.

    The objects have it as ``_delivery``; what makes one has the base, or an object of it, as
    its first argument.
    """
    for name in dir(cls):
        owner = next(each for each in cls.__mro__ if name in each.__dict__)
        found: Any = owner.__dict__[name]
        if owner is object or name in _LEFT_OUT or _is_unguarded(found):
            continue
        if name.startswith("_") and not name.endswith("__"):
            continue
        if isinstance(found, property):
            setattr(cls, name, property(_method(found.fget), _method(found.fset), None, found.__doc__))
        elif isinstance(found, classmethod):
            setattr(cls, name, classmethod(_maker(found.__func__)))
        elif name == "__init__":
            setattr(cls, name, _maker(found))
        elif name == "__repr__":
            setattr(cls, name, _shower(found))
        elif callable(found):
            setattr(cls, name, _method(found))
    return cls


def _is_unguarded(found: Any) -> bool:
    function = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    return hasattr(function, "_unguarded")


def _method(function: Any) -> Any:
    if function is None:
        return None

    @functools.wraps(function)
    def claiming(self: Any, *args: Any, **kwargs: Any) -> Any:
        delivery = self._delivery
        if delivery.thread == get_ident():
            return function(self, *args, **kwargs)
        return delivery.claimed(function, self, *args, **kwargs)

    return unguarded(claiming)


def _maker(function: Any) -> Any:
    code = function.__code__
    first = code.co_varnames[1] if code.co_argcount > 1 else ""

    @functools.wraps(function)
    def claiming(made: Any, *args: Any, **kwargs: Any) -> Any:
        delivery = getattr(args[0] if args else kwargs.get(first), "_delivery", None)
        if isinstance(delivery, Claimable):
            return delivery.claimed(function, made, *args, **kwargs)
        return function(made, *args, **kwargs)

    return unguarded(claiming)


def _shower(function: Any) -> Any:
    claiming = _method(function)

    @functools.wraps(function)
    def show(self: Any) -> str:
        try:
            return str(claiming(self))
        except ClosedError:
            return str(function(self))
        except (WrongThreadError, ForkError):
            return f"<{type(self).__name__} in use elsewhere>"

    return unguarded(show)
