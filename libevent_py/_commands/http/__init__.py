"""``python -m libevent_py http``: serve a directory or a WSGI application."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from ...exceptions import LibeventError
from ..arguments import address, path, port, positive_integer, positive_seconds, size
from .application import is_application
from .serving import Site, serve
from .sockets import Sockets
from .workers import CannotBegin, Workers

_EPILOG = """\
examples:
  python -m libevent_py http .                                       this directory, at http://127.0.0.1:8000/
  python -m libevent_py http --port 8080 --list /srv/files           with a page for each directory
  python -m libevent_py http --workers 4 --threads 8 shop.wsgi:app   a WSGI application
  python -m libevent_py http --listen unix:/run/app.sock 'app:create_app()'
  python -m libevent_py http --listen 0.0.0.0:443 --tls cert.pem key.pem .

SIGTERM or Ctrl-C ends it when what runs is answered, at most after --grace seconds; a second one
ends it at once. Files whose name begins with a dot, and symbolic links, are not served.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "http",
        help="an HTTP server for a directory or a WSGI application",
        description="Serve the files of a directory, or a WSGI application.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what",
        metavar="DIR | MODULE:APP",
        type=path,
        help="a directory, or where to import an application from",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to accept (default: %(default)s, this machine)"
    )
    parser.add_argument(
        "--port", type=port, default=8000, help="which port; 0 for any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--listen",
        type=address,
        action="append",
        metavar="ADDRESS",
        help="instead of host and port: HOST:PORT, [IPV6]:PORT or unix:PATH; may be repeated",
    )
    parser.add_argument(
        "--tls", nargs=2, metavar=("CERT", "KEY"), help="HTTPS; two PEM files, or one given twice"
    )
    parser.add_argument(
        "--workers", type=positive_integer, default=1, metavar="N", help="processes (default: 1)"
    )
    parser.add_argument("--access-log", action="store_true", help="write a line for each request to stdout")
    parser.add_argument(
        "--max-body", type=size, default=1 << 20, metavar="SIZE", help="of a request's body (default: 1M)"
    )
    parser.add_argument(
        "--grace", type=positive_seconds, default=30.0, metavar="S", help="see below (default: %(default)g)"
    )
    group = parser.add_argument_group("applications")
    group.add_argument(
        "--threads",
        type=positive_integer,
        metavar="N",
        help="call it in so many threads of each worker; else in the loop, for applications that never wait",
    )
    group = parser.add_argument_group("directories")
    group.add_argument("--list", action="store_true", help="list those that have no index.html; else 404")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    _log_to_stderr()
    is_directory = Path(arguments.what).is_dir()
    if not is_directory and not is_application(arguments.what):
        return _fail(f"{arguments.what!r} is neither a directory nor like module:app", 2)
    if is_directory and arguments.threads:
        return _fail("--threads is about applications, not directories", 2)
    if not is_directory and arguments.list:
        return _fail("--list is about directories, not applications", 2)
    sockets = Sockets()
    try:
        for each in arguments.listen or [(arguments.host, arguments.port)]:
            sockets.bind(each)
        site = Site(arguments, is_directory, sockets)
        if arguments.workers == 1:
            serve(site)
            return 0
        return Workers(arguments.workers, lambda alive: serve(site, alive), sockets.close).run()
    except (OSError, LibeventError, CannotBegin) as error:
        return _fail(getattr(error, "strerror", None) or str(error), 1)
    finally:
        sockets.close()


def _fail(text: str, status: int) -> int:
    print(f"http: {text}", file=sys.stderr)
    return status


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s http[%(process)d]: %(message)s"))
    log = logging.getLogger("libevent_py.http")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
