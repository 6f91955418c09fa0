"""A comparison's time limit while its runs go on: what is begun, and what is corrected, so that the end does not move.

Whole rounds count: one seed of every network that is still trained. A round begins only if it fits, by the speed of
the last one. What is corrected, the last look's seeds or, while the first round has only begun, the epochs, holds for
rounds that have not begun and for all networks alike; the plan says so before anything is done by it. Rounds of other
epochs are not part of the new plan: their seeds are not used.
"""

from __future__ import annotations

import itertools
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from skipwise.comparison.budget.fit import fitted
from skipwise.comparison.budget.forecast import ending, makespan, run_seconds, slowest
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.plan.question import FEWEST, LEAST
from skipwise.comparison.run.executor import Event
from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.training.loop.schedule import relative_cost
from skipwise.training.probe.step_cost import StepCost

BASIS = 0.15
"""The share of a round that has to be done, or to be overdue, before its speed is used for a correction."""
WINDOW = 0.5
"""The present speed is that of the latest work, of about this share of a round."""
SHORT = 1.15
"""In the first half of the first round, the comparison goes on if its rounds would take up to so many times as long as
the time that is left: the machine may become faster."""
SLACK = 0.97
"""A comparison that begins again is planned for this share of the time that is left."""
COLD = 3.0
"""A process's first epoch may take so many times as long as expected before anything is concluded from it."""
LATE = 1.03
"""A round is expected to take so many times as long as the last one did."""
RESTARTS = 2
"""How often a comparison may begin again with other epochs to use its time better."""
UNUSED = 0.15
"""The share of a time limit that whole rounds of too many or too few epochs may leave over."""
BUSIEST = 3.0
"""Judging and the report may take so many times as long as expected, where training does."""
OVER = 0.05
"""The share of a limit by which it may be exceeded for that."""


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
        asked: the same with the looks and epochs it would have without a limit.
        costs: what a step of each of its networks was tried out to take.
        end: of the command, on the clock.
        fewer_epochs: whether epochs may be changed.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        plan: Plan,
        asked: Plan,
        costs: Mapping[str, StepCost],
        *,
        end: float,
        fewer_epochs: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.asked, self.costs, self.end, self.clock = asked, costs, end, clock
        self.fewer_epochs = fewer_epochs
        self.restarts = 0
        self.undone: dict[Job, float] = {}  # of each run that goes on, the share that is left
        self.heard: dict[Job, float] = {}  # of each of them, when it was taken up, or something was heard of it last
        self.ready = 0  # processes that have trained already
        self.work = 0.0  # in the rounds of the plan, in seconds as they were expected
        self.done: deque[tuple[float, float]] = deque()  # parts of runs: seconds they took, and were to take
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """From now on, it is this plan that is carried out."""
        self.plan = plan
        self.expected = {name: run_seconds(plan, self.costs, name) for name in plan.trained}
        self.a_round = sum(self.expected.values()) * (plan.folds or 1)
        self.undone = {job: left for job, left in self.undone.items() if job.spec.model in self.expected}

    @property
    def training_ends(self) -> float:
        """When the last run has to be done, on the clock."""
        expected = ending(self.plan, self.costs)
        slow = expected * min(self.slowness or 1.0, BUSIEST)
        return self.end - max(expected, slow - OVER * (self.plan.time_limit or 0.0))

    def begun(self, jobs: Sequence[Job]) -> None:
        """These runs were handed to the executor."""
        self.undone |= dict.fromkeys(jobs, 1.0)
        self._taken_up()

    def _taken_up(self) -> None:
        """Processes that are ready take up what was begun."""
        for job in itertools.islice(self.undone, self.ready):
            self.heard.setdefault(job, self.clock())

    def note(self, event: Event) -> None:
        """Counts an epoch, or the end of a run."""
        job, now = event.job, self.clock()
        if job not in self.undone:  # of a plan that is no longer followed
            return
        before, record = self.undone[job], event.record
        left = 0.0 if record is not None else min(_left(job, event.epoch), before)
        if record is None:  # a part of it may have been done another time
            before = min(_left(job, event.epoch - 1), before)
        # The first epochs, of which processes begin with images that are read, say themselves how long they took.
        cold = record is None and event.epoch == 1 and job not in self.heard and job.spec.recipe.epochs > 2
        took = now - self.heard.get(job, now - event.seconds)
        work = (before - left) * self._expected(job)
        self.undone[job], self.heard[job] = left, now
        self.ready = max(self.ready, len(self.undone.keys() & self.heard.keys()))
        # In its first epoch a process chooses kernels, which says little of the others.
        if (record is None or record.status == "finished") and not (cold and took <= COLD * work):
            self.done.append((took, work))
        if job.spec.seed in self.plan.question.seeds:
            self.work += work
        if record is not None:
            del self.undone[job]
            self._taken_up()
        while sum(work for _, work in itertools.islice(self.done, 1, None)) >= WINDOW * self.a_round:
            self.done.popleft()

    @property
    def slowness(self) -> float | None:
        """How many times as long as expected the last round's worth of work took; None where too little was done."""
        took, work = (sum(part) for part in zip(*self.done, strict=True)) if self.done else (0.0, 0.0)
        return took / work if max(took, work) >= BASIS * self.a_round and took and work else None

    def may_begin(self, jobs: Sequence[Job]) -> bool:
        """Whether these runs fit beside what was begun."""
        return self._lasting([self._expected(job) for job in jobs]) * LATE <= self._free()

    def more_rounds(self, names: Sequence[str], most: int) -> int:
        """How many more rounds of these networks fit once what was begun is done, up to a number of them."""
        return bisect_right(range(1, most + 1), self._free(), key=lambda count: self._rounds_after(names, count) * LATE)

    def check(self, done: int) -> None:
        """To be called whenever something happened, and now and then.

        Args:
            done: the rounds that are finished.

        Raises:
            TimeIsUp: it is.
            StartAgain: so few rounds will fit, or so much time be left over, that other epochs are better.
        """
        if self._free() <= 0:
            raise TimeIsUp(done)
        if done >= LEAST or self.slowness is None:
            return
        names, most = self.plan.trained, self.asked.question.looks[-1]
        begun = {job.spec.seed for job in self.undone} & {*self.plan.question.seeds}
        rounds = done + (len(begun) if self._lasting() <= self._free() else 0)
        more = self.more_rounds(names, most - rounds)
        if rounds + more < LEAST:
            # By little is no reason, as long as there is time to see whether it is so: to begin again costs what was
            # done. In the middle of the first round it is the last chance to do so at half of its cost.
            missing = self._rounds_after(names, LEAST - done - len(begun)) * LATE / self._free()
            soon = self.work < self.a_round / 2 and not done
            if missing > (SHORT if soon else 1.0) * (1.0 if self.restarts < RESTARTS else SHORT):
                self._start_again()
        elif not done and self.work < self.a_round / 2 and self.restarts < RESTARTS:
            limit = self.plan.time_limit or 0.0
            gone, unused = limit - (self.end - self.clock()), self._free() - self._rounds_after(names, more)
            few = rounds + more < min(FEWEST, self.plan.question.looks[-1])
            if few or unused > max(UNUSED * limit, gone):
                self._start_again(rounds + more)

    def close(self, done: int) -> None:
        """No further round fits, and none goes on.

        Raises:
            TimeIsUp: always, unless
            StartAgain: there would be no answer, and with fewer epochs there is one.
        """
        if done < LEAST:
            self._start_again()
        raise TimeIsUp(done)

    def _start_again(self, rounds: int | None = None) -> None:
        """Raises StartAgain, where there is another plan for the time that is left.

        Args:
            rounds: how many fit as it is; the other plan has to train at least as much. None where these are too few;
                then it has to have fewer epochs or networks.
        """
        again = self._again(self.slowness or 1.0) if self.fewer_epochs else None
        if again is None:
            return
        size, now = again.recipe.epochs * len(again.trained), self.plan.recipe.epochs * len(self.plan.trained)
        if (size >= now) if rounds is None else (size * again.question.looks[-1] < now * rounds):
            return
        self.restarts += 1
        self.undone.clear()
        self.ready, self.work = 0, 0.0
        raise StartAgain(again)

    def _expected(self, job: Job) -> float:
        """Seconds; runs that tune rates are shorter than others."""
        return self.expected[job.spec.model] * job.spec.recipe.epochs / self.plan.recipe.epochs

    def _free(self) -> float:
        """Seconds until the last run has to be done."""
        return self.training_ends - self.clock()

    def _lasting(self, more: Sequence[float] = ()) -> float:
        """Seconds until what was begun is done, and more runs, which were to take so long."""
        begun = [left * self._expected(job) for job, left in self.undone.items()]
        return makespan([*begun, *more], self.plan.processes) * (self.slowness or 1.0)

    def _rounds_after(self, names: Sequence[str], count: int) -> float:
        """Seconds until what was begun is done, and then so many rounds of these networks."""
        a_round = [self.expected[name] for name in names for _ in range(self.plan.folds or 1)]
        return self._lasting() + makespan(a_round * count, self.plan.processes) * (self.slowness or 1.0)

    def _again(self, slowness: float) -> Plan | None:
        """The plan for the time that is left, with seeds that were not used; None where it would be the same."""
        plan = self.plan
        costs = {name: cost.slowed(slowness) for name, cost in self.costs.items()}
        first = plan.question.seeds[-1] + 1
        tuning = plan.tuning and replace(self.asked.tuning or plan.tuning, seed=plan.tuning.seed + 1)
        question = replace(self.asked.question, first_seed=first)
        fresh = replace(plan, question=question, recipe=plan.setting.suited(self.asked.recipe), tuning=tuning)
        try:
            again = fitted([fresh], lambda _: costs, lambda _: SLACK * (self.end - self.clock()), fewer_epochs=True)
        except SkipwiseError:
            return None
        before, after = plan.recipe.epochs, again.recipe.epochs
        if after == before and again.not_trained == plan.not_trained:
            return None
        pace = f"{slowness:.1f} times as slow" if slowness > 1 else f"{1 / slowness:.1f} times as fast"
        busy = ", on a busy machine" if slowest(self.costs) > 1 else ""
        instead = f" instead of {before}" if after != before else ""
        sentence = (
            f"Training is {pace} as it was tried out to be{busy}: it begins again with "
            f"{count(after, 'epoch')}{instead}, from seed {first} on."
        )
        return replace(again, corrections=(*plan.corrections, sentence))


def _left(job: Job, done: int) -> float:
    """The share of a run that is left after so many epochs, by what they cost."""
    recipe, size = job.spec.recipe, job.spec.preprocessing.size
    share = done / recipe.epochs
    if share >= 1:
        return 0.0
    return (1 - share) * relative_cost(recipe, size, share) / relative_cost(recipe, size)
