"""The gunicorn worker: gunicorn has the processes, and HTTPServer the connections."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from certificates import Authority
from http_processes import PATIENCE, Running, curl, running

from libevent_py import lib

APP = """
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {environ['wsgi.multithread']} {environ['wsgi.multiprocess']}".encode()]
"""

pytestmark = pytest.mark.skipif(find_spec("gunicorn") is None, reason="gunicorn is not here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With an application."""
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def gunicorn(folder: Path) -> Callable[..., AbstractContextManager[Running]]:
    """gunicorn with our worker, logging to stderr; it kills no worker that a busy machine holds up."""
    settings = {
        "worker_class": "libevent_py.http.gunicorn.Worker",
        "errorlog": "-",
        "control_socket_disable": True,
        "timeout": 2 * int(PATIENCE),
        "graceful_timeout": int(PATIENCE),
    }
    lines = [f"{name} = {value!r}\n" for name, value in settings.items()]
    (folder / "gunicorn.conf.py").write_text("".join(lines))

    def start(*words: str) -> AbstractContextManager[Running]:
        return running("-m", "gunicorn", *words, "app:app", folder=folder)

    return start


def listening(process: Running) -> str:
    """Where it listens."""
    return process.wait_for(r"Listening at: (\S+)")[1]


def ask(url: str) -> list[str]:
    """The process that answered, and how it is called."""
    with urlopen(url, timeout=PATIENCE) as answer:
        words: bytes = answer.read()
        return words.decode().split()


def test_it_serves(gunicorn: Any) -> None:
    """In the loop; with gunicorn's access log; SIGTERM ends it."""
    with gunicorn("--bind", "127.0.0.1:0", "--access-logfile", "-") as process:
        url = listening(process)
        pid, is_threaded, is_forked = ask(f"{url}/a?b=c")
        assert int(pid) != process.process.pid
        assert (is_threaded, is_forked) == ("False", "False")
        process.signal(signal.SIGTERM)
        assert process.end() == 0
        assert process.process.stdout is not None
        assert '"GET /a?b=c HTTP/1.1" 200' in process.process.stdout.read()


def test_threads_and_workers(gunicorn: Any) -> None:
    """Several of each; a worker that dies is replaced by gunicorn."""
    with gunicorn("--bind", "127.0.0.1:0", "--workers", "2", "--threads", "2") as process:
        url = listening(process)
        victim, is_threaded, is_forked = ask(url)
        assert (is_threaded, is_forked) == ("True", "True")
        os.kill(int(victim), signal.SIGKILL)
        process.wait_for(rf"Worker \(pid:{victim}\) was")  # not its start, which is told too
        assert ask(url)[0] != victim


def test_max_requests(gunicorn: Any) -> None:
    """Are followed by a new worker, and no request is lost."""
    with gunicorn("--bind", "127.0.0.1:0", "--max-requests", "3") as process:
        url = listening(process)
        answers = [ask(url)[0] for _ in range(7)]
        assert len(set(answers)) == 3
        assert answers == sorted(answers, key=answers.index)
        process.wait_for("Autorestarting worker")


def test_a_worker_that_is_not_to_live(gunicorn: Any, folder: Path) -> None:
    """A flag is all that gunicorn's reloader sets when a file has changed: another worker follows."""
    with (folder / "gunicorn.conf.py").open("a") as settings:
        settings.write("def post_worker_init(worker):\n    worker.alive = worker.age > 1\n")
    with gunicorn("--bind", "127.0.0.1:0") as process:
        url = listening(process)
        first = process.wait_for(r"Booting worker with pid: (\d+)")[1]
        second = process.wait_for(r"Booting worker with pid: (\d+)")[1]
        assert ask(url)[0] == second != first


def test_on_a_unix_socket(gunicorn: Any, folder: Path) -> None:
    """By curl."""
    with gunicorn("--bind", f"unix:{folder / 'sock'}") as process:
        listening(process)
        assert curl("--unix-socket", str(folder / "sock"), "http://localhost/").endswith("False False")


@pytest.mark.skipif(not hasattr(lib, "bufferevent_openssl_socket_new"), reason="this build has no OpenSSL")
def test_tls(gunicorn: Any, tmp_path: Path) -> None:
    """By gunicorn's certfile and keyfile."""
    authority = Authority(tmp_path / "tls")
    pem = str(authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1"))
    with gunicorn("--bind", "127.0.0.1:0", "--certfile", pem, "--keyfile", pem) as process:
        url = listening(process)
        assert curl("--cacert", str(authority.ca), url).endswith("False False")
