"""What a TLS connection has come to (floor 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._ffi import CData, ffi, lib
from .._handles import Handle
from .certificate import TLSCertificate
from .session import TLSSession, taken

if TYPE_CHECKING:
    from .connection import TLSState


class TLSCipher(NamedTuple):
    """How a connection is encrypted.

    Attributes:
        name: OpenSSL's name: ``"TLS_AES_256_GCM_SHA384"``.
        version: The protocol that it was made for: ``"TLSv1.3"``.
        bits: How many bits of the key are secret.
    """

    name: str
    version: str
    bits: int


class TLSInspection(Handle):
    """What a TLS bufferevent can tell of its connection; a part of both kinds.

    Until the handshake is done, most of it is None.
    """

    __slots__ = ()

    _tls: TLSState

    def _structure(self) -> CData:
        """The ``struct lepy_tls`` of what is not closed."""
        self._live()
        return self._tls.pointer

    def _ssl(self) -> CData:
        return self._structure().ssl

    def _is_open(self) -> bool:
        return bool(lib.lepy_tls_is_open(self._structure()))

    @property
    def version(self) -> str | None:
        """The protocol, ``"TLSv1.3"`` (``SSL_get_version``)."""
        ssl = self._ssl()
        return _text(lib.SSL_get_version(ssl)) if self._is_open() else None

    @property
    def cipher(self) -> TLSCipher | None:
        """How it is encrypted (``SSL_get_current_cipher``)."""
        found = lib.SSL_get_current_cipher(self._ssl())
        if not found or not self._is_open():
            return None
        name, version = _text(lib.SSL_CIPHER_get_name(found)), _text(lib.SSL_CIPHER_get_version(found))
        return TLSCipher(name or "", version or "", lib.SSL_CIPHER_get_bits(found, ffi.NULL))

    @property
    def peer_certificate(self) -> TLSCertificate | None:
        """The peer's certificate; None where it has shown none (``SSL_get_peer_certificate``)."""
        data = self._certificate(0)
        return TLSCertificate(data) if data else None

    @property
    def peer_chain(self) -> tuple[TLSCertificate, ...]:
        """All certificates that the peer has sent, its own first (``SSL_get_peer_cert_chain``)."""
        found: list[TLSCertificate] = []
        while data := self._certificate(len(found)):
            found.append(TLSCertificate(data))
        return tuple(found)

    def _certificate(self, index: int) -> bytes:
        room = ffi.new("unsigned char **")
        return taken(lib.lepy_tls_certificate(self._structure(), index, room), room[0])

    @property
    def verify_result(self) -> str:
        """What became of verifying the peer's certificate: ``"ok"``, or why not (``SSL_get_verify_result``).

        Also ``"ok"`` where the peer has shown none.
        """
        return _text(lib.X509_verify_cert_error_string(lib.SSL_get_verify_result(self._ssl()))) or ""

    @property
    def alpn(self) -> str | None:
        """The protocol that both agreed on; None without (``SSL_get0_alpn_selected``)."""
        data, length = ffi.new("unsigned char **"), ffi.new("unsigned int *")
        lib.SSL_get0_alpn_selected(self._ssl(), data, length)
        return ffi.buffer(data[0], length[0])[:].decode("ascii", "replace") if data[0] else None

    @property
    def server_hostname(self) -> str | None:
        """The name that the client asks for: of a client its own argument, of a server what came (SNI)."""
        ssl = self._ssl()
        return self._tls.host or _text(lib.SSL_get_servername(ssl, lib.TLSEXT_NAMETYPE_host_name))

    @property
    def session(self) -> TLSSession | None:
        """What the next connection of a client can resume; None until the server has sent it."""
        pointer = lib.lepy_tls_session(self._structure())
        return TLSSession._wrap(pointer) if pointer else None

    @property
    def session_reused(self) -> bool:
        """Whether an earlier session was resumed (``SSL_session_reused``)."""
        return bool(lib.SSL_session_reused(self._ssl()))


def _text(value: CData) -> str | None:
    return bytes(ffi.string(value)).decode(errors="replace") if value else None
