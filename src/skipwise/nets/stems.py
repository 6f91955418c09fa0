"""The stem and the width of Skipwise's networks."""

from __future__ import annotations

from skipwise.core.errors import SkipwiseError

STEMS = ("imagenet", "small", "auto")
SMALL_IMAGE = 64
"""Up to this many pixels a side, the stem "auto" is "small": the ImageNet stem would leave 16 x 16 or fewer."""


def resolve_stem(stem: str, image_size: int) -> str:
    """The stem that "auto" stands for at an image size in pixels a side; any other stem is returned as it is."""
    if stem != "auto":
        return stem
    return "small" if image_size <= SMALL_IMAGE else "imagenet"


def check_width(width: float) -> None:
    """Checks that a width gives a network.

    Raises:
        SkipwiseError: it is not above 0, or is above 16.
    """
    if not 0 < width <= 16:  # also false for NaN
        raise SkipwiseError(f"The width must be above 0 and at most 16, not {width:g}; 1 is the published network.")
