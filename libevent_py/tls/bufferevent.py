"""TLSBufferEvent and TLSFilterBufferEvent: bufferevents whose bytes are encrypted (floor 6)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .. import _convert
from .._delivery import delivery_of
from .._errors import check
from .._ffi import CData, ffi, lib
from ..bufferevent.common import BaseBufferEvent
from ..bufferevent.filter import FilterBufferEvent
from ..bufferevent.filter import checked_options as checked_filter_options
from ..bufferevent.socket import BufferEvent, checked_options
from ..constants import BufferEventOptions
from .connection import BaseTLSBufferEvent, TLSState
from .context import TLSContext
from .session import TLSSession

if TYPE_CHECKING:
    from ..base import EventBase
    from ..dns import DNSBase


class TLSBufferEvent(BaseTLSBufferEvent, BufferEvent):
    """A :class:`BufferEvent` that speaks TLS on its socket (``bufferevent_openssl_socket_new``).

    All that a BufferEvent does, it does with what was decrypted.  on_event gets CONNECTED when
    the handshake is done; what is written before is sent then.  EOF is the peer's close_notify;
    a stream that ends without is ERROR with a :class:`TLSTruncatedError`.

    ``shutdown_write()`` sends close_notify behind all that was written, and reading goes on.
    ``close_when_flushed()`` also waits for the peer's.  ``close()`` waits for nothing, and sends
    close_notify only where nothing that was written is lost.

    Args:
        base: The EventBase to work in.
        context: Whose side this is, and what it wants.
        sock: A connected stream socket or descriptor; None makes one in :meth:`connect`.
        server_hostname: Of a client, the name or address that the server's certificate must be
            for; a name is also asked for (SNI). :meth:`connect_hostname` knows it, and
            :meth:`connect` takes the address.
        session: Of a client, an earlier connection's session to resume.
        handshake_timeout: Seconds until a handshake that is not done is over: on_event gets
            TIMEOUT with a TimeoutError. :meth:`connect` counts in. None waits for ever.
        shutdown_timeout: Seconds for which ``close_when_flushed()`` waits for the peer's
            close_notify once all is sent.
        options: With CLOSE_ON_FREE the socket is taken over and closed with the bufferevent (a
            socket object is detached); without it stays yours.

    Raises:
        ValueError: A client that verifies does not know whom to expect.
        OSError: The descriptor is not open.

    Example::

        def on_accept(listener, sock, address):
            bev = TLSBufferEvent(listener.base, context, sock)
            bev.set_callbacks(on_data=lambda bev, data: bev.write(data), on_event=on_event)
            bev.enable(EventFlags.READ)
    """

    __slots__ = ("_tls",)

    def __init__(
        self,
        base: EventBase,
        context: TLSContext,
        sock: _convert.FileDescriptor | None = None,
        *,
        server_hostname: str | None = None,
        session: TLSSession | None = None,
        handshake_timeout: float | None = 60.0,
        shutdown_timeout: float = 30.0,
        options: BufferEventOptions = BufferEventOptions.CLOSE_ON_FREE,
    ) -> None:
        self._begin()
        options = checked_options(options)
        fd = -1 if sock is None else _convert.descriptor(sock)
        delivery = delivery_of(base)
        delivery.hold_funerals()
        self._tls = tls = TLSState(context, server_hostname, session, handshake_timeout, shutdown_timeout)
        self._sock = self._connecting = None
        try:
            if fd >= 0:
                tls.need_host()
                os.set_blocking(fd, False)
            check(
                lib.lepy_tls_open(
                    tls.pointer, delivery.pointer, context.is_server, fd, ffi.NULL, int(options)
                ),
                "bufferevent_openssl_socket_new",
            )
            self._set_up(base, tls.pointer.bufferevent, options, owned=True)
        except BaseException:
            tls.free()
            raise
        lib.lepy_tls_attach(tls.pointer, self._pointer, tls.handshake_timeout)
        self._take(sock)

    @classmethod
    def from_pointer(cls, base: EventBase, pointer: CData | int) -> BufferEvent:
        """Wrap a ``bufferevent`` that native code made: a BufferEvent does, TLS or not.

        Args:
            base: The EventBase of the same event_base.
            pointer: The bufferevent's address, as an int or a cdata.
        """
        return BufferEvent.from_pointer(base, pointer)

    def connect(self, address: _convert.Address, *, local: _convert.Address | None = None) -> None:
        """Connect to a numeric *address*, then shake hands.

        The result comes to on_event: CONNECTED, or ERROR with :attr:`error` set. Without a
        server_hostname the certificate must be for the address itself.

        Args:
            address: ``(host, port)`` with a numeric host, or ``"unix:/path"``.
            local: The address to connect from, in the same form; port 0 for any.

        Raises:
            OSError: The connection failed at once, as it does for a missing path.
            RuntimeError: It has a socket already.
            ValueError: A unix socket has no name that a certificate could be for.
        """
        self._need_no_socket()
        _convert.socket_address(address)
        self._tls.expect_where_it_connects(address[0] if isinstance(address, tuple) else None)
        self._tls.need_host()
        super().connect(address, local=local)

    def connect_hostname(
        self,
        host: str,
        port: int,
        family: int = 0,
        *,
        dns: DNSBase | None = None,
        timeout: float | None = None,
    ) -> None:
        """Look *host* up, connect, and expect a certificate of that name, unless server_hostname was given.

        Args:
            host: A host name or a numeric address.
            port: 1 to 65535.
            family: ``socket.AF_INET`` or ``AF_INET6`` to want only that.
            dns: What looks the name up; None for the system's resolver, in a thread.
            timeout: Seconds until there is a connection; the handshake has its own.
        """
        self._need_no_socket()
        self._tls.expect_where_it_connects(host)
        super().connect_hostname(host, port, family, dns=dns, timeout=timeout)

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<TLSBufferEvent closed>"
        return f"<TLSBufferEvent fd={lib.bufferevent_getfd(self._bev)} {self.version or 'handshaking'}>"


class TLSFilterBufferEvent(BaseTLSBufferEvent):
    """Speaks TLS over any other bufferevent (``bufferevent_openssl_filter_new``).

    For a pair, for TLS over a filter, or to have plain bytes first and TLS later on one
    connection (STARTTLS). On a socket alone :class:`TLSBufferEvent` is faster.

    The bufferevent below is this one's until it is closed, as a filter's is: its callbacks, marks
    and enabling cannot be used. Its rate limits and priority can.

    Args:
        underlying: A BufferEvent, connected or on its way to that, one end of a pair, or a filter.
        context: Whose side this is, and what it wants.
        server_hostname: Of a client, the name or address that the server's certificate must be
            for; a name is also asked for (SNI).
        session: Of a client, an earlier connection's session to resume.
        handshake_timeout: Seconds until a handshake that is not done is over; None waits for ever.
        shutdown_timeout: Seconds for which ``close_when_flushed()`` waits for the peer's
            close_notify once all is sent.
        options: With CLOSE_ON_FREE, closing this closes what is below too; without, that is left
            without callbacks and with reading off.

    Raises:
        ValueError: A client that verifies does not know whom to expect; or a filter below does not
            defer its callbacks.

    Example::

        secure = TLSFilterBufferEvent(bev, context, server_hostname="mail.example.org")
    """

    __slots__ = ("_below", "_tls")

    _can_limit = False
    _has_priority = False
    _below: BaseBufferEvent | None

    def __init__(
        self,
        underlying: BaseBufferEvent,
        context: TLSContext,
        *,
        server_hostname: str | None = None,
        session: TLSSession | None = None,
        handshake_timeout: float | None = 60.0,
        shutdown_timeout: float = 30.0,
        options: BufferEventOptions = BufferEventOptions.CLOSE_ON_FREE,
    ) -> None:
        self._begin()
        if not isinstance(underlying, BaseBufferEvent):
            raise TypeError(f"need a BufferEvent to speak TLS over, not {type(underlying).__name__}")
        if isinstance(underlying, FilterBufferEvent) and not (
            underlying.options & BufferEventOptions.DEFER_CALLBACKS
        ):
            # It would call back from within SSL_do_handshake, into that again.
            raise ValueError("a filter below TLS must be made with BufferEventOptions.DEFER_CALLBACKS")
        options = checked_filter_options(options)
        below = underlying._changeable()
        delivery = underlying._delivery
        delivery.hold_funerals()
        self._below = None
        self._tls = tls = TLSState(context, server_hostname, session, handshake_timeout, shutdown_timeout)
        try:
            tls.need_host()
            # What is below is closed by Python, as below a filter.
            flags = int(options & ~BufferEventOptions.CLOSE_ON_FREE)
            lib.lepy_bufferevent_capture(below)
            try:
                opened = lib.lepy_tls_open(tls.pointer, delivery.pointer, context.is_server, -1, below, flags)
                check(opened, "bufferevent_openssl_filter_new")
                self._set_up(underlying.base, tls.pointer.bufferevent, options, owned=True)
            except BaseException:
                lib.lepy_bufferevent_release(below)
                raise
        except BaseException:
            tls.free()
            raise
        self._below = underlying
        underlying._be_captured(self)
        lib.lepy_tls_attach(tls.pointer, self._pointer, tls.handshake_timeout)

    @property
    def underlying(self) -> BaseBufferEvent:
        """The bufferevent that it speaks TLS over (``bufferevent_get_underlying``)."""
        self._live()
        assert self._below is not None
        return self._below

    def _waits_for_connection(self) -> bool:
        return bool(lib.lepy_bufferevent_is_connecting(self._live()))

    def _free(self, pointer: CData) -> None:
        below, self._below = self._below, None
        super()._free(pointer)
        if below is not None:
            below._be_captured(None)
            if below._pointer is not None:
                lib.lepy_bufferevent_release(below._pointer)
                if self._options & BufferEventOptions.CLOSE_ON_FREE:
                    below.close()

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<TLSFilterBufferEvent closed>"
        return f"<TLSFilterBufferEvent {self.version or 'handshaking'} over {self._below!r}>"
