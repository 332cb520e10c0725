"""The options of evdns, checked: libevent takes nonsense in silence (floor 6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Union

from .. import _convert
from .._features import has
from ..exceptions import UnsupportedError
from .names import packed

OptionValue = Union[int, float, str]


def _seconds(low: float, high: float) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        _convert.number(value, name)
        if not low <= value <= high:  # False for NaN too
            raise ValueError(f"{name} must be between {low} and {high:.0f} seconds, not {value!r}")
        return f"{math.ceil(value * 1e6) / 1e6:.6f}"

    return check


def _integer(low: int, high: int) -> Callable[[str, Any], str]:
    return lambda name, value: str(int(_convert.integer(value, name, low, high)))  # of True too


def _host(name: str, value: Any) -> str:
    packed(value)
    if "%" in value:
        raise ValueError(f"{name} must be an address without a scope, not {value!r}")
    return str(value)


def _switch(name: str, value: Any) -> str:
    """One that can be turned on, and not off again; libevent wants no value."""
    _convert.integer(value, name, 1, 1)
    return ""


_INTEGER_MAX = (1 << 31) - 1

_CHECKS: dict[str, Callable[[str, Any], str]] = {
    "attempts": _integer(1, 255),
    "bind-to": _host,
    "getaddrinfo-allow-skew": _seconds(0.001, 3600),
    "initial-probe-timeout": _seconds(0.001, 3600),
    "max-inflight": _integer(1, 65000),
    "max-timeouts": _integer(1, 255),
    "randomize-case": _integer(0, 1),
    "so-rcvbuf": _integer(1, _INTEGER_MAX),
    "so-sndbuf": _integer(1, _INTEGER_MAX),
    "timeout": _seconds(0.001, 3600),
}

#: Those that came together with ``DNS_QUERY_USEVC``.
_NEWER: dict[str, Callable[[str, Any], str]] = {
    "edns-udp-size": _integer(512, 65535),
    "ignore-tc": _switch,
    "max-probe-timeout": _integer(1, 3600),
    "probe-backoff-factor": _integer(1, 10),
    "tcp-idle-timeout": _seconds(0.001, 3600),
    "use-vc": _switch,
}

KNOWN = sorted({**_CHECKS, **_NEWER})


def check(name: str, value: OptionValue) -> str:
    """What to tell libevent of the option *name*.

    Raises:
        ValueError: There is no such option, or no such value of it.
        UnsupportedError: A later libevent has it.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of an option must be a str, not {type(name).__name__}")
    if name in _NEWER:
        if not has("DNS_QUERY_USEVC"):
            raise UnsupportedError(f"the option {name!r} needs libevent 2.2")
        return _NEWER[name](name, value)
    if name not in _CHECKS:
        raise ValueError(f"evdns has no option {name!r}; it has {', '.join(KNOWN)}")
    return _CHECKS[name](name, value)
