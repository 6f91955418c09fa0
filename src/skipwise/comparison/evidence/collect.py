"""From a study to its results: `comparison.json`."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from skipwise.comparison.budget.networks import count_candidate
from skipwise.comparison.evidence.by_seed import spreads_of, target_epochs
from skipwise.comparison.evidence.collapse import why_not_learned
from skipwise.comparison.evidence.further import judge_further
from skipwise.comparison.evidence.learning import climbs
from skipwise.comparison.evidence.predictions import Answers, Tested, read_answers
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.results.disagreements import Disagreement, Divided
from skipwise.comparison.results.division import commonest, divide
from skipwise.comparison.results.judged import possible, possible_pairs
from skipwise.comparison.results.ratios import ratio
from skipwise.comparison.results.records import Bootstrap, Candidate, Ratio, Results, RunResult
from skipwise.comparison.run.study import StudyResult
from skipwise.evaluation.calibration import calibration
from skipwise.statistics import Pair, bootstrap, share
from skipwise.training.folder.record import RunRecord
from skipwise.training.tuning.space import with_values

MOST_DISAGREEMENTS = 24


def collect(plan: Plan, folder: Path, study: StudyResult) -> Results:
    """The results of a finished study."""
    question, tested, judgement = plan.question, study.tested, study.judgement
    counted = np.bincount(tested.labels, minlength=len(plan.classes))
    candidates = tuple(_candidate(plan, folder, study, name) for name in question.candidates)
    target = plan.target_accuracy
    return Results(
        plan=plan.digest(),
        question=question,
        data=plan.data,
        fingerprint=plan.fingerprint,
        test_images=plan.test_images,
        near_duplicates=int(tested.duplicated.sum()),
        guess=question.scoring.baseline(counted.tolist(), plan.classes),
        classes=plan.classes,
        class_images=tuple(counted.tolist()),
        exploratory=plan.exploratory,
        folds=plan.folds,
        candidates=candidates,
        pairs=possible_pairs(judgement.pairs, question.scoring),
        looks=study.looks,
        bootstraps=_bootstraps(study),
        disagreements=_disagreements(plan, study),
        tried=study.tried,
        test_groups=None if plan.grouping is None else plan.grouping.groups,
        grouped_by="" if plan.grouping is None else plan.grouping.by,
        ratios=_ratios(plan, study),
        divided=_divided(plan, study),
        further_outcomes=judge_further(study) or UNSET,
        spreads=spreads_of(study),
        target_epochs=UNSET if target is None else target_epochs(plan, folder, candidates, target),
    )


def _candidate(plan: Plan, folder: Path, study: StudyResult, name: str) -> Candidate:
    tested = study.tested
    # Runs of who was left out are not looked for when the study is repeated.
    records = study.records if name in plan.trained else {}
    answers = study.answers.get(name) or read_answers(plan, folder, tested, name, records)
    right = answers.of_learned == tested.labels
    duplicated = tested.duplicated
    apart = len(right) and duplicated.any() and not duplicated.all()
    runs = tuple(
        _result(plan, folder, job, records[job.folder])
        for seed in plan.question.seeds
        for job in plan.jobs(name, seed, tuned=study.tuned.get(name))
        if job.folder in records
    )
    ended = [run for run in runs if run.status == "finished" or run.not_learned is not None]
    return Candidate(
        name=name,
        counts=count_candidate(plan, name),
        lr=with_values(plan.recipe_of(name), study.tuned.get(name, {})).lr,
        outcome=possible(study.judgement.accuracies.get(name), plan.question.scoring),
        accuracy=float(right.mean()) if len(right) else None,
        without_near_duplicates=float(right[:, ~duplicated].mean()) if apart else None,
        per_class=_per_class(right, tested, len(plan.classes)),
        runs=runs,
        repeated=answers.repeated,
        not_trained=plan.not_trained.get(name),
        climb=climbs(plan, folder, records, name),
        not_learned=share(sum(run.not_learned is not None for run in ended), len(ended)) if ended else None,
        calibration=calibration(answers.confidence[answers.has_learned], right, groups=tested.groups)
        if len(right)
        else None,
        tuned=study.tuned.get(name, {}) if plan.tuning is not None and plan.tuning.space else UNSET,
    )


def _per_class(right: NDArray[np.bool_], tested: Tested, classes: int) -> tuple[float, ...]:
    if not len(right):
        return ()
    sums = np.bincount(tested.labels, weights=right.mean(axis=0), minlength=classes)
    counts = np.bincount(tested.labels, minlength=classes)
    return tuple((sums / np.maximum(counts, 1)).tolist())


def _result(plan: Plan, folder: Path, job: Job, record: RunRecord) -> RunResult:
    return RunResult(
        seed=job.spec.seed,
        fold=None if job.spec.fold is None else job.spec.fold[0],
        status=record.status,
        reason=record.reason,
        val=record.val,
        test=record.test,
        not_learned=why_not_learned(plan, folder, job, record),
    )


def _bootstraps(study: StudyResult) -> tuple[Bootstrap, ...]:
    groups, found = study.tested.groups_that_count, []
    for pair in study.judgement.pairs:
        low, high = bootstrap(*_judged_on(pair, study), groups=groups)
        found.append(Bootstrap(a=pair.a, b=pair.b, low=low, high=high))
    return tuple(found)


def _ratios(plan: Plan, study: StudyResult) -> tuple[Ratio, ...]:
    outcome, groups = plan.question.scoring, study.tested.groups_that_count
    found = []
    for pair in study.judgement.pairs:
        a, b = (outcome.errors(scores) for scores in _judged_on(pair, study))
        if (times := ratio(a, b, groups=groups)) is not None:
            found.append(Ratio(a=pair.a, b=pair.b, value=times.value, low=times.low, high=times.high))
    return tuple(found)


def _judged_on(pair: Pair, study: StudyResult) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The scores of both sides that a pair was judged on: the runs that learned, of the seeds that both had then."""
    sides = [study.answers[name] for name in (pair.a, pair.b)]
    common = sorted(set(sides[0].seeds) & set(sides[1].seeds))
    # A pair stays as it was decided, whatever seeds came later.
    then = next((look.seeds for look in study.looks if (pair.a, pair.b) in look.decided), None)
    had = set(common if then is None else study.plan.question.seeds[:then]) & set(common)
    a, b = (side.scores[[s in had and did for s, did in zip(side.seeds, side.learned, strict=True)]] for side in sides)
    return a, b


def _disagreements(plan: Plan, study: StudyResult) -> tuple[Disagreement, ...]:
    """The test images on which the candidates' shares of right answers differ most.

    Among images alike, classes and the candidates that are wrong take turns, so that not all are of the first class.
    """
    tested, names = study.tested, plan.question.candidates
    shares = {n: (a.of_learned == tested.labels).mean(axis=0) for n, a in study.answers.items() if any(a.learned)}
    if len(shares) < 2:
        return ()
    table = np.array(list(shares.values()))
    spread = np.round(table.max(axis=0) - table.min(axis=0), 6)  # or shares alike would differ by how they were rounded
    turns = Counter[tuple[float, int, int]]()
    alike = list(zip(spread.tolist(), tested.labels.tolist(), table.argmin(axis=0).tolist(), strict=True))
    turn = []
    for kind in alike:
        turn.append(turns[kind])
        turns[kind] += 1
    chosen = np.lexsort((turn, -spread))[:MOST_DISAGREEMENTS]
    return tuple(
        Disagreement(
            id=str(tested.ids[image]),
            label=plan.classes[tested.labels[image]],
            right=tuple(float(shares[name][image]) if name in shares else None for name in names),
            answers=tuple(
                _commonest(plan, study.answers[name], image) if name in study.answers else None for name in names
            ),
        )
        for image in chosen.tolist()
        if spread[image] > 0
    )


def _commonest(plan: Plan, answers: Answers, image: int) -> str | None:
    given = answers.of_learned[:, image]
    return plan.classes[commonest(given)] if len(given) else None


def _divided(plan: Plan, study: StudyResult) -> tuple[Divided, ...]:
    """For each pair of networks with runs that learned, the images on which they disagree."""
    able = [(name, study.answers[name].of_learned) for name in plan.question.candidates if name in study.answers]
    return tuple(
        divide(a, b, ids=study.tested.ids.tolist(), labels=study.tested.labels, classes=plan.classes)
        for a, b in combinations([each for each in able if len(each[1])], 2)
    )
