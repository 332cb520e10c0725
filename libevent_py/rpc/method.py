"""RPCMethod: what the two sides of a call agree on (floor 7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..buffer import Buffer

Request = TypeVar("Request")
Reply = TypeVar("Reply")

_NAME = re.compile(r"[A-Za-z0-9_.-]+")

#: Of messages, both ways.
HEADERS = {"Content-Type": "application/octet-stream"}

#: evrpc's, in front of a method's name.
_PATH_PREFIX = "/.rpc."


@dataclass(frozen=True)
class RPCMethod(Generic[Request, Reply]):
    """A method's name, and how its messages are written and read (``EVRPC_HEADER``, ``EVRPC_GENERATE``).

    Messages are what the program likes; :mod:`libevent_py.tagging` has the encoding of C's generated
    code. An *unmarshal* function raises ValueError or EOFError (as tagging's do) where the bytes are no
    such message: whoever has sent them is told so, and nothing else happens.

    Args:
        name: Letters, digits, ``_``, ``.`` and ``-``.
        marshal_request: Called as ``marshal_request(buffer, message)``, writes what is asked.
        unmarshal_request: Called as ``unmarshal_request(buffer)``, gives what is asked.
        marshal_reply: Called as ``marshal_reply(buffer, message)``, writes the answer.
        unmarshal_reply: Called as ``unmarshal_reply(buffer)``, gives the answer.

    Raises:
        ValueError: *name* has other characters.

    Example::

        def marshal(buffer, text):
            tagging.marshal_string(buffer, 1, text)

        def unmarshal(buffer):
            return tagging.unmarshal_string(buffer, 1)

        UPPER = RPCMethod("Upper", marshal, unmarshal, marshal, unmarshal)
    """

    name: str
    marshal_request: Callable[[Buffer, Request], object]
    unmarshal_request: Callable[[Buffer], Request]
    marshal_reply: Callable[[Buffer, Reply], object]
    unmarshal_reply: Callable[[Buffer], Reply]

    def __post_init__(self) -> None:
        """Refuse what would be noticed in a call only."""
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a str, not {type(self.name).__name__}")
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a method's name is made of letters, digits and _.-, not {self.name!r}")
        for name in ("marshal_request", "unmarshal_request", "marshal_reply", "unmarshal_reply"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{name} must be callable, not {type(getattr(self, name)).__name__}")

    @property
    def path(self) -> str:
        """Where a server has it: evrpc's prefix, and the name."""
        return _PATH_PREFIX + self.name


def checked_method(method: RPCMethod[Request, Reply]) -> RPCMethod[Request, Reply]:
    """*method*, which is one."""
    if not isinstance(method, RPCMethod):
        raise TypeError(f"need an RPCMethod, not {type(method).__name__}")
    return method
