"""The answers of one network and seed in a file, as records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class FileAnswers:
    """The predictions of one network and seed for N images, as a file has them.

    Args:
        where: the file, as it was named; with what says which rows, where it holds several networks or seeds.
        network: the network's name.
        seed: None where nothing says it.
        ids: of the images, all different.
        labels: the class of each image; None where the file has none.
        answers: the predicted class of each image; None where only `values` say it.
        values: probabilities or logits [N, classes]; None where there are none.
        classes: what the columns of `values` are called.
        kind: what the predictions are: "probabilities", "logits" or "classes".
        groups: what each image belongs to; None where the file does not say it.
        notes: what a person should know, a sentence each.
    """

    where: str
    network: str
    seed: int | None
    ids: Sequence[str]
    labels: Sequence[str] | None
    answers: Sequence[str] | None
    values: NDArray[np.floating] | None
    classes: tuple[str, ...]
    kind: str
    groups: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
