"""The advice on a set of images, from what a user names to a record; nothing is trained and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from skipwise.advice.points import Asked, Point, points_on
from skipwise.advice.table import read_table
from skipwise.advice.traits import Traits, traits_of
from skipwise.core.text import count
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.scan.scan import Progress
from skipwise.data.sources import ReadingOptions
from skipwise.data.splits import SPLIT_SEED
from skipwise.evaluation.outcomes import outcome_of
from skipwise.statistics import pair_level, schedule


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What a set of images is like, and what experiments say of such sets.

    Args:
        data: what the set is called.
        photographs: whether the images are photographs, by what their pixels show.
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
    """What a set of images is like, in a line."""
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


def advise(
    data: str | os.PathLike[str],
    *,
    split: str | os.PathLike[str] | None = None,
    exclude: str | os.PathLike[str] | None = None,
    val_share: float | None = None,
    img_size: int | None = None,
    folds: int | None = None,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    outcome: str = "accuracy",
    margin: float | None = None,
    alpha: float = 0.05,
    networks: int = 4,
    looks: int = 3,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Advice:
    """What a set of images is like, and what to do with it: weights, cross-validation, size, mirror and balance.

    Nothing is trained or written. What it says of weights, sizes and mirroring comes from experiments; docs/advice.md
    has their table.

    Args:
        data: a data set's name, a folder, an archive or a table.
        split, exclude, val_share, img_size, folds, outcome, margin, alpha: as in `compare`.
        class_level, image_column, label_column, label_regex, group, group_regex, crop_boxes, skip_unread_formats: how
            the images are to be read where their layout does not say it, see `open_images`.
        networks, looks: how many networks are to be compared, and how often it is looked; with one network there is
            no comparison.
        progress, notice: are told how it goes, and what a person should know.

    Raises:
        SkipwiseError: the images can't be found, or can't be trained on as they are.
    """
    counted = outcome_of(outcome)
    margin = counted.margin if margin is None else margin
    request = Request(
        data=os.fspath(data),
        reading=ReadingOptions(
            class_level=class_level,
            image_column=image_column,
            label_column=label_column,
            label_regex=label_regex,
            group=group,
            group_regex=group_regex,
            crop_boxes=crop_boxes,
            skip_unread_formats=skip_unread_formats,
        ),
        split=None if split is None else os.fspath(split),
        exclude=None if exclude is None else os.fspath(exclude),
        val_share=val_share,
        img_size=img_size,
        folds=folds,
    )
    prepared = prepare(request, seed=SPLIT_SEED, packed=False, progress=progress, notice=notice)
    level = pair_level(networks, schedule(looks), alpha) if networks > 1 and counted.is_share_of_all else None
    return advice_on(prepared, img_size=img_size, folds=folds, margin=margin, level=level)
