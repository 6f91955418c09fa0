"""Activations and gradients by depth as charts, for a page or a file, and as a table in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from markupsafe import Markup

from skipwise.pages.charts import Axis, Line, Mark, line_chart
from skipwise.pages.svg_file import as_file
from skipwise.training.depth.norms import LAST, DepthRecord, DepthSnapshot

What = Literal["activations", "gradients"]


def depth_charts(records: Sequence[DepthRecord], *, epochs: Sequence[int] = (0, LAST)) -> list[Markup]:
    """Two charts for a page: gradients and activations against depth, a line for each network and epoch.

    Args:
        records: of one network or several, of one seed each or several; of several, the geometric mean is drawn.
        epochs: the snapshots that are drawn; those that there are not are left out.
    """
    return [_chart(records, what, epochs, marks=False) for what in ("gradients", "activations")]


def depth_svg(records: Sequence[DepthRecord], *, what: What = "gradients", epoch: int = 0) -> str:
    """The chart of one kind and epoch as the text of an SVG file, for a page in Markdown.

    Args:
        records: as for `depth_charts`.
        what: "gradients" (default) or "activations".
        epoch: the snapshot; 0 (default) is before the first step, -1 the last one.
    """
    return as_file(_chart(records, what, (epoch,), marks=True))


def depth_table(records: Sequence[DepthRecord], *, epochs: Sequence[int] = (0, LAST)) -> str:
    """A table in Markdown: how large gradients are at both ends of each network, and how they grow from block to block.

    Args:
        records: as for `depth_charts`.
        epochs: the snapshots that are shown.

    Example:
        >>> snapshot = DepthSnapshot(epoch=0, activations=(1.0, 1.0, 1.0), gradients=(0.4, 0.2, 0.1))
        >>> record = DepthRecord(epochs=(0,), model="plain8", blocks=("a", "b", "c"), snapshots=(snapshot,))
        >>> print(depth_table([record]))
        | network | when | blocks | gradients at the first block | at the last block | for each block |
        |---|---|---:|---:|---:|---:|
        | plain8 | before training | 3 | 0.4 | 0.1 | 2.000 times |
    """
    rows = []
    for model, own in _by_model(records).items():
        for epoch in dict.fromkeys(_epochs(own, epochs)):
            first, *_, last = (*_mean(own, "gradients", epoch), None, None)[: max(len(own[0].blocks), 2)]
            growth = _geometric([each.growth for record in own if (each := record.at(epoch)) is not None])
            cells = [model, when(epoch), str(len(own[0].blocks)), _number(first), _number(last)]
            rows.append([*cells, "" if growth is None else f"{growth:.3f} times"])
    headings = ["network", "when", "blocks", "gradients at the first block", "at the last block", "for each block"]
    lines = [f"| {' | '.join(cells)} |" for cells in (headings, *rows)]
    return "\n".join([lines[0], "|---|---|---:|---:|---:|---:|", *lines[1:]])


def when(epoch: int) -> str:
    """A snapshot's time: "before training"."""
    return "before training" if epoch == 0 else f"after epoch {epoch}"


def _chart(records: Sequence[DepthRecord], what: What, epochs: Sequence[int], *, marks: bool) -> Markup:
    lines: list[Line] = []
    named: list[Mark] = []
    by_model = _by_model(records)
    for model, own in by_model.items():
        for epoch in _epochs(own, epochs):
            points = [
                (block, math.log10(size)) for block, size in enumerate(_mean(own, what, epoch), 1) if size is not None
            ]
            if not points:
                continue
            name = f"{model}, {when(epoch)}" if len(by_model) > 1 else when(epoch)
            x, y = zip(*points, strict=True)
            lines.append(Line(name=name, x=x, y=y, number=len(lines)))
            if marks:
                at = len(points) // 3
                named.append(Mark(x=x[at], y=y[at], name=model))
    across, up = [x for line in lines for x in line.x], [y for line in lines for y in line.y]
    return line_chart(
        lines,
        Axis(title="block, from the input on", low=1, high=max(across, default=2), percent=False, whole=True),
        Axis(
            title=f"size of {what}, power of ten",
            low=math.floor(min(up, default=0.0)),
            high=max(math.ceil(max(up, default=1.0)), math.floor(min(up, default=0.0)) + 1),
            percent=False,
        ),
        description=f"The root mean square of {what} at the end of each block, on a logarithmic scale.",
        marks=named,
    )


def _by_model(records: Sequence[DepthRecord]) -> dict[str, list[DepthRecord]]:
    found: dict[str, list[DepthRecord]] = {}
    for record in records:
        if record.snapshots:
            found.setdefault(record.model, []).append(record)
    return found


def _epochs(own: Sequence[DepthRecord], wanted: Sequence[int]) -> list[int]:
    """The epochs of the snapshots that are wanted, each once."""
    there = [snapshot.epoch for epoch in wanted if (snapshot := own[0].at(epoch)) is not None]
    return list(dict.fromkeys(there))


def _mean(own: Sequence[DepthRecord], what: What, epoch: int) -> list[float | None]:
    """The geometric mean over runs at each block."""
    snapshots: list[DepthSnapshot] = [each for record in own if (each := record.at(epoch)) is not None]
    columns = zip(*(getattr(snapshot, what) for snapshot in snapshots), strict=True)
    return [_geometric(column) for column in columns]


def _geometric(sizes: Sequence[float | None]) -> float | None:
    """The geometric mean; None where one is not known, or is zero."""
    if not sizes or any(not size for size in sizes):
        return None
    return math.exp(sum(math.log(size) for size in sizes if size) / len(sizes))


def _number(size: float | None) -> str:
    return "" if size is None else f"{size:.3g}"
