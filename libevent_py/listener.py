"""Listener: struct evconnlistener (floor 5, event2/listener.h)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _convert
from ._claim import unguarded
from ._delivery import delivery_of
from ._errors import check, check_pointer, explained
from ._ffi import CData, lib
from ._handles import Handle
from .exceptions import UnsupportedError

if TYPE_CHECKING:
    from .base import EventBase

_KIND_ACCEPT = lib.LEPY_KIND_ACCEPT

AcceptCallback = Callable[["Listener", socket.socket, Any], object]
AcceptErrorCallback = Callable[["Listener", OSError], object]


class Listener(Handle):
    """Accepts connections (``struct evconnlistener``); listening from its creation.

    When the process is out of descriptors it rests for a second and tries again.

    Args:
        base: The EventBase to accept in, which keeps it alive.
        address: ``(host, port)``, with port 0 for any free one; ``"unix:/path"``, or on Linux
            ``"unix:@name"`` without a file; or a bound socket, which it takes over.
        on_accept: Called as ``on_accept(listener, sock, address)`` from the loop. The
            non-blocking socket is the callback's; it is closed if the callback raises.
        backlog: How many connections the kernel holds for it.
        reuse_address: Bind although old connections linger (SO_REUSEADDR).
        reuse_port: Share the port with other listeners (SO_REUSEPORT).
        dual_stack: Let an IPv6 address, ``"::"`` say, accept IPv4 connections too.
        defer_accept: Seconds to leave a connection in the kernel until its first bytes are
            there (TCP_DEFER_ACCEPT, Linux only); 0 accepts at once.
        on_error: Called as ``on_error(listener, error)`` when accepting fails.

    Raises:
        OSError: The address cannot be bound: EADDRINUSE, EACCES…

    Example::

        Listener(base, ("127.0.0.1", 0), lambda listener, sock, address: sock.close())
    """

    __slots__ = ("_base", "_on_accept", "_on_error", "_path", "_sock")

    def __init__(
        self,
        base: EventBase,
        address: _convert.Address | socket.socket,
        on_accept: AcceptCallback,
        *,
        backlog: int = 128,
        reuse_address: bool = True,
        reuse_port: bool = False,
        dual_stack: bool = False,
        defer_accept: int = 0,
        on_error: AcceptErrorCallback | None = None,
    ) -> None:
        self._begin()
        _check_callbacks(on_accept, on_error)
        _convert.integer(backlog, "backlog", 1, 65535)
        _convert.integer(defer_accept, "defer_accept", 0, 86400)
        if defer_accept and not hasattr(socket, "TCP_DEFER_ACCEPT"):
            raise UnsupportedError("this system has no TCP_DEFER_ACCEPT")
        delivery = delivery_of(base)
        self._base = base
        self._delivery = delivery
        self._on_accept = on_accept
        self._on_error = on_error
        self._path: tuple[str, int, int] | None = None
        if isinstance(address, socket.socket):
            self._sock = address
        else:
            self._sock, self._path = bind(address, reuse_address, reuse_port, dual_stack)
        delivery.table.reserve(self)
        try:
            self._sock.setblocking(False)
            if defer_accept:
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, defer_accept)
            self._sock.listen(backlog)
            self._pointer = check_pointer(
                lib.lepy_listener_new(delivery.pointer, self._slot, self._generation, self._sock.fileno()),
                "evconnlistener_new",
            )
            delivery.table.kept[self._slot] = self
            self.enable()
        except BaseException:
            if getattr(self, "_pointer", None) is not None:
                self.close()
            else:
                delivery.table.release(self)
                self._close_socket()
            raise

    @property
    @unguarded
    def base(self) -> EventBase:
        """The EventBase it accepts in."""
        return self._base

    @property
    def pointer(self) -> CData:
        """The ``struct evconnlistener *`` for the raw layer; borrowed, gone when this is closed."""
        return self._live().listener

    @property
    def address(self) -> Any:
        """The address it is bound to, as ``socket.getsockname`` shows it."""
        self._live()
        return self._sock.getsockname()

    def fileno(self) -> int:
        """The listening descriptor (``evconnlistener_get_fd``)."""
        self._live()
        return self._sock.fileno()

    def enable(self) -> None:
        """Go on accepting (``evconnlistener_enable``)."""
        check(lib.lepy_listener_enable(self._live()), "cannot listen on this descriptor")

    def disable(self) -> None:
        """Stop accepting; new connections wait in the backlog (``evconnlistener_disable``).

        Connections that were accepted in this pass are still delivered.
        """
        check(lib.lepy_listener_disable(self._live()), "cannot stop listening")

    def set_callbacks(self, on_accept: AcceptCallback, on_error: AcceptErrorCallback | None = None) -> None:
        """Exchange both callbacks (``evconnlistener_set_cb``, ``evconnlistener_set_error_cb``).

        Args:
            on_accept: As for the constructor; it also gets what has been accepted already.
            on_error: As for the constructor; None for nobody.
        """
        _check_callbacks(on_accept, on_error)
        self._live()
        self._on_accept = on_accept
        self._on_error = on_error

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        if kind == _KIND_ACCEPT:
            sock = socket.socket(self._sock.family, self._sock.type, self._sock.proto, what)
            try:
                _convert.prepare_stream(sock)
                self._on_accept(self, sock, _convert.python_address(data) if data else sock.getpeername())
            except BaseException:
                sock.close()
                raise
        elif self._on_error is not None:
            self._on_error(self, OSError(what, f"accept failed: {os.strerror(what)}"))

    def _free(self, pointer: CData) -> None:
        lib.lepy_listener_free(pointer)
        self._close_socket()

    def _close_socket(self) -> None:
        self._sock.close()
        unlink_path(self._path)

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<Listener closed>"
        return f"<Listener at {self._sock.getsockname()!r}>"


def _check_callbacks(on_accept: AcceptCallback, on_error: AcceptErrorCallback | None) -> None:
    if not callable(on_accept):
        raise TypeError(f"on_accept must be callable, not {type(on_accept).__name__}")
    _convert.callback(on_error, "on_error")


def bind(
    address: _convert.Address,
    reuse_address: bool,
    reuse_port: bool,
    dual_stack: bool,
    kind: socket.SocketKind = socket.SOCK_STREAM,
) -> tuple[socket.socket, tuple[str, int, int] | None]:
    """A socket bound to *address*, and for a path what :func:`unlink_path` is to unlink."""
    family, where = _family_of(address)
    sock = socket.socket(family, kind)
    try:
        if family == socket.AF_UNIX:
            sock.bind(where)
            if where[0] == "\0":  # an abstract name goes with its socket
                return sock, None
            return sock, (where, os.stat(where).st_ino, os.getpid())
        if reuse_address:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual_stack)
        sock.bind(where)
        return sock, None
    except OSError as error:
        sock.close()
        raise explained(error, f"cannot listen on {address!r}") from None
    except BaseException:
        sock.close()
        raise


def unlink_path(bound: tuple[str, int, int] | None) -> None:
    """Remove the path of a unix socket that :func:`bind` made, unless it is another's by now."""
    if bound is not None:
        path, inode, process = bound
        with contextlib.suppress(OSError):
            if process == os.getpid() and os.stat(path).st_ino == inode:
                os.unlink(path)


def _family_of(address: _convert.Address) -> tuple[socket.AddressFamily, Any]:
    try:
        return _convert.socket_address(address)
    except ValueError:
        if isinstance(address, str) or not isinstance(address[0], str):
            raise
    # A name of this machine, "localhost" say: resolved once, here.
    _convert.integer(address[1], "port", 0, 65535)  # getaddrinfo takes 65536 for 0
    try:
        found = socket.getaddrinfo(address[0], address[1], type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"cannot listen on {address!r}: {error.strerror}") from None
    return found[0][0], found[0][4]
