"""The proxy's options: on the command line, and the same ones in a file."""

from __future__ import annotations

import argparse
import configparser
from dataclasses import dataclass, field, fields
from typing import Any

from ...exceptions import LibeventError
from ..arguments import Address, address, path, positive_integer, positive_seconds, size


@dataclass
class Options:
    """What the proxy is to do; the command line tells what each is."""

    config: str | None = None
    listen: list[Address] = field(default_factory=list)
    to: list[Address] = field(default_factory=list)
    workers: int = 1
    verbose: bool = False
    balance: str = "round-robin"
    connect_timeout: float = 5.0
    eject: float = 10.0
    tls: list[str] | None = None
    to_tls: bool = False
    ca: str | None = None
    server_name: str | None = None
    insecure: bool = False
    accept_proxy: bool = False
    send_proxy: int | None = None
    max_connections: int | None = None
    rate: int | None = None
    total_rate: int | None = None
    idle_timeout: float = 600.0
    grace: float = 30.0
    stats: str | None = None
    metrics: Address | None = None


#: Options that a configuration file cannot have.
_ON_COMMAND_LINE = ("help", "config", "worker")

#: What of a changed file needs a new start.
FIXED = ("workers", "stats", "metrics")

_EPILOG = """\
ADDRESS is HOST:PORT, [IPV6]:PORT or unix:PATH; SIZE is bytes, or 64k, 10M, 1G.

examples:
  python -m libevent_py proxy --listen 0.0.0.0:8080 --to 10.0.0.1:80 --to 10.0.0.2:80
  python -m libevent_py proxy --listen 0.0.0.0:443 --to 127.0.0.1:8080 --tls cert.pem key.pem --send-proxy 2
  python -m libevent_py proxy --config proxy.ini

proxy.ini has the same options without their dashes, several values on lines of their own:
  [proxy]
  listen = 0.0.0.0:8080
  to = 10.0.0.1:80
       10.0.0.2:80
  balance = least-connections

signals:
  SIGHUP   reads the file again: new connections follow it, old ones go on
  SIGTERM  takes no more connections, waits for those that there are, at most --grace seconds;
           Ctrl-C does the same, and a second one ends at once
"""


def from_json(found: dict[str, Any]) -> Options:
    """The options that ``dataclasses.asdict`` and JSON have made of Options."""
    options = Options(**found)
    options.listen = [_address(each) for each in options.listen]
    options.to = [_address(each) for each in options.to]
    return options


def _address(found: Any) -> Address:
    return found if isinstance(found, str) else (found[0], found[1])


class OptionError(Exception):
    """The options make no sense; the text says what to do."""


#: What options that can be read may still lead to: an address in use, a certificate that is none.
FAILURES = (OptionError, OSError, ValueError, LibeventError)


def reason(error: Exception) -> str:
    """What to tell people of *error*: no number, but the file's name where there is one."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would exit."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise OptionError(message)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe all options; what is not given is no attribute of the namespace."""
    parser.argument_default = argparse.SUPPRESS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("--config", type=path, metavar="FILE", help="read options from this file too")
    parser.add_argument(
        "--listen",
        type=address,
        action="append",
        metavar="ADDRESS",
        help="accept clients here; may be repeated",
    )
    parser.add_argument(
        "--to", type=address, action="append", metavar="ADDRESS", help="a backend; may be repeated"
    )
    parser.add_argument("--workers", type=positive_integer, metavar="N", help="processes (default: 1)")
    parser.add_argument("--verbose", action="store_true", help="log each connection's end")

    group = parser.add_argument_group("backends")
    group.add_argument(
        "--balance",
        choices=("round-robin", "least-connections"),
        help="how to choose one (default: round-robin)",
    )
    group.add_argument(
        "--connect-timeout", type=positive_seconds, metavar="S", help="seconds to reach one (default: 5)"
    )
    group.add_argument(
        "--eject",
        type=positive_seconds,
        metavar="S",
        help="leave one that could not be reached out for so long (default: 10); its clients go to another",
    )

    group = parser.add_argument_group("TLS")
    group.add_argument(
        "--tls", nargs=2, metavar=("CERT", "KEY"), help="clients speak TLS; two PEM files, or one given twice"
    )
    group.add_argument("--to-tls", action="store_true", help="backends speak TLS, and are verified")
    group.add_argument("--ca", type=path, metavar="FILE", help="CAs of the backends (default: the system's)")
    group.add_argument(
        "--server-name", metavar="NAME", help="whose certificate backends show (default: the host in --to)"
    )
    group.add_argument("--insecure", action="store_true", help="do not verify backends: for tests only")

    group = parser.add_argument_group("the PROXY protocol")
    group.add_argument(
        "--accept-proxy", action="store_true", help="clients begin with its header, version 1 or 2"
    )
    group.add_argument("--send-proxy", type=int, choices=(1, 2), help="send backends its header")

    group = parser.add_argument_group("limits")
    group.add_argument(
        "--max-connections", type=positive_integer, metavar="N", help="at a time; others wait to be accepted"
    )
    group.add_argument("--rate", type=size, metavar="SIZE", help="bytes a second of one connection, each way")
    group.add_argument(
        "--total-rate", type=size, metavar="SIZE", help="of all connections together, each way"
    )
    group.add_argument(
        "--idle-timeout", type=positive_seconds, metavar="S", help="end silent connections (default: 600)"
    )
    group.add_argument("--grace", type=positive_seconds, metavar="S", help="see SIGTERM (default: 30)")

    group = parser.add_argument_group("statistics")
    group.add_argument(
        "--stats",
        type=path,
        metavar="PATH",
        help="tell them on a unix socket: nc -U PATH, or curl --unix-socket PATH http://proxy/metrics",
    )
    group.add_argument(
        "--metrics", type=address, metavar="ADDRESS", help="serve them to Prometheus, at /metrics"
    )
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)


def read(given: argparse.Namespace) -> Options:
    """All options: those *given* on the command line, and those in the file that they name.

    What is given on the command line counts more.

    Raises:
        OptionError: They make no sense.
    """
    found: dict[str, Any] = {}
    file = getattr(given, "config", None)
    if file is not None:
        parser = _Parser(add_help=False)
        add_options(parser)
        try:
            found.update(vars(parser.parse_args(_words_of(file, parser))))
        except OptionError as error:
            raise OptionError(f"{file}: {error}") from None
    names = [each.name for each in fields(Options)]
    found.update({name: value for name, value in vars(given).items() if name in names})
    options = Options(**found)
    _check(options)
    return options


def _words_of(file: str, parser: argparse.ArgumentParser) -> list[str]:
    """The options in *file* as words of a command line."""
    # INI: for people to write, with comments, and in every Python (TOML is in 3.11).
    config = configparser.ConfigParser(interpolation=None)
    try:
        with open(file, encoding="utf-8") as opened:
            config.read_file(opened)
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except configparser.Error as error:
        raise OptionError(str(error).replace("\n", " ")) from None
    if config.sections() != ["proxy"]:
        raise OptionError(f"needs one section, [proxy], and has {config.sections()}")
    known = {action.option_strings[0].lstrip("-"): action for action in parser._actions}
    words = []
    for name, value in config["proxy"].items():
        action = known.get(name)
        if action is None or name in _ON_COMMAND_LINE:
            raise OptionError(f"there is no option {name!r}")
        if action.nargs == 0:
            try:
                is_on = config["proxy"].getboolean(name)
            except ValueError:
                raise OptionError(f"{name} must be yes or no, not {value!r}") from None
            words += [f"--{name}"] if is_on else []
        elif action.nargs == 2:
            words += [f"--{name}", *value.split()]
        else:
            words += [f"--{name}={line.strip()}" for line in value.splitlines() if line.strip()]
    return words


def _check(options: Options) -> None:
    if not options.listen:
        raise OptionError("where to accept clients is missing: --listen HOST:PORT")
    if not options.to:
        raise OptionError("where to connect them to is missing: --to HOST:PORT")
    for name in ("ca", "server_name", "insecure"):
        if getattr(options, name) and not options.to_tls:
            raise OptionError(f"--{name.replace('_', '-')} is about TLS to the backends: it needs --to-tls")
    if options.insecure and (options.ca or options.server_name):
        raise OptionError("--insecure verifies nothing: --ca and --server-name have no use then")
    if options.workers > 1 and any(isinstance(each, str) for each in options.listen):
        raise OptionError(
            "several workers cannot share a unix socket: listen on a TCP port, or use one worker"
        )
    for each in options.to:
        if isinstance(each, tuple) and not each[1]:
            raise OptionError("a backend's port must not be 0")
        if isinstance(each, str) and options.to_tls and not (options.server_name or options.insecure):
            raise OptionError("a unix socket has no name to verify: say --server-name NAME")
