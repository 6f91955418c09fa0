"""Small line charts as SVG: no script, light or dark as the page is, readable in print and by screen readers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from skipwise.core.escaping import html
from skipwise.pages.figures import colour

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 72, 26, 12, 48
"""Room around the plot for its numbers and titles."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a chart.

    Args:
        title: what is on it, with the unit.
        low, high: its ends.
        percent: whether its numbers are shares to be written in percent.
        whole: whether it has no numbers between whole ones.
        labels: what stands at some places, instead of round numbers.
    """

    title: str
    low: float = 0.0
    high: float = 1.0
    percent: bool = True
    whole: bool = False
    labels: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A series.

    Args:
        name: for the legend and the description.
        x, y: its points.
        low, high: where each point's interval ends; drawn as bars, and the points as dots.
        number: its colour.
        dashed: whether it is a reference rather than data.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    number: int = 0
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point with a name beside it."""

    x: float
    y: float
    name: str


def line_chart(lines: Sequence[Line], x: Axis, y: Axis, *, description: str, marks: Sequence[Mark] = ()) -> Markup:
    """A chart of lines, or of points with intervals.

    Args:
        lines: what is drawn, the first at the back.
        x, y: the axes. What lies beyond their ends is cut off.
        description: what it shows, in a sentence, for who does not see it.
        marks: points that are named.

    Examples:
        >>> chart = line_chart(
        ...     [Line(name="all", x=[0, 1], y=[0.5, 1])], Axis(title="share"), Axis(title="right"), description="Rises."
        ... )
        >>> chart.startswith("<figure")
        True
    """
    parts = [*axes(x, y)]
    for line in lines:
        ink = "var(--open)" if line.dashed else colour(line.number)
        points = [(across(x, a), up(y, b)) for a, b in zip(line.x, line.y, strict=True)]
        if line.low:
            for (at, _), low, high in zip(points, line.low, line.high, strict=True):
                parts.append(f'<path d="M{at} {up(y, low)}V{up(y, high)}" stroke="{ink}"/>')
            parts += [f'<circle cx="{a}" cy="{b}" r="3" fill="{ink}"/>' for a, b in points]
        elif points:
            path = "M" + "L".join(f"{a} {b}" for a, b in points)
            dash = ' stroke-dasharray="4 4"' if line.dashed else ""
            parts.append(f'<path d="{path}" fill="none" stroke="{ink}" stroke-width="2"{dash}/>')
    for each in marks:
        a, b = across(x, each.x), up(y, each.y)
        side = "end" if a > WIDTH / 2 else "start"
        parts.append(
            f'<circle cx="{a}" cy="{b}" r="4" fill="none" stroke="currentColor" stroke-width="2"/>'
            f'<text x="{a + (-8 if side == "end" else 8)}" y="{b + 14}" text-anchor="{side}">{shown(each.name)}</text>'
        )
    return svg(parts, description, after=_legend(lines))


def svg(parts: Sequence[str], description: str, *, after: str = "") -> Markup:
    """A chart as a figure.

    Args:
        parts: what is drawn, the first at the back.
        description: what it shows, in a sentence, for who does not see it.
        after: HTML below the chart.
    """
    return Markup(
        f'<figure class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{shown(description)}">'
        f"{''.join(parts)}</svg>{after}</figure>"
    )


def _legend(lines: Sequence[Line]) -> str:
    if len(lines) < 2:
        return ""
    entries = "".join(
        f'<span><i style="background: {"var(--open)" if line.dashed else colour(line.number)}"></i>'
        f"{shown(line.name)}</span>"
        for line in lines
    )
    return f'<figcaption class="legend">{entries}</figcaption>'


def shown(text: str) -> Markup:
    """Text for a page, a name of whatever characters."""
    return escape(html(text))


def axes(x: Axis, y: Axis) -> list[str]:
    """The grid, the numbers and the titles of both axes."""
    bottom, left, right = HEIGHT - BOTTOM, LEFT, WIDTH - RIGHT
    parts = []
    for value in ticks(y.low, y.high, whole=y.whole):
        at = up(y, value)
        parts.append(
            f'<path class="grid" d="M{left} {at}H{right}"/>'
            f'<text x="{left - 6}" y="{at + 4}" text-anchor="end">{_number(y, value)}</text>'
        )
    for value in x.labels or ticks(x.low, x.high, whole=x.whole):
        at = across(x, value)
        parts.append(
            f'<path class="grid" d="M{at} {TOP}V{bottom}"/>'
            f'<text x="{at}" y="{bottom + 18}" text-anchor="middle">{_number(x, value)}</text>'
        )
    middle = (TOP + bottom) / 2
    parts.append(
        f'<text x="{(left + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{shown(x.title)}</text>'
        f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{shown(y.title)}</text>'
    )
    return parts


def ticks(low: float, high: float, *, most: int = 6, whole: bool = False) -> list[float]:
    """Round numbers between two ends, at most so many, or of whole numbers only.

    Examples:
        >>> ticks(0.0, 1.0)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / (most - 1) or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(axis: Axis, value: float) -> str:
    if value in axis.labels:
        return axis.labels[value]
    return f"{100 * value:g}%" if axis.percent else f"{value:g}"


def across(axis: Axis, value: float) -> float:
    """Returns the position of a value on the horizontal axis."""
    return round(LEFT + _share(axis, value) * (WIDTH - LEFT - RIGHT), 1)


def up(axis: Axis, value: float) -> float:
    """Returns the position of a value on the vertical axis."""
    return round(HEIGHT - BOTTOM - _share(axis, value) * (HEIGHT - TOP - BOTTOM), 1)


def _share(axis: Axis, value: float) -> float:
    return min(max((value - axis.low) / ((axis.high - axis.low) or 1.0), 0.0), 1.0)
