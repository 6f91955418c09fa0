"""The picture of a learning curve over the number of training images: SVG, without a script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from skipwise.pages.charts import Axis, across, axes, shown, svg, up
from skipwise.pages.figures import colour


@dataclass(frozen=True, kw_only=True)
class Size:
    """What runs on so many training images reached, a value for each seed in the same order at all sizes."""

    images: int
    values: Sequence[float]

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return sum(self.values) / len(self.values)


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """The expected outcome with more images, with its interval."""

    images: int
    value: float
    low: float
    high: float


def doubling(sizes: Sequence[Size], ahead: Ahead, *, number: int, name: str, y_title: str) -> Markup:
    """A line through the means, thin ones for the seeds, and the expected value with its interval.

    Args:
        sizes: the smallest first.
        ahead: what comes next.
        number: of the series' colour.
        name: of the network.
        y_title: of the vertical axis.

    Examples:
        >>> sizes = [Size(images=250, values=[60, 62]), Size(images=500, values=[70, 71])]
        >>> chart = doubling(
        ...     sizes, Ahead(images=1000, value=76, low=73, high=79), number=0, name="a", y_title="accuracy, %"
        ... )
        >>> "70.5 with 500, about 76 (73 to 79) expected with 1,000" in chart
        True
    """
    counts = [*(size.images for size in sizes), ahead.images]
    labels = {math.log2(count): f"{count:,}" for count in counts}
    x = Axis(title="training images", low=min(labels) - 0.2, high=max(labels) + 0.2, percent=False, labels=labels)
    values = [value for size in sizes for value in size.values] + [ahead.low, ahead.high]
    room = 0.06 * (max(values) - min(values)) or 0.06 * abs(max(values)) or 1.0
    y = Axis(title=y_title, low=min(values) - room, high=max(values) + room, percent=False)
    ink = colour(number)
    places = [across(x, math.log2(count)) for count in counts]
    parts = [*axes(x, y)]
    for seed in range(len(sizes[0].values)):
        line = _line([(at, up(y, size.values[seed])) for at, size in zip(places, sizes, strict=False)])
        parts.append(f'<path d="{line}" stroke="{ink}" opacity="0.35"/>')
    means = [(at, up(y, size.mean)) for at, size in zip(places, sizes, strict=False)]
    there = (places[-1], up(y, ahead.value))
    parts.append(f'<path d="{_line(means)}" stroke="{ink}" stroke-width="2"/>')
    parts.append(f'<path d="{_line([means[-1], there])}" stroke="{ink}" stroke-width="2" stroke-dasharray="4 4"/>')
    parts.append(f'<path d="M{there[0]} {up(y, ahead.low)}V{up(y, ahead.high)}" stroke="{ink}" stroke-width="1.5"/>')
    parts += [f'<circle cx="{a}" cy="{b}" r="4" fill="{ink}"/>' for a, b in means]
    parts.append(
        f'<circle cx="{there[0]}" cy="{there[1]}" r="4" stroke="{ink}" stroke-width="2" style="fill: var(--ground)"/>'
    )
    measured = ", ".join(f"{size.mean:.4g} with {size.images:,}" for size in sizes)
    expected = f"about {ahead.value:.4g} ({ahead.low:.4g} to {ahead.high:.4g}) expected with {ahead.images:,}"
    return svg(parts, f"{shown(name)}: {y_title} over the number of training images: {measured}, {expected}.")


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{a} {b}" for a, b in points)
