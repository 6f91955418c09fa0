"""Drawings with one horizontal axis, as SVG that takes the colours of the page that it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH = 680
LEFT, RIGHT, ROW, BOTTOM = 165, 20, 34, 46
BLUE, ORANGE, GREEN, PURPLE = "#2f6fb5", "#c8641b", "#2c8454", "#8a55a8"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE)


@dataclass(kw_only=True)
class Drawing:
    """Rows above one axis.

    Args:
        title: what the axis shows, with its unit.
        low, high: its ends.
        ticks: where it has numbers.
        rows: how many rows there are.
        row: the height of one.
        parts: what has been drawn, the first at the back.
    """

    title: str
    low: float
    high: float
    ticks: Sequence[float]
    rows: int
    row: float = ROW
    parts: list[str] = field(default_factory=list)

    @property
    def height(self) -> float:
        return 14 + self.rows * self.row + BOTTOM

    @property
    def foot(self) -> float:
        return 14 + self.rows * self.row

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, row: float) -> float:
        return round(14 + (row + 0.5) * self.row, 1)

    def name(self, row: float, text: str) -> None:
        self.parts.append(f'<text x="{LEFT - 12}" y="{self.y(row) + 4}" text-anchor="end">{escape(text)}</text>')

    def note(self, value: float, row: float, text: str, *, anchor: str = "start") -> None:
        self.parts.append(
            f'<text x="{self.x(value)}" y="{self.y(row) + 4}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def dot(self, value: float, row: float, colour: str, *, radius: float = 3.5, opacity: float = 0.75) -> None:
        self.parts.append(
            f'<circle cx="{self.x(value)}" cy="{self.y(row)}" r="{radius}" fill="{colour}" fill-opacity="{opacity}"/>'
        )

    def interval(self, low: float, high: float, row: float, colour: str, *, middle: float | None = None) -> None:
        y = self.y(row)
        self.parts.append(
            f'<path d="M{self.x(low)} {y}H{self.x(high)}" stroke="{colour}" stroke-width="3" stroke-linecap="round"/>'
        )
        if middle is not None:
            self.dot(middle, row, colour, radius=4.5, opacity=1)

    def bar(self, low: float, high: float, row: float, share: float, colour: str) -> None:
        """A column of a histogram that stands on a row's foot, as high as its share of `row` rows."""
        foot, tall = self.y(row) + self.row / 2, share * self.row
        self.parts.append(
            f'<rect x="{self.x(low)}" y="{foot - tall:.1f}" width="{max(self.x(high) - self.x(low) - 1, 1):.1f}" '
            f'height="{tall:.1f}" fill="{colour}" fill-opacity="0.75"/>'
        )

    def line(self, value: float, *, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<path d="M{self.x(value)} 8V{self.foot}" stroke="currentColor" stroke-opacity="0.6"{dash}/>'
        )

    def band(self, low: float, high: float) -> None:
        x = self.x(low)
        self.parts.append(
            f'<rect x="{x}" y="8" width="{self.x(high) - x:.1f}" height="{self.foot - 8}" fill="currentColor" '
            'fill-opacity="0.1"/>'
        )

    def svg(self, description: str) -> str:
        """The drawing.

        Args:
            description: what it shows, in a sentence, for who does not see it.
        """
        axis = [f'<path d="M{LEFT} {self.foot}H{WIDTH - RIGHT}" stroke="currentColor"/>']
        for tick in self.ticks:
            axis.append(
                f'<path d="M{self.x(tick)} {self.foot}v5" stroke="currentColor"/>'
                f'<text x="{self.x(tick)}" y="{self.foot + 19}" text-anchor="middle">{tick:g}</text>'
            )
        middle = (LEFT + WIDTH - RIGHT) / 2
        axis.append(f'<text x="{middle}" y="{self.foot + 38}" text-anchor="middle">{escape(self.title)}</text>')
        said = f'role="img" aria-label="{escape(description)}"'
        drawn = "".join([*self.parts, *axis])
        return f'<svg class="drawing" viewBox="0 0 {WIDTH} {self.height:.0f}" {said}>{drawn}</svg>\n'
