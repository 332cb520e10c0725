"""``python -m libevent_py http``."""

from __future__ import annotations

import os
import re
import signal
import socket
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import pytest
from certificates import Authority
from command import run_command
from http_processes import PATIENCE, curl, http

from libevent_py import __main__ as main_module
from libevent_py import lib

APP = """
import os, time

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/slow":
        return slow()
    return [str(os.getpid()).encode()]

def slow():
    yield b"begun "
    time.sleep(0.3)
    yield b"ended"

def make():
    raise SystemExit("cannot be made")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a file and an application."""
    (tmp_path / "page.html").write_text("<p>page")
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def get(url: str) -> str:
    """The body."""
    with urlopen(url, timeout=PATIENCE) as answer:
        body: bytes = answer.read()
        return body.decode()


def test_a_directory(folder: Path) -> None:
    """With a log line for each request, and a clean end."""
    with http("--port", "0", "--list", "--access-log", ".", folder=folder) as (process, url):
        assert get(f"{url}/page.html") == "<p>page"
        assert "page.html" in get(f"{url}/")
        process.signal(signal.SIGTERM)
        assert process.end() == 0
        assert process.process.stdout is not None
        lines = process.process.stdout.read().splitlines()
        assert re.fullmatch(r'127\.0\.0\.1 \S+ "GET /page\.html HTTP/1\.1" 200 7', lines[0])
        assert "stopped" in process.log[-1]


def test_an_application(folder: Path) -> None:
    """In threads; what runs when it is told to stop is finished."""
    with http("--port", "0", "--threads", "2", "app:app", folder=folder) as (process, url):
        assert int(get(url)) == process.process.pid
        host, port = url[len("http://") :].split(":")
        connection = HTTPConnection(host, int(port), timeout=PATIENCE)
        connection.request("GET", "/slow")
        answer = connection.getresponse()
        assert answer.read(6) == b"begun "
        process.signal(signal.SIGINT)
        assert answer.read() == b"ended"
        connection.close()
        assert process.end() == 0


def test_workers(folder: Path) -> None:
    """Several answer; one that dies is replaced; all end with the first."""
    with http("--port", "0", "--workers", "2", "app:app", folder=folder) as (process, url):
        process.wait_for("serving")  # the second one
        victim = int(get(url))
        assert victim != process.process.pid
        os.kill(victim, signal.SIGKILL)
        process.wait_for(f"worker {victim} has died .status -9. and is replaced")
        process.wait_for("serving")
        assert victim != int(get(url)) != process.process.pid
        process.signal(signal.SIGTERM)
        assert process.end() == 0
        assert "".join(process.log).count("stopped") == 2
        with pytest.raises(OSError, match="refused"):
            get(url)


def test_workers_end_with_a_killed_master(folder: Path) -> None:
    """Nobody is left on the port."""
    with http("--port", "0", "--workers", "2", "app:app", folder=folder) as (process, url):
        process.wait_for("serving")
        process.signal(signal.SIGKILL)
        process.wait_for("stopped")
        process.wait_for("stopped")
        with pytest.raises(OSError, match="refused|reset"):
            get(url)


def test_workers_that_cannot_begin_end_it(folder: Path) -> None:
    """There is no use in trying again."""
    done = run_command("http", "--port", "0", "--workers", "3", "app:nothing", cwd=folder)
    assert done.returncode == 1
    assert "has no 'nothing'" in done.stderr
    assert "replaced" not in done.stderr


def test_a_unix_socket(folder: Path) -> None:
    """Which is gone afterwards, and shared by workers."""
    path = folder / "sock"
    with http("--workers", "2", "--listen", f"unix:{path}", "app:app", folder=folder) as (process, _):
        process.wait_for("serving")
        assert int(curl("--unix-socket", str(path), "http://localhost/"))
        process.signal(signal.SIGTERM)
        assert process.end() == 0
    assert not path.exists()


@pytest.mark.skipif(not hasattr(lib, "bufferevent_openssl_socket_new"), reason="this build has no OpenSSL")
def test_tls(folder: Path, tmp_path: Path) -> None:
    """By two files, or one given twice."""
    authority = Authority(tmp_path / "tls")
    pem = str(authority.certificate("localhost", names="DNS:localhost,IP:127.0.0.1"))
    with http("--port", "0", "--tls", pem, pem, ".", folder=folder) as (_, url):
        assert url.startswith("https://")
        assert curl("--cacert", str(authority.ca), f"{url}/page.html") == "<p>page"


def test_a_second_signal_ends_it_at_once(folder: Path) -> None:
    """Although somebody still reads."""
    (folder / "large").write_bytes(bytes(1 << 25))
    with http("--port", "0", ".", folder=folder) as (process, url), socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = url[len("http://") :].split(":")
        sock.connect((host, int(port)))
        sock.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(10)
        process.signal(signal.SIGTERM)
        wait_until_refused(host, int(port))
        process.signal(signal.SIGTERM)
        assert process.end() == 0


def wait_until_refused(host: str, port: int) -> None:
    """Until nobody listens any more."""
    for _ in range(10_000):
        try:
            socket.create_connection((host, port), timeout=PATIENCE).close()
        except OSError:
            return
    raise AssertionError("it still listens")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "'nothing' is neither a directory nor like module:app"),
        (["--threads", "2", "."], "--threads is about applications"),
        (["--list", "app:app"], "--list is about directories"),
        (["nothing:app"], "there is no module 'nothing'"),
        (["--listen", "192.0.2.1:1", "."], "cannot listen on ('192.0.2.1', 1): "),
        (["--port", "0", "--tls", "nothing.pem", "nothing.pem", "."], "nothing.pem"),
    ],
)
def test_what_is_wrong_is_told(words: list[str], told: str, folder: Path) -> None:
    """In one line."""
    done = run_command("http", *words, cwd=folder)
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--port", "-1", "."], ["--workers", "0", "."], [], ["--tls", "x", "."]])
def test_wrong_options(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """argparse says what is wrong."""
    with pytest.raises(SystemExit) as stopped:
        main_module.main(["http", *words])
    assert stopped.value.code == 2


def test_help_has_examples() -> None:
    """For people."""
    done = run_command("http", "--help")
    assert "python -m libevent_py http --workers 4 --threads 8" in done.stdout
