"""Where one callback comes, and what else is there; ``kinds.py`` knows every kind."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from libevent_py import EventBase

#: From where a callback is called, which is where its exceptions come out: the loop (one of
#: native code's has nobody to raise to: there it is sys.excepthook), or a call of the program's.
LOOP, CALL = "loop", "call"

Poke = Callable[[], object]


class Stage:
    """One base, the callback under test, and the objects that it takes to make it come."""

    def __init__(self, base: EventBase, act: Callable[..., None]) -> None:
        self.base = base
        #: What the callback calls.
        self.act = act
        #: By name: "it" is whose callback it is; "peer", "below", "group", "listener"…
        self.there: dict[str, Any] = {}

    def sockets(self) -> tuple[socket.socket, socket.socket]:
        """Two connected sockets that do not block; the other end is "far"."""
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        self.there.update(near=near, far=far)
        return near, far

    def send(self, data: bytes = b"x") -> None:
        """Have the far end send something."""
        far = self.there.get("far")
        if far is not None and far.fileno() >= 0:
            far.send(data)

    def close(self) -> None:
        """Close all that is there, whatever the callback has left of it."""
        it = self.there.pop("it", None)
        for thing in (it, *self.there.values()):
            if thing is not None:
                thing.close()
        self.there.clear()


class Kind(NamedTuple):
    """One kind of callback."""

    name: str
    #: Makes the objects, and returns what has the callback come.
    set_up: Callable[[Stage], Poke]
    #: LOOP or CALL.
    where: str
    #: An Exception of its goes to sys.excepthook: nobody who waits for it is on the stack.
    is_told: bool = False
    #: It comes again after an exception.
    again: bool = True
    #: C calls it in the middle of what it does with the base, which cannot be closed there.
    below_c: bool = False
    #: The callback is the base's on_error.
    on_error: bool = False


KINDS: dict[str, Kind] = {}

SetUp = Callable[[Stage], Poke]


def kind(where: str, *, name: str = "", **traits: bool) -> Callable[[SetUp], SetUp]:
    """Make the function that follows a row of KINDS."""

    def enter(set_up: SetUp) -> SetUp:
        row = name or set_up.__name__
        assert row not in KINDS
        KINDS[row] = Kind(row, set_up, where, **traits)
        return set_up

    return enter
