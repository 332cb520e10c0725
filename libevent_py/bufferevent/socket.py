"""BufferEvent: a socket with an input and an output buffer (floor 6)."""

from __future__ import annotations

import errno
import os
import socket as _socket
from typing import TYPE_CHECKING

from .. import _convert
from .._delivery import delivery_of
from .._errors import check, check_pointer, explained, raise_errno
from .._ffi import CData, ffi, lib
from ..constants import BufferEventEvents, BufferEventOptions
from .common import BaseBufferEvent
from .happy_eyeballs import HappyEyeballs

if TYPE_CHECKING:
    from ..base import EventBase
    from ..dns import DNSBase

_ALL_OPTIONS = (
    BufferEventOptions.CLOSE_ON_FREE
    | BufferEventOptions.THREADSAFE
    | BufferEventOptions.DEFER_CALLBACKS
    | BufferEventOptions.UNLOCK_CALLBACKS
)


class BufferEvent(BaseBufferEvent):
    """Reads and writes a stream socket through two buffers (``struct bufferevent``).

    Writing is on from the start, reading after :meth:`enable`.  The base keeps
    it alive until :meth:`close`.

    Args:
        base: The EventBase to work in.
        sock: A connected stream socket or descriptor; None makes one in :meth:`connect`.
        options: With CLOSE_ON_FREE the socket is taken over and closed with the
            bufferevent (a socket object is detached); without it stays yours.

    Raises:
        ValueError: UNLOCK_CALLBACKS without DEFER_CALLBACKS.
        OSError: The descriptor is not open.

    Example::

        bev = BufferEvent(base, sock)
        bev.set_callbacks(on_data=lambda bev, data: bev.write(data), on_event=lambda bev, what: bev.close())
        bev.enable(EventFlags.READ)
    """

    __slots__ = ("_connecting", "_sock")

    _sock: object
    #: What :meth:`connect_hostname` has begun.
    _connecting: HappyEyeballs | None

    def __init__(
        self,
        base: EventBase,
        sock: _convert.FileDescriptor | None = None,
        options: BufferEventOptions = BufferEventOptions.CLOSE_ON_FREE,
    ) -> None:
        self._begin()
        options = checked_options(options)
        fd = -1 if sock is None else _convert.descriptor(sock)
        delivery = delivery_of(base)
        delivery.hold_funerals()
        if fd >= 0:
            os.set_blocking(fd, False)
        bev = check_pointer(
            lib.bufferevent_socket_new(delivery.base, fd, int(options)), "bufferevent_socket_new"
        )
        self._sock = self._connecting = None
        self._set_up(base, bev, options, owned=True, direct=True)
        self._take(sock)

    @classmethod
    def from_pointer(cls, base: EventBase, pointer: CData | int) -> BufferEvent:
        """Wrap a ``bufferevent`` that native code made in *base*'s event_base.

        Borrowed: close() takes Python's callbacks off and lets it go.  Where the owner frees
        it before that, no callback comes any more, and its memory stays until close().

        Args:
            base: The EventBase of the same event_base.
            pointer: The bufferevent's address, as an int or a cdata; of none that Python made.
        """
        bev = _convert.pointer(pointer, "struct bufferevent *")
        if lib.bufferevent_get_base(bev) != base.pointer:
            raise ValueError("this bufferevent belongs to another event_base")
        if bev in delivery_of(base).own_bufferevents:
            raise ValueError("an object of Python's owns this bufferevent; use that")
        self = cls.__new__(cls)
        self._sock = self._connecting = None
        self._set_up(base, bev, BufferEventOptions(0), owned=False)
        return self

    def _take(self, sock: object) -> None:
        """Own *sock*, or keep it alive, as the options say."""
        if self._options & BufferEventOptions.CLOSE_ON_FREE and isinstance(sock, _socket.socket):
            sock.detach()
        else:
            self._sock = sock

    def connect(self, address: _convert.Address, *, local: _convert.Address | None = None) -> None:
        """Connect to a numeric *address* (``bufferevent_socket_connect``).

        The result comes to on_event: CONNECTED, or ERROR with :attr:`error` set.  What is
        written before is sent when connected.

        Args:
            address: ``(host, port)`` with a numeric host, or ``"unix:/path"``.
            local: The address to connect from, in the same form; port 0 for any.

        Raises:
            OSError: The connection failed at once, as it does for a missing path.
            RuntimeError: It has a socket already.
        """
        family, where = _convert.socket_address(address)
        here = None if local is None else _convert.socket_address(local)
        if here is not None and here[0] != family:
            raise ValueError(f"{local!r} and {address!r} are addresses of two kinds")
        self._need_no_socket()
        sock = _socket.socket(family, _socket.SOCK_STREAM)
        try:
            _convert.prepare_stream(sock)
            if here is not None:
                try:
                    sock.bind(here[1])
                except OSError as error:
                    raise explained(error, f"cannot connect from {local!r}") from None
            try:
                sock.connect(where)
            except BlockingIOError:
                pass
            except OSError as error:
                raise explained(error, f"cannot connect to {address!r}") from None
        except BaseException:
            sock.close()
            raise
        self._hand_over(sock)

    def connect_hostname(
        self,
        host: str,
        port: int,
        family: int = _socket.AF_UNSPEC,
        *,
        dns: DNSBase | None = None,
        timeout: float | None = None,
    ) -> None:
        """Look *host* up, then connect to its addresses in turn, until one is connected.

        The loop goes on meanwhile.  As RFC 8305 has it (happy eyeballs), IPv6 and IPv4 alternate,
        and each address is tried beside the ones before where these take more than 250 ms.  The
        result comes to on_event, as of :meth:`connect`; :attr:`error` names all that was tried, and
        is a ``socket.gaierror`` where there was no address.

        Args:
            host: A host name or a numeric address.
            port: 1 to 65535.
            family: ``socket.AF_INET`` or ``AF_INET6`` to want only that.
            dns: What looks the name up; None for the system's resolver, in a thread.
            timeout: Seconds for all of it; None as long as DNS and the system try.

        Raises:
            RuntimeError: It has a socket already.
            ValueError: DNS has no such name.
        """
        if not isinstance(host, str):
            raise TypeError(f"host must be a str, not {type(host).__name__}")
        _convert.integer(port, "port", 1, 65535)
        if family not in (_socket.AF_UNSPEC, _socket.AF_INET, _socket.AF_INET6):
            raise ValueError(f"family must be AF_UNSPEC, AF_INET or AF_INET6, not {family!r}")
        if dns is not None and not hasattr(dns, "getaddrinfo"):  # its module imports this one
            raise TypeError(f"dns must be a DNSBase or None, not {type(dns).__name__}")
        if dns is not None and dns.base is not self._base:
            raise ValueError("dns belongs to another EventBase")
        if timeout is not None:
            _convert.seconds(timeout)
        self._need_no_socket()
        self._connecting = HappyEyeballs(self._base, host, port, family, dns, timeout, self._found)

    def _need_no_socket(self) -> None:
        self._live()
        if lib.bufferevent_getfd(self._bev) >= 0 or self._connecting is not None:
            raise RuntimeError("this BufferEvent has a socket already")

    def _hand_over(self, sock: _socket.socket) -> None:
        """Go on with *sock*, which is connected or on its way to that."""
        try:
            check(lib.lepy_bufferevent_connect(self._pointer, sock.fileno()), "bufferevent_socket_connect")
        except BaseException:
            sock.close()
            raise
        self._take(sock)

    def _found(self, found: _socket.socket | OSError) -> None:
        """connect_hostname has come to its end."""
        self._connecting = None
        if not isinstance(found, OSError):
            try:
                return self._hand_over(found)
            except OSError as error:
                found = error
        told: BaseBufferEvent = self
        while isinstance(told._captor, BaseBufferEvent):
            told = told._captor
        told._tell(BufferEventEvents.ERROR, found)

    def _waits_for_connection(self) -> bool:
        return self._connecting is not None or bool(lib.lepy_bufferevent_is_connecting(self._live()))

    def _shut_down(self) -> None:
        # The peer may have reset the connection meanwhile, which reading tells.
        if lib.lepy_bufferevent_shut_down(self._pointer) < 0 and ffi.errno != errno.ENOTCONN:
            raise_errno("cannot end writing")

    def _free(self, pointer: CData) -> None:
        super()._free(pointer)
        if self._connecting is not None:
            self._connecting.close()
        self._sock = self._connecting = None

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<BufferEvent closed>"
        return f"<BufferEvent fd={lib.bufferevent_getfd(self._bev)}>"


def checked_options(options: BufferEventOptions) -> BufferEventOptions:
    """*options*, which a socket's bufferevent can have."""
    options = BufferEventOptions(options)
    unknown = int(options) & ~int(_ALL_OPTIONS)  # of a flag, ~ leaves the unknown bits out
    if unknown:
        raise ValueError(f"unknown options: {unknown:#x}")
    if options & BufferEventOptions.UNLOCK_CALLBACKS and not options & BufferEventOptions.DEFER_CALLBACKS:
        raise ValueError("UNLOCK_CALLBACKS needs DEFER_CALLBACKS")
    return options
