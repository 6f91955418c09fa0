"""Figures as pieces of HTML, drawn by plotly, whose script is put into the page once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

# Okabe and Ito's colours, which people with colour-blindness can tell apart; black, which dark pages hide, left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999933")
_GRID = "rgba(128, 128, 128, 0.25)"


@dataclass(frozen=True)
class Point:
    """A named point with an interval in each direction."""

    name: str
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float


@dataclass(frozen=True)
class Curve:
    """A line with a band around it, over epochs 1, 2, ..."""

    name: str
    middle: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Interval:
    """A labelled value with its interval."""

    name: str
    value: float
    low: float
    high: float
    settled: bool


def script() -> Markup:
    """Plotly's script, from its own package; a page needs it once, before the first figure."""
    return Markup(f"<script>{get_plotlyjs()}</script>")


def trade_off(points: Sequence[Point], *, x_title: str, y_title: str) -> Markup:
    """Cost against quality, with the Pareto front: the points that nothing cheaper matches."""
    figure = go.Figure()
    front = pareto_front(points)
    figure.add_scatter(
        x=[point.x for point in front],
        y=[point.y for point in front],
        mode="lines",
        line={"dash": "dot", "color": "gray", "shape": "hv"},
        name="Pareto front",
        hoverinfo="skip",
    )
    for point, colour in zip(points, _colours(len(points)), strict=True):
        figure.add_scatter(
            x=[point.x],
            y=[point.y],
            mode="markers",
            name=point.name,
            marker={"size": 11, "color": colour},
            error_x=_error(point.x, point.x_low, point.x_high),
            error_y=_error(point.y, point.y_low, point.y_high),
            hovertemplate=f"<b>{point.name}</b><br>{y_title}: %{{y:.2f}}<br>{x_title}: %{{x:.3g}}<extra></extra>",
        )
    figure.update_xaxes(title=x_title, rangemode="tozero")
    figure.update_yaxes(title=y_title)
    return _html(figure, "trade-off", height=430)


def differences(intervals: Sequence[Interval], *, margin: float, x_title: str) -> Markup:
    """Intervals of differences, one under the other, against zero and the band of the margin."""
    figure = go.Figure()
    figure.add_vrect(x0=-margin, x1=margin, fillcolor="gray", opacity=0.18, line_width=0)
    figure.add_vline(x=0, line={"color": "gray", "width": 1})
    for settled, colour, name in ((True, COLOURS[0], "settled"), (False, COLOURS[4], "unresolved")):
        chosen = [interval for interval in intervals if interval.settled is settled]
        if chosen:
            figure.add_scatter(
                x=[interval.value for interval in chosen],
                y=[interval.name for interval in chosen],
                mode="markers",
                name=name,
                marker={"size": 9, "color": colour, "symbol": "circle" if settled else "circle-open"},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [interval.high - interval.value for interval in chosen],
                    "arrayminus": [interval.value - interval.low for interval in chosen],
                },
                hovertemplate="%{y}<br>%{x:+.2f} points<extra></extra>",
            )
    figure.update_xaxes(title=x_title)
    order = [interval.name for interval in intervals][::-1]
    figure.update_yaxes(categoryorder="array", categoryarray=order, automargin=True)
    return _html(figure, "differences", height=130 + 34 * len(intervals))


def curves(lines: Sequence[Curve], *, y_title: str, name: str) -> Markup:
    """Lines over epochs, each in the middle of its band."""
    figure = go.Figure()
    for line, colour in zip(lines, _colours(len(lines)), strict=True):
        epochs = list(range(1, len(line.middle) + 1))
        figure.add_scatter(
            x=[*epochs, *reversed(epochs)],
            y=[*line.high, *reversed(line.low)],
            fill="toself",
            fillcolor=colour,
            opacity=0.18,
            mode="none",
            hoverinfo="skip",
            showlegend=False,
            legendgroup=line.name,
        )
        figure.add_scatter(
            x=epochs,
            y=list(line.middle),
            mode="lines",
            name=line.name,
            line={"color": colour},
            legendgroup=line.name,
            hovertemplate=f"<b>{line.name}</b><br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        )
    figure.update_xaxes(title="epoch")
    figure.update_yaxes(title=y_title)
    return _html(figure, name, height=380)


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in y at no more of x, by rising x."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -p.y)):
        if not front or point.y > front[-1].y:
            front.append(point)
    return front


def _colours(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _error(value: float, low: float, high: float) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value],
        "arrayminus": [value - low],
        "thickness": 1.2,
    }


def _html(figure: go.Figure, name: str, *, height: int) -> Markup:
    figure.update_layout(
        height=height,
        # Transparent and without colours of its own, so that the page's light or dark shows through; the template
        # sets the text colour.
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        template="none",
        margin={"l": 60, "r": 15, "t": 15, "b": 65},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        font={"family": "system-ui, sans-serif", "size": 13},
        hoverlabel={"font": {"color": "white"}},
    )
    figure.update_xaxes(gridcolor=_GRID, zeroline=False)
    figure.update_yaxes(gridcolor=_GRID, zeroline=False)
    return Markup(
        figure.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=name,
            config={"responsive": True, "displayModeBar": False},
        )
    )
