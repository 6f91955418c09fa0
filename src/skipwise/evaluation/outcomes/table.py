"""Every outcome there is, a row each. A further outcome is one more row in `OUTCOMES`, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skipwise.evaluation.metrics import log_loss, right
from skipwise.evaluation.mislabelled import probabilities
from skipwise.evaluation.outcomes.outcome import Answers, Labels, Logits, Outcome
from skipwise.evaluation.variants.backgrounds import OTHER, SAME, VERSIONS


def among_five(logits: Logits, labels: Labels) -> NDArray[np.bool_]:
    """Returns a mask of images whose label is among the five largest logits; of equal ones, the first is larger."""
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
    """Returns weights for which every class counts the same, however many images it has; their mean is 1."""
    counts = np.bincount(labels)
    return np.asarray(len(labels) / (np.count_nonzero(counts) * counts[labels]))


def share_of_versions(answers: Answers, labels: Labels) -> NDArray[np.float64]:
    """The share of an image's versions that are answered rightly, from answered classes [versions, N]."""
    return np.asarray((answers == labels).mean(axis=0))


def right_by_background(answers: Answers, labels: Labels) -> NDArray[np.float64]:
    """1 where an image is right before a background of its class and wrong before another, -1 the other way round."""
    same, other = (answers[VERSIONS.index(version)] == labels for version in (SAME, OTHER))
    return same.astype(np.float64) - other


def _share(
    name: str,
    label: str,
    score: Callable[[Logits, Labels], NDArray[np.bool_]],
    *,
    weights: Callable[[Labels], NDArray[np.float64]] | None = None,
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
        weights=weights,
        fewest_classes=fewest_classes,
        guess=guess,
    )


_ROWS = (
    _share("accuracy", "{on} accuracy", right),
    _share("balanced-accuracy", "balanced {on} accuracy", right, weights=every_class_alike),
    _share(
        "top5-accuracy",
        "top-5 {on} accuracy",
        among_five,
        fewest_classes=6,
        guess="always answering the five commonest classes",
    ),
    Outcome(name="log-loss", label="{on} log-loss", score=log_loss, unit="nats", least=0.0, margin=0.01),
    Outcome(
        name="corrupted",
        label="{on} accuracy under corruption",
        score=share_of_versions,
        unit="points",
        sign="%",
        scale=100,
        digits=2,
        higher_is_better=True,
        margin=0.5,
        guess="always answering the commonest class",
        lead="Under corruption",
        variant="corrupted",
    ),
    Outcome(
        name="background",
        label="reliance on the background",
        score=right_by_background,
        unit="points",
        scale=100,
        digits=2,
        least=-1.0,
        most=1.0,
        margin=1.0,
        guess="always answering the commonest class",
        variant="backgrounds",
        can_decide=False,
    ),
    Outcome(name="brier", label="{on} Brier score", score=brier_score, unit="", least=0.0, most=2.0, margin=0.005),
)
OUTCOMES: dict[str, Outcome] = {row.name: row for row in _ROWS}
"""Every outcome there is, by its name."""
