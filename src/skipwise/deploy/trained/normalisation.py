"""Checks of the mean and the standard deviation that a user gives for external weights: pixels are 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

from skipwise.core.errors import SkipwiseError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LARGEST = (255, 65535)
"""The largest pixel value on the scales that other programs use."""


def check_scale(mean: Sequence[float], std: Sequence[float]) -> None:
    """Raises SkipwiseError where mean or standard deviation are not for pixels of 0 to 1, with values that are."""
    if len(mean) not in (1, 3) or len(mean) != len(std):
        raise SkipwiseError("--mean and --std take three numbers each, or one for grey images.")
    if not all(map(math.isfinite, (*mean, *std))):
        raise SkipwiseError(f"--mean and --std must be finite numbers, not {_listed(mean)} and {_listed(std)}.")
    if any(value <= 0 for value in std):
        raise SkipwiseError(f"--std must be above 0 for every channel, not {_listed(std)}: pixels are divided by it.")
    most = max(*mean, *std)
    if min(mean) < 0:
        if min(mean) < -1 or most > 1:
            raise SkipwiseError(f"--mean must lie between 0 and 1 for every channel, not {_listed(mean)}.")
        raise SkipwiseError(
            f"--mean {_listed(mean)} is for pixels of -1 to 1, and here they are 0 to 1; give "
            f"{_options([(value + 1) / 2 for value in mean], [value / 2 for value in std])}"
        )
    if most <= 1:
        return
    largest = next((largest for largest in LARGEST if most <= largest), None)
    if largest is None:
        raise SkipwiseError(f"--mean and --std are for pixels of 0 to 1, not {_listed(mean)} and {_listed(std)}.")
    # Some programs subtract a mean on the large scale and divide by nothing, which is a deviation of 1 there.
    of_mean, of_std = (largest if max(mean) > 1 else 1), (largest if max(std) >= 1 else 1)
    which = "--mean" if max(std) <= 1 and max(mean) > 1 else "--mean and --std" if max(mean) > 1 else "--std"
    verb = "are" if " " in which else "is"
    raise SkipwiseError(
        f"{which} {verb} for pixels of 0 to {largest}, and here they are 0 to 1; give "
        f"{_options([value / of_mean for value in mean], [value / of_std for value in std])}"
    )


def reversed_channels(mean: Sequence[float], std: Sequence[float]) -> str:
    """A warning where mean or standard deviation are ImageNet's in the order blue, green, red; "" otherwise."""
    for given, known in ((mean, IMAGENET_MEAN), (std, IMAGENET_STD)):
        if len(given) == 3 and all(abs(a - b) < 0.002 for a, b in zip(given, reversed(known), strict=True)):
            return (
                f"{_listed(given)} are ImageNet's values in the order blue, green, red, and Skipwise gives the network "
                "red, green, blue."
            )
    return ""


def _options(mean: Sequence[float], std: Sequence[float]) -> str:
    return f"--mean {_listed(mean)} --std {_listed(std)}"


def _listed(values: Sequence[float]) -> str:
    return ",".join(f"{value:.6g}" for value in values)
