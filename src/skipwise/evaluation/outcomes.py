"""What a comparison can count: a score for each image, from a network's logits and the image's label; numpy only.

`OUTCOMES` is the table. Whoever judges, prints or draws asks the outcome for its name, unit, direction and digits, so
that a further outcome is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.evaluation.metrics import log_loss, right
from skipwise.evaluation.mislabelled import probabilities

Logits = NDArray[np.floating]
Labels = NDArray[np.int64]

SUBSET = ":classes="
"""Between the name of an outcome and the classes whose images alone count."""
FEWEST = 10
"""Images of a subset, without which nothing can be said of it."""
MOST_NAMED = 3
AT_ONCE = 4_000_000
"""Logits that are scored at a time."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A score for each image, and how its mean is named, judged and shown.

    Args:
        name: for `--outcome`.
        label: for people; "{on}" stands for the images it was measured on, "test" or "validation".
        score: logits [N, classes] and labels [N] -> scores [N], each image's by itself.
        unit: of differences, as they are shown: "points" for percentage points; "" for a number without one.
        sign: written after a value: "%".
        scale: what a score is multiplied by to be shown: 100 for a share.
        digits: after the point, of values and differences; their bounds have one less.
        higher_is_better: whether more of it is better.
        least: the least score there can be, where less is better; None where there is none.
        margin: the difference that would not matter unless somebody says otherwise, in the unit.
        right_or_wrong: whether an image's score is 1 or 0, but for its weight.
        weigh: labels [N] -> what each image weighs, 1 on average; None where all weigh the same.
        fewest_classes: with fewer, the outcome says nothing.
        guess: what it takes to get `guessed`, in words.
        within: the classes whose images alone count, as they were asked for; "" where all do.

    Examples:
        >>> labels = np.array([0, 1, 1])
        >>> logits = np.log([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> OUTCOMES["accuracy"].scores(logits, labels).tolist()
        [1.0, 1.0, 0.0]
        >>> OUTCOMES["log-loss"].scores(logits, labels).round(3).tolist()
        [0.105, 0.223, 0.916]
    """

    name: str
    label: str
    score: Callable[[Logits, Labels], NDArray[np.floating] | NDArray[np.bool_]]
    unit: str
    sign: str = ""
    scale: float = 1.0
    digits: int = 4
    higher_is_better: bool = False
    least: float | None = None
    margin: float
    right_or_wrong: bool = False
    weigh: Callable[[Labels], NDArray[np.float64]] | None = None
    fewest_classes: int = 2
    guess: str = "always answering with the share of each class"
    within: str = ""

    def scores(self, logits: Logits, labels: Labels) -> NDArray[np.float64]:
        """The score of each image, weighed, from logits [N, classes] and labels [N]."""
        rows = max(1, AT_ONCE // max(logits.shape[1], 1))
        parts = [
            np.asarray(self.score(logits[start : start + rows], labels[start : start + rows]), np.float64)
            for start in range(0, len(labels), rows)
        ]
        found = np.concatenate(parts) if parts else np.zeros(0)
        return found if self.weigh is None else found * self.weigh(labels)

    def guessed(self, class_images: Sequence[int], classes: Sequence[str]) -> float:
        """The mean of whoever knows how common each class is, and nothing of the images.

        Args:
            class_images: how many images each class has.
            classes: their names.
        """
        counts = np.asarray(class_images, np.int64)
        constant = np.log(np.maximum(counts / counts.sum(), 1e-300))
        there = [c for c in self.chosen(classes) if counts[c]]
        each = self.score(np.broadcast_to(constant, (len(there), len(counts))), np.array(there, np.int64))
        weights = np.ones(len(there)) if self.weigh is None else self._class_weights(counts[there])
        return float((counts[there] * weights * np.asarray(each)).sum() / counts[there].sum())

    def alike(self, counts: Sequence[int]) -> int:
        """As many images as would show as much if all weighed the same (Kish 1965, "Survey Sampling").

        Args:
            counts: images of each class that count.
        """
        there = np.array([count for count in counts if count], np.int64)
        weights = np.ones(len(there)) if self.weigh is None else self._class_weights(there)
        return round(float((there * weights).sum() ** 2 / (there * weights**2).sum()))

    def _class_weights(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """What an image of each class weighs, by how many images each has."""
        assert self.weigh is not None
        return self.weigh(np.repeat(np.arange(len(counts)), counts))[np.cumsum(counts) - 1]

    def chosen(self, classes: Sequence[str]) -> tuple[int, ...]:
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
        """Which of the images count, by their labels [N]."""
        return np.isin(labels, self.chosen(classes))

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
        chosen = self.chosen(classes)
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
        """What each image adds to what is wrong: the loss, or what is missing to being right."""
        return 1 - scores if self.right_or_wrong else scores

    @property
    def weighs(self) -> bool:
        """Whether images weigh differently."""
        return self.weigh is not None

    @property
    def is_share_of_all(self) -> bool:
        """Whether it is the share of all images that are right, of which it is known what so many images can show."""
        return self.right_or_wrong and not self.within

    @property
    def is_accuracy(self) -> bool:
        """Whether it is the accuracy on all images, which need not be shown beside it."""
        return self.name == "accuracy"

    def merit(self, value: float) -> float:
        """A number that is the larger the better."""
        return value if self.higher_is_better else -value

    def advantage(self, low: float, high: float) -> tuple[float, float]:
        """How much better the first of two networks is, at least and at most, by the interval of its difference."""
        return (low, high) if self.higher_is_better else (-high, -low)

    def measure(self, *, on: str = "test") -> str:
        """What it is called: "test accuracy", "test log-loss on cat, dog"."""
        return self.label.format(on=on) + (f" on {self._of_classes()}" if self.within else "")

    def _of_classes(self) -> str:
        names = [name.strip() for name in self.within.split(",")]
        return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} classes"

    @property
    def axis(self) -> str:
        """The same with its unit, for an axis."""
        unit = self.sign or self.unit
        return f"{self.measure()}, {unit}" if unit else self.measure()

    @property
    def difference_of(self) -> str:
        """What differences are in: "points of test accuracy"."""
        return f"{self.unit} of {self.measure()}" if self.unit else self.measure()

    @property
    def behind(self) -> str:
        """On which side of the better network the worse one is."""
        return "below" if self.higher_is_better else "above"

    @property
    def heading(self) -> str:
        """What differences are in, for the head of a column: "points"."""
        return self.unit or "difference"

    def value(self, value: float) -> str:
        """A mean: "98.07%"."""
        return f"{value * self.scale:.{self.digits}f}{self.sign}"

    def limit(self, value: float) -> str:
        """One that somebody asked for: "97%"."""
        return f"{value * self.scale:g}{self.sign}"

    def bound(self, value: float) -> str:
        """One that is not known as well: "98.1%"."""
        return f"{value * self.scale:.{self.digits - 1}f}{self.sign}"

    def bounds(self, low: float, high: float) -> str:
        """An interval of a mean: "96.1 to 99.9"."""
        return f"{low * self.scale:.{self.digits - 1}f} to {high * self.scale:.{self.digits - 1}f}"

    def difference(self, difference: float) -> str:
        """A difference of two means, without its unit: "+0.56"."""
        return f"{difference * self.scale:+.{self.digits}f}"

    def differences(self, low: float, high: float) -> str:
        """An interval of a difference: "-0.33 to +1.46"."""
        return f"{self.difference(low)} to {self.difference(high)}"

    def amount(self, difference: float, *, digits: int | None = None) -> str:
        """The size of a difference: "1.2 points"."""
        return self._with_unit(f"{difference * self.scale:.{self.digits - 1 if digits is None else digits}f}")

    def margin_said(self, margin: float) -> str:
        """A margin in its unit: "0.5 points"."""
        return self._with_unit(f"{margin:g}")

    def _with_unit(self, number: str) -> str:
        return f"{number} {self.unit}" if self.unit else number


def among_five(logits: Logits, labels: Labels) -> NDArray[np.bool_]:
    """Whether the label's logit is among the five largest; of equal ones, the first count as the larger."""
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    before = np.arange(logits.shape[1]) < labels[:, None]
    return np.asarray(((logits > own) | ((logits == own) & before)).sum(axis=1) < 5)


def brier_score(logits: Logits, labels: Labels) -> NDArray[np.float64]:
    """The squared distance of the probabilities from the truth, over all classes: from 0 to 2 (Brier 1950, Monthly
    Weather Review 78:1)."""
    shares = probabilities(logits)
    own = np.take_along_axis(shares, labels[:, None], axis=1)[:, 0]
    return np.asarray(np.square(shares).sum(axis=1) - 2 * own + 1)


def every_class_alike(labels: Labels) -> NDArray[np.float64]:
    """What each image weighs so that every class weighs the same, however many images it has; 1 on average."""
    counts = np.bincount(labels)
    return np.asarray(len(labels) / (np.count_nonzero(counts) * counts[labels]))


def _share(
    name: str,
    label: str,
    score: Callable[[Logits, Labels], NDArray[np.bool_]],
    *,
    weigh: Callable[[Labels], NDArray[np.float64]] | None = None,
    fewest_classes: int = 2,
    guess: str = "always answering the commonest class",
) -> Outcome:
    """An outcome that counts images which are right."""
    return Outcome(
        name=name,
        label=label,
        score=score,
        unit="points",
        sign="%",
        scale=100,
        digits=2,
        higher_is_better=True,
        margin=0.5,
        right_or_wrong=True,
        weigh=weigh,
        fewest_classes=fewest_classes,
        guess=guess,
    )


_ROWS = (
    _share("accuracy", "{on} accuracy", right),
    _share("balanced-accuracy", "balanced {on} accuracy", right, weigh=every_class_alike),
    _share(
        "top5-accuracy",
        "top-5 {on} accuracy",
        among_five,
        fewest_classes=6,
        guess="always answering the five commonest classes",
    ),
    Outcome(name="log-loss", label="{on} log-loss", score=log_loss, unit="nats", least=0.0, margin=0.01),
    Outcome(name="brier", label="{on} Brier score", score=brier_score, unit="", least=0.0, margin=0.005),
)
OUTCOMES: dict[str, Outcome] = {row.name: row for row in _ROWS}
"""Every outcome there is, by its name."""


@lru_cache(maxsize=256)
def outcome_of(name: str) -> Outcome:
    """The outcome of a name in `OUTCOMES`, or of one on the images of some classes: "accuracy:classes=cat,dog".

    Raises:
        SkipwiseError: there is none of that name, or no class is named.

    Examples:
        >>> outcome_of("log-loss:classes=cat,dog").measure()
        'test log-loss on cat, dog'
    """
    base, mark, within = name.partition(SUBSET)
    if base not in OUTCOMES:
        whole, _, rest = name.partition(":")
        if whole in OUTCOMES:
            raise SkipwiseError(f"--outcome {name}: {rest!r} is not understood; write {whole}{SUBSET}A,B.")
        raise unknown_name("outcome", base, OUTCOMES)
    if mark and not all(part.strip() for part in within.split(",")):
        raise SkipwiseError(f"--outcome {name} names no class, or an empty one; write {base}{SUBSET}A,B.")
    # Two objects of one name would be two outcomes to whoever asks which one it is.
    return replace(OUTCOMES[base], name=name, within=within) if mark else OUTCOMES[base]
