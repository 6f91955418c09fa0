"""Figures as pieces of HTML: large ones drawn by plotly, whose script is put into the page once, small ones as SVG.

Every series has a number, and with it a colour and a mark, the same in all figures and beside its name in tables.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

# Okabe and Ito's colours, which people with colour-blindness can tell apart; black, which dark pages hide, left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999933")
# As many as have no common factor with the colours, so that 35 series all look different.
MARKS = {
    "circle": '<circle cx="6" cy="6" r="5"/>',
    "square": '<rect x="1.5" y="1.5" width="9" height="9"/>',
    "diamond": '<path d="M6 0L12 6 6 12 0 6z"/>',
    "triangle-up": '<path d="M6 1L12 11H0z"/>',
    "triangle-down": '<path d="M6 11L12 1H0z"/>',
}
DASHES = ("solid", "dash", "dot")
MOST_LABELS = 8
"""With more points than that, names beside them would cover each other; the legend has them anyway."""
_GREY = "rgba(128, 128, 128, 0.8)"
_GRID = "rgba(128, 128, 128, 0.22)"

Figure = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A series' value in each direction, with its interval."""

    number: int
    name: str
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float


@dataclass(frozen=True)
class View:
    """One choice of the horizontal axis: what its button says, its title, and the points."""

    label: str
    x_title: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Curve:
    """A series' line with a band around it, over epochs 1, 2, ..."""

    number: int
    name: str
    middle: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def script() -> Markup:
    """Plotly's script, from its own package; a page needs it once, before plots.js."""
    return Markup(f"<script>{get_plotlyjs()}</script>")


def colour(number: int) -> str:
    """A series' colour."""
    return COLOURS[number % len(COLOURS)]


def mark(number: int) -> Markup:
    """A series' mark, to stand beside its name."""
    shape = list(MARKS.values())[number % len(MARKS)]
    return Markup(
        f'<svg class="mark" width="12" height="12" viewBox="0 0 12 12" fill="{colour(number)}" aria-hidden="true">'
        f"{shape}</svg>"
    )


def interval(
    value: float, low: float, high: float, *, ends: tuple[float, float], band: tuple[float, float] | None = None
) -> Markup:
    """A value and its interval on an axis between two `ends`, in a line of text.

    With `band`, that part of the axis is shaded and zero is marked. What lies beyond an end is cut off there, with an
    arrow.
    """
    width, middle = 100.0, 7

    def at(place: float) -> float:
        share = (place - ends[0]) / ((ends[1] - ends[0]) or 1.0)
        return round(min(max(share, 0.0), 1.0) * (width - 8) + 4, 1)

    parts = []
    if band is not None:
        parts.append(
            f'<rect class="band" x="{at(band[0])}" y="0" width="{at(band[1]) - at(band[0]):.1f}" height="14"/>'
        )
        parts.append(f'<path class="zero" d="M{at(0)} 0V14"/>')
    parts.append(f'<path class="reach" d="M{at(low)} {middle}H{at(high)}"/>')
    if low < ends[0]:
        parts.append(f'<path class="cut" d="M0 {middle}l5 -4v8z"/>')
    if high > ends[1]:
        parts.append(f'<path class="cut" d="M100 {middle}l-5 -4v8z"/>')
    if ends[0] <= value <= ends[1]:
        parts.append(f'<circle cx="{at(value)}" cy="{middle}" r="3.2"/>')
    return Markup(f'<svg class="interval" viewBox="0 0 100 14" aria-hidden="true">{"".join(parts)}</svg>')


def trade_off(
    views: Sequence[View], *, y_title: str, name: str, digits: int = 2, higher_is_better: bool = True
) -> Markup:
    """Cost against quality, a button for each choice of cost, with the Pareto front of each.

    Args:
        digits: after the point, of y.
        higher_is_better: whether more of y is better.
    """
    buttons = "".join(
        f'<button type="button" data-view="{index}" aria-pressed="{"false" if index else "true"}">'
        f"{html.escape(view.label)}</button>"
        for index, view in enumerate(views)
    )
    group = f'<div class="switch" role="group" aria-label="horizontal axis" data-plot="{name}">{buttons}</div>'
    switch = group if len(views) > 1 else ""
    return Markup(switch) + _plot(name, [_trade_off(view, y_title, digits, higher_is_better) for view in views])


def curves(lines: Sequence[Curve], *, y_title: str, name: str) -> Markup:
    """Lines over epochs, each in the middle of its band."""
    traces: list[Figure] = []
    for line in lines:
        epochs = list(range(1, len(line.middle) + 1))
        shown, single = colour(line.number), len(epochs) == 1
        band = {
            "x": [*epochs, *reversed(epochs)],
            "y": [*line.high, *reversed(line.low)],
            "fill": "toself",
            "fillcolor": shown,
            "opacity": 0.16,
            "mode": "none",
            "hoverinfo": "skip",
        }
        middle: Figure = {
            "x": epochs,
            "y": list(line.middle),
            # A line through one epoch would not be seen.
            "mode": "markers" if single else "lines",
            "name": html.escape(line.name),
            "line": {"color": shown, "width": 2, "dash": DASHES[line.number // len(COLOURS) % len(DASHES)]},
            "marker": _marker(line.number),
            "hovertemplate": f"<b>{html.escape(line.name)}</b><br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        }
        if single:
            middle["error_y"] = _error(line.middle[0], line.low[0], line.high[0], shown)
        traces += [middle] if single else [band, middle]
    few = max((len(line.middle) for line in lines), default=0) < 10
    layout = _layout(x_title="epoch", y_title=y_title, height=360)
    layout["xaxis"] |= {"dtick": 1} if few else {}
    return _plot(name, [{"data": traces, "layout": layout}])


def pareto_front(points: Sequence[Point], *, higher_is_better: bool = True) -> list[Point]:
    """The points that no other one beats in y at no more of x, by rising x."""
    front: list[Point] = []
    sign = 1 if higher_is_better else -1
    for point in sorted(points, key=lambda p: (p.x, -sign * p.y)):
        if not front or sign * point.y > sign * front[-1].y:
            front.append(point)
    return front


def _trade_off(view: View, y_title: str, digits: int, higher_is_better: bool) -> Figure:
    points = view.points
    front = pareto_front(points, higher_is_better=higher_is_better)
    line = {
        "x": [point.x for point in front],
        "y": [point.y for point in front],
        "mode": "lines",
        "line": {"dash": "dot", "color": _GREY, "shape": "hv", "width": 1.5},
        "hoverinfo": "skip",
    }
    middle = (min(point.x for point in points) + max(point.x for point in points)) / 2
    hover = f"{y_title}: %{{y:.{digits}f}}<br>{view.x_title}: %{{x:.4g}}<extra></extra>"
    markers = [
        {
            "x": [point.x],
            "y": [point.y],
            # Beside the marker and off its bars, towards the middle, so that no name runs out of the figure.
            "mode": "markers+text" if len(points) <= MOST_LABELS else "markers",
            "text": [html.escape(point.name)],
            "textposition": "top left" if point.x > middle else "top right",
            "cliponaxis": False,
            "name": html.escape(point.name),
            "marker": _marker(point.number),
            "error_x": _error(point.x, point.x_low, point.x_high, colour(point.number)),
            "error_y": _error(point.y, point.y_low, point.y_high, colour(point.number)),
            "hovertemplate": f"<b>{html.escape(point.name)}</b><br>{hover}",
        }
        for point in points
    ]
    layout = _layout(x_title=view.x_title, y_title=y_title, height=430)
    layout["xaxis"] |= {"rangemode": "tozero"}
    return {"data": [line, *markers], "layout": layout}


def _marker(number: int) -> Figure:
    return {"size": 11, "color": colour(number), "symbol": list(MARKS)[number % len(MARKS)]}


def _error(value: float, low: float, high: float, shown: str) -> Figure:
    bars = {"array": [high - value], "arrayminus": [value - low]}
    return {"type": "data", "symmetric": False, **bars, "thickness": 1.3, "width": 4, "color": shown}


def _layout(*, x_title: str, y_title: str, height: int) -> Figure:
    """Transparent and without a colour of text, so that the page's light or dark shows through; plots.js sets it."""
    axis = {"gridcolor": _GRID, "zeroline": False, "automargin": True, "fixedrange": True}
    return {
        "height": height,
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "margin": {"l": 55, "r": 15, "t": 20, "b": 50},
        "showlegend": False,
        "hovermode": "closest",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "hoverlabel": {"font": {"color": "white"}},
        "xaxis": {**axis, "title": {"text": x_title}},
        "yaxis": {**axis, "title": {"text": y_title}},
    }


def _plot(name: str, views: Sequence[Figure]) -> Markup:
    """Returns the markup from which plots.js draws one of some figures, the first at first."""
    # Nothing in the text may end the script.
    content = json.dumps(views).replace("<", "\\u003c")
    height = views[0]["layout"]["height"]
    return Markup(
        f'<div class="plot" id="{name}" style="height: {height}px"></div>'
        f'<script type="application/json" data-of="{name}">{content}</script>'
    )
