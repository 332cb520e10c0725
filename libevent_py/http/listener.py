"""HTTPListener: where an HTTPServer accepts (floor 7, event2/http.h)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from .. import _convert
from .._errors import check_pointer
from .._ffi import CData, lib
from .._handles import Handle
from ..listener import bind, unlink_path

if TYPE_CHECKING:
    from .server import HTTPServer


class HTTPListener(Handle):
    """An address at which an HTTPServer accepts (``struct evhttp_bound_socket``).

    :meth:`HTTPServer.listen` makes one. Closing it leaves the connections that there are.
    """

    __slots__ = ("_path", "_sock")

    _path: tuple[str, int, int] | None
    _sock: socket.socket

    def __init__(self) -> None:
        raise TypeError("HTTPServer.listen() makes one")

    @classmethod
    def _open(
        cls,
        server: HTTPServer,
        address: _convert.Address | socket.socket,
        backlog: int,
        reuse_address: bool,
        reuse_port: bool,
        dual_stack: bool,
    ) -> HTTPListener:
        self = cls.__new__(cls)
        self._delivery = delivery = server._delivery
        self._path = None
        if isinstance(address, socket.socket):
            if address.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
                raise ValueError(f"evhttp serves IPv4, IPv6 and unix sockets, not {address.family!r}")
            self._sock = address
        else:
            self._sock, self._path = bind(address, reuse_address, reuse_port, dual_stack)
        delivery.table.reserve(self)
        try:
            self._sock.setblocking(False)
            self._sock.listen(backlog)
            self._pointer = check_pointer(
                lib.lepy_http_listen(server._live(), self._sock.fileno()), "evhttp_bind_listener"
            )
        except BaseException:
            self._pointer = None
            delivery.table.release(self)
            self._close_socket()
            raise
        delivery.table.kept[self._slot] = self
        return self

    @property
    def address(self) -> Any:
        """The address it is bound to, as ``socket.getsockname`` shows it."""
        self._live()
        return self._sock.getsockname()

    @property
    def pointer(self) -> CData:
        """The ``struct evconnlistener *`` for the raw layer; borrowed, gone when this is closed."""
        return self._live().listener

    def fileno(self) -> int:
        """The listening descriptor (``evhttp_bound_socket_get_fd``)."""
        self._live()
        return self._sock.fileno()

    def enable(self) -> None:
        """Go on accepting (``evconnlistener_enable``)."""
        lib.lepy_http_listener_set_enabled(self._live(), True)

    def disable(self) -> None:
        """Stop accepting; new connections wait in the backlog (``evconnlistener_disable``)."""
        lib.lepy_http_listener_set_enabled(self._live(), False)

    def _deliver(self, kind: int, what: int, data: bytes) -> None:
        raise AssertionError("an HTTPListener reports nothing")

    def _free(self, pointer: CData) -> None:
        lib.lepy_http_listener_free(pointer)
        self._close_socket()

    def _close_socket(self) -> None:
        self._sock.close()
        unlink_path(self._path)

    def __repr__(self) -> str:
        if self._pointer is None:
            return "<HTTPListener closed>"
        return f"<HTTPListener at {self._sock.getsockname()!r}>"
