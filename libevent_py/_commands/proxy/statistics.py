"""What the proxy counts, and the two ways to show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: Counters as plain data: they travel from the workers to whoever shows them.
Counters = dict[str, Any]

_METRICS = {
    "connections": ("connections_total", "counter", "Connections accepted."),
    "active": ("connections_active", "gauge", "Connections now."),
    "refused": ("connections_refused_total", "counter", "Connections for which no backend could be reached."),
    "from_clients": ("received_bytes_total", "counter", "Bytes read from clients."),
    "from_backends": ("sent_bytes_total", "counter", "Bytes read from backends, for clients."),
}
_BACKEND_METRICS = {
    "connections": ("backend_connections_total", "counter", "Connections to a backend."),
    "active": ("backend_connections_active", "gauge", "Connections to a backend now."),
    "failures": ("backend_failures_total", "counter", "Times that a backend could not be reached."),
    "up": ("backend_up", "gauge", "1 while a backend is not left out."),
}


def merge(all_counters: Iterable[Counters]) -> Counters:
    """The sum of several workers' counters."""
    total: Counters = {"ended": {}, "backends": {}, **dict.fromkeys(_METRICS, 0)}
    for counters in all_counters:
        for name in _METRICS:
            total[name] += counters[name]
        _add(total["ended"], counters["ended"])
        for backend, numbers in counters["backends"].items():
            known = total["backends"].setdefault(backend, {**dict.fromkeys(_BACKEND_METRICS, 0), "up": 1})
            up = min(known["up"], numbers["up"])
            _add(known, numbers)
            known["up"] = up
    return total


def _add(total: dict[str, int], numbers: Mapping[str, int]) -> None:
    for name, number in numbers.items():
        total[name] = total.get(name, 0) + number


def as_text(counters: Counters) -> str:
    """For people."""
    now, refused = counters["active"], counters["refused"]
    lines = [
        f"connections {counters['connections']:,}, now {now:,}, without a backend {refused:,}",
        f"bytes from clients {counters['from_clients']:,}, from backends {counters['from_backends']:,}",
        "ended " + (", ".join(f"{name} {count:,}" for name, count in counters["ended"].items()) or "none"),
    ]
    width = max(map(len, counters["backends"]), default=0)
    for name, backend in counters["backends"].items():
        lines.append(
            f"backend {name:{width}}  {'up' if backend['up'] else 'left out'}, connections "
            f"{backend['connections']:,}, now {backend['active']:,}, failures {backend['failures']:,}"
        )
    return "\n".join(lines) + "\n"


def as_prometheus(counters: Counters) -> str:
    """In Prometheus' text format, version 0.0.4."""
    lines: list[str] = []
    for name, (metric, kind, text) in _METRICS.items():
        _describe(lines, metric, kind, text)
        lines.append(f"libevent_proxy_{metric} {counters[name]}")
    _describe(lines, "connections_ended_total", "counter", "Connections that are over, by reason.")
    for reason, count in counters["ended"].items():
        lines.append(f'libevent_proxy_connections_ended_total{{reason="{reason}"}} {count}')
    for name, (metric, kind, text) in _BACKEND_METRICS.items():
        _describe(lines, metric, kind, text)
        for backend, numbers in counters["backends"].items():
            label = backend.replace("\\", r"\\").replace('"', r"\"")
            lines.append(f'libevent_proxy_{metric}{{backend="{label}"}} {numbers[name]}')
    return "\n".join(lines) + "\n"


def _describe(lines: list[str], metric: str, kind: str, text: str) -> None:
    lines += [f"# HELP libevent_proxy_{metric} {text}", f"# TYPE libevent_proxy_{metric} {kind}"]
