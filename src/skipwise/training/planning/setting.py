"""The settings that a time limit may reduce (image size, stem, epochs), and the number of epochs that is too few.

The rule, as docs/time-limits.md tells it: image size and stem are those of a run without a limit, as long as there is
time for enough epochs. Otherwise it is the most expensive of the cheaper settings that has time for enough epochs. The
settings and the number of epochs were measured with benchmarks/sizes.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipwise.training.loop.recipe import Recipe, full_size

SMALLER = (128, 96, 64, 32)
"""The image sizes, in pixels a side, that a limit may choose with the ImageNet stem."""
REDUCES = 4
"""The factor by which the ImageNet stem makes the sides of feature maps smaller than the small stem does."""
PIXELS_OF_A_LAYER = 64
"""The cost of a layer that does not depend on the image size, in pixels: measured as 18 for ResNet-18 and 128 for
MobileNetV2, in steps at 32, 64 and 96 pixels."""
GROWING = 96
"""The smallest image size, in pixels a side, for progressive resizing with the ImageNet stem: a step on smaller images
takes little less time."""
ENLARGED = 2
"""Images may become this many times larger than without a limit: enlarged small images with the ImageNet stem cost less
than the same images with the small stem."""
NEARLY = 0.75
"""Larger images are preferred where no setting has enough epochs, if they have this fraction of the most epochs."""
ENOUGH_EPOCHS, ENOUGH_STEPS = 6, 250
"""A run with fewer epochs and fewer steps than these may tell more about its length than about its network."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The image size, in pixels a side, and the network's stem."""

    size: int
    stem: str

    def __str__(self) -> str:
        return f"{self.size} pixels with the {self.stem} stem"

    def suited(self, recipe: Recipe) -> Recipe:
        """The recipe, without progressive resizing where that saves no time."""
        return full_size(recipe) if self.stem == "imagenet" and self.size < GROWING else recipe

    @property
    def pixels(self) -> float:
        """The pixels that a network's stages work on, plus the fixed cost of a layer; a step's time is proportional."""
        return (self.size / (REDUCES if self.stem == "imagenet" else 1)) ** 2 + PIXELS_OF_A_LAYER


def settings(asked: Setting, *, size_given: bool, stem_given: bool) -> tuple[Setting, ...]:
    """The settings that a run may have, the most expensive first: that without a limit, and all cheaper ones.

    Args:
        asked: the image size and the stem of a run without a limit.
        size_given, stem_given: whether the user chose them, so that they stay as they are.

    Example:
        >>> [str(setting) for setting in settings(Setting(size=64, stem="small"), size_given=True, stem_given=False)]
        ['64 pixels with the small stem', '64 pixels with the imagenet stem']
    """
    sizes = [asked.size] if size_given else [asked.size, *(size for size in SMALLER if size <= ENLARGED * asked.size)]
    stem = asked.stem if stem_given else "imagenet"
    cheaper = {Setting(size=size, stem=stem) for size in sizes if Setting(size=size, stem=stem).pixels < asked.pixels}
    return (asked, *sorted(cheaper, key=lambda setting: -setting.pixels))


def needed_epochs(recipe: Recipe, images: int) -> int:
    """The fewest epochs after which a network's accuracy tells something about the network.

    Args:
        recipe: the recipe, with its batch size; how many epochs it has makes no difference.
        images: the number of training images.

    Example:
        >>> from skipwise.training.loop.recipe import RECIPES
        >>> needed_epochs(RECIPES["standard"], 50_000)
        6
    """
    steps = max(1, images // recipe.batch_size)
    return max(ENOUGH_EPOCHS, math.ceil(ENOUGH_STEPS / steps))


def enough_epochs(recipe: Recipe, images: int) -> int:
    """The epochs of a recipe that are enough: the needed ones, or all where it has no more."""
    return min(recipe.epochs, needed_epochs(recipe, images))
