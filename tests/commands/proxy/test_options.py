"""The proxy's options, of the command line and of a file."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from libevent_py.__main__ import build_parser
from libevent_py._commands.proxy.options import OptionError, Options, from_json, read


def given(*words: str) -> argparse.Namespace:
    """What argparse makes of a command line."""
    return build_parser().parse_args(["proxy", *words])


def test_the_command_line() -> None:
    """Numbers with their units, addresses in all forms."""
    options = read(
        given(
            "--listen=[::1]:80", "--listen=unix:/a", "--to=h:1", "--rate=10k", "--send-proxy=2", "--verbose"
        )
    )
    assert options == Options(
        listen=[("::1", 80), "unix:/a"], to=[("h", 1)], rate=10240, send_proxy=2, verbose=True
    )


def test_a_file_has_the_same_options(tmp_path: Path) -> None:
    """With comments, lists on lines of their own, and yes or no for what has no value."""
    file = tmp_path / "a.ini"
    file.write_text(
        "# mine\n[proxy]\nlisten = 127.0.0.1:1\n    127.0.0.1:2\nto = h:1\nbalance = least-connections\n"
        "verbose = no\naccept-proxy = yes\nmax-connections = 5\ntls = cert.pem key.pem\n"
    )
    options = read(given("--config", str(file)))
    assert options.listen == [("127.0.0.1", 1), ("127.0.0.1", 2)]
    assert options.balance == "least-connections"
    assert (options.verbose, options.accept_proxy, options.max_connections) == (False, True, 5)
    assert options.tls == ["cert.pem", "key.pem"]


def test_the_command_line_counts_more(tmp_path: Path) -> None:
    """Lists are replaced, not continued."""
    file = tmp_path / "a.ini"
    file.write_text("[proxy]\nlisten = h:1\nto = old:1\neject = 5\n")
    options = read(given("--config", str(file), "--to", "new:1", "--eject", "7"))
    assert (options.to, options.eject, options.listen) == ([("new", 1)], 7.0, [("h", 1)])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "needs one section"),
        ("[other]\n", "needs one section"),
        ("listen = h:1\n", "no section headers"),
        ("[proxy]\nconfig = x\n", "no option 'config'"),
        ("[proxy]\nworker = 5\n", "no option 'worker'"),
        ("[proxy]\nlisten = h\n", "'h' is not HOST:PORT"),
        ("[proxy]\nbalance = best\n", "invalid choice: 'best'"),
        ("[proxy]\ntls = one\n", "expected 2 arguments"),
        ("[proxy]\nverbose = maybe\n", "verbose must be yes or no"),
        ("[proxy]\nlisten = h:1\n", "--to HOST:PORT"),
        ("[proxy]\neject\n", "parsing errors"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    """And nothing exits."""
    file = tmp_path / "a.ini"
    file.write_text(text)
    with pytest.raises(OptionError, match="(?s).*" + told.replace("[", r"\[")):
        read(given("--config", str(file)))


def test_a_file_of_no_text(tmp_path: Path) -> None:
    """As well as none."""
    file = tmp_path / "a.ini"
    file.write_bytes(b"\xff\xfe\x00")
    for path in (file, tmp_path / "none", tmp_path):
        with pytest.raises(OptionError, match="cannot be read"):
            read(given("--config", str(path)))


def test_options_travel_to_workers() -> None:
    """As JSON, which has no tuples."""
    options = Options(listen=[("h", 1), "unix:/a"], to=[("::1", 2)], tls=["a", "b"], total_rate=5)
    assert from_json(json.loads(json.dumps(asdict(options)))) == options


@pytest.mark.parametrize(
    "words",
    [
        ["--insecure"],
        ["--server-name", "x"],
        ["--to-tls", "--insecure", "--server-name", "x"],
        ["--to-tls", "--to", "unix:/x"],
        ["--workers", "2", "--listen", "unix:/x"],
    ],
)
def test_what_does_not_go_together(words: list[str]) -> None:
    """Is refused before anything is done."""
    with pytest.raises(OptionError):
        read(given("--listen", "h:1", "--to", "h:1", *words))
