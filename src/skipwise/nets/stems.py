"""What may be said of any network of ours before it is built: its stem and its width."""

from __future__ import annotations

from skipwise.core.errors import SkipwiseError

STEMS = ("imagenet", "small", "auto")
SMALL_IMAGE = 64
"""Up to this many pixels a side the `auto` stem is `small`: the ImageNet stem would leave 16 x 16 or less."""


def resolve_stem(stem: str, image_size: int) -> str:
    """`auto` as what it stands for at this image size (pixels a side); any other stem as it is."""
    if stem != "auto":
        return stem
    return "small" if image_size <= SMALL_IMAGE else "imagenet"


def check_width(width: float) -> None:
    """Raises SkipwiseError for a width that gives no network."""
    if not 0 < width <= 16:  # not-a-number is neither
        raise SkipwiseError(f"The width must be above 0 and at most 16, not {width:g}; 1 is the published network.")
