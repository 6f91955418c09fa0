"""What a comparison found: one record without a clock in it, and one with what was timed on this machine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from skipwise.comparison.inputs import read_split_table
from skipwise.comparison.plan import Plan, Question, run_folder
from skipwise.cost.counts import Counts, count
from skipwise.cost.timing import Timing
from skipwise.evaluation.metrics import Metrics, right
from skipwise.machine import Machine
from skipwise.nets.zoo import create_model
from skipwise.statistics import Estimate, Pair, judge
from skipwise.training.loop import Epoch
from skipwise.training.run import RunRecord, read_history, read_predictions


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """One run in short. Metrics are None where it failed or the split is empty; `reason` says why it failed."""

    seed: int
    status: str
    reason: str | None
    val: Metrics | None
    test: Metrics | None


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A network's results over its seeds. `accuracy` is None with fewer than two finished runs; `without_twins` is
    the mean accuracy on the test images that have no twin in another split, None if all or none have one."""

    name: str
    counts: Counts | None
    accuracy: Estimate | None
    without_twins: float | None
    runs: tuple[RunResult, ...]

    @property
    def failed(self) -> int:
        """How many of its runs failed."""
        return sum(run.status == "failed" for run in self.runs)


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """`contender` is the choice, None if nothing could be compared.

    `shown` says that it was shown to lose at most the margin to every other; `largest_loss` is the most it may
    lose to one (`against`) that is not excluded, as a fraction of all images.
    """

    contender: str | None
    shown: bool
    largest_loss: float | None
    against: str | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Results:
    """`comparison.json`: the same plan gives the same bytes.

    `twins` is the number of test images that are, exactly or nearly, among the training or validation images too;
    `commonest` the share of the test images that are of the commonest class.
    """

    question: Question
    data: str
    fingerprint: str
    test_images: int
    twins: int
    commonest: float
    contenders: tuple[Contender, ...]
    pairs: tuple[Pair, ...]

    def pair(self, a: str, b: str) -> Pair | None:
        """The pair as seen from a's side, whichever way round it is kept; None if it could not be judged."""
        for pair in self.pairs:
            if (pair.a, pair.b) == (a, b):
                return pair
            if (pair.a, pair.b) == (b, a):
                return pair.turned()
        return None


@dataclass(frozen=True, kw_only=True)
class Costs:
    """`costs.json`: seconds per image at batch 1 on this machine, and the recommendation made with them."""

    machine: Machine
    threads: int
    latencies: dict[str, Timing]
    recommendation: Recommendation


def collect(plan: Plan, folder: Path, records: dict[tuple[str, int], RunRecord]) -> Results:
    """Judges the runs of a plan.

    Raises:
        SkipwiseError: a run's predictions are damaged.
    """
    question = plan.question
    correct = {}
    seeds = {}
    for name in question.contenders:
        finished = [seed for seed in question.seeds if records[name, seed].status == "finished"]
        answers = []
        for seed in finished:
            predictions = read_predictions(run_folder(folder, name, seed), "test")
            answers.append(right(predictions.logits, predictions.labels))
        correct[name] = np.array(answers, dtype=bool).reshape(len(finished), plan.split_images["test"])
        seeds[name] = finished
    tested = [row for row in read_split_table(folder) if row["split"] == "test"]
    has_twin = np.array([bool(row["twin"]) for row in tested])
    commonest = max(Counter(row["label"] for row in tested).values())
    judgement = judge(correct, margin=question.margin / 100, alpha=question.alpha, seeds=seeds)
    return Results(
        question=question,
        data=plan.data,
        fingerprint=plan.fingerprint,
        test_images=plan.split_images["test"],
        twins=int(has_twin.sum()),
        commonest=commonest / len(tested),
        contenders=tuple(
            Contender(
                name=name,
                counts=count_contender(plan, name),
                accuracy=judgement.accuracies.get(name),
                without_twins=_without(correct[name], has_twin),
                runs=tuple(_result(seed, records[name, seed]) for seed in question.seeds),
            )
            for name in question.contenders
        ),
        pairs=judgement.pairs,
    )


def _without(correct: NDArray[np.bool_], has_twin: NDArray[np.bool_]) -> float | None:
    if not len(correct) or has_twin.all() or not has_twin.any():
        return None
    return float(correct[:, ~has_twin].mean())


def build_contender(plan: Plan, name: str) -> nn.Module:
    """A contender as its first run starts with it."""
    return create_model(
        name,
        num_classes=len(plan.classes),
        in_channels=plan.preprocessing.channels,
        stem=plan.stem,
        width=plan.width,
        seed=plan.question.seeds[0],
    )


def count_contender(plan: Plan, name: str) -> Counts | None:
    """Parameters and multiply-adds at the plan's image size; None for a network of one's own that does not work."""
    try:
        preprocessing = plan.preprocessing
        return count(build_contender(plan, name), channels=preprocessing.channels, size=preprocessing.size)
    except Exception:  # its runs will fail the same way, and say how
        return None


def histories(plan: Plan, folder: Path) -> dict[tuple[str, int], tuple[Epoch, ...]]:
    """Every run's epochs, by contender and seed."""
    return {(model, seed): read_history(run_folder(folder, model, seed)) for model, seed in plan.runs()}


def _result(seed: int, record: RunRecord) -> RunResult:
    return RunResult(seed=seed, status=record.status, reason=record.reason, val=record.val, test=record.test)
