"""``python -m libevent_py proxy``: a TCP and TLS proxy on Relay."""

from __future__ import annotations

import argparse
import logging
import sys

from . import master, serving
from .options import FAILURES, OptionError, add_options, read, reason


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "proxy",
        help="a TCP and TLS proxy for several backends",
        description="Pass TCP connections on to backends, with or without TLS on either side. "
        "The bytes never enter Python.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Be the proxy until told to stop."""
    if hasattr(arguments, "worker"):
        _log_to_stderr("worker")
        serving.work(arguments.worker)
        return 0
    _log_to_stderr("proxy")
    try:
        options = read(arguments)
        if options.workers > 1:
            return master.supervise(arguments, options)
        serving.serve(arguments, options)
    except FAILURES as error:
        print(f"proxy: {reason(error)}", file=sys.stderr)
        return 2 if isinstance(error, OptionError) else 1
    return 0


def _log_to_stderr(name: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"%(asctime)s {name}[%(process)d]: %(message)s"))
    log = logging.getLogger("libevent_py.proxy")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
