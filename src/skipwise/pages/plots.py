"""The plots of a comparison as SVG: cost against quality, and curves over epochs. No script is needed for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from skipwise.pages.charts import HEIGHT, WIDTH, Axis, across, axes, shown, svg, up
from skipwise.pages.figures import COLOURS, MARKS, Point, colour, pareto_front

DASHES = ("", "8 4", "2 4")
LETTER = 8.0
"""The width of a letter of a name, about."""


@dataclass(frozen=True)
class View:
    """Points by one kind of cost: the title of the horizontal axis, and the points."""

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


def trade_off(view: View, *, y_title: str, digits: int = 2, higher_is_better: bool = True) -> Markup:
    """Cost against quality, with the Pareto front. A name stands beside its point where there is room.

    Args:
        view: the points.
        y_title: of the vertical axis.
        digits: after the point, of y.
        higher_is_better: whether more of y is better.

    Examples:
        >>> chart = trade_off(View("size, MB", [Point(0, "a", 2, 2, 2, 90, 89, 91)]), y_title="accuracy, %")
        >>> "a: accuracy, % 90.00, size, MB 2" in chart
        True
    """
    points = view.points
    x = Axis(title=view.x_title, low=0.0, high=1.08 * max(point.x_high for point in points) or 1.0, percent=False)
    y = _fitting([end for point in points for end in (point.y_low, point.y_high)], y_title)
    front = pareto_front(points, higher_is_better=higher_is_better)
    parts = [*axes(x, y)]
    steps = [f"M{across(x, front[0].x)} {up(y, front[0].y)}"] if front else []
    steps += [f"H{across(x, point.x)}V{up(y, point.y)}" for point in front[1:]]
    parts.append(f'<path d="{"".join(steps)}" fill="none" stroke="var(--open)" stroke-dasharray="2 4"/>')
    said = []
    for point in points:
        a, b, ink = across(x, point.x), up(y, point.y), colour(point.number)
        words = f"{point.name}: {y_title} {point.y:.{digits}f}, {view.x_title} {point.x:.4g}"
        said.append(words)
        bars = (
            f'<path d="M{a} {up(y, point.y_low)}V{up(y, point.y_high)}M{across(x, point.x_low)} {b}'
            f'H{across(x, point.x_high)}" stroke="{ink}" stroke-width="1.5"/>'
        )
        parts.append(f'<g class="point"><title>{shown(words)}</title>{bars}{_mark(point.number, a, b)}</g>')
    parts += _names([(point.name, across(x, point.x), up(y, point.y)) for point in points])
    return svg(parts, f"{y_title} against {view.x_title}. {'; '.join(said)}.")


def curves(lines: Sequence[Curve], *, y_title: str) -> Markup:
    """Lines over epochs, each in the middle of its band; of a single epoch, points with bars.

    Args:
        lines: the series, the first at the back.
        y_title: of the vertical axis.
    """
    longest = max(len(line.middle) for line in lines)
    x = Axis(title="epoch", low=min(1.0, longest - 1.0), high=max(float(longest), 2.0), percent=False, whole=True)
    y = _fitting([end for line in lines for end in (*line.low, *line.high)], y_title)
    parts, said = [*axes(x, y)], []
    for line in lines:
        ink, epochs = colour(line.number), range(1, len(line.middle) + 1)
        words = f"{line.name}: {line.middle[-1]:.4g} after epoch {len(line.middle)}"
        said.append(words)
        middle = [(across(x, epoch), up(y, value)) for epoch, value in zip(epochs, line.middle, strict=True)]
        if len(middle) == 1:
            a, b = middle[0]
            bar = f'<path d="M{a} {up(y, line.low[0])}V{up(y, line.high[0])}" stroke="{ink}" stroke-width="1.5"/>'
            drawn = f"{bar}{_mark(line.number, a, b)}"
        else:
            there = [(across(x, epoch), up(y, value)) for epoch, value in zip(epochs, line.high, strict=True)]
            back = [(across(x, epoch), up(y, value)) for epoch, value in zip(epochs, line.low, strict=True)]
            dash = DASHES[line.number // len(COLOURS) % len(DASHES)]
            dashed = f' stroke-dasharray="{dash}"' if dash else ""
            drawn = (
                f'<path d="{_path([*there, *reversed(back)])}z" style="fill: {ink}" opacity="0.16"/>'
                f'<path d="{_path(middle)}" fill="none" stroke="{ink}" stroke-width="2"{dashed}/>'
            )
        parts.append(f'<g class="line"><title>{shown(words)}</title>{drawn}</g>')
    return svg(parts, f"{y_title} over epochs. {'; '.join(said)}.")


def _fitting(values: Iterable[float], title: str) -> Axis:
    """An axis that reaches a little beyond all values."""
    known = list(values)
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    return Axis(title=title, low=low - room, high=high + room, percent=False)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{a} {b}" for a, b in points)


def _mark(number: int, x: float, y: float) -> str:
    """A series' mark, its middle at a point."""
    shape = list(MARKS.values())[number % len(MARKS)]
    return f'<g class="dot" transform="translate({x - 6:.1f} {y - 6:.1f})" fill="{colour(number)}">{shape}</g>'


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def _names(points: Sequence[tuple[str, float, float]]) -> list[str]:
    """The names beside their points that cover no other name and no point; the legend has all of them."""
    taken = [_Box(x - 6, y - 6, x + 6, y + 6) for _, x, y in points]
    drawn = []
    for name, x, y in points:
        width = LETTER * len(name)
        right = _Box(x + 8, y - 20, x + 8 + width, y - 6)
        left = replace(right, left=x - 8 - width, right=x - 8)
        for box, anchor, at in ((right, "start", x + 8), (left, "end", x - 8)):
            inside = box.left > 0 and box.right < WIDTH and box.top > 0 and box.bottom < HEIGHT
            if inside and not any(box.meets(other) for other in taken):
                taken.append(box)
                drawn.append(
                    f'<text class="name" x="{at:.1f}" y="{y - 8:.1f}" text-anchor="{anchor}">{shown(name)}</text>'
                )
                break
    return drawn
