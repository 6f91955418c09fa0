"""From runs on parts of the training images to what more of them would bring."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from skipwise.comparison.evidence.predictions import Answers, Records, read_answers
from skipwise.comparison.plan.curve import PARTS
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.results.choice import choose
from skipwise.comparison.results.learning_curve import CurvePoint, LearningCurve
from skipwise.comparison.results.records import Results
from skipwise.comparison.run.images import in_fold, in_part, load_images, read_groups
from skipwise.comparison.run.study import StudyResult
from skipwise.data.images import Images
from skipwise.statistics import LEAST_CURVE_SEEDS, Doubling, doubling


def network_of_curve(results: Results) -> str | None:
    """The network whose learning curve is made: the recommended one as far as no time that was measured decides.

    Where several are shown to be as good as any other, it is the smallest of them, and not the fastest: another machine
    has to make the same runs. None where no network can be recommended.
    """
    return choose(results, {}).candidate


def learning_curve(
    plan: Plan, folder: Path, study: StudyResult, results: Results, name: str, records: Records
) -> LearningCurve:
    """Judges the runs on parts of the training images beside those on all of them.

    Args:
        name: of the network.
        records: of the runs on parts, by their folders.
    """
    # The curve is of the first outcome alone.
    asked = replace(plan, question=replace(plan.question, further_outcomes=UNSET))
    tuned, outcome, tested = study.tuned.get(name), plan.question.scoring, study.tested
    answers = [read_answers(asked, folder, tested, name, records, part=part, tuned=tuned) for part in PARTS]
    answers.append(study.answers[name])
    learned = [{seed for seed, did in zip(each.seeds, each.learned, strict=True) if did} for each in answers]
    seeds = tuple(seed for seed in plan.curve_seeds if all(seed in each for each in learned))
    sizes, (smallest, fewest) = _sizes(plan, folder, name)
    shares = [*PARTS.values(), 1.0]
    found: Doubling | None = None
    points: tuple[CurvePoint, ...] = ()
    # With few groups, a quarter may be as much as half.
    rising = sizes[0] < sizes[1] < sizes[2]
    if len(seeds) >= LEAST_CURVE_SEEDS and rising:
        tables = [_scores(each, seeds) for each in answers]
        points = tuple(
            CurvePoint(share=share, images=round(size), values=tuple(table.mean(axis=1).tolist()))
            for share, size, table in zip(shares, sizes, tables, strict=True)
        )
        found = doubling(
            tables,
            sizes,
            alpha=plan.question.share_of_alpha,
            networks=sum(each.outcome is not None for each in results.candidates),
            looks=plan.question.looks,
            groups=tested.groups_that_count,
            higher_is_better=outcome.higher_is_better,
        )
    return LearningCurve(
        network=name,
        seeds=seeds,
        lost=len(plan.curve_seeds) - len(seeds),
        fewest=fewest,
        smallest=smallest,
        points=points,
        found=found,
    )


def _scores(answers: Answers, seeds: tuple[int, ...]) -> NDArray[np.float64]:
    return answers.scores[[answers.seeds.index(seed) for seed in seeds]]


def _sizes(plan: Plan, folder: Path, name: str) -> tuple[list[float], tuple[str, int]]:
    """The mean number of training images of the runs at each size; and the class of which a quarter has fewest, with
    their number."""
    images, groups = load_images(folder, plan), read_groups(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(getattr(images.pixels, "close", lambda: None))
        by_size = [
            *([job for seed in plan.curve_seeds for job in plan.curve_jobs(name, part, seed)] for part in PARTS),
            [job for seed in plan.curve_seeds for job in plan.jobs(name, seed)],
        ]
        counted = [[_class_images(images, job, folder, groups) for job in jobs] for jobs in by_size]
    quarter = np.min(counted[0], axis=0)
    there = np.flatnonzero(np.max(counted[-1], axis=0))
    smallest = int(there[quarter[there].argmin()])
    return [float(np.sum(each, axis=1).mean()) for each in counted], (plan.classes[smallest], int(quarter[smallest]))


def _class_images(images: Images, job: Job, folder: Path, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of images of each class that a run is trained on."""
    seen = in_part(in_fold(images, job.spec, folder), job.spec, lambda: groups)
    return np.bincount(seen.labels[seen.members("train")], minlength=len(images.classes))
