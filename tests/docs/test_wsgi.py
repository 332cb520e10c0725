"""The programs in docs/wsgi.md serve, and its commands and options exist."""

from __future__ import annotations

import re
import shlex
from urllib.request import urlopen

from command import ROOT, start

from libevent_py.__main__ import build_parser

TEXT = (ROOT / "docs" / "wsgi.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def answer(program: str, path: str) -> bytes:
    """What the server that *program* runs answers."""
    with start("-c", program) as process:
        assert process.stdout is not None
        found = re.fullmatch(r"\('127\.0\.0\.1', (\d+)\)\n", process.stdout.readline())
        assert found
        with urlopen(f"http://127.0.0.1:{found[1]}{path}", timeout=20) as got:
            body: bytes = got.read()
            return body


def test_the_application_is_served() -> None:
    """It greets."""
    assert answer(PROGRAMS[0], "/") == b"hello, 127.0.0.1\n"


def test_the_directory_is_served() -> None:
    """Wherever the program is started: here, where this file is listed."""
    assert b"href=" in answer(PROGRAMS[1], "/files/")


def test_every_program_is_tested() -> None:
    """Whoever adds one adds its test."""
    assert len(PROGRAMS) == 2


def test_the_commands_are_understood() -> None:
    """By the parser itself."""
    commands = re.findall(r"^python -m libevent_py (http .*)$", TEXT, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        build_parser().parse_args(shlex.split(command))


def test_the_options_exist() -> None:
    """Whatever the text mentions."""
    mentioned = set(re.findall(r"`--([a-z-]+)", TEXT)) - {"help"}
    assert mentioned == {"workers", "threads", "grace"}
    for option in mentioned:
        arguments = ["http", f"--{option}", "1", "a:b"]
        assert getattr(build_parser().parse_args(arguments), option) == 1
