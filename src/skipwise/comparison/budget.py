"""A comparison's time limit while its runs go on: what is begun, and what is corrected, so that the end does not move.

Whole rounds count: one seed of every network that is still trained. A round begins only if it fits, by the speed of
the last one. What is corrected, the last look's seeds or, where not even two rounds fit, the epochs, holds for rounds
that have not begun and for all networks alike; the plan says so before anything is done by it. Rounds of other epochs
are not part of the new plan: their seeds are not used.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from skipwise.comparison.executor import Event
from skipwise.comparison.fit import fitted
from skipwise.comparison.forecast import ending, run_seconds, slowest, tail
from skipwise.comparison.plan import Job, Plan
from skipwise.comparison.question import FEWEST, LEAST
from skipwise.errors import SkipwiseError
from skipwise.training.schedule import relative_cost
from skipwise.training.stepcost import StepCost

BASIS = 0.15
"""Of a round's work, that has to be done before anything is concluded from how long it took."""
LATE = 1.03
"""A round is expected to take so many times as long as the last one did."""
RESTARTS = 2
"""How often a comparison may begin again with fewer epochs."""


class TimeIsUp(Exception):
    """No further round fits. All networks that were to go on have so many `seeds`."""

    def __init__(self, seeds: int) -> None:
        super().__init__(seeds)
        self.seeds = seeds


class StartAgain(Exception):
    """The rounds of the plan do not fit: it is to be done by another `plan`, from its first seed on."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.plan = plan


class Budget:
    """Keeps a comparison within its time limit.

    Args:
        plan: the comparison that begins, or goes on.
        costs: what a step of each of its networks was tried out to take.
        end: of the command, on the clock.
        most_seeds: that the last look may be moved to.
        fewer_epochs: whether epochs may be changed.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        plan: Plan,
        costs: Mapping[str, StepCost],
        *,
        end: float,
        most_seeds: int,
        fewer_epochs: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.costs, self.end, self.clock = costs, end, clock
        self.most_seeds, self.fewer_epochs = most_seeds, fewer_epochs
        self.restarts = 0
        self.undone: dict[Job, float] = {}  # of each run that was begun, the share that is left
        self.epochs: deque[tuple[float, float]] = deque()  # seconds they took, and were expected to take
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """From now on, it is this plan that is carried out."""
        self.plan = plan
        self.expected = {name: run_seconds(plan, self.costs, name) for name in plan.candidates}
        self.seconds_per_round = sum(self.expected.values()) * (plan.folds or 1)
        self.ending = ending(plan, self.costs)

    @property
    def training_ends(self) -> float:
        """When the last run has to be done, on the clock."""
        return self.end - self.ending

    def begun(self, jobs: Sequence[Job]) -> None:
        """These runs were handed to the executor."""
        self.undone |= dict.fromkeys(jobs, 1.0)

    def note(self, event: Event) -> None:
        """Counts an epoch, or the end of a run."""
        job = event.job
        if job not in self.undone:  # of a plan that is no longer followed
            return
        left = 0.0 if event.record is not None else _left(job, event.epoch)
        if event.record is None:
            # By its own clock: other runs are in the middle of their epochs when this one ends.
            expected = max(0.0, self.undone[job] - left) * self._expected(job) * self.plan.processes
            self.epochs.append((event.seconds, expected))
            while len(self.epochs) > 1 and self._known() - self.epochs[0][1] >= self._round_work():
                self.epochs.popleft()
        self.undone[job] = min(left, self.undone[job])

    @property
    def slowness(self) -> float | None:
        """How many times as long as expected the last round's worth of epochs took; None where there were too few."""
        known = self._known()
        if known <= 0 or known < BASIS * self._round_work():
            return None
        return sum(seconds for seconds, _ in self.epochs) / known

    def _known(self) -> float:
        """Seconds that the epochs that are remembered were expected to take."""
        return sum(expected for _, expected in self.epochs)

    def _round_work(self) -> float:
        """Seconds of a round in all processes together."""
        return self.seconds_per_round * self.plan.processes

    def round_seconds(self, names: Sequence[str]) -> float:
        """What a round of these networks takes."""
        each = sum(self.expected[name] for name in names) * (self.plan.folds or 1)
        return each * (self.slowness or 1.0)

    def may_begin(self, names: Sequence[str], rounds: int = 1) -> bool:
        """Whether so many more rounds of these networks fit, after what goes on now."""
        last = tail([self.expected[name] for name in names], self.plan) * (self.slowness or 1.0)
        return self._free() >= (rounds * self.round_seconds(names) + last) * LATE

    def more_rounds(self, names: Sequence[str], most: int) -> int:
        """How many more rounds of these networks fit, up to a number of them."""
        return next((count for count in range(most, 0, -1) if self.may_begin(names, count)), 0)

    def check(self, done: int) -> None:
        """To be called whenever something happened, and now and then.

        Args:
            done: the rounds that are finished.

        Raises:
            TimeIsUp: it is.
            StartAgain: so few rounds will fit that fewer epochs are better.
        """
        if self.clock() >= self.training_ends:
            raise TimeIsUp(done)
        slowness = self.slowness
        planned = self.plan.question.looks[-1]
        if done or slowness is None or self.restarts >= RESTARTS or not self.fewer_epochs:
            return
        free = self._free()
        possible = 1 + int(free / (self.seconds_per_round * slowness)) if free >= 0 else 0
        early = self._known() < self._round_work() / 2
        if possible >= min(FEWEST, planned) or (possible >= LEAST and not early):
            return
        if (again := self._shorter(slowness)) is not None:
            self.restarts += 1
            self.undone.clear()
            raise StartAgain(again)

    def _expected(self, job: Job) -> float:
        """Seconds; runs that tune rates are shorter than others."""
        return self.expected[job.spec.model] * job.spec.recipe.epochs / self.plan.recipe.epochs

    def _free(self) -> float:
        """Seconds that are left for training once the runs that were begun are done."""
        going_on = sum(share * self._expected(job) for job, share in self.undone.items())
        return self.training_ends - self.clock() - going_on * (self.slowness or 1.0)

    def _shorter(self, slowness: float) -> Plan | None:
        """The plan for the time that is left, with seeds that were not used; None where it would be no shorter."""
        plan = self.plan
        usual = slowest(self.costs)
        costs = {name: cost.slowed(slowness) for name, cost in self.costs.items()}
        fresh = replace(plan, question=replace(plan.question, first_seed=plan.question.first_seed + 1))
        try:
            shorter = fitted([fresh], lambda _: costs, lambda _: self.end - self.clock(), fewer_epochs=True)
        except SkipwiseError:
            return None
        if shorter.recipe.epochs >= plan.recipe.epochs and shorter.not_trained == plan.not_trained:
            return None
        sentence = (
            f"Training is {slowness:.1f} times as slow as it was tried out to be"
            f"{', on a busy machine' if usual > 1 else ''}: it begins again with {shorter.recipe.epochs} epochs "
            f"instead of {plan.recipe.epochs}, from seed {shorter.question.first_seed} on."
        )
        return replace(shorter, corrections=(*plan.corrections, sentence))


def _left(job: Job, done: int) -> float:
    """The share of a run that is left after so many epochs, by what they cost."""
    recipe, size = job.spec.recipe, job.spec.preprocessing.size
    share = done / recipe.epochs
    if share >= 1:
        return 0.0
    return (1 - share) * relative_cost(recipe, size, share) / relative_cost(recipe, size)
