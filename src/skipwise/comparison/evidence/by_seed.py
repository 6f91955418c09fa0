"""The runs of a network one by one: how much they vary with the seed, and how many epochs they need for an accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from skipwise.comparison.evidence.collapse import DIVERGED
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.records import Candidate, RunResult
from skipwise.comparison.results.target import TargetEpochs
from skipwise.statistics import Attempt, Spreads, first_reached, reachings, spreads
from skipwise.training.folder.files import read_history

if TYPE_CHECKING:
    from skipwise.comparison.evidence.predictions import Answers, Tested
    from skipwise.comparison.run.study import StudyResult


def spreads_of(study: StudyResult) -> Spreads | UnsetType:
    """Judges the spreads of networks' outcomes over seeds that learned; unset where no network has two such seeds."""
    answers = {name: study.answers[name] for name in study.plan.trained if name in study.answers}
    found = spreads_among(answers, study.tested, study.plan.question.alpha)
    return found if found.networks else UNSET


def spreads_among(answers: Mapping[str, Answers], tested: Tested, alpha: float) -> Spreads:
    """Judges the spreads of some networks over the seeds that learned.

    Args:
        answers: of each network's runs to the test images.
        tested: these images.
        alpha: how often any interval of a ratio may miss.
    """
    scores = {name: each.scores[each.has_learned] for name, each in answers.items()}
    return spreads(scores, groups=tested.groups_that_count, alpha=alpha)


def target_epochs(plan: Plan, folder: Path, candidates: Sequence[Candidate], accuracy: float) -> TargetEpochs:
    """Estimates the epochs that each network needs to reach an accuracy on the validation images.

    Networks are validated after every epoch, so the first epoch is known. A run that failed because its loss diverged
    never reaches it; of one that failed for another reason, it is not known whether it would have later.

    Args:
        accuracy: in percent.
    """
    trained = [each for each in candidates if each.not_trained is None]
    runs = {each.name: attempts(plan, folder, each, accuracy / 100) for each in trained}
    return TargetEpochs(
        accuracy=accuracy,
        epochs=plan.recipe.epochs,
        diverged={c.name: count for c in candidates if (count := sum(map(_diverged, c.runs)))},
        found=reachings(runs, epochs=plan.recipe.epochs, alpha=plan.question.alpha),
    )


def attempts(plan: Plan, folder: Path, candidate: Candidate, accuracy: float) -> dict[int, Attempt]:
    """The runs of a network on their way to a validation accuracy, by seed; `target_epochs` says how each counts.

    Args:
        accuracy: as a share.
    """
    found = {run.seed: _attempt(plan, folder, candidate.name, run, accuracy) for run in candidate.runs}
    return {seed: attempt for seed, attempt in found.items() if attempt is not None}


def _attempt(plan: Plan, folder: Path, name: str, run: RunResult, accuracy: float) -> Attempt | None:
    """One run on its way; None where it failed before the first epoch ended."""
    (job,) = plan.jobs(name, run.seed)
    history = read_history(folder / job.folder)
    values = [epoch.val.accuracy for epoch in history if epoch.val is not None]
    attempt = first_reached(values, accuracy) if values else None
    if _diverged(run) and (attempt is None or not attempt.reached):
        return Attempt(epochs=plan.recipe.epochs, reached=False)
    return attempt


def _diverged(run: RunResult) -> bool:
    return run.status == "failed" and (run.reason or "").startswith(DIVERGED)
