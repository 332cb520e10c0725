"""The exceptions of libevent_py that Python does not have already (floor 2).

What the operating system refuses is a plain :class:`OSError` with its errno, so
that ``except ConnectionRefusedError`` works.  Wrong arguments are TypeError and
ValueError.  The rest::

    LibeventError
    ├── ClosedError        (also ValueError)           used after close()
    ├── WrongThreadError   (also RuntimeError)         used while another thread runs the loop
    ├── MessageTooLongError (also ValueError)          a peer's message is over its framing's max_length
    ├── ForkError          (also RuntimeError)         a forked parent's, and used without reinit()
    ├── DNSError           (also socket.gaierror)      a question to evdns has no good answer
    └── UnsupportedError   (also NotImplementedError)  not in the libevent of this build
"""

from __future__ import annotations

import socket


class LibeventError(Exception):
    """Root of the exceptions that are libevent_py's own."""


class ClosedError(LibeventError, ValueError):
    """The object was closed, or its EventBase was."""


class WrongThreadError(LibeventError, RuntimeError):
    """Another thread runs the loop of this object's EventBase, and owns its objects meanwhile."""


class ForkError(LibeventError, RuntimeError):
    """The object comes from the parent process, with which it shares its descriptors.

    :meth:`EventBase.reinit` makes the base of a forked child its own.
    """


class MessageTooLongError(LibeventError, ValueError):
    """The peer sent a line or a frame over its framing's ``max_length``; the connection is closed."""


class UnsupportedError(LibeventError, NotImplementedError):
    """The libevent of this build lacks what was asked for."""


class DNSError(LibeventError, socket.gaierror):
    """A question to evdns has no good answer.

    As an OSError it has the ``EAI_*`` of ``getaddrinfo`` in ``errno``.

    Args:
        code: What libevent said, one of its ``DNS_ERR_*``, here as a plain number.
        errno: The nearest ``socket.EAI_*``.
        text: What happened, and what to do.

    Attributes:
        code: As given.
    """

    def __init__(self, code: int, errno: int, text: str) -> None:
        super().__init__(errno, text)
        self.code = code
