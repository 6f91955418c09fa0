"""The advice on a set of images, from what a user names to a record; nothing is trained and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from skipwise.advice.options import AdviseOptions
from skipwise.advice.points import Asked, Point, points_on
from skipwise.advice.table import read_table
from skipwise.advice.traits import Traits, traits_of
from skipwise.core.reporting import Progress
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.core.text import count
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.splits import SPLIT_SEED
from skipwise.evaluation.outcomes import margins_of, outcome_names, outcome_of
from skipwise.statistics import pair_level, schedule


@dataclass(frozen=True, kw_only=True)
class Advice(Shown):
    """The properties of a set of images, and advice from experiments on such sets.

    Args:
        data: the name of the set.
        traits: how many images it has, of how many classes, how large they are, and how alike.
        photographs: whether the images are photographs, as far as their pixels show it.
        points: the advice, one `Point` for each topic: its flags, the advice as a sentence, and the reason.

    Example:
        >>> import skipwise
        >>> advice = skipwise.advise("digits")
        >>> advice.photographs, advice.traits.images
        (False, 1797)
        >>> [point.topic for point in advice.points]
        ['weights', 'cross-validation', 'size', 'mirror']
    """

    data: str
    traits: Traits
    photographs: bool
    points: tuple[Point, ...]

    @property
    def flags(self) -> tuple[str, ...]:
        """All that is to be added to the command."""
        return tuple(flag for point in self.points for flag in point.flags)

    @property
    def sentences(self) -> list[str]:
        """All of it for people, a line each: what the images are like, and then point by point."""
        points = (f"{point.topic.capitalize()}: {point.advice} {point.reason}" for point in self.points)
        return [described(self.traits, photographs=self.photographs), *points]


def described(traits: Traits, *, photographs: bool) -> str:
    """Describes a set of images in a line."""
    kind = "photographs" if photographs else "drawings, text or objects on one colour"
    kind = kind if traits.colour else f"grey {kind}"
    sizes = f"{traits.side} pixels {'a side' if traits.one_size else 'on the shorter side, in the median'}"
    per_class = f"{traits.smallest_class:,} to {traits.largest_class:,}"
    if traits.smallest_class == traits.largest_class:
        per_class = f"{traits.smallest_class:,}"
    grouped = "" if traits.groups is None else f", in {count(traits.groups, 'group')}"
    return (
        f"{traits.images:,} images in {count(traits.classes, 'class')}{grouped}; {traits.train:,} of them to train on "
        f"({per_class} of each class) and {traits.test:,} to test on; {sizes}; by what their pixels show, {kind} "
        f"(detail {traits.detail:.2f}, alike {traits.alike:.2f})."
    )


def advice_on(
    prepared: Prepared,
    *,
    img_size: int | None = None,
    folds: int | None = None,
    margin: float = 0.5,
    level: float | None = None,
) -> Advice:
    """The advice on images that are looked at and split; the arguments are those of `Asked`."""
    traits = traits_of(prepared, folds)
    asked = Asked(
        margin=margin,
        level=level,
        folds=folds,
        img_size=img_size,
        auto_size=prepared.auto_size,
    )
    photographs = traits.detail >= read_table().photographic
    return Advice(data=prepared.source.name, traits=traits, photographs=photographs, points=points_on(traits, asked))


@takes(AdviseOptions)
def advise(
    data: str | os.PathLike[str],
    *,
    options: AdviseOptions,
    networks: int = 4,
    looks: int = 3,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Advice:
    """Says what a set of images is like, and what to do with it: weights, cross-validation, size, mirror and balance.

    Nothing is trained or written. What it says about weights, sizes and mirroring comes from experiments; their table
    is in docs/advice.md.

    Args:
        data: the name of a data set, or the path of a folder, an archive or a table.
        networks: the number of networks that are to be compared; default 4. With 1 there is no comparison.
        looks: how many times their results are to be looked at; default 3.
        progress: called as progress(what, done, total) while the images are read; None by default.
        notice: called with each sentence that a person should know; by default nothing is called.

    Returns:
        The advice, with the flags that carry it out.

    Raises:
        SkipwiseError: the images can't be found, they can't be trained on as they are (one class, unreadable files), or
            an option is out of range.

    Example:
        >>> import skipwise
        >>> skipwise.advise("digits", networks=2).flags
        ('--folds', '5')
    """
    images, asked = options.images, options.outcome
    outcomes = outcome_names(asked.outcome)
    counted, margin = outcome_of(outcomes[0]), margins_of(outcomes, asked.margin)[0]
    request = Request.of(data, images, options.reading)
    prepared = prepare(request, seed=SPLIT_SEED, packed=False, progress=progress, notice=notice)
    level = None
    if networks > 1 and counted.is_share_of_all:
        level = pair_level(networks, schedule(looks), asked.alpha / len(outcomes))
    return advice_on(prepared, img_size=images.img_size, folds=images.folds, margin=margin, level=level)
