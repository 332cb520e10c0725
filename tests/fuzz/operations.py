"""What a step of a program can be."""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

import surface
import values
from verdict import Bug, one_line

from libevent_py import EventBase, LoopFlags

if TYPE_CHECKING:
    from program import Program

Operation = Callable[["Program", Random, str], None]
_KINDS = list(surface.KINDS)

#: For classes that arguments at random do not suffice for.
MAKERS: dict[str, Operation] = {}


def _kind(program: Program, rng: Random) -> str:
    return rng.choices(_KINDS, [program.weights[name] for name in _KINDS])[0]


def keep(program: Program, rng: Random, value: Any) -> None:
    """Put what the API gave into a slot, where its kind has some."""
    if type(value) is EventBase:
        program.bases.add(value)
    for cls in type(value).__mro__:  # a bufferevent's Buffer is one of a class of its own
        name = surface.NAME_OF.get(cls)
        if name is not None:
            index = rng.randrange(3 if name == "EventBase" else len(program.slots[name]))
            program.slots[name][index] = value
            return
    if isinstance(value, tuple):
        for each in value:
            keep(program, rng, each)
    elif isinstance(value, memoryview) or hasattr(value, "__next__"):
        program.others[rng.randrange(len(program.others))] = value


def _shown(positional: list[Any], keywords: dict[str, Any]) -> str:
    return ", ".join(
        [*map(one_line, positional), *(f"{key}={one_line(each)}" for key, each in keywords.items())]
    )


def make(program: Program, rng: Random, path: str) -> None:
    """Make an object."""
    make_kind(program, rng, path, _kind(program, rng))


def make_kind(program: Program, rng: Random, path: str, name: str) -> None:
    """Make an object of the class with this *name*."""
    if name in MAKERS and rng.random() < 0.7:
        MAKERS[name](program, rng, path)
        return
    kind = surface.KINDS[name]
    positional, keywords = values.arguments(program, rng, kind.parameters)
    if kind.name == "EventBase" and len(program.bases) > 20:
        return
    made = program.attempt(
        f"{path} {kind.name}({_shown(positional, keywords)})",
        lambda: kind.type(*positional, **keywords),
        target=f"{name}()",
    )
    keep(program, rng, made)
    if hasattr(made, "__iter__") and kind.name.endswith("Pair"):
        keep(program, rng, program.attempt(f"{path} tuple({kind.name})", lambda: tuple(made)))


def _target(program: Program, rng: Random, path: str) -> tuple[surface.Kind, Any]:
    kind = surface.KINDS[_kind(program, rng)]
    found = program.object_of(rng, kind.name)
    if found is None:
        make_kind(program, rng, path, kind.name)
        found = program.object_of(rng, kind.name)
    return kind, found


def use(program: Program, rng: Random, path: str) -> None:
    """Call a method, or read or write a property."""
    kind, target = _target(program, rng, path)
    if not kind.members:
        return
    use_member(program, rng, path, kind, target, rng.choice(kind.members))


def use_member(
    program: Program, rng: Random, path: str, kind: surface.Kind, target: Any, member: surface.Member
) -> None:
    """Call *member* of *target*, read it, or write it."""
    owner: Any = kind.type if member.on_class else target
    if owner is None:
        return
    target_name = f"{kind.name}.{member.name}"
    name = f"{path} {target_name}"
    if member.parameters is not None:
        positional, keywords = values.arguments(program, rng, member.parameters)
        if member.name in ("loop", "dispatch") and rng.random() < 0.8:
            LoopFlags(0)
            positional, keywords = [LoopFlags.ONCE | LoopFlags.NONBLOCK], {}
            member = member._replace(name="loop")
        found = program.attempt(
            f"{name}({_shown(positional, keywords)})",
            lambda: getattr(owner, member.name)(*positional, **keywords),
            isinstance(target, Mapping),
            target_name,
        )
        keep(program, rng, found)
    elif member.writable and rng.random() < 0.5:
        value = (
            values.anything(program, rng)
            if rng.random() < 0.5
            else values.for_parameter(program, rng, member.name, "int | bool")
        )
        program.attempt(f"{name} = {one_line(value)}", lambda: setattr(owner, member.name, value))
    else:
        found = program.attempt(name, lambda: getattr(owner, member.name), target=target_name)
        keep(program, rng, found)


def turn(program: Program, rng: Random, path: str) -> None:
    """Run a base's loop."""
    base = program.object_of(rng, "EventBase")
    if base is None:
        return
    flags = rng.choice(
        (LoopFlags.ONCE | LoopFlags.NONBLOCK,) * 6 + (LoopFlags.NONBLOCK, LoopFlags.ONCE, LoopFlags(0))
    )
    program.attempt(f"{path} loop({flags!r})", lambda: base.loop(flags))


def traffic(program: Program, rng: Random, path: str) -> None:
    """Something comes in on a socket, or its other end goes."""
    sock = program.sockets[rng.randrange(len(program.sockets))]
    if sock is None or sock.fileno() < 0:
        return
    try:
        choice = rng.random()
        if choice < 0.6:
            sock.send(b"line\r\n" * rng.choice((1, 10, 3000)))
        elif choice < 0.8:
            sock.recv(100_000)
        elif choice < 0.9:
            sock.shutdown(rng.choice((socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))
        else:
            sock.close()
    except OSError:
        pass


def knock(program: Program, rng: Random, path: str) -> None:
    """Connect to a listener, and perhaps go at once."""
    listener = program.object_of(rng, "Listener")
    if listener is None:
        return
    address = program.attempt(f"{path} Listener.address", lambda: listener.address)
    if not address:
        return
    sock = socket.socket(socket.AF_UNIX if isinstance(address, (str, bytes)) else socket.AF_INET)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except (OSError, TypeError, ValueError):
        pass
    if rng.random() < 0.5:
        sock.close()
    else:
        program.others[rng.randrange(len(program.others))] = sock


def drop(program: Program, rng: Random, path: str) -> None:
    """Forget an object, and perhaps collect garbage."""
    kind = rng.choice([*_KINDS, "", ""])
    if kind == "EventBase" and rng.random() < 0.8:
        return
    slots = program.slots[kind] if kind else program.others
    program._trace(f"{path} drop a {kind or 'view'}")
    slots[rng.randrange(len(slots))] = None
    if rng.random() < 0.3:
        program.attempt(f"{path} gc.collect", gc.collect)


def close(program: Program, rng: Random, path: str) -> None:
    """Close something."""
    kind, target = _target(program, rng, path)
    if hasattr(target, "close"):
        program.attempt(f"{path} {kind.name}.close()", target.close)


def _lookup(target: Any, rng: Random) -> Any:
    return target[rng.choice((0, -1, 5, 2**70, slice(None), slice(1, 3), slice(None, None, -2), "x"))]


OPERATORS: dict[str, Callable[[Any, Any, Random], Any]] = {
    "len": lambda target, other, rng: len(target),
    "bytes": lambda target, other, rng: bytes(target),
    "bool": lambda target, other, rng: bool(target),
    "repr": lambda target, other, rng: repr(target),
    "hash": lambda target, other, rng: hash(target),
    "iter": lambda target, other, rng: iter(target),
    "next": lambda target, other, rng: next(target),
    "in": lambda target, other, rng: other in target,
    "getitem": lambda target, other, rng: _lookup(target, rng),
    "setitem": lambda target, other, rng: target.__setitem__(0, other),
    "==": lambda target, other, rng: target == other,
    "<": lambda target, other, rng: target < other,
    "memoryview": lambda target, other, rng: memoryview(target),
    "copy": lambda target, other, rng: copy.copy(target),
    "deepcopy": lambda target, other, rng: copy.deepcopy(target),
    "reduce": lambda target, other, rng: target.__reduce_ex__(4),
    "pickle": lambda target, other, rng: pickle.dumps(target),
    "format": lambda target, other, rng: f"{target}",
    "exit": lambda target, other, rng: target.__exit__(None, None, None),
    "release": lambda target, other, rng: target.release(),
    "del": lambda target, other, rng: target.__del__(),
    "new": lambda target, other, rng: repr(type(target).__new__(type(target))),
    "subclass": lambda target, other, rng: repr(
        type("Sub", (type(target),), {"__init__": lambda self: None})()
    ),
    "attribute": lambda target, other, rng: setattr(target, "fuzz", other),
}
_OPERATORS = list(OPERATORS)


def operate(program: Program, rng: Random, path: str) -> None:
    """An operation of Python's on an object."""
    if rng.random() < 0.3:
        name, target = "view", rng.choice(program.others)
    else:
        kind, target = _target(program, rng, path)
        name = kind.name
    operator = rng.choice(_OPERATORS)
    if target is None or (name == "view" and operator == "attribute"):
        return
    other = values.anything(program, rng)
    try:
        found = program.attempt(
            f"{path} {operator}({name}, {one_line(other)})",
            lambda: OPERATORS[operator](target, other, rng),
            True,
        )
    except Bug as bug:
        # An object that was never initialized has no attributes.
        if operator not in ("new", "subclass") or not isinstance(bug.__cause__, AttributeError):
            raise
        return
    keep(program, rng, found)


def initialize_again(program: Program, rng: Random, path: str) -> None:
    """Call ``__init__`` of what has been initialized."""
    kind, target = _target(program, rng, path)
    if target is not None:
        positional, keywords = values.arguments(program, rng, kind.parameters)
        program.attempt(
            f"{path} {kind.name}.__init__({_shown(positional, keywords)}) again",
            lambda: target.__init__(*positional, **keywords),
        )


def with_block(program: Program, rng: Random, path: str) -> None:
    """Some steps within a ``with`` block."""
    kind, target = _target(program, rng, path)
    if target is None:
        return
    names = [member.name for member in kind.members if member.parameters == ()]
    name = rng.choice([*(each for each in names if each == "lock"), "itself"])

    def block() -> None:
        with target if name == "itself" else getattr(target, name)():
            program.steps_below(path, rng.randrange(1, 4))

    program.attempt(f"{path} with {kind.name}.{name}", block)


def function(program: Program, rng: Random, path: str) -> None:
    """A function of the package's, or an enumeration."""
    if rng.random() < 0.5 and surface.FUNCTIONS:
        name, called = rng.choice(list(surface.FUNCTIONS.items()))
        positional, keywords = values.arguments(program, rng, surface.parameters_of(called))
    else:
        name, called = rng.choice(list[tuple[str, Any]](surface.ENUMS.items()))
        positional, keywords = [values.anything(program, rng)], {}
    program.attempt(
        f"{path} {name}({_shown(positional, keywords)})",
        lambda: called(*positional, **keywords),
        target=f"{name}()",
    )


def send_signal(program: Program, rng: Random, path: str) -> None:
    """A signal comes."""
    program._trace(f"{path} kill")
    os.kill(os.getpid(), rng.choice((signal.SIGUSR1, signal.SIGUSR2)))


def reuse_descriptor(program: Program, rng: Random, path: str) -> None:
    """Close a socket that something may wait for, and open another with its number."""
    sock = program.socket(rng)
    number = sock.fileno()
    program._trace(f"{path} close and reuse descriptor {number}")
    with contextlib.suppress(OSError):  # a bufferevent may have closed it
        sock.close()
    ours, peer = values.socket_pair()
    if ours.fileno() != number and rng.random() < 0.5:
        os.dup2(ours.fileno(), number)
        program.others[rng.randrange(len(program.others))] = socket.socket(fileno=number)
    program.sockets[0], program.sockets[1] = ours, peer


def other_thread(program: Program, rng: Random, path: str) -> None:
    """Steps in another thread, at the same time as some here."""
    if not program.threads or program.depth > 1 or program.threads_running > 2:
        return
    found: list[BaseException] = []

    def work() -> None:
        try:
            program.steps_below(f"{path}t", rng.randrange(1, 8))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work, name=f"t{path}", daemon=True)
    program.threads_running += 1
    program._trace(f"{path} start a thread")
    thread.start()
    if rng.random() < 0.5:
        turn(program, rng, path)
    program.steps_below(path, rng.randrange(5))
    # In a Python that is busy with a callback's depth of its own there may be a lock held here.
    thread.join(0.2 if program.depth else 10)
    if not thread.is_alive():
        program.threads_running -= 1
    elif not program.depth:
        raise Bug("a thread hangs")
    if found:
        raise found[0]


def fork(program: Program, rng: Random, path: str) -> None:
    """Go on in a child process, and see that it ends well; then here."""
    if not program.forks or program.threads_running or os.getpid() != program.process:
        return
    program._trace(f"{path} fork")
    child = os.fork()
    if not child:
        program.fork_child(path)
    deadline = time.monotonic() + 8
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGABRT)
            os.waitpid(child, 0)
            raise Bug("a forked child hangs")
        time.sleep(0.001)
    if status:
        raise Bug(f"a forked child ended with status {status}")
