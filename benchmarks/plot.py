"""The picture: what each program costs, C being 1; a few bars need no plotting library."""

from __future__ import annotations

from html import escape

from report import UNITS, Results, cost

_COLOURS = {"C": "#5b6770", "libevent_py": "#c2410c", "uvloop": "#2f6f4f", "asyncio": "#8a9bb0"}
_LABEL, _BAR, _ROW, _WIDTH = 300, 420, 18, 900
#: A longer bar is cut, which a gap near its end shows; its number says how long it would be.
_LONGEST = 6.0

_TITLE = "cost compared to the C program, that of calls to uvloop (dashed line); shorter is better"

_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<style>text {{ font: 12px sans-serif; fill: #222 }} .head {{ font-weight: bold }}
.name, .unit {{ text-anchor: end }} .unit {{ fill: #666 }}</style>
<rect width="{width}" height="{height}" fill="white"/>
<text x="{label}" y="14" fill="#666">{title}</text>
"""


def svg(results: Results) -> str:
    """Horizontal bars, a group for each case."""
    parts: list[str] = []
    y = 34
    for subject, cases in results.items():
        for case, programs in cases.items():
            # C has nothing like a scheduled call.
            standard = next((name for name in programs if name == "C" or name.startswith("uvloop")), None)
            if standard is None:
                continue
            parts.append(f'<text x="12" y="{y}" class="head">{escape(f"{subject}: {case}")}</text>')
            parts.append(f'<text x="{_WIDTH - 12}" y="{y}" class="unit">{UNITS[subject]}</text>')
            y += 8
            one = cost(programs[standard])
            for name, samples in sorted(programs.items(), key=lambda item: cost(item[1])):
                parts += _bar(name, cost(samples), cost(samples) / one, standard.split(",")[0], y)
                y += _ROW
            y += 22
    dashed = _LABEL + _BAR / _LONGEST
    parts.append(
        f'<line x1="{dashed}" x2="{dashed}" y1="20" y2="{y - 16}" stroke="#222" stroke-dasharray="3 3"/>'
    )
    return _HEAD.format(width=_WIDTH, height=y, label=_LABEL, title=_TITLE) + "\n".join(parts) + "\n</svg>\n"


def _bar(name: str, value: float, ratio: float, standard: str, y: int) -> list[str]:
    width = _BAR * min(ratio, _LONGEST) / _LONGEST
    colour = next(colour for kind, colour in _COLOURS.items() if name.startswith(kind))
    opacity = ' fill-opacity="0.55"' if "PyPy" in name else ""
    number = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    shown = f'{ratio:.2f} × {standard}<tspan fill="#666"> ({number})</tspan>'
    x, height = _LABEL + width - 16, _ROW - 4
    gap = f'<path d="M{x:.1f} {y + 2} l-5 {height} h5 l5 -{height} z" fill="white"/>'
    return [
        f'<text x="{_LABEL - 8}" y="{y + 13}" class="name">{escape(name)}</text>',
        f'<rect x="{_LABEL}" y="{y + 2}" width="{width:.1f}" height="{height}" fill="{colour}"{opacity}/>',
        *([gap] if ratio > _LONGEST else []),
        f'<text x="{_LABEL + width + 6:.1f}" y="{y + 13}">{shown}</text>',
    ]
