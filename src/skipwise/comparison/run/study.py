"""A study: a comparison carried out. Learning rates are tuned, and runs are done look by look.

After a look only the candidates continue that are still undecided.

Nothing that is decided here depends on a clock or on what does the runs. The same plan gives the same study, however
often it is stopped: a study that is repeated finds the runs that have ended. Only a time limit may change the plan
during a study (see budget/corrections.py), and only before the runs that the change is about have been judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.comparison.budget.corrections import Budget
from skipwise.comparison.evidence.learning import not_learned
from skipwise.comparison.evidence.predictions import Answers, Records, Tested, read_answers, read_tested
from skipwise.comparison.executors.executor import Executor
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.records import Look, as_advantage
from skipwise.comparison.run.rounds import Rounds
from skipwise.comparison.run.tuning import tune
from skipwise.statistics import Judgement, candidates_left, carry_forward, judge
from skipwise.training.callbacks import Callback
from skipwise.training.tuning.tried import Tried, best_values


@dataclass(frozen=True, eq=False)
class StudyResult:
    """The result of a study.

    Args:
        plan: the plan at its end, which a time limit may have changed.
        records: of all runs, by their folders.
        tested: the test images.
        answers: of each candidate, to the test images.
        judgement: at the last look.
        looks: what was decided when.
        tried: the runs that tuned.
        tuned: the hyperparameters that were chosen for each candidate, by name.
    """

    plan: Plan
    records: Records
    tested: Tested
    answers: dict[str, Answers]
    judgement: Judgement
    looks: tuple[Look, ...]
    tried: tuple[Tried, ...]
    tuned: dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False, kw_only=True)
class LookTaken:
    """A look, for whoever is told of it.

    Args:
        plan: the comparison.
        seeds: the number of seeds at each look so far.
        judgement: at this look, with what was decided before.
        tested: the test images.
        answers: of every candidate that is trained.
        left: the candidates that get more seeds, if there are more looks.
        records: of all runs that have ended.
    """

    plan: Plan
    seeds: tuple[int, ...]
    judgement: Judgement
    tested: Tested
    answers: dict[str, Answers]
    left: frozenset[str]
    records: Records


Looked = Callable[[LookTaken], None]


def run_study(
    plan: Plan,
    folder: Path,
    executor: Executor,
    *,
    callback: Callback | None = None,
    budget: Budget | None = None,
    revised: Callable[[Plan], None] = lambda _: None,
    looked: Looked = lambda _: None,
) -> StudyResult:
    """Carries out a plan, up to the last judgement.

    Args:
        folder: the comparison's folder.
        executor: does the runs; it is open.
        callback: is called with every phase, epoch and end of a run.
        budget: keeps the time limit, where there is one.
        revised: is called with a plan that replaces the present one, before anything is done by it.
        looked: is called after each look.

    Raises:
        TimeIsUp: no further round fits.
        StartAgain: another plan has to be carried out, from its beginning.
        SkipwiseError: something that no run can continue from, or a run's files are damaged.
    """
    return _Study(plan, folder, executor, callback or Callback(), budget, revised, looked).result()


class _Study:
    """A study under way. The arguments are those of `run_study`."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        executor: Executor,
        callback: Callback,
        budget: Budget | None,
        revised: Callable[[Plan], None],
        looked: Looked,
    ) -> None:
        self.plan, self.folder, self.budget, self.revised, self.looked = plan, folder, budget, revised, looked
        self.rounds = Rounds(plan, folder, executor, callback, budget)
        self.records = self.rounds.records
        self.tested = read_tested(plan, folder)
        self.answers: dict[str, Answers] = {}
        self.looks: list[Look] = []
        self.judgement: Judgement | None = None

    def result(self) -> StudyResult:
        """Carries out the plan."""
        tunings = tune(self.plan, self.folder, self.rounds)
        tuned = best_values(tunings, self.plan.question.scoring, self.plan.tuning)
        left = frozenset(self.plan.trained)
        while left and len(self.looks) < len(self.plan.looks):
            still = [name for name in self.plan.trained if name in left]
            changed = self._run(still, tuned)
            if changed is not None:
                self._revise(changed)
                left &= frozenset(changed.trained)
                continue
            left = self._look(still)
        assert self.judgement is not None
        return StudyResult(
            plan=self.plan,
            records=self.records,
            tested=self.tested,
            answers=self.answers,
            judgement=self.judgement,
            looks=tuple(self.looks),
            tried=tunings,
            tuned=tuned,
        )

    def _revise(self, plan: Plan) -> None:
        self.plan = plan
        self.revised(plan)

    def _run(self, still: Sequence[str], tuned: dict[str, dict[str, float]]) -> Plan | None:
        """Does the runs up to the next look; returns the plan that has to be followed instead, if there is one."""
        plan, budget, number = self.plan, self.budget, len(self.looks) + 1
        count = plan.looks[number - 1]
        # Seed by seed, so that all candidates advance together.
        rounds = [
            [job for name in still for job in plan.jobs(name, seed, tuned=tuned.get(name))]
            for seed in plan.question.seeds[:count]
        ]
        phase = f"Look {number} of {len(plan.looks)}" if len(plan.looks) > 1 else "Training"

        if budget is not None and not self.looks:
            self.rounds.do(rounds[:1], phase, then=rounds[1:])
            if sorted_out := not_learned(plan, self.folder, self.records):
                return replace(plan, not_trained=plan.not_trained | sorted_out)
        self.rounds.do(rounds, phase)
        if budget is not None and number == len(plan.looks) and plan.stopped_after is None:
            # These runs have not been judged yet, so that the look may still be moved.
            if more := budget.more_rounds(still, budget.asked.question.looks[-1] - count):
                return plan.lasting((*plan.looks[:-1], count + more), plan.recipe.epochs)
            # From now on it may not, whenever the study is repeated.
            self._revise(replace(plan, stopped_after=count))
        return None

    def _look(self, still: Sequence[str]) -> frozenset[str]:
        """Judges the runs so far; returns the candidates that continue."""
        question, tested, count = self.plan.question, self.tested, self.plan.looks[len(self.looks)]
        self.answers |= {name: read_answers(self.plan, self.folder, tested, name, self.records) for name in still}
        answers = {name: self.answers[name] for name in self.plan.trained}
        judged = judge(
            {name: each.scores for name, each in answers.items()},
            margin=question.tolerance,
            alpha=question.share_of_alpha,
            # Those that were planned: whether the time is up early may depend on the results.
            looks=question.looks,
            seeds={name: each.seeds for name, each in answers.items()},
            groups=tested.groups_that_count,
            learned={name: each.learned for name, each in answers.items()},
            higher_is_better=question.scoring.higher_is_better,
        )
        before = _decided(self.judgement)
        self.judgement = carry_forward(self.judgement, judged)
        decided = tuple(pair for pair in _decided(self.judgement) if pair not in before)
        self.looks.append(Look(seeds=count, candidates=tuple(still), decided=decided))
        advantages = tuple(as_advantage(pair, question.scoring) for pair in self.judgement.pairs)
        left = candidates_left(replace(self.judgement, pairs=advantages), every_pair=question.every_pair)
        self.looked(
            LookTaken(
                plan=self.plan,
                seeds=tuple(look.seeds for look in self.looks),
                judgement=self.judgement,
                tested=tested,
                answers=answers,
                left=left,
                records=self.records,
            )
        )
        return left


def _decided(judgement: Judgement | None) -> list[tuple[str, str]]:
    """The pairs that have a verdict."""
    pairs = () if judgement is None else judgement.pairs
    return [(pair.a, pair.b) for pair in pairs if pair.verdict != "unresolved"]
