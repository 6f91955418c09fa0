"""The accuracy that one network loses to common corruptions, from which of its answers are right; numpy and scipy.

Intervals are about this network and these draws of noise, on images drawn like these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.statistics.groups import Groups, groups_if_any
from skipwise.statistics.means import bounded_mean_interval, share_interval


@dataclass(frozen=True, kw_only=True)
class MeanScore:
    """A mean over images, with its 95% interval; a fraction."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class CorruptedCell:
    """The accuracy under one kind of corruption at one severity.

    Args:
        severity: from 1 to 5.
        images: how many were answered.
        accuracy: the share of right answers.
    """

    severity: int
    images: int
    accuracy: MeanScore


@dataclass(frozen=True, kw_only=True)
class KindAccuracy:
    """The accuracy under one kind of corruption.

    Args:
        name: the kind, as `skipwise.evaluation.corruptions.CORRUPTIONS` has it.
        group: "noise", "blur", "weather" or "digital".
        cells: one for each severity.
        accuracy: the mean over the severities.
        lost: by how much that is below the accuracy on the same images as they are; below 0 where it is above.
    """

    name: str
    group: str
    cells: tuple[CorruptedCell, ...]
    accuracy: MeanScore
    lost: MeanScore


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """The accuracy of one network on corrupted images.

    Args:
        images: how many were answered in each cell; `groups` is the number of groups they belong to, None where each is
            by itself.
        of: how many there were to draw them from.
        size: pixels a side of what was corrupted, which is what the network is given.
        seed: of the corruptions.
        severities: those that were applied.
        clean: the accuracy on the same images as they are.
        accuracy: the mean over all kinds and severities.
        lost: by how much that is below `clean`.
        kinds: in the order of the table of corruptions.
    """

    images: int
    groups: int | None
    of: int
    size: int
    seed: int
    severities: tuple[int, ...]
    clean: MeanScore
    accuracy: MeanScore
    lost: MeanScore
    kinds: tuple[KindAccuracy, ...]

    @property
    def worst_first(self) -> tuple[KindAccuracy, ...]:
        """The kinds, those that cost most accuracy first."""
        return tuple(sorted(self.kinds, key=lambda kind: kind.accuracy.value))


def robustness(
    clean: NDArray[np.bool_],
    corrupted: NDArray[np.bool_],
    *,
    kinds: Sequence[tuple[str, str]],
    severities: Sequence[int],
    groups: NDArray | None,
    of: int,
    size: int,
    seed: int,
) -> Robustness:
    """Accuracies and losses, with intervals that take the images, or their groups, as drawn.

    The mean over cells is, for each image, the share of its cells in which the answer is right. These shares are as
    independent as the images are, however much the cells of one image have in common.

    Args:
        clean: whether the answer to each image as it is is right [N].
        corrupted: whether the answers to it corrupted are [kinds, severities, N].
        kinds: name and group of each kind.
        severities: of each cell of a kind.
        groups: an id for each image, the same for images that belong together; None where each is by itself.
        of: how many images there were to draw them from.
        size: pixels a side of what was corrupted.
        seed: of the corruptions.

    Example:
        >>> clean = np.array([True, True, True, False])
        >>> foggy = np.array([[[True, True, False, False], [True, False, False, False]]])
        >>> found = robustness(
        ...     clean, foggy, kinds=[("fog", "weather")], severities=[1, 5], groups=None, of=4, size=32, seed=0
        ... )
        >>> [cell.accuracy.value for cell in found.kinds[0].cells], found.accuracy.value, found.lost.value
        ([0.5, 0.25], 0.375, 0.375)
    """
    which = groups_if_any(groups, len(clean))
    before = clean.astype(np.float64)
    shares = corrupted.mean(axis=1, dtype=np.float64)
    overall = shares.mean(axis=0)
    return Robustness(
        images=len(clean),
        groups=None if which.starts is None else which.count,
        of=of,
        size=size,
        seed=seed,
        severities=tuple(severities),
        clean=share_of(before, which),
        accuracy=_accuracy(overall, which),
        lost=difference_of(before - overall, which),
        kinds=tuple(
            KindAccuracy(
                name=name,
                group=group,
                cells=tuple(
                    CorruptedCell(
                        severity=severity, images=len(clean), accuracy=share_of(cell.astype(np.float64), which)
                    )
                    for severity, cell in zip(severities, cells, strict=True)
                ),
                accuracy=_accuracy(share, which),
                lost=difference_of(before - share, which),
            )
            for (name, group), cells, share in zip(kinds, corrupted, shares, strict=True)
        ),
    )


def share_of(right: NDArray[np.float64], groups: Groups) -> MeanScore:
    """The share of images that are right, from 1 or 0 for each."""
    value = float(right.mean())
    low, high = share_interval(right, groups, expected=value, alike=len(right))
    return MeanScore(value=value, low=low, high=high)


def _accuracy(shares: NDArray[np.float64], groups: Groups) -> MeanScore:
    """The mean of the share of cells in which each image is right; of a single cell, its accuracy."""
    if np.isin(shares, (0.0, 1.0)).all():
        return share_of(shares, groups)
    low, high = bounded_mean_interval(shares, groups, least=0.0, most=1.0)
    return MeanScore(value=float(shares.mean()), low=low, high=high)


def difference_of(differences: NDArray[np.float64], groups: Groups) -> MeanScore:
    """The mean of differences between two of these, from -1 to 1 for each image."""
    low, high = bounded_mean_interval(differences, groups, least=-1.0, most=1.0)
    return MeanScore(value=float(differences.mean()), low=low, high=high)
