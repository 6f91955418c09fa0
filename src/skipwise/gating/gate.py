"""The verb `gate`: may a new network take an old one's place, on these images?"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from skipwise.comparison.question.question import LEAST_ALPHA
from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import describe_machine
from skipwise.core.remote.copies import address_of
from skipwise.core.reporting import Progress
from skipwise.core.signatures import takes
from skipwise.gating.costs import certificate_of, measure, size_of
from skipwise.gating.options import GatingOptions
from skipwise.gating.pairing import Paired, pair
from skipwise.gating.record import ClassChange, GateReport, GateSide, Outcome
from skipwise.gating.sides import Side, open_side
from skipwise.gating.wording import grouped_by, verdict_of
from skipwise.statistics.noninferiority import noninferiority

MOST_LOST = 20
"""Images that only the old network got right, by name."""
OUTCOMES: dict[str, Outcome] = {"certified": "pass", "not as good": "fail", "cannot tell": "cannot tell"}


@takes(GatingOptions)
def gate(
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    options: GatingOptions,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> GateReport:
    """Says whether a new network may take an old one's place: whether it is shown not to be worse by more than a
    margin.

    Both answer the same images. The interval of the drop in accuracy is that of `verify`, paired over images, or over
    groups of images that belong together. It is about these two networks, as they are, and not about their recipes.

    Args:
        old (str | Path): the network in use: the folder of an exported network, of a run, or a file of predictions.
        new (str | Path): the network that is to replace it, in any of these forms.
        data (str | Path | None): labelled images; of a set with a test split, its test images are taken. For files of
            predictions without labels, a table of id and label. None, the default: the test images of the runs, or
            those in the files.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.

    Returns:
        GateReport: the outcome, the interval, and what else a reviewer wants to see.

    Raises:
        SkipwiseError: one of the networks can't answer these images, they have no images in common, labels differ, or
            the margin is none.

    Example:
        >>> import skipwise
        >>> report = skipwise.gate("old.csv", "new.csv", margin=2)
        >>> report.outcome
        'pass'
        >>> print(report.verdict[0])
        PASS: ...
    """
    margin, alpha = float(options.gate.margin), float(options.gate.alpha)
    trust, reading = options.trust.trust, options.reading
    if not 0 <= margin < 100:
        raise SkipwiseError(f"--margin must lie between 0 and 100 percentage points, not {margin:g}.")
    if not LEAST_ALPHA <= alpha < 1:
        raise SkipwiseError(f"--alpha must lie between {LEAST_ALPHA:g} and 1, not {alpha:g}.")
    sides = [open_side(each, data, reading=reading, trust=trust, progress=progress) for each in (old, new)]
    found = pair(*sides)
    notes = (*found.notes, *_unused(data, sides))
    for note in notes:
        notice(note)
    drop = noninferiority(found.old, found.new, limit=margin / 100, groups=found.groups, alpha=alpha)
    networks = all(side.kind != "predictions" for side in sides)
    speed = None
    if options.gate.timing and networks:
        speed = measure(sides[0].path, sides[1].path, trust, progress)
    outcome, names = OUTCOMES[drop.outcome], [address_of(side.path) for side in sides]
    return GateReport(
        outcome=outcome,
        margin=margin,
        alpha=alpha,
        drop=drop,
        old=_side(sides[0], found.old),
        new=_side(sides[1], found.new),
        data=next((side.data for side in sides if side.data), "the predictions' images"),
        grouped_by=grouped_by(reading, found.groups is not None),
        classes=_classes(found),
        lost=tuple(found.ids[place] for place in np.flatnonzero(found.old & ~found.new)[:MOST_LOST].tolist()),
        speed=speed,
        notes=notes,
        verdict=tuple(verdict_of(outcome, drop, margin, alpha, old=names[0], new=names[1])),
        machine=describe_machine(),
    )


def _unused(data: str | os.PathLike[str] | None, sides: list[Side]) -> list[str]:
    """A sentence where DATA was named for nothing."""
    if data is None or any(side.kind != "predictions" or not side.has_own_labels for side in sides):
        return []
    return [f"{os.fspath(data)} is not used: both are files of predictions with labels of their own."]


def _side(side: Side, right: np.ndarray) -> GateSide:
    return GateSide(
        name=address_of(side.path),
        kind=side.kind,
        model=side.model,
        accuracy=float(right.mean()),
        size=size_of(side.path, side.kind),
        certificate=certificate_of(side.path, side.kind),
    )


def _classes(found: Paired) -> tuple[ClassChange, ...]:
    labels = np.array(found.labels)
    changes = []
    for name in sorted(set(found.labels)):
        old, new = found.old[labels == name], found.new[labels == name]
        changes.append(
            ClassChange(
                name=name,
                images=len(old),
                old=int(old.sum()),
                new=int(new.sum()),
                lost=int((old & ~new).sum()),
                won=int((new & ~old).sum()),
            )
        )
    return tuple(changes)
