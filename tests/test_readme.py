"""The README's programs run as they are printed."""

from __future__ import annotations

import re
import socket

import pytest
from command import ROOT, run, start

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def block(word: str) -> str:
    """The one program with *word* in it."""
    (found,) = (text for text in BLOCKS if word in text)
    return str(found)


def test_the_first_screen_shows_two_commands() -> None:
    """One sentence, a server of at most twelve lines, then ``make demo`` and ``make test``."""
    first_screen = README.split("\n## ")[0]
    commands = re.findall(r"^```sh\n(.*?)^```$", first_screen, re.MULTILINE | re.DOTALL)
    assert commands == ["make demo\n", "make test\n"]
    assert BLOCKS[0] in first_screen
    assert len(BLOCKS[0].splitlines()) <= 12


def test_the_server_and_the_client_talk() -> None:
    """The echo server really echoes, to a socket and to the README's own client."""
    server_text = BLOCKS[0].replace("7777", "0")
    with start("-c", server_text) as server:
        assert server.stdout is not None
        found = re.fullmatch(r"listening on \('127.0.0.1', (\d+)\)\n", server.stdout.readline())
        assert found
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=10) as sock:
            sock.sendall(b"x" * 50_000)
            with sock.makefile("rb") as echoed:
                assert echoed.read(50_000) == b"x" * 50_000
        done = run("-c", block("bev.connect("), found[1])
    assert (done.returncode, done.stdout, done.stderr) == (0, "echoed: hello\n", "")


def test_the_client_tells_a_refusal() -> None:
    """Without a server it says what happened."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        done = run("-c", block("bev.connect("), str(bound.getsockname()[1]))
    assert (done.returncode, done.stderr) == (0, "")
    assert "failed: [Errno" in done.stdout


def test_the_timers_tick_until_the_signal() -> None:
    """Some ticks, then SIGTERM ends the loop and not the process."""
    done = run("-c", block("Signal("))
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.splitlines()) == {"tick"}


def test_the_raw_program_runs() -> None:
    """The raw layer's timer fires."""
    done = run("-c", block("lib.event_new("))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("one tenth of a second, by 2.")


def test_every_program_is_tested() -> None:
    """Whoever adds one to the README adds a test here."""
    assert len(BLOCKS) == 4


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    """Files that are named are there."""
    assert link.startswith("https://") or (ROOT / link).exists()
