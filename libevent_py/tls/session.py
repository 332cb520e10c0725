"""TLSSession: what a client remembers of a connection, to be quicker next time (floor 6)."""

from __future__ import annotations

from .._ffi import CData, ffi, lib
from .._handles import Owner
from .errors import need_openssl


class TLSSession(Owner):
    """What lets the next connection to the same server skip most of the handshake (``SSL_SESSION``).

    Take it from :attr:`TLSBufferEvent.session`, best after the first data: with TLS 1.3 a server
    sends it behind the handshake.  Give it to the next TLSBufferEvent; where the server does not
    know it any more, the handshake is a full one.  It holds keys: keep it as secret as those.

    Example::

        again = TLSBufferEvent(base, context, server_hostname="example.org", session=bev.session)
    """

    __slots__ = ("_pointer",)

    _pointer: CData

    def __init__(self) -> None:
        raise TypeError("take it from a connection's session, or from TLSSession.from_data()")

    @classmethod
    def _wrap(cls, pointer: CData) -> TLSSession:
        """Own *pointer*, and a reference that is the caller's."""
        self = cls.__new__(cls)
        self._pointer = ffi.gc(pointer, lib.SSL_SESSION_free)
        return self

    @classmethod
    def from_data(cls, data: bytes) -> TLSSession:
        """A session that :attr:`data` gave, in this process or another (``d2i_SSL_SESSION``).

        Args:
            data: What :attr:`data` was.

        Raises:
            ValueError: It is no session.
        """
        need_openssl()
        pointer = lib.lepy_tls_session_from(data, len(data))
        if not pointer:
            raise ValueError("this is no TLS session; give what TLSSession.data was")
        return cls._wrap(pointer)

    @property
    def data(self) -> bytes:
        """All of it as bytes, to be stored (``i2d_SSL_SESSION``)."""
        room = ffi.new("unsigned char **")
        return taken(lib.lepy_tls_session_data(self._pointer, room), room[0])

    @property
    def resumable(self) -> bool:
        """Whether it can be used for another connection (``SSL_SESSION_is_resumable``)."""
        return bool(lib.SSL_SESSION_is_resumable(self._pointer))

    @property
    def created(self) -> int:
        """When it was made, in seconds as ``time.time()`` counts them."""
        return lib.SSL_SESSION_get_time(self._pointer)

    @property
    def lifetime(self) -> int:
        """For how many seconds from then the server wants to know it."""
        return lib.SSL_SESSION_get_timeout(self._pointer)

    def __repr__(self) -> str:
        return f"<TLSSession of {len(self.data)} bytes>"


def taken(length: int, pointer: CData) -> bytes:
    """The bytes that OpenSSL has made, which are freed."""
    try:
        return ffi.buffer(pointer, length)[:] if length > 0 else b""
    finally:
        lib.lepy_tls_release(pointer)
