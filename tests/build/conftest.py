"""The build's own tests: they need the checkout, and are not collected beside an installed package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    "LIBEVENT_PY_LIBEVENT",
    "LIBEVENT_PY_OPENSSL",
    "LIBEVENT_PY_ALLOW_UNPATCHED",
    "LIBEVENT_SOURCE",
    "LIBEVENT_PREFIX",
    "LIBEVENT_INCLUDE_DIR",
    "LIBEVENT_LIB_DIR",
    "CC",
    "CFLAGS",
    "LDFLAGS",
)

if (ROOT / "build_ffi.py").is_file():
    sys.path.insert(0, str(ROOT))
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no build setting of the caller's environment reach a test."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's top directory."""
    return ROOT
