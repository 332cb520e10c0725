"""TLS bufferevents, whose other end is one of the same loop; none without OpenSSL."""

from __future__ import annotations

import functools
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from certificates import OPENSSL, run
from stage import Stage

from libevent_py import (
    BufferEventPair,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
    lib,
)


@functools.cache
def contexts() -> tuple[TLSContext, TLSContext]:
    """A client's and a server's; made once."""
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "key.pem")
        words = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        signed = run(*words, "-subj", "/CN=localhost", "-days", "30", "-keyout", key, "-out", "-")
        pem = key.read_bytes() + signed
    return TLSContext.client(verify=False), TLSContext.server(pem)


def _on_socket(stage: Stage) -> None:
    client, server = contexts()
    near, far = socket.socketpair()
    stage.there["it"] = TLSBufferEvent(stage.base, client, near, handshake_timeout=None)
    stage.there["peer"] = TLSBufferEvent(stage.base, server, far, handshake_timeout=None)


def _on_pair(stage: Stage) -> None:
    client, server = contexts()
    below, far = BufferEventPair(stage.base)
    it = TLSFilterBufferEvent(below, client, handshake_timeout=None)
    peer = TLSFilterBufferEvent(far, server, handshake_timeout=None)
    stage.there.update(it=it, peer=peer, below=below)


HAS_TLS = bool(OPENSSL) and hasattr(lib, "bufferevent_openssl_socket_new")

TLS_SORTS: dict[str, Callable[[Stage], None]] = (
    {"TLS": _on_socket, "TLS over a pair": _on_pair} if HAS_TLS else {}
)
