"""Fixtures for the proxy: a certificate."""

from __future__ import annotations

from typing import Any

import pytest
from certificates import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA, and what it signs."""
    return Authority(tmp_path_factory.mktemp("proxy-tls"))


@pytest.fixture(scope="session")
def localhost(authority: Authority) -> Any:
    """The PEM file of localhost's certificate and key."""
    return authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1")
