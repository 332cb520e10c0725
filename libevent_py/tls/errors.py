"""What OpenSSL says, as exceptions (floor 6)."""

from __future__ import annotations

import errno
import os
from typing import NoReturn

from .._ffi import CData, ffi, lib
from ..exceptions import TLSCertificateError, TLSError, TLSTruncatedError, UnsupportedError

#: By OpenSSL's reason, what to do about it.
_ADVICE = {
    "wrong version number": "the peer does not speak TLS here, or no version in the context's range",
    "http request": "the peer speaks HTTP without TLS",
    "unsupported protocol": "the peer offers only versions of TLS outside of the context's range",
    "tlsv1 alert protocol version": "the peer wants a version of TLS outside of the context's range",
    "no shared cipher": "the two ends have no cipher in common; look at ciphers and at the kind of key",
    "no suitable signature algorithm": "the two ends have no signature algorithm in common",
    "tlsv1 alert no application protocol": "the peer speaks none of the protocols that alpn offers",
    "no application protocol": "the peer offers none of the protocols in alpn",
    "tlsv1 alert unknown ca": "the peer does not know the CA of this end's certificate",
    "sslv3 alert bad certificate": "the peer refuses this end's certificate",
    "sslv3 alert certificate expired": "this end's certificate has expired, says the peer",
    "tlsv13 alert certificate required": "the server wants a certificate; give the context one",
    "peer did not return a certificate": "the client has shown no certificate",
    "sslv3 alert handshake failure": "the peer refuses; it may want a certificate, or other ciphers",
    "tlsv1 unrecognized name": "the server has nothing under this server_hostname",
    "key values mismatch": "the key is not the certificate's",
    "bad decrypt": "the password is wrong",
    "bad password read": "the key is encrypted; give its password",
    "interrupted or cancelled": "the key is encrypted; give its password",
    "no start line": "there is no PEM of the kind that is needed",
    "ee key too small": "the certificate's key is too short for today's security",
    "ca md too weak": "the certificate is signed with a hash that is no longer secure",
    "no cipher match": "OpenSSL knows none of these ciphers",
}


def need_openssl() -> None:
    """Raise where this build has no TLS."""
    if not hasattr(lib, "lepy_tls_new"):
        raise UnsupportedError(
            "this build has no TLS: install OpenSSL's headers (Debian: apt-get install libssl-dev) and "
            "rebuild libevent_py without LIBEVENT_PY_OPENSSL=no"
        )


def raise_taken(what: str) -> NoReturn:
    """Raise OpenSSL's error of the call that has just failed."""
    room = ffi.new("char[]", 256)
    code = lib.lepy_tls_take_error(room, len(room))
    raise TLSError(*_told(what, code, _text(room)))


def check(result: object, what: str) -> None:
    """Raise OpenSSL's error where *result* is 0 or NULL."""
    if not result:
        raise_taken(what)


def error_of(failure: CData, host: str | None, is_server: bool) -> Exception:
    """The exception for why a connection has failed (``struct lepy_tls_failure``)."""
    peer = repr(host) if host else "the peer"
    if failure.is_truncated:
        return TLSTruncatedError(
            f"{peer} ended the stream without close_notify: what came may not be all",
            *_parts(failure.code),
        )
    library, reason = _parts(failure.code)[1:]
    if reason == "certificate verify failed":
        message = _text(lib.X509_verify_cert_error_string(failure.verify_result))
        return TLSCertificateError(
            f"the certificate of {'the client' if is_server else peer} is refused: {message}"
            + _certificate_advice(message, host),
            failure.code,
            library,
            reason,
            failure.verify_result,
            message,
        )
    if failure.error:
        return OSError(failure.error, os.strerror(failure.error))
    if not failure.code:
        return OSError(errno.ECONNRESET, f"the connection with {peer} broke")
    return TLSError(*_told(f"TLS with {peer} failed", failure.code, ""))


def _certificate_advice(message: str, host: str | None) -> str:
    if "self-signed" in message or "self signed" in message or "unable to get" in message:
        return "; the CA that has signed it must be in the context's ca"
    if "mismatch" in message:
        return f"; it is not for {host!r}, which server_hostname asks for"
    return ""


def _told(what: str, code: int, detail: str) -> tuple[str, int, str, str]:
    _, library, reason = _parts(code)
    advice = _ADVICE.get(reason, "")
    text = f"{what}: {reason or 'OpenSSL gives no reason'}"
    text += "".join(f" ({each})" for each in (detail, advice) if each)
    return text, code, library, reason


def _parts(code: int) -> tuple[int, str, str]:
    return code, _text(lib.ERR_lib_error_string(code)), _text(lib.ERR_reason_error_string(code))


def _text(value: CData) -> str:
    return bytes(ffi.string(value)).decode(errors="replace") if value else ""
