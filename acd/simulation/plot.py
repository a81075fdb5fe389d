"""Simulated days as an SVG drawing, written out here: two panels of lines need no library.

Above the share answered in time, below the mean wait, both by the time of arrival; a line a scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from acd.simulation.whatif import Result, clock

_WIDTH, _PANEL, _LEFT, _RIGHT, _GAP = 860, 200, 60, 20, 56
_COLUMNS = 4  # of the legend
COLOURS = ("#1d4ed8", "#b45309", "#15803d", "#a21caf", "#b91c1c", "#475569")

_FONT = 'font-family="sans-serif" font-size="13"'
Interval = tuple[float, float, float]


def drawing(results: Sequence[Result], title: str, within_s: float) -> str:
    """The whole picture as text."""
    first = 64 + 26 * -(-len(results) // _COLUMNS)
    second = first + _PANEL + _GAP
    height = second + _PANEL + 40
    points = [point for result in results for point in result.intervals]
    times = [at_s for at_s, _, _ in points]
    span = (min(times, default=0.0), max(times, default=1.0))
    longest = max((wait_s for _, _, wait_s in points), default=0.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="26" font-size="16">{escape(title)}</text>',
        *_legend(results),
        *_panel(first, f"answered within {within_s:g} s", "100 %", span),
        *_panel(second, "mean wait of all callers", f"{_round_up(longest):g} s", span),
    ]
    for number, result in enumerate(results):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_line(result, first, span, colour, lambda i: i[1]))
        parts.append(_line(result, second, span, colour, lambda i: i[2] / _round_up(longest)))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(results: Sequence[Result]) -> list[str]:
    parts = []
    for number, result in enumerate(results):
        x, y = _LEFT + number % _COLUMNS * 200, 52 + number // _COLUMNS * 26
        colour = COLOURS[number % len(COLOURS)]
        parts.append(
            f'<line x1="{x}" y1="{y - 4}" x2="{x + 24}" y2="{y - 4}" stroke="{colour}" stroke-width="3"/>'
        )
        parts.append(f'<text x="{x + 30}" y="{y}">{escape(result.name)}</text>')
    return parts


def _panel(top: int, name: str, most: str, span: tuple[float, float]) -> list[str]:
    bottom, right = top + _PANEL, _WIDTH - _RIGHT
    parts = [
        f'<text x="{_LEFT}" y="{top - 8}" fill="#334155">{escape(name)}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{right - _LEFT}" height="{_PANEL}" fill="none" stroke="#94a3b8"/>',
        f'<text x="{_LEFT - 8}" y="{top + 10}" text-anchor="end">{most}</text>',
        f'<text x="{_LEFT - 8}" y="{bottom}" text-anchor="end">0</text>',
    ]
    hours = range(int(span[0] // 3600) + 1, int(span[1] // 3600) + 1)
    for hour in hours[:: max(1, len(hours) // 8)]:
        x = _x(hour * 3600, span)
        parts.append(
            f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="#e2e8f0"/>'
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{clock(hour * 3600)}</text>'
        )
    return parts


def _line(
    result: Result,
    top: int,
    span: tuple[float, float],
    colour: str,
    share: Callable[[Interval], float],
) -> str:
    points = " ".join(
        f"{_x(point[0], span):.1f},{top + _PANEL * (1 - share(point)):.1f}"
        for point in result.intervals
    )
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'


def _x(at_s: float, span: tuple[float, float]) -> float:
    return _LEFT + (at_s - span[0]) / max(1.0, span[1] - span[0]) * (_WIDTH - _LEFT - _RIGHT)


def _round_up(value: float) -> float:
    """A number to end a scale with."""
    scale = 1.0
    for step in (10.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0):
        scale = step
        if value <= step:
            break
    return max(scale, value)
