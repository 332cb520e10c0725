"""What evdns answers where it has no good answer, as exceptions (floor 6)."""

from __future__ import annotations

import socket

from .._ffi import ffi, lib
from ..exceptions import DNSError

_NODATA = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)

#: By DNS_ERR_*: the nearest EAI_*, what happened, and what to do.
_TEXTS: dict[int, tuple[int, str]] = {
    lib.DNS_ERR_FORMAT: (socket.EAI_FAIL, "the name server did not understand the question (FORMERR)"),
    lib.DNS_ERR_SERVERFAILED: (
        socket.EAI_AGAIN,
        "the name server failed (SERVFAIL); try again later, or ask another one",
    ),
    lib.DNS_ERR_NOTEXIST: (socket.EAI_NONAME, "there is no such name (NXDOMAIN)"),
    lib.DNS_ERR_NOTIMPL: (socket.EAI_FAIL, "the name server cannot answer such questions (NOTIMP)"),
    lib.DNS_ERR_REFUSED: (
        socket.EAI_FAIL,
        "the name server refuses to answer (REFUSED); ask one that is there for you",
    ),
    lib.DNS_ERR_TRUNCATED: (
        socket.EAI_FAIL,
        "the answer is too long for a datagram; libevent 2.2 would ask again by TCP",
    ),
    lib.DNS_ERR_UNKNOWN: (socket.EAI_FAIL, "the answer made no sense"),
    lib.DNS_ERR_TIMEOUT: (
        socket.EAI_AGAIN,
        "no usable answer came in time (a name server's SERVFAIL counts as none); look at its nameservers",
    ),
    lib.DNS_ERR_SHUTDOWN: (socket.EAI_FAIL, "the DNSBase was closed"),
    lib.DNS_ERR_CANCEL: (socket.EAI_FAIL, "the request was cancelled"),
    lib.DNS_ERR_NODATA: (_NODATA, "the name exists, and has no such records"),
}

#: The answers of our own, which getaddrinfo gives too, as DNS_ERR_*.
TIMEOUT = lib.DNS_ERR_TIMEOUT
SHUTDOWN = lib.DNS_ERR_SHUTDOWN
CANCEL = lib.DNS_ERR_CANCEL


def dns_error(code: int, asked: str) -> DNSError:
    """The exception for *code*, one of ``DNS_ERR_*``; *asked* tells what was asked."""
    errno, text = _TEXTS.get(code, (socket.EAI_FAIL, f"the name server said {code}"))
    return DNSError(code, errno, f"{asked}: {text}")


def no_nameserver(asked: str) -> DNSError:
    """Where a deadline is past and nobody was asked."""
    return DNSError(TIMEOUT, socket.EAI_AGAIN, f"{asked}: there is no name server; add_nameserver() adds one")


def lookup_error(code: int, asked: str) -> socket.gaierror:
    """The exception for *code*, one of ``EVUTIL_EAI_*``, as ``socket.getaddrinfo`` would raise it."""
    if code == lib.EVUTIL_EAI_FAIL:
        text = "no name server gave an answer that can be used"
    else:
        text = ffi.string(lib.evutil_gai_strerror(code)).decode("ascii", "replace")
    return socket.gaierror(code, f"{asked}: {text}")
