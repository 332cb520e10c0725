"""The exceptions of libevent_py that Python does not have already (floor 2).

What the operating system refuses is a plain :class:`OSError` with its errno, so
that ``except ConnectionRefusedError`` works.  Wrong arguments are TypeError and
ValueError.  The rest::

    LibeventError
    ├── ClosedError        (also ValueError)           used after close()
    ├── WrongThreadError   (also RuntimeError)         used while another thread runs the loop
    ├── MessageTooLongError (also ValueError)          a peer's message is over its framing's max_length
    ├── TagError           (also ValueError)           what is in a buffer is not the tagged data asked for
    ├── ForkError          (also RuntimeError)         a forked parent's, and used without reinit()
    ├── DNSError           (also socket.gaierror)      a question to evdns has no good answer
    ├── HTTPError                                      a peer's message is no good HTTP, or not all of it came
    ├── RPCError                                       a remote call has no good reply
    ├── UnsupportedError   (also NotImplementedError)  not in the libevent of this build
    └── TLSError                                       what OpenSSL refuses
        ├── TLSCertificateError                        the peer's certificate is not to be trusted
        └── TLSTruncatedError                          the peer's stream ended without close_notify
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


class TagError(LibeventError, ValueError):
    """What is in a buffer is no tagged data, or is of another type or tag than what was asked for."""


class RPCError(LibeventError):
    """A server did not answer a remote call with a reply."""


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


class HTTPError(LibeventError):
    """A peer's message is no good HTTP, is too long, or not all of it came; or nobody waits for it.

    A response that says 404, say, is none: it is a response.

    Args:
        code: What libevent says of it, one of its ``EVREQ_HTTP_*``, here as a plain number.
        text: What happened, and what to do.

    Attributes:
        code: As given.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class TLSError(LibeventError):
    """OpenSSL refuses what is asked of it, or the connection with the peer has failed.

    Attributes:
        code: OpenSSL's packed number, as ``openssl errstr`` takes it; 0 where it gave none.
        library: The part of OpenSSL that says so: ``"SSL routines"``.
        reason: What it says: ``"wrong version number"``.
    """

    def __init__(self, text: str, code: int = 0, library: str = "", reason: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.library = library
        self.reason = reason


class TLSCertificateError(TLSError):
    """The peer's certificate does not show that it is who it should be.

    Attributes:
        verify_code: OpenSSL's number of it (``X509_V_ERR_*``).
        verify_message: What that means: ``"certificate has expired"``.
    """

    def __init__(
        self,
        text: str,
        code: int = 0,
        library: str = "",
        reason: str = "",
        verify_code: int = 0,
        verify_message: str = "",
    ) -> None:
        super().__init__(text, code, library, reason)
        self.verify_code = verify_code
        self.verify_message = verify_message


class TLSTruncatedError(TLSError):
    """The stream ended without close_notify: more may have been meant to come.

    A network failure looks like this, and an attacker who cuts the stream; also a careless peer.
    """
