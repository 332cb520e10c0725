"""What a closed handle refuses, and one of a loop that another thread runs."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import pytest
from makers import ALL_MAKERS, MAKERS

from libevent_py import (
    Buffer,
    BufferEvent,
    BufferEventEvents,
    ClosedError,
    Event,
    EventBase,
    EventFlags,
    FilterBufferEvent,
    Listener,
    PairedBufferEvent,
    RateLimit,
    RateLimitGroup,
    Signal,
    Timer,
    WrongThreadError,
)
from libevent_py._handles import Handle
from libevent_py.http.tls import HTTPTLS


def public(kind: type) -> list[str]:
    """The public methods and properties of *kind*, inherited too."""
    return sorted(
        name
        for name in dir(kind)
        if not name.startswith("_")
        and not isinstance(inspect.getattr_static(kind, name), (classmethod, staticmethod))
    )


#: What works on a closed handle: what needs no C.
SILENT = {"close", "closed", "base", "flags", "options", "seconds", "error"}
#: Arguments for methods that need some.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "write": (b"x",),
    "enable": (EventFlags.READ,),
    "disable": (EventFlags.READ,),
    "set_watermark": (EventFlags.READ, 0, 0),
    "get_watermark": (EventFlags.READ,),
    "connect": (("127.0.0.1", 9),),
    "connect_hostname": ("localhost", 9),
    "set_rate_limit": (None,),
    "join_group": (None,),
    "decrement_read_limit": (1,),
    "decrement_write_limit": (1,),
    "set_output_limit": (1,),
    "flush": (EventFlags.READ,),
    "trigger": (EventFlags.READ,),
    "trigger_event": (BufferEventEvents.EOF,),
    "set_limit": (RateLimit(1),),
    "set_min_share": (1,),
    "decrement_read": (1,),
    "decrement_write": (1,),
    "add": (1.0,),
    "set_priority": (0,),
    "finalize": (print,),
}
LISTENER_ARGUMENTS: dict[str, tuple[Any, ...]] = {"set_callbacks": (print,)}
KINDS: dict[str, type] = {
    "Event": Event,
    "Timer": Timer,
    "Signal": Signal,
    "Listener": Listener,
    "BufferEvent": BufferEvent,
    "PairedBufferEvent": PairedBufferEvent,
    "FilterBufferEvent": FilterBufferEvent,
    "RateLimitGroup": RateLimitGroup,
}
CALLS = [(kind, name) for kind in KINDS for name in public(KINDS[kind]) if name not in SILENT]


def use(handle: Any, name: str) -> object:
    """Call the method, or read the property, *name*."""
    attribute = inspect.getattr_static(type(handle), name)
    if not callable(attribute):
        return getattr(handle, name)
    if name == "write_buffer":
        with Buffer(b"x") as buffer:
            return handle.write_buffer(buffer)
    arguments = LISTENER_ARGUMENTS if isinstance(handle, Listener) else ARGUMENTS
    return getattr(handle, name)(*arguments.get(name, ()))


@pytest.mark.parametrize(("kind", "name"), CALLS, ids=[f"{kind}.{name}" for kind, name in CALLS])
def test_use_after_close(base: EventBase, kind: str, name: str) -> None:
    """Every public method and property that needs C raises ClosedError."""
    handle = ALL_MAKERS[kind](base)
    handle.close()
    with pytest.raises(ClosedError, match="closed"):
        use(handle, name)


@pytest.mark.parametrize("kind", list(KINDS))
def test_use_after_the_base_was_closed(kind: str) -> None:
    """The same once the base is closed."""
    with EventBase() as base:
        handle = ALL_MAKERS[kind](base)
    for name in public(KINDS[kind]):
        if name not in SILENT:
            with pytest.raises(ClosedError):
                use(handle, name)


@pytest.mark.parametrize(
    ("kind", "name"), [("Event", "priority"), ("BufferEvent", "priority")], ids=["Event", "BufferEvent"]
)
def test_setting_after_close(base: EventBase, kind: str, name: str) -> None:
    """A property that can be set refuses that too."""
    handle = ALL_MAKERS[kind](base)
    handle.close()
    with pytest.raises(ClosedError):
        setattr(handle, name, 0)


@pytest.mark.parametrize("kind", list(KINDS))
def test_silent_names_work_after_close(base: EventBase, kind: str) -> None:
    """What needs no C goes on telling."""
    handle = ALL_MAKERS[kind](base)
    handle.close()
    for name in SILENT & set(public(KINDS[kind])):
        use(handle, name)
    assert handle.closed is True


@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_closed_base_takes_no_children(kind: str) -> None:
    """Making anything in a closed base is ClosedError."""
    base = EventBase()
    base.close()
    with pytest.raises(ClosedError):
        ALL_MAKERS[kind](base)


#: May be called from any thread while the loop runs.
FROM_ANY_THREAD = {"active"}
FOREIGN = [(kind, name) for kind, name in CALLS if name not in FROM_ANY_THREAD] + [
    (kind, "close") for kind in KINDS
]


@pytest.mark.parametrize("kind", list(KINDS))
def test_use_from_another_thread_while_the_loop_runs(kind: str) -> None:
    """Every method that touches C raises WrongThreadError there, and the loop goes on unharmed."""
    outcomes: dict[str, BaseException | None] = {}
    with EventBase() as base:
        handle = ALL_MAKERS[kind](base)
        names = [name for each, name in FOREIGN if each == kind]

        def use_all() -> None:
            for name in names:
                try:
                    use(handle, name)
                    outcomes[name] = None
                except BaseException as error:
                    outcomes[name] = error

        def start(timer: Timer) -> None:
            thread = threading.Thread(target=use_all)
            thread.start()
            thread.join()
            base.loopbreak()

        Timer(base, 0, start)
        base.dispatch()
        assert not handle.closed
    wrong = {name: error for name, error in outcomes.items() if not isinstance(error, WrongThreadError)}
    assert wrong == {}
    assert set(outcomes) == set(names)


def test_every_handle_of_the_package_is_tested_here() -> None:
    """A new kind of handle must be put into the tables above."""
    kinds = set(Handle.__subclasses__())
    while more := {kind for each in kinds for kind in each.__subclasses__()} - kinds:
        kinds |= more
    names = {
        kind.__name__
        for kind in kinds
        if kind.__module__.startswith("libevent_py")
        and not kind.__module__.startswith("libevent_py.aio")
        and not kind.__name__.startswith(("_", "Base", "Finalizer"))  # which nobody gets to see
        and kind is not HTTPTLS  # which owns nothing: its request answers for it
        and not inspect.isabstract(kind)
    }
    assert names <= set(ALL_MAKERS), names
