"""A comparison's course: rates are tuned, runs are done look by look, and only who is left goes on.

Nothing that is decided here depends on a clock or on who does the runs: the same plan takes the same course, however
often it is stopped on the way, since a course that is taken again finds the runs that are done. Only a time limit may
change the plan on the way (see budget.py), always before anybody has looked at what the change is about.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.comparison.budget.corrections import Budget
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.results.records import Look, Tried, as_advantage
from skipwise.comparison.run.executor import Event, Executor
from skipwise.comparison.run.learning import not_learned
from skipwise.comparison.run.predictions import Answers, Records, Tested, read_answers, read_tested
from skipwise.evaluation.outcomes import Outcome
from skipwise.statistics import Judgement, candidates_left, carry_forward, judge
from skipwise.training.run.record import RunRecord, find_run, read_predictions


@dataclass(frozen=True, eq=False)
class Course:
    """How it went: every run's record, what the candidates answered, and what was judged of it at the last look.

    `plan` is the one that was followed to the end. `rates` has the learning rate of every candidate that was tuned.
    """

    plan: Plan
    records: Records
    tested: Tested
    answers: dict[str, Answers]
    judgement: Judgement
    looks: tuple[Look, ...]
    tried: tuple[Tried, ...]
    rates: dict[str, float]


Doing = Callable[[Sequence[Job], str], None]
"""Is told which runs are to be done next, those that are done already among them, and what for."""


def follow(
    plan: Plan,
    folder: Path,
    executor: Executor,
    *,
    doing: Doing = lambda _, __: None,
    happened: Callable[[Event], None] = lambda _: None,
    budget: Budget | None = None,
    revised: Callable[[Plan], None] = lambda _: None,
) -> Course:
    """Does what a plan says, up to the last judgement.

    Args:
        budget: of the time, where there is a limit.
        revised: is told of a plan that is to be followed from now on instead, before anything is done by it.

    Raises:
        TimeIsUp: no further round fits.
        StartAgain: another plan is to be followed, from its beginning.
        SkipwiseError: something no run can go on with, or a run's files are damaged.
    """
    runs = _Runs(plan, folder, executor, doing, happened, budget)
    tuning = plan.tuning_jobs()
    if tuning:
        runs.do([list(tuning.values())], "Tuning", finished=lambda: 0)
    tried = tuple(_tried(plan, folder, job, runs.records[job.folder]) for job in tuning.values())
    rates = best_rates(tried, plan.question.scoring)

    question = plan.question
    tested = read_tested(plan, folder)
    outcome = question.scoring
    names = plan.trained
    left = frozenset(names)
    judgement: Judgement | None = None
    answers: dict[str, Answers] = {}
    looks: list[Look] = []
    while left and len(looks) < len(plan.looks):
        number, count = len(looks) + 1, plan.looks[len(looks)]
        still = [name for name in names if name in left]
        # Seed by seed, so that all candidates advance together.
        rounds = [
            [job for name in still for job in plan.jobs(name, seed, lr=rates.get(name))]
            for seed in question.seeds[:count]
        ]
        why = f"Look {number} of {len(plan.looks)}" if len(plan.looks) > 1 else "Training"

        def finished(rounds: list[list[Job]] = rounds) -> int:
            done = (all(job.folder in runs.records for job in jobs) for jobs in rounds)
            return sum(1 for _ in itertools.takewhile(bool, done))

        if budget is not None and not looks:
            runs.do(rounds[:1], why, finished=finished, then=rounds[1:])
            sorted_out = not_learned(plan, folder, runs.records)
            if sorted_out:
                plan = replace(plan, not_trained=plan.not_trained | sorted_out)
                revised(plan)
                names = plan.trained
                left = frozenset(names)
                continue
        runs.do(rounds, why, finished=finished)
        if budget is not None and number == len(plan.looks) and plan.stopped_after is None:
            # Nobody has looked at this one yet, so it may still be moved.
            if more := budget.more_rounds(still, budget.asked.question.looks[-1] - count):
                plan = plan.lasting((*plan.looks[:-1], count + more), plan.recipe.epochs)
                question = plan.question
                revised(plan)
                continue
            # From now on it may not, whenever the course is taken again.
            plan = replace(plan, stopped_after=count)
            revised(plan)
        answers |= {name: read_answers(plan, folder, tested, name, runs.records) for name in still}
        judged = judge(
            {name: answers[name].scores for name in names},
            margin=question.tolerance,
            alpha=question.alpha,
            # Those that were planned: whether the time is up early may have to do with how it goes.
            looks=question.looks,
            seeds={name: answers[name].seeds for name in names},
            groups=tested.groups_that_count,
            learned={name: answers[name].learned for name in names},
            higher_is_better=outcome.higher_is_better,
        )
        now = carry_forward(judgement, judged)
        decided = {(pair.a, pair.b) for pair in judgement.pairs if pair.verdict != "unresolved"} if judgement else set()
        looks.append(
            Look(
                seeds=count,
                candidates=tuple(still),
                decided=tuple(
                    (pair.a, pair.b)
                    for pair in now.pairs
                    if pair.verdict != "unresolved" and (pair.a, pair.b) not in decided
                ),
            )
        )
        judgement = now
        advantages = tuple(as_advantage(pair, outcome) for pair in judgement.pairs)
        left = candidates_left(replace(judgement, pairs=advantages), every_pair=question.every_pair)
    assert judgement is not None
    return Course(
        plan=plan,
        records=runs.records,
        tested=tested,
        answers=answers,
        judgement=judgement,
        looks=tuple(looks),
        tried=tried,
        rates=rates,
    )


class _Runs:
    """Has runs done, in rounds; without a limit all at once, else a round when there is nothing else to do."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        executor: Executor,
        doing: Doing,
        happened: Callable[[Event], None],
        budget: Budget | None,
    ) -> None:
        self.folder, self.executor, self.doing, self.happened, self.budget = folder, executor, doing, happened, budget
        self.at_once = plan.processes if budget is not None else 0
        self.records: dict[str, RunRecord] = {}
        self.expected: list[Job] = []  # what was last said to be done next

    def do(
        self,
        rounds: Sequence[Sequence[Job]],
        why: str,
        *,
        finished: Callable[[], int],
        then: Sequence[Sequence[Job]] = (),
    ) -> None:
        """Has these rounds done.

        Args:
            finished: how many of them are, by the records.
            then: the rounds that are expected to follow them.

        Raises:
            TimeIsUp, StartAgain: see `Budget.check` and `Budget.close`.
        """
        expected = [job for jobs in (*rounds, *then) for job in jobs]
        if expected != self.expected and not all(job.folder in self.records for job in expected):
            self.expected = expected
            self.doing(expected, why)
            for job in expected:
                if (record := self.records.get(job.folder)) is not None:
                    self.happened(Event(job, epoch=job.spec.recipe.epochs, record=record))
        going_on: set[str] = set()
        for number, jobs in enumerate(rounds, start=1):
            new = [job for job in jobs if not self._found(job)]
            if self.budget is not None and new:
                if finished() and not self.budget.may_begin(new):
                    self._wait(going_on, 0, finished)
                    self.budget.close(finished())
                self.budget.begun(new)
            for job in new:
                self.executor.submit(job)
            going_on |= {job.folder for job in new}
            if self.budget is None and number < len(rounds):
                continue
            # The next round begins when a process has nothing else to do; it is not known before whether it fits.
            self._wait(going_on, self.at_once - 1 if number < len(rounds) else 0, finished)

    def _found(self, job: Job) -> bool:
        if job.folder in self.records:
            return True
        record = find_run(job.spec, self.folder / job.folder)
        if record is not None:
            self.records[job.folder] = record
            self.happened(Event(job, epoch=job.spec.recipe.epochs, record=record))
        return record is not None

    def _wait(self, going_on: set[str], until: int, finished: Callable[[], int]) -> None:
        """Waits until no more runs than so many go on."""
        while len(going_on) > until:
            for event in self.executor.events(math.inf if self.budget is None else self.budget.training_ends):
                if event.record is not None:
                    self.records[event.job.folder] = event.record
                    going_on.discard(event.job.folder)
                self.happened(event)
                if self.budget is not None:
                    self.budget.note(event)
                    if going_on:
                        self.budget.check(finished())
                if len(going_on) <= until:
                    break
            else:
                if self.budget is not None and going_on:
                    self.budget.check(finished())


def _tried(plan: Plan, folder: Path, job: Job, record: RunRecord) -> Tried:
    reached, nll = None, None
    if record.val is not None:
        outcome, found = plan.question.scoring, read_predictions(folder / job.folder, "val")
        counts = outcome.members(found.labels, plan.classes)
        reached = float(outcome.scores(found.logits[counts], found.labels[counts]).mean())
        nll = record.val.nll
    return Tried(model=job.spec.model, lr=job.spec.recipe.lr, outcome=reached, nll=nll)


def best_rates(tried: Sequence[Tried], outcome: Outcome) -> dict[str, float]:
    """Each candidate's best learning rate: by the outcome on validation images, then by the loss, then the smaller one.

    A candidate whose runs all failed is not in it, and keeps the recipe's.
    """
    best: dict[str, tuple[tuple[float, float, float], float]] = {}
    for run in tried:
        if run.outcome is not None and run.nll is not None:
            merit = (outcome.merit(run.outcome), -run.nll, -run.lr)
            if run.model not in best or merit > best[run.model][0]:
                best[run.model] = (merit, run.lr)
    return {model: lr for model, (_, lr) in best.items()}
