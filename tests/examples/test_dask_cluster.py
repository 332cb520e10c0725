"""examples/dask_cluster.py runs a cluster whose processes all have libevent_py's loop."""

from __future__ import annotations

import os

import pytest
from command import PACKAGES, ROOT, run

pytest.importorskip("distributed")


@pytest.mark.slow
def test_the_cluster() -> None:
    """A scheduler, two workers and a client find the primes below 10,000."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    environment.pop("PYTHONWARNINGS", None)
    done = run(str(ROOT / "examples" / "dask_cluster.py"), env=environment, timeout=120)
    loop = "libevent_py.aio.loop.Loop"
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"1229 primes\nworkers: ['{loop}']\nscheduler: {loop}\nclient: {loop}\n"
