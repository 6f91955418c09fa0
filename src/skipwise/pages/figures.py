"""Series in figures and tables: their colours, their marks, and intervals in a line of text.

Every series has a number, and with it a colour and a mark, the same in all figures and beside its name in tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

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


def pareto_front(points: Sequence[Point], *, higher_is_better: bool = True) -> list[Point]:
    """The points that no other one beats in y at no more of x, by rising x."""
    front: list[Point] = []
    sign = 1 if higher_is_better else -1
    for point in sorted(points, key=lambda p: (p.x, -sign * p.y)):
        if not front or sign * point.y > sign * front[-1].y:
            front.append(point)
    return front
