"""`judge_predictions`: the verdicts on predictions that are arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.signatures import takes
from skipwise.core.text import count
from skipwise.data.sources.table_files.table import cell_text
from skipwise.judging.files.file_answers import FileAnswers
from skipwise.judging.files.matching import match
from skipwise.judging.files.numbers import kind_of
from skipwise.judging.judging import judge_runs, outcome_asked, question_of
from skipwise.judging.options import PredictionsOptions
from skipwise.judging.record import Judged


@takes(PredictionsOptions)
def judge_predictions(
    labels: ArrayLike,
    predictions: Mapping[str, Sequence[ArrayLike] | NDArray[Any]],
    *,
    groups: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    options: PredictionsOptions,
) -> Judged:
    """Intervals and verdicts for networks that were trained anywhere, from their predictions for the same images.

    With two seeds or more of each network, the intervals allow for which seeds and which images were drawn, and hold
    for all pairs at once, as those of `compare` do. With one seed of each they are about these predictions only, and
    McNemar's exact test is beside them.

    Args:
        labels (array): the class of each image, numbers or names [images].
        predictions (dict[str, list[array]]): for each network, an array for each seed: predicted classes [images], or
            probabilities or logits [images, classes]. The images are in the order of the labels.
        groups (array | None): what each image belongs to, such as a patient. None, the default: each is by itself.
        classes (list[str] | None): the names of the classes, in the order of the columns of probabilities, where labels
            are names. None, the default: labels are numbers of columns.

    Returns:
        Judged: accuracies, pairs, verdicts, and the answer in sentences.

    Raises:
        SkipwiseError: there is one network only, arrays do not fit together, probabilities do not sum to one, or the
            outcome can't be told from such predictions.

    Example:
        >>> import skipwise
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(0, 10, 2000)
        >>> def answers(share):
        ...     return np.where(rng.random(2000) < share, labels, (labels + 1) % 10)
        >>> found = skipwise.judge_predictions(
        ...     labels, {"old": [answers(0.85) for _ in range(3)], "new": [answers(0.95) for _ in range(3)]}, margin=1
        ... )
        >>> found.pairs[0].verdict
        'worse'
        >>> found.networks[1].name, f"{found.networks[1].outcome.value:.2f}"
        ('new', '0.95')
    """
    if not predictions or not isinstance(predictions, Mapping):
        what = "There are no predictions" if not len(predictions) else "The predictions of each network need its name"
        raise SkipwiseError(f'{what}; give a dictionary such as {{"a": [seed 0, seed 1], "b": [...]}}.')
    truth = _names(labels, "labels")
    ids = [str(number) for number in range(len(truth))]
    which = None if groups is None else _names(groups, "groups")
    files = []
    for name, runs in predictions.items():
        if isinstance(runs, np.ndarray) and runs.ndim == 1:
            runs = [runs]
        if not len(runs):
            raise SkipwiseError(f"{name} has no predictions; give one array for each seed, or leave it out.")
        for seed, given in enumerate(runs):
            where = f"seed {seed} of {name}"
            array = np.asarray(given)
            if array.ndim not in (1, 2) or len(array) != len(truth):
                raise SkipwiseError(
                    f"The predictions of {where} have the shape {array.shape}, and there are "
                    f"{count(len(truth), 'label')}; give classes [{len(truth)}] or values [{len(truth)}, classes]."
                )
            files.append(_file(array, where, name, seed, ids, truth, classes, which))
    matched = match(files, outcome_asked(options.question), group=None if groups is None else "groups")
    question = question_of(matched.runs, options.question)
    return judge_runs(matched.tested, matched.runs, question, matched.notes)


def _file(
    array: NDArray[Any],
    where: str,
    network: str,
    seed: int,
    ids: Sequence[str],
    labels: Sequence[str],
    classes: Sequence[str] | None,
    groups: Sequence[str] | None,
) -> FileAnswers:
    """An array as a file has it."""
    known: tuple[str, ...] = ()
    kind = "classes"
    if array.ndim == 2:
        if array.dtype.kind not in "fiu" or array.shape[1] < 2:
            raise SkipwiseError(
                f"The predictions of {where} have the shape {array.shape} and the type {array.dtype}; probabilities "
                "and logits are numbers [images, classes]."
            )
        known = tuple(map(str, range(array.shape[1]))) if classes is None else tuple(map(str, classes))
        if len(known) != array.shape[1]:
            raise SkipwiseError(
                f"The predictions of {where} are of {array.shape[1]} classes, and `classes` names {len(known)}."
            )
        kind = kind_of(array, where, lambda row: f"the image {row}")
    return FileAnswers(
        where=where,
        network=network,
        seed=seed,
        ids=ids,
        labels=labels,
        answers=_names(array, where) if array.ndim == 1 else None,
        values=array if array.ndim == 2 else None,
        classes=known,
        kind=kind,
        groups=groups,
    )


def _names(values: ArrayLike, what: str) -> list[str]:
    """Numbers or names as text."""
    array = np.asarray(values)
    if array.ndim != 1 or not len(array):
        raise SkipwiseError(f"The {what} have the shape {array.shape}; give one for each image.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise SkipwiseError(
            f"The {what} have {array[place]} for the image {place}; correct it, or leave the image out."
        )
    if array.dtype.kind == "O" and any(each is None or each != each for each in array.tolist()):
        raise SkipwiseError(f"The {what} are missing for an image; correct it, or leave the image out.")
    return [cell_text(each) for each in array.tolist()]
