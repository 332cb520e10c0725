"""The tables: medians of several processes, their spread, and how that compares to C."""

from __future__ import annotations

from statistics import median

from subjects import Sample

#: By subject and case, by program's name: one sample of each round.
Results = dict[str, dict[str, dict[str, list[Sample]]]]

UNITS = {
    "cascade": "µs per event",
    "echo": "µs per message",
    "datagrams": "µs per datagram",
    "asyncio": "µs per message",
    "tls": "µs per message",
    "timers": "µs per timer",
    "calls": "µs per call",
    "idle": "bytes per connection",
    "relay": "µs per message",
    "lines": "µs per line",
    "http": "µs per request",
    "wsgi": "µs per request",
}


def cost(samples: list[Sample]) -> float:
    """The median cost."""
    return median(sample.cost for sample in samples)


def rate(samples: list[Sample]) -> float:
    """The median rate."""
    return median(sample.rate for sample in samples)


def tables(results: Results) -> str:
    """One Markdown table for each case."""
    return "\n".join(
        _table(subject, case, programs)
        for subject, cases in results.items()
        for case, programs in cases.items()
    )


def _table(subject: str, case: str, programs: dict[str, list[Sample]]) -> str:
    of_c = programs.get("C")
    has_rate = subject != "idle"
    what = UNITS[subject] if subject == "idle" else f"CPU {UNITS[subject]}"
    lines = [
        f"### {subject}: {case}\n",
        f"| program | {what} | lowest to highest | × C |" + (" a second | × C |" if has_rate else ""),
        "|---|---:|---:|---:|" + ("---:|---:|" if has_rate else ""),
    ]
    digits = 0 if subject == "idle" else 2
    for name, samples in sorted(programs.items(), key=lambda item: cost(item[1])):
        costs = [sample.cost for sample in samples]
        cells = [
            name,
            f"{cost(samples):,.{digits}f}",
            f"{min(costs):,.{digits}f} to {max(costs):,.{digits}f}",
            f"{cost(samples) / cost(of_c):.2f}" if of_c else "",
        ]
        if has_rate:
            cells += [f"{rate(samples):,.0f}", f"{rate(samples) / rate(of_c):.2f}" if of_c else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def instruction_table(counts: dict[str, dict[str, dict[str, float]]]) -> str:
    """One Markdown table of all that was counted."""
    lines = ["| subject | program | instructions per operation |", "|---|---|---:|"]
    for subject, cases in counts.items():
        for case, programs in cases.items():
            for name, value in sorted(programs.items(), key=lambda item: item[1]):
                lines.append(f"| {subject}: {case} | {name} | {value:,.0f} |")
    return "\n".join(lines) + "\n"
