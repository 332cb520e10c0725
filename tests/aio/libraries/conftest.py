"""What tests with real libraries share."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

#: A server is not what AddressSanitizer is to look at.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


@contextlib.contextmanager
def running(*command: object, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process, killed at the end."""
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
        **options,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def wait_for(process: subprocess.Popen[bytes], *asking: object) -> None:
    """Until the command *asking* says that *process* serves."""
    end = time.monotonic() + 30
    command = [str(word) for word in asking]
    while subprocess.run(command, capture_output=True, check=False, timeout=20, env=ENVIRONMENT).returncode:
        assert process.poll() is None, "the server has ended"
        assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def short_path() -> Iterator[Path]:
    """A directory whose name leaves room for a unix socket's, and that everybody may enter."""
    path = Path(tempfile.mkdtemp(prefix="lepy"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server(short_path: Path) -> Iterator[Path]:
    """The unix socket of a Redis server."""
    server, cli = shutil.which("redis-server"), shutil.which("redis-cli")
    if server is None or cli is None:
        pytest.skip("redis-server is not here")
    path = short_path / "redis"
    with running(server, "--port", 0, "--unixsocket", path, "--save", "", "--dir", short_path) as process:
        wait_for(process, cli, "-s", path, "ping")
        yield path


def postgres_command(name: str) -> str:
    """Where PostgreSQL's command is; Debian keeps them off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not here")
    return found


@pytest.fixture(scope="session")
def postgres_server(short_path: Path) -> Iterator[Path]:
    """The directory of the unix socket of a PostgreSQL server; user and database are postgres."""
    initdb, postgres = postgres_command("initdb"), postgres_command("postgres")
    folder = short_path / "postgres"
    folder.mkdir()
    user: list[object] = []
    if os.getuid() == 0:  # which PostgreSQL refuses to be
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("PostgreSQL does not run as root, and setpriv is not here")
        user = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
        os.chown(folder, 65534, 65534)
    data = folder / "data"
    options = ["-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
    command = [*user, initdb, *options]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr.decode()
    fast = ["-c", "fsync=off", "-c", "listen_addresses=", "-c", "shared_buffers=4MB"]
    with running(*user, postgres, "-D", data, "-k", folder, "-p", 5432, *fast, cwd="/") as process:
        wait_for(process, postgres_command("pg_isready"), "-h", folder, "-p", 5432)
        yield folder
