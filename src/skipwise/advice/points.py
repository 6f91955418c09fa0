"""The advice on a set of images, point by point, each with its reason and the number it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from skipwise.advice.table import Table, nearest, read_table
from skipwise.advice.traits import Traits
from skipwise.advice.weights import should_start_from_weights
from skipwise.core.text import count
from skipwise.statistics import least_shown

Topic = Literal["weights", "cross-validation", "size", "mirror", "balance"]
FOLDS = 5
UNEVEN = 3
"""The largest class has this many times more images than the smallest before anything is said of it."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Options that were given already, on which some of the advice depends.

    Args:
        margin: the difference that would not matter, in percentage points.
        level: the chance that a pair's interval misses at one look; None where no networks are compared.
        folds: for cross-validation.
        img_size: pixels a side, and `auto_size` what they are where nothing is asked for.
    """

    margin: float = 0.5
    level: float | None = None
    folds: int | None = None
    img_size: int | None = None
    auto_size: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """One piece of advice.

    Args:
        advice: what to do, as a sentence.
        reason: why, with the number behind it.
        flags: what to add to the command; () where it is as advised already, or only a person can say.
    """

    topic: Topic
    advice: str
    reason: str
    flags: tuple[str, ...] = ()


def points_on(traits: Traits, asked: Asked, table: Table | None = None) -> tuple[Point, ...]:
    """All advice on images like these.

    Args:
        traits: see `traits_of`.
        asked: what is asked for already.
        table: what experiments gave; None is the one that comes with this version.
    """
    table = read_table() if table is None else table
    found = (
        _weights(traits, table),
        cross_validation(traits, asked),
        _size(traits, asked, table),
        _mirror(traits, table),
        _balance(traits),
    )
    return tuple(point for point in found if point is not None)


def _weights(traits: Traits, table: Table) -> Point:
    found = should_start_from_weights(traits, table)
    if found.use:
        return Point(
            topic="weights",
            advice="Start from published weights where the network has some; --init auto does so.",
            reason=found.reason,
        )
    return Point(topic="weights", advice="Train from scratch; --init auto does so here.", reason=found.reason)


def cross_validation(traits: Traits, asked: Asked) -> Point | None:
    """Advises cross-validation where one test split can't show the margin; None where there is no choice."""

    if asked.level is None or asked.folds is not None or traits.split_given or traits.test == 0:
        return None
    level = asked.level

    def smallest(images: int) -> float:
        """The smallest difference that can be shown, in points; infinite where none can."""
        least = least_shown(images, margin=asked.margin / 100, alpha=level)
        return 100 * least / images if least <= images else math.inf

    one, all_of_them = smallest(traits.test), smallest(traits.images)
    least = f"only differences of {one:.1f} points or more can" if math.isfinite(one) else "no difference can"
    test = f"With {count(traits.test, 'test image')}, {least} be shown"
    if one <= asked.margin or math.isinf(all_of_them) or traits.least_groups < FOLDS:
        advice = "Test on one split."
        few = f"; a class has too few images for {FOLDS} parts" if traits.least_groups < FOLDS else ""
        return Point(topic="cross-validation", advice=advice, reason=f"{test}{few}.")
    return Point(
        topic="cross-validation",
        advice=f"Cross-validate, in {FOLDS} parts: each image is tested once per seed.",
        reason=f"{test}. With all {traits.images:,} images, each tested in turn, differences of "
        f"{all_of_them:.1f} points or more can. It takes {FOLDS} times as many runs.",
        flags=("--folds", str(FOLDS)),
    )


def _size(traits: Traits, asked: Asked, table: Table) -> Point:
    size = asked.img_size or asked.auto_size
    like = table.most_like(traits)
    tried = []
    for variant, over in (("weights-128", "weights"), ("weights-160", "weights"), ("scratch-64", "scratch")):
        if gains := table.gains(like, variant, over):
            tried.append(f"{table.variants[variant]}: {nearest(gains, traits.train).said}")
    measured = f" On {table.titles[like]}, at equal cost: {'; '.join(tried)}." if tried else ""
    side = f"The images' shorter sides are {traits.side} pixels{'' if traits.one_size else ' in the median'}."
    if traits.side >= 1.5 * size:
        return Point(
            topic="size",
            advice=f"Try larger images than {size} x {size} pixels if the classes differ in small details.",
            reason=f"{side} Training at {2 * size} pixels takes about four times as long.{measured}",
            flags=(),
        )
    return Point(topic="size", advice=f"Train on {size} x {size} pixels.", reason=f"{side}{measured}")


def _mirror(traits: Traits, table: Table) -> Point:
    like = table.most_like(traits)
    gains = table.gains(like, "mirror", "no-mirror")
    measured = ""
    if gains:
        measured = f" On {table.titles[like]}, mirroring was worth {nearest(gains, traits.train).said}."
    if not traits.mirrors:
        return Point(
            topic="mirror",
            advice="Don't mirror training images.",
            reason=f"The data set is known to have classes that a mirror changes.{measured}",
        )
    return Point(
        topic="mirror",
        advice="Mirror training images, unless a mirror image belongs to another class (letters, left and right): then "
        "give --no-mirror.",
        reason=f"Pixels don't show it, so you have to say.{measured}",
    )


def _balance(traits: Traits) -> Point | None:
    if traits.smallest_class == 0 or traits.largest_class < UNEVEN * traits.smallest_class:
        return None
    return Point(
        topic="balance",
        advice="If rare classes matter as much as common ones, count them equally (--outcome balanced-accuracy) and "
        "sample them equally often.",
        reason=f"The largest class has {traits.largest_class:,} images to train on, the smallest "
        f"{traits.smallest_class:,}.",
        flags=("--balance", "sampling"),
    )
