"""A comparison's course: rates are tuned, runs are done look by look, and only who is left goes on.

Nothing that is decided here depends on a clock or on who does the runs: the same plan takes the same course, however
often it is stopped on the way, since a course that is taken again finds the runs that are done. Only a time limit may
end it early; the plan is then shortened to what was done.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from skipwise.comparison.answers import Answers, Records, Tested, outcome_weights, read_answers, read_tested
from skipwise.comparison.executor import Event, Executor
from skipwise.comparison.plan import Job, Plan
from skipwise.comparison.results import Look, Tried
from skipwise.statistics import Judgement, contenders_left, judge, settle
from skipwise.training.run import RunRecord, find_run, read_predictions


@dataclass(frozen=True, eq=False)
class Course:
    """How it went: every run's record, what the contenders answered, and what was judged of it at the last look.

    `rates` has the learning rate of every contender that was tuned.
    """

    records: Records
    tested: Tested
    answers: dict[str, Answers]
    judgement: Judgement
    looks: tuple[Look, ...]
    tried: tuple[Tried, ...]
    rates: dict[str, float]


class TimeIsUp(Exception):
    """The deadline has passed. All networks that were to go on have so many `seeds`."""

    def __init__(self, seeds: int) -> None:
        super().__init__(seeds)
        self.seeds = seeds


Doing = Callable[[Sequence[Job], str], None]
"""Is told which runs are to be done next, those that are done already among them, and what for."""


def follow(
    plan: Plan,
    folder: Path,
    executor: Executor,
    *,
    doing: Doing = lambda _, __: None,
    happened: Callable[[Event], None] = lambda _: None,
    deadline: float = math.inf,
) -> Course:
    """Does what a plan says, up to the last judgement.

    Args:
        deadline: on time.monotonic().

    Raises:
        TimeIsUp: the deadline has passed.
        SkipwiseError: something no run can go on with, or a run's files are damaged.
    """
    records: dict[str, RunRecord] = {}

    def do(jobs: Sequence[Job], why: str) -> None:
        doing(jobs, why)
        left = 0
        for job in jobs:
            record = find_run(job.spec, folder / job.folder)
            if record is None:
                left += 1
                executor.submit(job)
            else:
                records[job.folder] = record
                happened(Event(job, epoch=job.spec.recipe.epochs, record=record))
        for event in executor.events():
            if event.record is not None:
                records[event.job.folder] = event.record
                left -= 1
            happened(event)
            if left and time.monotonic() > deadline:
                raise TimeIsUp(_done(plan, looks, records))

    looks: list[Look] = []
    tuning = plan.tuning_jobs()
    if tuning:
        do(list(tuning.values()), "Tuning")
    tried = tuple(_tried(plan, folder, job, records[job.folder]) for job in tuning.values())
    rates = best_rates(tried)

    question = plan.question
    tested = read_tested(plan, folder)
    weights = outcome_weights(plan, tested.labels)
    names = question.contenders
    left = frozenset(names)
    judgement: Judgement | None = None
    answers: dict[str, Answers] = {}
    for number, count in enumerate(plan.looks, start=1):
        seeds = question.seeds[:count]
        # Seed by seed, so that all contenders advance together.
        jobs = [
            job for seed in seeds for name in names if name in left for job in plan.jobs(name, seed, lr=rates.get(name))
        ]
        do(jobs, f"Look {number} of {len(question.looks)}" if len(question.looks) > 1 else "Training")
        answers |= {name: read_answers(plan, folder, tested, name, records) for name in names if name in left}
        judged = judge(
            {name: (answers[name].given == tested.labels) * weights for name in names},
            margin=question.margin / 100,
            alpha=question.alpha,
            # Those that were planned: whether the time is up early may have to do with how it goes.
            looks=len(question.looks),
            seeds={name: answers[name].seeds for name in names},
        )
        now = settle(judgement, judged)
        decided = {(pair.a, pair.b) for pair in judgement.pairs if pair.verdict != "unresolved"} if judgement else set()
        looks.append(
            Look(
                seeds=count,
                contenders=tuple(name for name in names if name in left),
                decided=tuple(
                    (pair.a, pair.b)
                    for pair in now.pairs
                    if pair.verdict != "unresolved" and (pair.a, pair.b) not in decided
                ),
            )
        )
        judgement = now
        left = contenders_left(judgement, every_pair=question.every_pair)
        if not left:
            break
    assert judgement is not None
    return Course(
        records=records,
        tested=tested,
        answers=answers,
        judgement=judgement,
        looks=tuple(looks),
        tried=tried,
        rates=rates,
    )


def _done(plan: Plan, looks: Sequence[Look], records: Records) -> int:
    """The seeds of the last look taken; if none was, those that all networks have."""
    if looks:
        return looks[-1].seeds
    names, seeds = plan.question.contenders, plan.question.seeds
    done = (all(job.folder in records for name in names for job in plan.jobs(name, seed)) for seed in seeds)
    return sum(1 for _ in itertools.takewhile(bool, done))


def _tried(plan: Plan, folder: Path, job: Job, record: RunRecord) -> Tried:
    outcome, nll = None, None
    if record.val is not None:
        found = read_predictions(folder / job.folder, "val")
        weights = outcome_weights(plan, found.labels)
        outcome, nll = float(((found.logits.argmax(axis=1) == found.labels) * weights).mean()), record.val.nll
    return Tried(model=job.spec.model, lr=job.spec.recipe.lr, outcome=outcome, nll=nll)


def best_rates(tried: Sequence[Tried]) -> dict[str, float]:
    """Each contender's best learning rate: by the outcome on validation images, then by the loss, then the smaller one.

    A contender whose runs all failed is not in it, and keeps the recipe's.
    """
    best: dict[str, tuple[tuple[float, float, float], float]] = {}
    for run in tried:
        if run.outcome is not None and run.nll is not None:
            merit = (run.outcome, -run.nll, -run.lr)
            if run.model not in best or merit > best[run.model][0]:
                best[run.model] = (merit, run.lr)
    return {model: lr for model, (_, lr) in best.items()}
