"""``python -m libevent_py``: see it work, measure it, ask what it is built with (floor 9)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ._commands import demo, doctor, echo, http, info, proxy
from ._version import __version__

_EXAMPLES = """\
examples:
  python -m libevent_py demo                    three seconds of echo, every byte checked
  python -m libevent_py echo --port 7777        an echo server; try it with: nc 127.0.0.1 7777
  python -m libevent_py http .                  this directory, at http://127.0.0.1:8000/
  python -m libevent_py proxy --listen 127.0.0.1:8080 --to 127.0.0.1:7777
  python -m libevent_py info --json             which libevent this is, for a bug report
  python -m libevent_py doctor                  which security fixes that libevent has
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="python -m libevent_py",
        description="libevent_py: the real libevent from Python.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"libevent_py {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in demo, echo, info, doctor, http, proxy:
        command.add_parser(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after the program's name; None for this process's own.

    Returns:
        The exit status: 0, 1 for a failure that was told on stderr, 130 after Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has left (head, say).  What is still buffered
        # would fail once more when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
