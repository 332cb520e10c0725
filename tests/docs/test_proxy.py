"""The commands and the file in docs/proxy.md work, and its options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from command import ROOT
from proxies import proxy

from libevent_py.__main__ import build_parser
from libevent_py._commands.proxy.options import Options

TEXT = (ROOT / "docs" / "proxy.md").read_text()


def test_the_commands_are_understood() -> None:
    """By the parser itself."""
    commands = re.findall(r"^python -m libevent_py (proxy .*)$", TEXT, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        build_parser().parse_args(shlex.split(command))


def test_the_options_exist() -> None:
    """Whatever the text mentions of its own."""
    known = {name.replace("_", "-") for name in Options.__dataclass_fields__} | {"help", "unix-socket"}
    assert set(re.findall(r"(?<![\w-])--([a-z-]+)", TEXT)) <= known


def test_the_file_is_one_that_the_proxy_takes(tmp_path: Path) -> None:
    """As it stands there."""
    found = re.search(r"^```ini\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    file = tmp_path / "proxy.ini"
    file.write_text(found[1])
    with proxy("--config", str(file), listen=False) as running:
        assert "[::1]:" in running.log[-1]
