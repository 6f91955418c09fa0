"""The design of a study: a common claim, comparisons that test it, and the rule from results to a verdict.

All of it is fixed before anything is trained, but for what has to be measured. A study is a row in `table.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from skipwise.comparison.results.finished import Comparison
from skipwise.core.errors import unknown_name
from skipwise.nets.spec import NetworkSpec
from skipwise.studies.networks import is_at_width, spec_of

Scale = Literal["small", "full"]
SCALES: tuple[Scale, ...] = ("small", "full")
ALPHA = 0.05
"""The probability that any interval of a study misses the truth; its comparisons share it."""


@dataclass(frozen=True, kw_only=True)
class Subset:
    """The images of a comparison: so many of a named set for each split, every class alike often.

    Args:
        data: the name of the set.
        train, val, test: the number of images.
    """

    data: str
    train: int
    val: int
    test: int


@dataclass(frozen=True, kw_only=True)
class Design:
    """One comparison of a study, as arguments of `skipwise.compare`.

    Args:
        name: of its folder in the study's folder.
        title: what it is for, in a few words.
        models: the networks.
        images: what they are trained and tested on.
        epochs: passes over the training images.
        seeds: runs of each network.
        recipe: the recipe, see `skipwise compare --help`.
        batch_size: images per step; None is what suits the number of training images.
        width: a factor on the channels of Skipwise's networks.
        img_size: the side of the images in pixels.
        outcomes: what is compared; of several, the first is shown first.
        alpha: this comparison's share of the study's probability of an error.
        compile: False never compiles, so that it takes as long with a compiler as without; None compiles where that
            saves time.
    """

    name: str
    title: str
    models: tuple[str, ...]
    images: Subset
    epochs: int
    seeds: int = 5
    recipe: str = "fast"
    batch_size: int | None = None
    width: float = 1.0
    img_size: int = 32
    outcomes: tuple[str, ...] = ("accuracy",)
    alpha: float = ALPHA
    compile: bool | None = False

    def arguments(self, seed: int) -> dict[str, Any]:
        """The arguments of `skipwise.compare`, without those that say where things lie.

        Args:
            seed: the first seed.
        """
        return {
            "models": self.models,
            "seeds": self.seeds,
            **({"seed": seed} if seed else {}),
            "img_size": self.img_size,
            "width": self.width,
            "recipe": self.recipe,
            "epochs": self.epochs,
            **({} if self.batch_size is None else {"batch_size": self.batch_size}),
            **({} if self.outcomes == ("accuracy",) else {"outcome": ",".join(self.outcomes)}),
            "alpha": self.alpha,
            "init": ("none",),
            **({} if self.compile is None else {"compile": self.compile}),
        }

    def network(self, name: str) -> NetworkSpec:
        """One of its networks."""
        if is_at_width(name):
            return spec_of(name)
        return NetworkSpec(name=name, num_classes=10, stem="small", width=self.width)


Quantity = Literal["outcome", "spread", "epochs"]
"""The subject of a part of a claim: how well networks do, how much that varies from seed to seed, or how many epochs
they need to reach a validation accuracy."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the claim, which one pair of networks answers: that `a` does better than `b`, or has more of something.

    Args:
        claim: the part as a sentence.
        a, b: the networks, as their designs name them.
        of_a, of_b: the names of the designs in which they are trained.
        quantity: what is compared.
        outcome: by which outcome, where it is not the design's only one.
        target: the validation accuracy to reach, as a share.
        alpha: the probability that the interval of a spread or of epochs misses; that of outcomes is the design's.
    """

    claim: str
    a: str
    b: str
    of_a: str
    of_b: str
    quantity: Quantity = "outcome"
    outcome: str = ""
    target: float | None = None
    alpha: float = ALPHA


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A study at one scale.

    Args:
        designs: its comparisons.
        parts: the parts of the claim that they answer.
        measured: what was measured on this machine, and what followed from it, a sentence each.
    """

    designs: tuple[Design, ...]
    parts: tuple[Part, ...]
    measured: tuple[str, ...] = ()


Settle = Callable[[Setup], Setup]
"""Completes a study by measurements on this machine."""


def as_written(setup: Setup) -> Setup:
    """The study as it stands in the table: nothing has to be measured."""
    return setup


Adjust = Callable[[Setup, Mapping[str, Comparison]], Setup]
"""Completes a study by the times of its comparisons that are done, by name. It is called before each comparison."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study.

    Args:
        name: what it is called on the command line.
        claim: the sentence that people repeat.
        source: where it is said.
        small, full: the comparisons at each scale, and the parts of the claim. The verdict is made of the answers to
            these, see `answers.py`.
        reasons: why the design is as it is, a sentence or two each.
        not_covered: what the verdict says nothing about.
        would_change: what could lead to another verdict.
        settle: completes it by measurements, before its first comparison.
        adjust: completes it by the times of its comparisons, before each; None where nothing depends on them.
        depth_norms: whether runs record how large activations and gradients are at each block, which changes no run.
    """

    name: str
    claim: str
    source: str
    small: Setup
    full: Setup
    reasons: tuple[str, ...]
    not_covered: tuple[str, ...]
    would_change: tuple[str, ...]
    settle: Settle = as_written
    adjust: Adjust | None = None
    depth_norms: bool = False

    def at(self, scale: Scale) -> Setup:
        """The study at a scale."""
        return self.small if scale == "small" else self.full


def scale_of(name: str) -> Scale:
    """The scale of a name.

    Raises:
        SkipwiseError: there is no such scale.
    """
    if name not in SCALES:
        raise unknown_name("scale", name, SCALES)
    return SCALES[SCALES.index(name)]
