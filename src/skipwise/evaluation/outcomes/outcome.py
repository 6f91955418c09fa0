"""The record of an outcome: a score for each image, how its mean is judged, and what it is called; numpy only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.evaluation.outcomes.numbers import Number
from skipwise.evaluation.variants import VARIANTS

Logits = NDArray[np.floating]
Answers = NDArray[np.integer]
Labels = NDArray[np.int64]

FEWEST = 10
"""Images of a subset, without which nothing can be said of it."""
MOST_NAMED = 3
AT_ONCE = 4_000_000
"""Logits that are scored at a time."""


@dataclass(frozen=True, kw_only=True)
class Outcome(Number):
    """A score for each image, and how its mean is named, judged and shown.

    Args:
        name: for `--outcome`.
        label: for people; "{on}" stands for the images it was measured on, "test" or "validation".
        score: logits [N, classes] and labels [N] -> scores [N], each image's by itself. Where it reads a variant, the
            numbers of the answered classes [versions, N] take the place of the logits.
        higher_is_better: whether more of it is better.
        least, most: the least and the largest score there can be, where less is better; None where there is none.
        margin: the difference that would not matter unless somebody says otherwise, in the unit.
        right_or_wrong: whether an image's score is 1 or 0, but for its weight.
        weights: labels [N] -> what each image weighs, 1 on average; None where all weigh the same.
        fewest_classes: with fewer, the outcome says nothing.
        guess: what gives `baseline`, in words.
        within: the classes whose images alone count, as they were asked for; "" where all do.
        lead: how a sentence about it begins, such as "Under corruption"; "" for "By" and its name.
        variant: which variant of the test images it reads, by its name in `evaluation.variants`; "" for the images as
            they are.
        can_decide: whether a network may be chosen by it alone.

    Examples:
        >>> from skipwise.evaluation.outcomes import outcome_of
        >>> labels = np.array([0, 1, 1])
        >>> logits = np.log([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> outcome_of("accuracy").scores(logits, labels).tolist()
        [1.0, 1.0, 0.0]
        >>> outcome_of("log-loss").scores(logits, labels).round(3).tolist()
        [0.105, 0.223, 0.916]
    """

    name: str
    label: str
    score: Callable[[Any, Labels], NDArray[np.floating] | NDArray[np.bool_]]
    higher_is_better: bool = False
    least: float | None = None
    most: float | None = None
    margin: float
    right_or_wrong: bool = False
    weights: Callable[[Labels], NDArray[np.float64]] | None = None
    fewest_classes: int = 2
    guess: str = "always answering with the share of each class"
    within: str = ""
    lead: str = ""
    variant: str = ""
    can_decide: bool = True

    def scores(self, answers: Logits | Answers, labels: Labels) -> NDArray[np.float64]:
        """The score of each image, times its weight.

        Args:
            answers: logits [N, classes], or where it reads a variant, the numbers of the answered classes
                [versions, N].
            labels: [N].
        """
        images = 1 if self.variant else 0
        rows = max(1, AT_ONCE // max(answers.shape[1 - images], 1))
        parts = []
        for start in range(0, len(labels), rows):
            some = slice(start, start + rows)
            parts.append(np.asarray(self.score(answers[(slice(None),) * images + (some,)], labels[some]), np.float64))
        found = np.concatenate(parts) if parts else np.zeros(0)
        return found if self.weights is None else found * self.weights(labels)

    def baseline(self, class_images: Sequence[int], classes: Sequence[str]) -> float:
        """The outcome of a guesser who knows how common each class is, and nothing of the images.

        Args:
            class_images: how many images each class has.
            classes: their names.
        """
        counts = np.asarray(class_images, np.int64)
        there = [c for c in self.class_numbers(classes) if counts[c]]
        if self.variant:
            constant = np.full((len(VARIANTS[self.variant].versions), len(there)), counts.argmax())
        else:
            logs = np.log(np.maximum(counts / counts.sum(), 1e-300))
            constant = np.broadcast_to(logs, (len(there), len(counts)))
        each = self.score(constant, np.array(there, np.int64))
        weights = np.ones(len(there)) if self.weights is None else self._class_weights(counts[there])
        return float((counts[there] * weights * np.asarray(each)).sum() / counts[there].sum())

    def effective_images(self, counts: Sequence[int]) -> int:
        """The effective number of images: as many as would show as much if all weighed the same (Kish 1965).

        Args:
            counts: images of each class that count.
        """
        there = np.array([count for count in counts if count], np.int64)
        weights = np.ones(len(there)) if self.weights is None else self._class_weights(there)
        return round(float((there * weights).sum() ** 2 / (there * weights**2).sum()))

    def _class_weights(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the weight of an image of each class, by the number of images of each."""
        assert self.weights is not None
        return self.weights(np.repeat(np.arange(len(counts)), counts))[np.cumsum(counts) - 1]

    def class_numbers(self, classes: Sequence[str]) -> tuple[int, ...]:
        """The numbers of the classes whose images count.

        Raises:
            SkipwiseError: there is no class of a name that was asked for.
        """
        if not self.within:
            return tuple(range(len(classes)))
        # A class's name may have a comma in it, or a space at an end.
        names = [self.within] if self.within in classes else self.within.split(",")
        names = [name if name in classes else name.strip() for name in names]
        for name in names:
            if name not in classes:
                raise unknown_name("class", name, classes)
        return tuple(sorted({classes.index(name) for name in names}))

    def members(self, labels: Labels, classes: Sequence[str]) -> NDArray[np.bool_]:
        """Returns a mask of the images that count, by their labels [N]."""
        return np.isin(labels, self.class_numbers(classes))

    def check(self, class_images: Sequence[int], classes: Sequence[str]) -> None:
        """Raises SkipwiseError where it can't be told from such test images.

        Args:
            class_images: how many test images each class has.
            classes: their names.
        """
        if len(classes) < self.fewest_classes:
            raise SkipwiseError(
                f"With {len(classes)} classes, the {self.measure()} of any network is 100%; use --outcome accuracy, or "
                f"images of at least {self.fewest_classes} classes."
            )
        if not self.within:
            return
        chosen = self.class_numbers(classes)
        empty = [classes[c] for c in chosen if not class_images[c]]
        if empty:
            raise SkipwiseError(f"No test image is of the class {empty[0]!r}; leave it out of --outcome.")
        images = sum(class_images[c] for c in chosen)
        if images < FEWEST:
            raise SkipwiseError(
                f"Only {images} test image{'s are' if images != 1 else ' is'} of {self._of_classes()}, which can show "
                f"nothing: name more classes in --outcome, or use a split with at least {FEWEST} test images of them."
            )

    def check_margin(self, margin: float) -> None:
        """Raises SkipwiseError for a margin that is none."""
        if self.scale == 100 and not 0 < margin < 100:
            raise SkipwiseError(
                f"--margin must lie between 0 and 100 percentage points of {self.measure()}, not {margin:g}."
            )
        if not 0 < margin < np.inf:
            unit = f"in {self.unit} of" if self.unit else "of"
            raise SkipwiseError(f"--margin, {unit} {self.measure()}, must be a number above 0, not {margin:g}.")

    def errors(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns each image's error: the loss, or 1 minus the score."""
        return 1 - scores if self.higher_is_better else scores

    @property
    def is_weighted(self) -> bool:
        """True if images have different weights."""
        return self.weights is not None

    @property
    def is_share_of_all(self) -> bool:
        """True if it is the share of right answers among all images, whose resolution follows from their number."""
        return self.right_or_wrong and not self.within

    @property
    def is_accuracy(self) -> bool:
        """True if it is the accuracy on all images, which need not be shown beside it."""
        return self.name == "accuracy"

    def merit(self, value: float) -> float:
        """A number that is the larger the better."""
        return value if self.higher_is_better else -value

    def advantage(self, low: float, high: float) -> tuple[float, float]:
        """Returns how much better the first of two networks is, as an interval, from the interval of the difference."""
        return (low, high) if self.higher_is_better else (-high, -low)

    def measure(self, *, on: str = "test") -> str:
        """Names the outcome: "test accuracy", "test log-loss on cat, dog"."""
        return self.label.format(on=on) + (f" on {self._of_classes()}" if self.within else "")

    def _of_classes(self) -> str:
        names = [name.strip() for name in self.within.split(",")]
        return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} classes"

    @property
    def under(self) -> str:
        """The beginning of a sentence about it: "By test log-loss"."""
        return self.lead or f"By {self.measure()}"

    @property
    def axis(self) -> str:
        """The same with its unit, for an axis."""
        unit = self.sign or self.unit
        return f"{self.measure()}, {unit}" if unit else self.measure()

    @property
    def difference_of(self) -> str:
        """The unit of differences: "points of test accuracy"."""
        return f"{self.unit} of {self.measure()}" if self.unit else self.measure()

    @property
    def behind(self) -> str:
        """On which side of the better network the worse one is."""
        return "below" if self.higher_is_better else "above"

    @property
    def heading(self) -> str:
        """The unit of differences for the head of a column: "points"."""
        return self.unit or "difference"
