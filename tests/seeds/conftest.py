"""Fixtures for the study notes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from seeds import Raw


@pytest.fixture
def raw() -> Iterator[Raw]:
    """A raw program's state, freed at the end."""
    state = Raw()
    yield state
    state.close()
