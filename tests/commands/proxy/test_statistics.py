"""The proxy's numbers: counted, summed, shown to people and to Prometheus."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from ports import unused_port
from proxies import Backend, connected, proxy, told

from libevent_py._commands.proxy.statistics import as_prometheus, as_text, merge

ONE = {
    "connections": 5,
    "active": 2,
    "refused": 1,
    "from_clients": 1000,
    "from_backends": 2000,
    "ended": {"eof": 2, "idle": 1},
    "backends": {"a:1": {"connections": 3, "active": 2, "failures": 0, "up": 1}},
}
TWO = {
    **ONE,
    "ended": {"eof": 1},
    "backends": {
        "a:1": {"connections": 1, "active": 0, "failures": 4, "up": 0},
        'unix:/"b"': {"connections": 7, "active": 0, "failures": 0, "up": 1},
    },
}


def test_workers_are_summed() -> None:
    """A backend is up where all workers reach it."""
    total = merge([ONE, TWO])
    assert (total["connections"], total["from_backends"]) == (10, 4000)
    assert total["ended"] == {"eof": 3, "idle": 1}
    assert total["backends"]["a:1"] == {"connections": 4, "active": 2, "failures": 4, "up": 0}
    assert merge([])["connections"] == 0


def test_text_for_people() -> None:
    """A line for each subject and backend."""
    assert as_text(merge([ONE, TWO])) == (
        "connections 10, now 4, without a backend 2\n"
        "bytes from clients 2,000, from backends 4,000\n"
        "ended eof 3, idle 1\n"
        "backend a:1        left out, connections 4, now 2, failures 4\n"
        'backend unix:/"b"  up, connections 7, now 0, failures 0\n'
    )
    assert "ended none" in as_text(merge([]))


def test_prometheus_format() -> None:
    """Each metric has its type, and labels are escaped."""
    lines = as_prometheus(merge([ONE, TWO])).splitlines()
    assert "# TYPE libevent_proxy_connections_total counter" in lines
    assert "libevent_proxy_connections_total 10" in lines
    assert 'libevent_proxy_connections_ended_total{reason="idle"} 1' in lines
    assert 'libevent_proxy_backend_up{backend="a:1"} 0' in lines
    assert r'libevent_proxy_backend_connections_total{backend="unix:/\"b\""} 7' in lines
    for line in lines:
        assert line.startswith("# ") or len(line.rsplit(" ", 1)) == 2


def test_the_unix_socket_tells(tmp_path: Path) -> None:
    """In text to whoever says something or nothing, over HTTP to whoever asks that way."""
    path = str(tmp_path / "stats")
    words = ("--stats", path, "--to", f"127.0.0.1:{unused_port()}")
    with Backend("one") as one, proxy(*words, to=(one,)) as running:
        assert running.ask(b"12345") == [b"one", b"12345"]
        assert running.ask(b"12345") == [b"one", b"12345"]
        with connected(running) as held:
            held.recv(10)
            held.sendall(b"x")
            held.recv(10)
            for text in (told(path), told(path, b"")):
                assert "connections 3, now 1, without a backend 0\n" in text
                assert "bytes from clients 11, from backends 23\n" in text
                assert "ended eof 2\n" in text
                assert "left out, connections 0, now 0, failures 1\n" in text
            head, _, body = told(path, b"GET /metrics HTTP/1.0\r\n\r\n").partition("\r\n\r\n")
            assert head.startswith("HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4")
            assert f"Content-Length: {len(body)}" in head
            assert "libevent_proxy_connections_total 3\n" in body
            assert told(path, b"GET /other HTTP/1.0\r\n\r\n").startswith("HTTP/1.0 404")
            assert told(path, b"POST /metrics HTTP/1.0\r\n\r\n").startswith("HTTP/1.0 405")
            assert told(path, b"HEAD /metrics HTTP/1.1\r\n\r\n").endswith("\r\n\r\n")


def test_a_socket_that_a_killed_proxy_left_is_replaced(tmp_path: Path) -> None:
    """One that is in use is not."""
    path = str(tmp_path / "stats")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with Backend("one") as one, proxy("--stats", path, to=(one,)):
        assert "connections 0" in told(path)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_fetches_the_metrics() -> None:
    """As Prometheus would."""
    port = unused_port()
    with Backend("one") as one, proxy("--metrics", f"127.0.0.1:{port}", to=(one,)):
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", f"http://127.0.0.1:{port}/metrics"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    assert "libevent_proxy_connections_active 0\n" in done.stdout
