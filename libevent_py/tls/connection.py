"""What TLS adds to a bufferevent, in socket and in filter mode (floor 6)."""

from __future__ import annotations

import errno
import ipaddress
from typing import Any

from .. import _convert
from .._errors import check_pointer
from .._ffi import CData, ffi, lib
from ..bufferevent.common import ENDS, BaseBufferEvent
from ..constants import BufferEventEvents
from ..timer import Timer
from . import errors
from .context import TLSContext, host_name
from .inspection import TLSInspection
from .session import TLSSession


class TLSState:
    """The ``struct lepy_tls`` of one connection, and what Python has to know beside it.

    Args:
        context: As for TLSBufferEvent, and so are the others.
        server_hostname: The server to expect.
        session: The session to resume.
        handshake_timeout: Seconds; None for no limit.
        shutdown_timeout: Seconds.
    """

    __slots__ = (
        "concluding",
        "context",
        "handshake_timeout",
        "host",
        "is_told",
        "pointer",
        "shutdown_timeout",
    )

    def __init__(
        self,
        context: TLSContext,
        server_hostname: str | None,
        session: TLSSession | None,
        handshake_timeout: float | None,
        shutdown_timeout: float,
    ) -> None:
        if not isinstance(context, TLSContext):
            raise TypeError(f"context must be a TLSContext, not {type(context).__name__}")
        if session is not None and not isinstance(session, TLSSession):
            raise TypeError(f"session must be a TLSSession, not {type(session).__name__}")
        if context.is_server and (server_hostname is not None or session is not None):
            raise ValueError("server_hostname and session are a client's; this context is a server's")
        if shutdown_timeout is None:
            raise ValueError("shutdown_timeout must be a number: a peer may never answer")
        self.context = context
        self.handshake_timeout = _convert.seconds(handshake_timeout, "handshake_timeout")
        self.shutdown_timeout = _convert.seconds(shutdown_timeout, "shutdown_timeout")
        self.host: str | None = None
        #: server_hostname was given, and connecting says nothing about it.
        self.is_told = server_hostname is not None
        #: All is sent, and the peer's end is waited for.
        self.concluding = False
        self.pointer: CData = check_pointer(lib.lepy_tls_new(context._pointer), "SSL_new")
        try:
            if server_hostname is not None:
                self.expect(server_hostname)
            if session is not None:
                errors.check(lib.lepy_tls_resume(self.pointer, session._pointer), "session")
        except BaseException:
            self.free()
            raise

    def free(self) -> None:
        """Give it up, before it belongs to a bufferevent."""
        lib.lepy_tls_free(self.pointer)

    def expect(self, host: str) -> None:
        """Ask for *host*, and for a certificate of that."""
        address = _address(host)
        name = address.encode() if address else host_name(host)
        errors.check(lib.lepy_tls_expect(self.pointer, name, bool(address)), f"server_hostname {host!r}")
        self.host = host

    def expect_where_it_connects(self, host: str | None) -> None:
        """Expect *host*, unless server_hostname was given; of a unix socket there is none."""
        if self.is_told or self.context.is_server:
            return
        if host is None:
            self.host = None
        else:
            self.expect(host)

    def need_host(self) -> None:
        """Refuse to begin where nobody in particular is expected."""
        if self.host is None and not self.context.is_server and self.context.verifies:
            raise ValueError(
                "a client that verifies its server must know the server's name: give server_hostname, or "
                "a context made with verify=False"
            )

    @property
    def error(self) -> Exception:
        """Why the connection has failed."""
        failure = ffi.new("struct lepy_tls_failure *")
        lib.lepy_tls_get_failure(self.pointer, failure)
        return errors.error_of(failure, self.host, self.context.is_server)


class BaseTLSBufferEvent(TLSInspection, BaseBufferEvent):
    """A bufferevent whose bytes go through TLS; a part of both kinds."""

    __slots__ = ()

    # What it tells.

    def _error_of(self, what: int) -> Exception | None:
        if what & BufferEventEvents.TIMEOUT and what >> 16 == errno.ETIMEDOUT:
            return TimeoutError(
                errno.ETIMEDOUT, f"the TLS handshake took longer than {self._tls.handshake_timeout:g} seconds"
            )
        return self._tls.error if what & BufferEventEvents.ERROR else None

    def _tell(self, what: BufferEventEvents, error: Exception | None) -> None:
        if self._tls.concluding and what & ENDS:
            self.close()
        else:
            super()._tell(what, error)

    # How it ends.

    def _shut_down(self) -> None:
        lib.lepy_tls_shut_down(self._tls.pointer, 0)

    def _conclude(self) -> None:
        # From here on the peer's end, and whatever else ends it, is what is waited for.
        self._tls.concluding = True
        if lib.lepy_tls_shut_down(self._tls.pointer, 1):
            self.close()
        elif self._ending_timer is None:
            self._ending_timer = Timer(self._base, self._tls.shutdown_timeout, self._give_up)


def _address(host: Any) -> str:
    """*host* where it is an IP address, else nothing."""
    if not isinstance(host, str):
        raise TypeError(f"server_hostname must be a str, not {type(host).__name__}")
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return ""
