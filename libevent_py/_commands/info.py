"""``python -m libevent_py info``: which libevent this is, and what it can do."""

from __future__ import annotations

import argparse
import json
import platform
import ssl
from typing import Any

from .._build import build_info
from .._version import __version__
from ..base import EventBase
from ..config import supported_methods
from ..constants import EventBaseFeatures


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "info",
        help="the versions, the backends and how the extension was built",
        description="Tell which libevent this is, which backends it has and which one it takes, and how the "
        "extension was built: what a bug report needs.",
        epilog="example: python -m libevent_py info --json",
    )
    parser.add_argument("--json", action="store_true", help="as a JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what :func:`collect` finds."""
    facts = collect()
    print(json.dumps(facts, indent=2) if arguments.json else as_text(facts))
    return 0


def collect() -> dict[str, Any]:
    """All facts, in types that JSON has."""
    with EventBase() as base:
        method = base.method
    build = build_info()
    return {
        "libevent_py": __version__,
        "libevent": build["libevent_version"],
        "libevent_headers": build["libevent_version_header"],
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "openssl_of_python": ssl.OPENSSL_VERSION,
        "method": method,
        "methods": {name: _names(features) for name, features in supported_methods().items()},
        "build": build,
    }


def _names(features: EventBaseFeatures) -> list[str]:
    return [str(flag.name) for flag in EventBaseFeatures if flag in features]


def as_text(facts: dict[str, Any]) -> str:
    """The facts in columns."""
    rows = [
        ("libevent_py", facts["libevent_py"]),
        ("libevent", f"{facts['libevent']} (compiled against {facts['libevent_headers']})"),
        ("Python", facts["python"]),
        ("platform", facts["platform"]),
        ("OpenSSL", f"{facts['openssl_of_python']} (Python's own)"),
    ]
    for name, features in facts["methods"].items():
        taken = " (taken)" if name == facts["method"] else ""
        rows.append(
            ("" if len(rows) > 5 else "backends", f"{name + taken:<15} {', '.join(features)}".rstrip())
        )
    told = {"package_version", "libevent_version", "libevent_version_header"}
    build = ((name, value) for name, value in facts["build"].items() if name not in told)
    for number, (name, value) in enumerate(build):
        rows.append(("" if number else "build", f"{name + ':':<23} {_shown(value)}"))
    return "\n".join(f"{name:<13}{value}" for name, value in rows)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
