"""Loops for the tests of libevent_py.aio."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import Authority

from libevent_py.aio import Loop, new_event_loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop, closed at the end."""
    loop = new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(params=["libevent_py", "asyncio"])
def make_loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes ours and asyncio's own in turn: what both must do alike."""
    return new_event_loop if request.param == "libevent_py" else asyncio.SelectorEventLoop


@pytest.fixture
def any_loop(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of each kind, closed at the end."""
    loop = make_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def tls_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the server's certificate."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def tls_files(tls_authority: Authority) -> Path:
    """The key and the certificate of localhost, 127.0.0.1 and ::1."""
    return tls_authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1,IP:::1")


@pytest.fixture(scope="session")
def tls_contexts(tls_authority: Authority, tls_files: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's with that, and a client's."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(str(tls_files))  # PyPy takes no Path
    return server, ssl.create_default_context(cafile=str(tls_authority.ca))
