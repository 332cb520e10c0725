"""TLS: bufferevents over OpenSSL (floor 6, event2/bufferevent_ssl.h)."""

from .bufferevent import TLSBufferEvent as TLSBufferEvent
from .bufferevent import TLSFilterBufferEvent as TLSFilterBufferEvent
from .certificate import TLSCertificate as TLSCertificate
from .context import ClientCertificates as ClientCertificates
from .context import TLSContext as TLSContext
from .inspection import TLSCipher as TLSCipher
from .session import TLSSession as TLSSession

__all__ = [
    "ClientCertificates",
    "TLSBufferEvent",
    "TLSCertificate",
    "TLSCipher",
    "TLSContext",
    "TLSFilterBufferEvent",
    "TLSSession",
]
