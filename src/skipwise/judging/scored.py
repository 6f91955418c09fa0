"""The subject of a judgement: images with their labels, and each network's answers and scores, seed by seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.evaluation.outcomes import Outcome


@dataclass(frozen=True, kw_only=True, eq=False)
class Tested:
    """The N images that all networks were tested on.

    Args:
        ids: their names.
        labels: their classes, as places in `classes` [N].
        classes: the names of the classes.
        groups: an id for each image, the same for images that belong together; None where each is by itself.
        grouped_by: what says so, such as "column patient".
    """

    ids: Sequence[str]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: NDArray | None = None
    grouped_by: str = ""

    @property
    def class_images(self) -> tuple[int, ...]:
        """The number of images of each class."""
        return tuple(np.bincount(self.labels, minlength=len(self.classes)).tolist())


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """The answers of one network with one seed to all images.

    Args:
        network: its name.
        seed: its seed.
        where: the file, or what stands for it.
        answers: the predicted classes, as places in `Tested.classes` [N].
        scores: of the outcome, unweighted [N].
    """

    network: str
    seed: int
    where: str
    answers: NDArray[np.int64]
    scores: NDArray[np.float64]


def raw_scores(outcome: Outcome, logits: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The score of each image without its weight, which depends on all labels."""
    return np.asarray(outcome.score(logits, labels), np.float64)


def needs_values(outcome: Outcome) -> bool:
    """Returns whether an outcome needs probabilities or logits, and not classes alone."""
    return not outcome.right_or_wrong or outcome.name.partition(":")[0] == "top5-accuracy"


def fingerprint(tested: Tested, runs: Sequence[Run]) -> str:
    """A hash of all that is judged, wherever it was read."""
    found = hashlib.sha256("\0".join((*tested.ids, "", *tested.classes)).encode("utf-8", "surrogateescape"))
    found.update(tested.labels.astype("<i8").tobytes())
    if tested.groups is not None:
        found.update(np.unique(tested.groups, return_inverse=True)[1].astype("<i8").tobytes())
    for run in runs:
        found.update(f"\0{run.network}\0{run.seed}".encode("utf-8", "surrogateescape"))
        found.update(run.answers.astype("<i8").tobytes())
        found.update(run.scores.astype("<f8").tobytes())
    return found.hexdigest()
