"""The predictions of finished runs as arrays, with the same images in the same order for all candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.comparison.evidence.collapse import has_learned
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.run.images import read_split_table
from skipwise.core.errors import SkipwiseError
from skipwise.evaluation.calibration import confidence
from skipwise.evaluation.variants import VARIANTS
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunRecord
from skipwise.training.folder.variant_answers import read_variant

Records = Mapping[str, RunRecord]
"""The runs that have ended, by their folders in the comparison's folder."""


@dataclass(frozen=True, eq=False)
class Tested:
    """The test images.

    Args:
        ids: [N].
        labels: the numbers of the classes [N].
        duplicated: whether an image has a duplicate in another split [N].
        counts: whether an image counts for the (first) outcome [N].
        groups: the groups that images belong to [N]; None where images are independent.
    """

    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    duplicated: NDArray[np.bool_]
    counts: NDArray[np.bool_]
    groups: NDArray[np.str_] | None = None

    @property
    def groups_that_count(self) -> NDArray[np.str_] | None:
        """The groups of the images that count."""
        return None if self.groups is None else self.groups[self.counts]


@dataclass(frozen=True, eq=False)
class Answers:
    """A candidate's predictions for S finished seeds and N test images.

    Args:
        given: the numbers of the predicted classes [S, N].
        scores: of the M images that count [S, M].
        further: of each further outcome, the scores of the images that count for it [S, M].
        confidence: the probability of each predicted class [S, N].
        seeds: the seeds.
        repeated: the seeds with exactly the same logits as an earlier seed.
        learned: whether the runs of each seed learned anything [S].
    """

    given: NDArray[np.int64]
    scores: NDArray[np.float64]
    further: tuple[NDArray[np.float64], ...]
    confidence: NDArray[np.float64]
    seeds: tuple[int, ...]
    repeated: tuple[int, ...]
    learned: tuple[bool, ...]

    @property
    def of_learned(self) -> NDArray[np.int64]:
        """The predictions of the runs that learned."""
        return self.given[self.has_learned]

    @property
    def has_learned(self) -> NDArray[np.bool_]:
        """A mask of the seeds whose runs learned [S]."""
        return np.array(self.learned, dtype=bool)


def read_tested(plan: Plan, folder: Path) -> Tested:
    """The test images of a comparison.

    Raises:
        SkipwiseError: split.csv is damaged, or not this plan's.
    """
    rows = [row for row in read_split_table(folder) if row["split"] == "test"]
    numbers = {name: number for number, name in enumerate(plan.classes)}
    if len(rows) != plan.test_images or not {row["label"] for row in rows} <= numbers.keys():
        raise SkipwiseError(f"{folder / 'split.csv'} is not the one that this comparison was made with.")
    groups = None
    if plan.grouping is not None:
        groups = np.array([row.get("group", "") for row in rows])
        if len(np.unique(groups)) != plan.grouping.groups:
            raise SkipwiseError(f"{folder / 'split.csv'} is not the one that this comparison was made with.")
    labels = np.array([numbers[row["label"]] for row in rows], dtype=np.int64)
    return Tested(
        groups=groups,
        ids=np.array([row["path"] for row in rows]),
        labels=labels,
        counts=plan.question.scoring.members(labels, plan.classes),
        duplicated=np.array([bool(row["twin"]) for row in rows]),
    )


def read_answers(
    plan: Plan,
    folder: Path,
    tested: Tested,
    name: str,
    records: Records,
    *,
    part: str | None = None,
    tuned: Mapping[str, float] | None = None,
) -> Answers:
    """Reads a candidate's predictions. In cross-validation a seed is finished when all its folds are.

    Args:
        part: of the training images, by its name among `plan.curve.PARTS`; None for the runs on all of them.
        tuned: the candidate's hyperparameters that were tuned, for the runs on a part.

    Raises:
        SkipwiseError: a run's predictions are damaged, or of other images.
    """
    places = {image: place for place, image in enumerate(tested.ids.tolist())}
    rows, confidences, seeds, seen, learned = [], [], [], [], []
    outcomes = [each.scoring for each in plan.question.questions]
    counts = [outcome.members(tested.labels, plan.classes) for outcome in outcomes]
    scores: list[list[NDArray[np.float64]]] = [[] for _ in outcomes]
    for seed in plan.question.seeds:
        jobs = plan.jobs(name, seed) if part is None else plan.curve_jobs(name, part, seed, tuned=tuned)
        ended = [records.get(job.folder) for job in jobs]
        if any(record is None or record.status != "finished" for record in ended):
            continue
        logits = np.full((len(tested.ids), len(plan.classes)), np.nan, dtype=np.float32)
        said, each = [], []
        for job in jobs:
            predictions = read_predictions(folder / job.folder, "test")
            found = np.array([places.get(image, -1) for image in predictions.ids.tolist()], dtype=np.int64)
            if (found < 0).any() or (tested.labels[found] != predictions.labels).any():
                raise SkipwiseError(f"{folder / job.folder} was tested on other images than this comparison's.")
            logits[found] = predictions.logits
            said.append(predictions.logits.tobytes())
            each.append(has_learned(predictions))
        if np.isnan(logits).any():
            raise SkipwiseError(f"{folder / jobs[0].folder} was not tested on all of this comparison's test images.")
        rows.append(logits.argmax(axis=1))
        versions = {variant: _versions(variant, folder, jobs, places) for variant in plan.question.variants}
        for found_so_far, outcome, counted in zip(scores, outcomes, counts, strict=True):
            of_counted = versions[outcome.variant][:, counted] if outcome.variant else logits[counted]
            found_so_far.append(outcome.scores(of_counted, tested.labels[counted]))
        confidences.append(confidence(logits))
        seeds.append(seed)
        seen.append(hash(tuple(said)))
        # A fold that learned nothing says nothing of its images, and a seed without these images can't be held against
        # others image by image; filling them from other seeds would hide how much seeds vary. So it is left out whole.
        learned.append(all(each))
    given = np.array(rows, dtype=np.int64).reshape(len(rows), len(tested.ids))
    repeated = tuple(seed for place, seed in enumerate(seeds) if seen[place] in seen[:place])
    first, *further = (
        np.array(each, dtype=np.float64).reshape(len(rows), int(counted.sum()))
        for each, counted in zip(scores, counts, strict=True)
    )
    return Answers(
        given=given,
        scores=first,
        further=tuple(further),
        confidence=np.array(confidences, dtype=np.float64).reshape(given.shape),
        seeds=tuple(seeds),
        repeated=repeated,
        learned=tuple(learned),
    )


def _versions(variant: str, folder: Path, jobs: Sequence[Job], places: Mapping[str, int]) -> NDArray[np.int32]:
    """The answers of a seed's runs to a variant [versions, N].

    Args:
        places: of the test images, by their ids.

    Raises:
        SkipwiseError: answers are missing or damaged, or are not of all of these images.
    """
    versions = VARIANTS[variant].versions
    answers = np.full((len(versions), len(places)), -1, dtype=np.int32)
    answered = np.zeros(len(places), dtype=bool)
    for job in jobs:
        found = read_variant(folder / job.folder, variant, versions)
        there = np.array([places.get(image, -1) for image in found.ids.tolist()], dtype=np.int64)
        if (there < 0).any():
            raise SkipwiseError(f"{folder / job.folder} answered versions of other images than this comparison's.")
        answers[:, there], answered[there] = found.answers, True
    if not answered.all():
        raise SkipwiseError(f"{folder / jobs[0].folder} did not answer versions of all test images.")
    return answers
