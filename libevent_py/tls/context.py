"""TLSContext: what one end of TLS connections is and wants (floor 6, ``SSL_CTX``)."""

from __future__ import annotations

import enum
import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Union

from .. import _convert
from .._ffi import CData, ffi, lib
from .._handles import Owner
from ..constants import TLSVersion
from . import errors

#: PEM or DER, in a file or in memory.
Source = Union[str, "os.PathLike[str]", bytes]

DAY = 86400


class ClientCertificates(enum.Enum):
    """What a server wants to see of its clients."""

    #: Nothing.
    IGNORED = "ignored"
    #: A client may show a certificate, which must then be good.
    OPTIONAL = "optional"
    #: A client must show one.
    REQUIRED = "required"


class TLSContext(Owner):
    """What one end of TLS connections is and wants (``SSL_CTX``); make it once, for any number.

    :meth:`client` and :meth:`server` make one.  It cannot be changed, and needs no closing.

    Certificates, keys and CAs come from files or from memory: a str or a path names a file, bytes
    are the PEM or DER itself.  Key and certificate may be in one PEM.

    Example::

        context = TLSContext.client()
        bev = TLSBufferEvent(base, context)
        bev.connect_hostname("example.org", 443)
    """

    __slots__ = ("_pointer", "_server", "_verifies")

    _pointer: CData
    _server: bool
    _verifies: bool

    def __init__(self) -> None:
        raise TypeError("TLSContext.client() and TLSContext.server() make one")

    @classmethod
    def client(
        cls,
        ca: Source | None = None,
        *,
        verify: bool = True,
        certificate: Source | None = None,
        key: Source | None = None,
        password: str | bytes | None = None,
        minimum: TLSVersion = TLSVersion.TLSv1_2,
        maximum: TLSVersion | None = None,
        ciphers: str | None = None,
        ciphersuites: str | None = None,
        alpn: Iterable[str] = (),
        key_log: str | os.PathLike[str] | None = None,
    ) -> TLSContext:
        """Make one for clients, which verify the server's certificate and its host name.

        Args:
            ca: The CAs to trust: a bundle, a directory with hashed names (``openssl rehash``), or
                bytes. None is the system's own, which ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` move.
            verify: False believes whatever the server says it is: anybody on the way can read and
                change everything. For tests.
            certificate: The client's own, with its chain behind it, for servers that want one.
            key: The certificate's key; None where that is in the same PEM.
            password: Of an encrypted key.
            minimum: The oldest version to speak.
            maximum: The newest; None is OpenSSL's newest.
            ciphers: For TLS 1.2, in OpenSSL's words (``openssl ciphers``).
            ciphersuites: For TLS 1.3, in OpenSSL's words.
            alpn: The protocols to offer, the favourite first: ``["h2", "http/1.1"]``.
            key_log: A file to append each connection's keys to, for Wireshark: whoever reads it
                reads the traffic.

        Raises:
            TLSError: OpenSSL refuses a certificate, a key or a cipher.
            OSError: A file cannot be read.
            UnsupportedError: This build has no OpenSSL.
        """
        self = cls._make(False, minimum, maximum, ciphers, ciphersuites, alpn, key_log)
        if certificate is not None:
            self._use_certificate(certificate, key, password)
        elif key is not None or password is not None:
            raise ValueError("a key or a password without a certificate has no use")
        if ca is not None:
            self._trust(ca)
        elif verify:
            errors.check(lib.SSL_CTX_set_default_verify_paths(self._pointer), "the system's CAs")
        self._verifies = verify
        lib.lepy_tls_context_verify(self._pointer, lib.SSL_VERIFY_PEER if verify else lib.SSL_VERIFY_NONE)
        return self

    @classmethod
    def server(
        cls,
        certificate: Source,
        key: Source | None = None,
        *,
        password: str | bytes | None = None,
        ca: Source | None = None,
        client_certificates: ClientCertificates = ClientCertificates.IGNORED,
        names: Mapping[str, TLSContext] | None = None,
        minimum: TLSVersion = TLSVersion.TLSv1_2,
        maximum: TLSVersion | None = None,
        ciphers: str | None = None,
        ciphersuites: str | None = None,
        alpn: Iterable[str] = (),
        tickets: int = 2,
        ticket_key: bytes | None = None,
        session_lifetime: float = 7200,
        key_log: str | os.PathLike[str] | None = None,
    ) -> TLSContext:
        """Make one for servers.

        Args:
            certificate: The server's own, with its chain behind it.
            key: The certificate's key; None where that is in the same PEM.
            password: Of an encrypted key.
            ca: The CAs that sign clients' certificates, as for :meth:`client`.
            client_certificates: Whether clients show certificates; all but IGNORED needs *ca*.
            names: Other contexts for clients that ask for these host names (SNI);
                ``"*.example.org"`` is for each name with one label in its place. Who asks for
                another name, or for none, gets this context.
            minimum: The oldest version to speak.
            maximum: The newest; None is OpenSSL's newest.
            ciphers: For TLS 1.2, in OpenSSL's words (``openssl ciphers``).
            ciphersuites: For TLS 1.3, in OpenSSL's words.
            alpn: The protocols to speak, the favourite first. A client that offers only others is
                refused; one that offers none is not.
            tickets: How many a TLS 1.3 client gets to resume its session with. 0 is none, and
                none for TLS 1.2 either, whose sessions are then remembered here.
            ticket_key: 80 random bytes that all processes of one server share, so that each can
                resume the others' sessions. None makes one up.
            session_lifetime: Seconds for which a session can be resumed, up to a week.
            key_log: A file to append each connection's keys to, for Wireshark: whoever reads it
                reads the traffic.

        Raises:
            TLSError: OpenSSL refuses a certificate, a key or a cipher.
            OSError: A file cannot be read.
            UnsupportedError: This build has no OpenSSL.
        """
        client_certificates = ClientCertificates(client_certificates)
        if (client_certificates is ClientCertificates.IGNORED) != (ca is None):
            raise ValueError("client_certificates (OPTIONAL or REQUIRED) and ca need each other")
        self = cls._make(True, minimum, maximum, ciphers, ciphersuites, alpn, key_log)
        identity = self._use_certificate(certificate, key, password)
        mode = lib.SSL_VERIFY_NONE
        if ca is not None:
            identity += self._trust(ca) + client_certificates.value.encode()
            mode = lib.SSL_VERIFY_PEER
            if client_certificates is ClientCertificates.REQUIRED:
                mode |= lib.SSL_VERIFY_FAIL_IF_NO_PEER_CERT
        self._verifies = ca is not None
        lib.lepy_tls_context_verify(self._pointer, mode)
        self._set_sessions(identity, tickets, ticket_key, session_lifetime)
        for name, other in (names or {}).items():
            self._add_name(name, other)
        return self

    @classmethod
    def _make(
        cls,
        server: bool,
        minimum: TLSVersion,
        maximum: TLSVersion | None,
        ciphers: str | None,
        ciphersuites: str | None,
        alpn: Iterable[str],
        key_log: str | os.PathLike[str] | None,
    ) -> TLSContext:
        errors.need_openssl()
        minimum = TLSVersion(minimum)
        maximum = None if maximum is None else TLSVersion(maximum)
        if maximum is not None and maximum < minimum:
            raise ValueError(f"maximum ({maximum.name}) is older than minimum ({minimum.name})")
        protocols = _alpn_list(alpn)
        pointer = lib.lepy_tls_context_new(server, int(minimum), int(maximum or 0))
        errors.check(pointer, "TLSContext")
        self = cls.__new__(cls)
        self._pointer = ffi.gc(pointer, lib.SSL_CTX_free)
        self._server = server
        if ciphers is not None:
            text = _text(ciphers, "ciphers")
            errors.check(lib.SSL_CTX_set_cipher_list(pointer, text), f"ciphers {ciphers!r}")
        if ciphersuites is not None:
            text = _text(ciphersuites, "ciphersuites")
            errors.check(lib.SSL_CTX_set_ciphersuites(pointer, text), f"ciphersuites {ciphersuites!r}")
        if protocols:
            errors.check(lib.lepy_tls_context_set_alpn(pointer, protocols, len(protocols)), "alpn")
        if key_log is not None:
            fd = os.open(key_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            lib.lepy_tls_context_set_key_log(pointer, fd)
        return self

    def _use_certificate(
        self, certificate: Source, key: Source | None, password: str | bytes | None
    ) -> bytes:
        """Load them; gives the certificate's bytes."""
        data, where = _read(certificate, "certificate")
        errors.check(lib.lepy_tls_context_use_certificate(self._pointer, data, len(data)), where)
        key_data, where = (data, f"the key in {where}") if key is None else _read(key, "key")
        secret = ffi.NULL if password is None else _password(password)
        errors.check(lib.lepy_tls_context_use_key(self._pointer, key_data, len(key_data), secret), where)
        return data

    def _trust(self, ca: Source) -> bytes:
        """Trust them; gives what tells these CAs from others."""
        if not isinstance(ca, bytes) and os.path.isdir(ca):
            errors.check(lib.SSL_CTX_load_verify_dir(self._pointer, os.fsencode(ca)), f"ca {os.fspath(ca)!r}")
            return os.fsencode(ca)
        data, where = _read(ca, "ca")
        errors.check(lib.lepy_tls_context_trust(self._pointer, data, len(data)), where)
        return data

    def _set_sessions(
        self, identity: bytes, tickets: int, ticket_key: bytes | None, session_lifetime: float
    ) -> None:
        # The same in all processes of one server, and another where other clients are let in.
        identity = hashlib.sha256(identity).digest()
        errors.check(lib.lepy_tls_context_set_id(self._pointer, identity, len(identity)), "TLSContext")
        lib.lepy_tls_context_set_tickets(self._pointer, _convert.integer(tickets, "tickets", 0, 100))
        if ticket_key is not None:
            if not isinstance(ticket_key, bytes) or len(ticket_key) != lib.LEPY_TLS_TICKET_KEY:
                raise ValueError(f"ticket_key must be {lib.LEPY_TLS_TICKET_KEY} bytes: os.urandom makes them")
            errors.check(lib.lepy_tls_context_set_ticket_key(self._pointer, ticket_key), "ticket_key")
        if not 1 <= _convert.number(session_lifetime, "session_lifetime") <= 7 * DAY:
            raise ValueError(f"session_lifetime must be 1 to {7 * DAY} seconds, not {session_lifetime!r}")
        lib.SSL_CTX_set_timeout(self._pointer, int(session_lifetime))

    def _add_name(self, name: str, other: TLSContext) -> None:
        if not isinstance(other, TLSContext) or not other._server:
            raise TypeError(f"names need a TLSContext.server() each, not {other!r}")
        text = host_name(name.replace("*.", "", 1) if name.startswith("*.") else name)
        text = b"*." + text if name.startswith("*.") else text
        if not lib.lepy_tls_context_add_name(self._pointer, text, other._pointer):
            raise MemoryError("no memory for the name")

    @property
    def is_server(self) -> bool:
        """Whether its connections are a server's."""
        return self._server

    @property
    def verifies(self) -> bool:
        """Whether the peer's certificate is verified."""
        return self._verifies

    def __repr__(self) -> str:
        side = "server" if self._server else "client"
        return f"<TLSContext {side}{'' if self._verifies else ', not verifying'}>"


def host_name(name: str) -> bytes:
    """*name* as TLS sends it."""
    if not isinstance(name, str):
        raise TypeError(f"a host name must be a str, not {type(name).__name__}")
    try:
        found = name.rstrip(".").encode("ascii") if name.isascii() else name.rstrip(".").encode("idna")
    except UnicodeError:
        found = b""
    if not found or len(found) > 255 or any(each <= 0x20 or each == 0x7F for each in found):
        raise ValueError(f"{name!r} is no host name")
    return found


def _read(source: Source, what: str) -> tuple[bytes, str]:
    """The bytes of *source*, and how to name it in an error."""
    if isinstance(source, bytes):
        data, where = source, f"the {what}"
    elif isinstance(source, (str, os.PathLike)):
        where = f"{what} {os.fspath(source)!r}"
        with open(source, "rb") as file:
            data = file.read()
    else:
        raise TypeError(f"{what} must be a path, or bytes of PEM or DER, not {type(source).__name__}")
    if len(data) > 1 << 26:
        raise ValueError(f"{where} is too long to be what it should be")
    return data, where


def _password(password: str | bytes) -> bytes:
    if not isinstance(password, (str, bytes)):
        raise TypeError(f"password must be str or bytes, not {type(password).__name__}")
    data = password.encode() if isinstance(password, str) else password
    if b"\0" in data or len(data) > 1023:
        raise ValueError("a password must be shorter than 1024 bytes and contain no NUL")
    return data


def _text(value: str, what: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {type(value).__name__}")
    if "\0" in value or not value.isascii():
        raise ValueError(f"{what} must be ASCII without NUL")
    return value.encode()


def _alpn_list(protocols: Iterable[str]) -> bytes:
    if isinstance(protocols, (str, bytes)):
        raise TypeError('alpn must be a list of protocols: ["h2", "http/1.1"]')
    found = b""
    for protocol in protocols:
        data = _text(protocol, "a protocol in alpn")
        if not 0 < len(data) < 256:
            raise ValueError(f"a protocol in alpn has 1 to 255 characters, not {protocol!r}")
        found += bytes([len(data)]) + data
    if len(found) > 65535:
        raise ValueError("alpn has too many protocols")
    return found
