"""Facts about an artifact's validation images: a threshold for confidence, and properties to compare others with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INPUTS = ("brightness", "contrast", "shorter side")
"""Measures of an image: the mean and the standard deviation of its pixels as the network sees them, from 0 to
255, and the shorter side of the image as it came, in pixels."""
PARTS = 5
"""Parts of equal numbers of images that each of these is divided into."""
MOST_ON_A_SIDE = 64
"""Pixels on a side, at most, that brightness and contrast are measured on."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The confidence below which an answer is called "not sure".

    Args:
        asked: how often answers have to be right, a fraction.
        confidence: the lowest one from which on they were, on the validation images; above 1 where none was enough.
    """

    asked: float
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The number of images with values in each part of a scale.

    Args:
        edges: where one part ends and the next one begins, rising; a value on an edge belongs to the part above.
        counts: the number of images in each part, one more than edges.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Properties of a network's validation images.

    Args:
        images: how many there were.
        answers: the number of images that got each class as their answer.
        unsure: the number of answers below the threshold; None where there is no threshold.
        inputs: how `INPUTS` spread over some of these images; {} where the images were not there.
    """

    images: int
    answers: tuple[int, ...]
    unsure: int | None
    inputs: dict[str, Spread]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The comparison that chose a network.

    Args:
        data: the name of the images.
        date: when it was finished, as YYYY-MM-DD.
        sentences: its verdict.
    """

    data: str
    date: str
    sentences: tuple[str, ...]


def measured(square: NDArray[np.uint8], shorter_side: int) -> tuple[float, float, float]:
    """Returns the `INPUTS` of an image.

    Args:
        square: its pixels as the network sees them [size, size, channels].
        shorter_side: of the image as it came, in pixels.

    Example:
        >>> measured(np.full((8, 8, 3), 100, np.uint8), 480)
        (100.0, 0.0, 480.0)
    """
    step = math.ceil(len(square) / MOST_ON_A_SIDE)
    some = square[::step, ::step].astype(np.float32)
    return round(float(some.mean()), 2), round(float(some.std()), 2), float(shorter_side)


def spread(values: Sequence[float]) -> Spread:
    """Divides a scale into parts with about as many values each; fewer parts where many values are the same.

    Example:
        >>> spread([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        Spread(edges=(3.0, 5.0, 7.0, 9.0), counts=(2, 2, 2, 2, 2))
        >>> spread([28, 28, 28])
        Spread(edges=(28.0, 28.000028), counts=(0, 3, 0))
    """
    given = np.asarray(values, np.float64)
    edges = np.unique(np.quantile(given, np.arange(1, PARTS) / PARTS, method="higher"))
    if len(edges) == 1:  # nearly all of them are the same: then what is below or above is another part
        # The second edge has to differ in the 8 digits that are kept.
        edges = np.array([edges[0], edges[0] + 1e-6 * max(abs(edges[0]), 1)])
    found = tuple(float(f"{edge:.8g}") for edge in edges)
    return Spread(edges=found, counts=tuple(parts(given, found)))


def parts(values: NDArray[np.float64], edges: Sequence[float]) -> list[int]:
    """The number of values in each part."""
    place = np.searchsorted(np.asarray(edges), values, side="right")
    return np.bincount(place, minlength=len(edges) + 1).tolist()


def check_reference(threshold: Threshold | None, reference: Reference | None, classes: int) -> None:
    """Raises ValueError where a value is one that no export writes."""
    if threshold is not None and not (0 < threshold.asked <= 1 and 0 <= threshold.confidence <= 1.01):
        raise ValueError("its threshold is none that an export writes")
    if reference is None:
        return
    counts = (*reference.answers, *(count for each in reference.inputs.values() for count in each.counts))
    sound = (
        len(reference.answers) == classes
        and min(counts) >= 0
        and sum(reference.answers) == reference.images > 0
        and 0 <= (reference.unsure or 0) <= reference.images
        and set(reference.inputs) <= set(INPUTS)
        and all(_is_sound(each) for each in reference.inputs.values())
    )
    if not sound:
        raise ValueError("what it says of its validation images is not what an export writes")


def _is_sound(each: Spread) -> bool:
    rising = all(math.isfinite(edge) for edge in each.edges) and list(each.edges) == sorted(set(each.edges))
    return rising and 1 <= len(each.edges) < PARTS and len(each.counts) == len(each.edges) + 1 and sum(each.counts) > 0
