"""examples/dns_example.py does what libevent's sample does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import ROOT, run, start

EXAMPLE = str(ROOT / "examples" / "dns_example.py")


@contextmanager
def server() -> Iterator[str]:
    """The example as a server; its address."""
    with start("-u", EXAMPLE, "-T", "0") as process:
        assert process.stdout is not None
        found = re.fullmatch(r"answering on (127.0.0.1:\d+)\n", process.stdout.readline())
        assert found
        yield found[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.example.com",), "a.example.com: 192.168.11.11\n"),
        (("-x", "192.0.2.1"), "192.0.2.1: foo.bar.example.com\n"),
        (("-x", "2001:db8::1"), "2001:db8::1: foo.bar.example.com\n"),
        (("-g", "b.example.com"), "[0] b.example.com: 192.168.11.11\n"),
    ],
)
def test_one_asks_the_other(arguments: tuple[str, ...], said: str) -> None:
    """Two processes: -s names the server."""
    with server() as address:
        done = run(EXAMPLE, "-s", address, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == said


def test_it_asks_itself() -> None:
    """Server and questions in one loop."""
    done = run(EXAMPLE, "-T", "0", "a.example.com", "b.example.com")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()[1:]) == [
        " -- replying for a.example.com (A)",
        " -- replying for b.example.com (A)",
        "a.example.com: 192.168.11.11",
        "b.example.com: 192.168.11.11",
    ]


def test_a_resolv_conf(tmp_path: Path) -> None:
    """-c names it; nobody listens there, and the error says what to look at."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    done = run(EXAMPLE, "-c", str(path), "a.example.com")
    assert done.returncode == 0
    assert done.stdout.startswith("a.example.com: ")
