"""What a time limit may give up of a run: the size of its images, its stem, its epochs; and how little is too little.

The rule, which docs/time-limits.md tells users: the images' size and the stem are those that an unlimited run would
have, as long as the time affords enough epochs for the network to learn what it can. Else it is the costliest of the
smaller settings that does. Which settings there are, and how many epochs are enough, was measured
(benchmarks/sizes.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipwise.training.loop.recipe import Recipe, full_size

SMALLER = (128, 96, 64, 32)
"""Sizes, in pixels a side, that a limit may choose instead, with the imagenet stem."""
REDUCES = 4
"""The imagenet stem makes a side so many times as short as the small stem leaves it."""
PIXELS_OF_A_LAYER = 64
"""18 for ResNet-18 and 128 for MobileNetV2, in steps at 32, 64 and 96 pixels."""
GROWING = 96
"""With the imagenet stem, images grow in training only to so many pixels a side or more: a step on smaller ones takes
little less time."""
ENLARGED = 2
"""Images are at most so many times as large as they would be without a limit: with the imagenet stem, small ones that
are enlarged cost less than with the small stem as they are."""
NEARLY = 0.75
"""Where epochs are too few anyway, larger images are worth this share of them."""
ENOUGH_EPOCHS, ENOUGH_STEPS = 6, 250
"""A run that has fewer of both may say more of its length than of its network."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The size of the images, in pixels a side, and the network's stem."""

    size: int
    stem: str

    def __str__(self) -> str:
        return f"{self.size} pixels with the {self.stem} stem"

    def suited(self, recipe: Recipe) -> Recipe:
        """The recipe, without growing images where that saves no time."""
        return full_size(recipe) if self.stem == "imagenet" and self.size < GROWING else recipe

    @property
    def pixels(self) -> float:
        """Those that a network's stages work on, and what a layer costs however few they are: a step's gradients take
        time in proportion."""
        return (self.size / (REDUCES if self.stem == "imagenet" else 1)) ** 2 + PIXELS_OF_A_LAYER


def settings(asked: Setting, *, size_given: bool, stem_given: bool) -> tuple[Setting, ...]:
    """What a run may be done at, the costliest first: what it would be without a limit, and what costs less.

    Args:
        asked: size and stem of a run without a limit.
        size_given, stem_given: whether the user gave them; then they stay.

    >>> [str(setting) for setting in settings(Setting(size=64, stem="small"), size_given=True, stem_given=False)]
    ['64 pixels with the small stem', '64 pixels with the imagenet stem']
    """
    sizes = [asked.size] if size_given else [asked.size, *(size for size in SMALLER if size <= ENLARGED * asked.size)]
    stem = asked.stem if stem_given else "imagenet"
    cheaper = {Setting(size=size, stem=stem) for size in sizes if Setting(size=size, stem=stem).pixels < asked.pixels}
    return (asked, *sorted(cheaper, key=lambda setting: -setting.pixels))


def enough_epochs(recipe: Recipe, images: int) -> int:
    """How many epochs of so many training images a network needs at least, for its accuracy to say something of it.

    >>> from skipwise.training.loop.recipe import RECIPES
    >>> enough_epochs(RECIPES["standard"], 50_000)
    6
    """
    steps = max(1, images // recipe.batch_size)
    return min(recipe.epochs, max(ENOUGH_EPOCHS, math.ceil(ENOUGH_STEPS / steps)))
