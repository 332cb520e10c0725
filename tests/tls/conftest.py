"""Fixtures for TLS: certificates, contexts, and both ends of a connection in one loop."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from certificates import Authority
from tls_ends import WAYS, Connect, Ends

from libevent_py import (
    BufferEvent,
    BufferEventPair,
    EventBase,
    TLSBufferEvent,
    TLSContext,
    TLSFilterBufferEvent,
    TLSVersion,
    lib,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A build without OpenSSL has no TLS to test, but what says so."""
    if not hasattr(lib, "bufferevent_openssl_socket_new"):
        for item in items:
            if "tests/tls/" in item.nodeid and "test_unsupported" not in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="this build has no OpenSSL"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA, and what it signs."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def localhost(authority: Authority) -> Any:
    """The PEM file of localhost's certificate and key."""
    return authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1")


@pytest.fixture
def server(localhost: Any) -> TLSContext:
    """A server's context, for localhost."""
    return TLSContext.server(localhost)


@pytest.fixture
def client(authority: Authority) -> TLSContext:
    """A client's context, which trusts the CA."""
    return TLSContext.client(authority.ca)


@pytest.fixture(params=list(TLSVersion), ids=lambda version: version.name)
def version(request: pytest.FixtureRequest) -> TLSVersion:
    """Each version of TLS."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Each way to join the two ends."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def connect(base: EventBase, server: TLSContext, client: TLSContext) -> Connect:
    """A function that joins a server's and a client's end, by a way and with contexts of its caller's."""

    def connect(
        way: str = "tcp", server: TLSContext = server, client: TLSContext = client, **options: Any
    ) -> Ends:
        options.setdefault("server_hostname", "localhost")
        if way == "pair":
            below: Any = tuple(BufferEventPair(base))
        elif way == "tcp":
            with socket.create_server(("127.0.0.1", 0)) as listening:
                mine = socket.create_connection(listening.getsockname())
                below = listening.accept()[0], mine
        else:
            below = socket.socketpair()
        if way == "filter":
            below = tuple(BufferEvent(base, sock) for sock in below)
        if way in ("filter", "pair"):
            other = TLSFilterBufferEvent(below[1], client, **options)
            return Ends(TLSFilterBufferEvent(below[0], server), other)
        return Ends(TLSBufferEvent(base, server, below[0]), TLSBufferEvent(base, client, below[1], **options))

    return connect
