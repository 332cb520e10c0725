"""A build without OpenSSL says so."""

from __future__ import annotations

import pytest

from libevent_py import TLSContext, TLSSession, UnsupportedError
from libevent_py.tls import errors


def test_what_a_build_without_openssl_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything begins with one of these, which raise UnsupportedError and tell what to do."""
    monkeypatch.setattr(errors, "lib", object())
    for make in (TLSContext.client, lambda: TLSContext.server("pem"), lambda: TLSSession.from_data(b"")):
        with pytest.raises(UnsupportedError, match="libssl-dev"):
            make()
