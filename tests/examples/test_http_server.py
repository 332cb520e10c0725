"""examples/http_server.py, libevent's sample http-server."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, start


@contextmanager
def sample(*words: str) -> Iterator[tuple[Any, str]]:
    """The example, and where it listens."""
    with start("-u", str(ROOT / "examples" / "http_server.py"), *words) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline()


def ask(line: str, method: str, path: str, **options: Any) -> tuple[int, bytes]:
    """One request to where it listens."""
    found = re.search(r"\('127\.0\.0\.1', (\d+)\)", line)
    assert found
    connection = HTTPConnection("127.0.0.1", int(found[1]), timeout=20)
    try:
        connection.request(method, path, **options)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_requests_are_dumped(tmp_path: Path) -> None:
    """Method, target, fields and body, as the sample prints them."""
    with sample(str(tmp_path)) as (process, line):
        assert ask(line, "POST", "/dump?x=1", body=b"the body\n", headers={"X-Some": "thing"}) == (200, b"")
        process.send_signal(signal.SIGTERM)
        printed = process.stdout.read()
    assert printed.startswith("Received a POST request for /dump?x=1\nHeaders:\n")
    assert "  X-Some: thing\n" in printed
    assert printed.endswith("Input data: <<<\nthe body\n>>>\n")
    assert process.returncode == 0


def test_a_directory_is_served(tmp_path: Path) -> None:
    """Its files, its list, and nothing outside."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    (root / "a<b>.txt").write_text("text")
    with sample(str(root)) as (_, line):
        assert ask(line, "GET", "/a%3Cb%3E.txt") == (200, b"text")
        status, page = ask(line, "GET", "/")
        assert status == 200
        assert b"a&lt;b&gt;.txt" in page
        assert b"<b>" not in page
        for path in "/../secret", "/%2e%2e/secret", "/..%2fsecret":
            assert ask(line, "GET", path)[0] == 404


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_on_a_unix_socket(tmp_path: Path, number: int) -> None:
    """Which is gone when a signal has ended it."""
    path = tmp_path / "sock"
    with sample(str(tmp_path), "-U", str(path)) as (process, line):
        assert line == f"Listening on {path}\n"
        assert path.is_socket()
        process.send_signal(number)
        assert process.wait(20) == 0
    assert not path.exists()
