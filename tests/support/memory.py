"""How much memory this process takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


class Peak:
    """The most memory that this process has had since this was made, as Linux counts it."""

    def __init__(self) -> None:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            pytest.skip("this system does not count it anew")
        self._before = _peak()

    @property
    def grown(self) -> int:
        """Bytes, beyond what it had then."""
        return _peak() - self._before


def _peak() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
