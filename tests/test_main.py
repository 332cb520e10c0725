"""The command line as a whole: help, wrong words, Ctrl-C, a reader that leaves."""

from __future__ import annotations

import subprocess

import pytest
from command import run_command

from libevent_py import __main__ as main_module
from libevent_py import __version__


@pytest.mark.parametrize(
    "words", [["--help"], ["demo", "--help"], ["echo", "--help"], ["info", "--help"], ["doctor", "--help"]]
)
def test_help_has_an_example(words: list[str]) -> None:
    """Each help text says how a command line looks."""
    done = run_command(*words)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "example" in done.stdout
    assert "python -m libevent_py" in done.stdout


def test_help_names_every_command() -> None:
    """The list of commands is complete."""
    text = main_module.build_parser().format_help()
    assert all(f"\n    {name} " in text for name in ("demo", "echo", "info", "doctor"))


def test_version_is_the_packages() -> None:
    """``--version`` tells the package's version."""
    assert run_command("--version").stdout == f"libevent_py {__version__}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--connections", "0"], "'0' is not a whole number above 0"),
        (["demo", "--connections", "many"], "'many' is not a whole number above 0"),
        (["demo", "--seconds", "nan"], "'nan' is not a number of seconds"),
        (["demo", "--seconds", "0"], "'0' is not a number of seconds"),
        (["demo", "--seconds", "1", "--rounds", "1"], "not allowed with"),
        (["echo", "--port", "65536"], "'65536' is not a port"),
        (["echo", "--port", "http"], "'http' is not a port"),
        (["echo", "--unix", ""], "need a path"),
        (["info", "--xml"], "unrecognized arguments: --xml"),
    ],
)
def test_wrong_arguments_are_told(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """argparse says what is wrong, and the exit status is 2."""
    with pytest.raises(SystemExit) as stopped:
        main_module.main(words)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_traceback() -> None:
    """``info | head -c0``: the closed pipe ends the command quietly."""
    head = subprocess.Popen(["true"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with head:
        head.wait(timeout=10)
        assert head.stdin is not None
        done = run_command("info", stdout=head.stdin)
    assert done.stderr == ""
    assert done.returncode == 1
