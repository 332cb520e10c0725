"""Fixtures for the client: what becomes of requests, and certificates."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from certificates import Authority
from loops import run_until

from libevent_py import EventBase, HTTPClientRequest, HTTPConnection, lib

HAS_TLS = hasattr(lib, "bufferevent_openssl_socket_new")


class Outcomes(list[HTTPClientRequest]):
    """The requests that have their outcome, each once: an on_complete."""

    def __init__(self, base: EventBase) -> None:
        super().__init__()
        self._base = base

    def __call__(self, request: HTTPClientRequest) -> None:
        """Take one."""
        assert request.done
        assert request not in self, "a second outcome"
        self.append(request)

    def wait(self, count: int = 1) -> HTTPClientRequest:
        """Run the loop until there are *count*; the last one."""
        run_until(self._base, lambda: len(self) >= count)
        return self[-1]


@pytest.fixture
def outcomes(base: EventBase) -> Outcomes:
    """What has become of the test's requests."""
    return Outcomes(base)


@pytest.fixture
def connections(base: EventBase) -> Iterator[Any]:
    """A function that makes an HTTPConnection, which is closed at the end."""
    made: list[HTTPConnection] = []

    def connect(address: Any, **options: Any) -> HTTPConnection:
        made.append(HTTPConnection(base, address, **options))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA, and what it signs."""
    if not HAS_TLS:
        pytest.skip("this build has no OpenSSL")
    return Authority(tmp_path_factory.mktemp("http"))


@pytest.fixture(scope="session")
def server_ssl(authority: Authority) -> ssl.SSLContext:
    """Python's context of a server with a certificate for localhost and 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(authority.certificate("server", names="DNS:localhost,IP:127.0.0.1")))
    return context
