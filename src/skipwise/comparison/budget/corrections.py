"""Keeps the time limit of a comparison during its runs: which rounds begin, and how the plan is corrected.

A round is one seed of every network that is still trained. It begins only if it fits, by the speed of the last one. A
correction changes the seeds of the last look or, early in the first round, the epochs. It applies to rounds that have
not begun and to all networks alike, and is written into the plan before it takes effect. Rounds with another number of
epochs are not part of the new plan, which has other seeds.
"""

from __future__ import annotations

import itertools
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from skipwise.comparison.budget.fit import fit_to_limit
from skipwise.comparison.budget.forecast import curve_seconds, ending, makespan, run_seconds, slowest
from skipwise.comparison.executors.executor import Event
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.question.question import FEWEST, LEAST
from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.training.callbacks import RunEnd
from skipwise.training.loop.schedule import relative_cost
from skipwise.training.probe.step_cost import StepCost

BASIS = 0.15
"""The share of a round that has to be done, or overdue, before its speed is used for a correction."""
WINDOW = 0.5
"""The present speed is measured over the latest work, about this share of a round."""
SHORT = 1.15
"""In the first half of the first round, the comparison continues if its rounds would take up to so many times the
remaining time, since the machine may become faster."""
SLACK = 0.97
"""A comparison that begins again is planned for this share of the remaining time."""
COLD = 3.0
"""The first epoch of a process is used as a measurement only if it takes more than so many times the expected time."""
LATE = 1.03
"""A round is expected to take so many times the time of the last one."""
RESTARTS = 2
"""The number of times that a comparison may begin again with other epochs, to use its time better."""
UNUSED = 0.15
"""The share of a time limit that may stay unused before the number of epochs is changed."""
BUSIEST = 3.0
"""Judging and the report are expected to be slower where training is, by at most this factor."""
OVER = 0.05
"""The share of a limit by which that may exceed it."""


class TimeIsUp(Exception):
    """No further round fits.

    Args:
        seeds: how many seeds are finished for all networks that were still trained.
    """

    def __init__(self, seeds: int) -> None:
        super().__init__(seeds)
        self.seeds = seeds


class StartAgain(Exception):
    """The rounds of the plan do not fit.

    Args:
        plan: has to be carried out instead, from its first seed on.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.plan = plan


class Budget:
    """Keeps a comparison within its time limit.

    Args:
        plan: the comparison that begins or is resumed.
        asked: the same with the looks and epochs that it would have without a limit.
        costs: the measured cost of a training step of each network.
        end: when the command has to end, on the clock.
        fewer_epochs: whether the number of epochs may be changed.
        clock: a monotonic clock, in seconds.
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
        self.jobs: dict[str, Job] = {}  # the runs that were submitted, by their names
        self.undone: dict[str, float] = {}  # the share that is left of each run under way
        self.heard: dict[str, float] = {}  # when each of them was started, or reported last
        self.ready = 0  # the number of processes that have trained already
        self.work = 0.0  # done in the rounds of the plan, in expected seconds
        self.done: deque[tuple[float, float]] = deque()  # parts of runs: actual and expected seconds
        self.fixed = False  # whether the plan may not be corrected any more
        self.change_plan(plan)

    def change_plan(self, plan: Plan) -> None:
        """From now on, this plan is carried out."""
        self.plan = plan
        self.expected = {name: run_seconds(plan, self.costs, name) for name in plan.trained}
        self.a_round = sum(self.expected.values()) * (plan.folds or 1)
        self.undone = {run: left for run, left in self.undone.items() if self._model(run) in self.expected}

    @property
    def training_ends(self) -> float:
        """The time on the clock by which the last run has to end."""
        expected = ending(self.plan, self.costs)
        slow = expected * min(self.slowness or 1.0, BUSIEST)
        after = max(expected, slow - OVER * (self.plan.time_limit or 0.0))
        if not self.fixed:  # a learning curve follows; where the machine became slower, the comparison comes first
            after += curve_seconds(self.plan, self.costs)
        return self.end - after

    def fix(self) -> None:
        """The comparison's runs are done, and those of its learning curve begin: no correction is made any more."""
        self.fixed = True
        # Runs that the end of the time cancelled are not done any more.
        self.undone.clear()
        self.heard.clear()
        self.ready = 0

    def begun(self, jobs: Sequence[Job]) -> None:
        """Notes that these runs were submitted."""
        self.jobs |= {job.folder: job for job in jobs}
        self.undone |= dict.fromkeys((job.folder for job in jobs), 1.0)
        self._started()

    def _model(self, run: str) -> str:
        return self.jobs[run].spec.model

    def _started(self) -> None:
        """Notes that processes which are ready start the next runs."""
        for run in itertools.islice(self.undone, self.ready):
            self.heard.setdefault(run, self.clock())

    def note(self, event: Event) -> None:
        """Notes an epoch, or the end of a run."""
        run, now = event.run, self.clock()
        if run not in self.undone:  # of an earlier plan
            return
        job, before = self.jobs[run], self.undone[run]
        epoch = None if isinstance(event, RunEnd) else event
        left = 0.0 if epoch is None else min(_left(job, epoch.epoch), before)
        if epoch is not None:  # a part of the run may have been done in an earlier session
            before = min(_left(job, epoch.epoch - 1), before)
        # The time of a process's first epoch is what it reports, since starting and reading images came before it.
        cold = epoch is not None and epoch.epoch == 1 and run not in self.heard and job.spec.recipe.epochs > 2
        took = now - self.heard.get(run, now if epoch is None else now - epoch.seconds)
        work = (before - left) * self._expected(job)
        self.undone[run], self.heard[run] = left, now
        self.ready = max(self.ready, len(self.undone.keys() & self.heard.keys()))
        # In its first epoch a process chooses kernels, so that it is slower than the others.
        failed = isinstance(event, RunEnd) and event.record.status == "failed"
        if not failed and not (cold and took <= COLD * work):
            self.done.append((took, work))
        if job.spec.seed in self.plan.question.seeds:
            self.work += work
        if epoch is None:
            del self.undone[run]
            self._started()
        while sum(work for _, work in itertools.islice(self.done, 1, None)) >= WINDOW * self.a_round:
            self.done.popleft()

    @property
    def slowness(self) -> float | None:
        """The actual time of the latest work, about half a round, relative to the expected time.

        None where too little was done.
        """
        took, work = (sum(part) for part in zip(*self.done, strict=True)) if self.done else (0.0, 0.0)
        return took / work if max(took, work) >= BASIS * self.a_round and took and work else None

    def may_begin(self, jobs: Sequence[Job]) -> bool:
        """Returns whether these runs fit beside those under way."""
        return self._lasting([self._expected(job) for job in jobs]) * LATE <= self._free()

    def more_rounds(self, names: Sequence[str], most: int) -> int:
        """Returns how many more rounds of these networks fit after the runs under way, at most `most`."""
        return bisect_right(range(1, most + 1), self._free(), key=lambda count: self._rounds_after(names, count) * LATE)

    def check(self, done: int) -> None:
        """Checks whether the plan still fits. Call it after each event, and from time to time.

        Args:
            done: the number of rounds that are finished.

        Raises:
            TimeIsUp: no time is left.
            StartAgain: another number of epochs is better, since too few rounds will fit or much time stays unused.
        """
        if self._free() <= 0:
            raise TimeIsUp(done)
        if self.fixed or done >= LEAST or self.slowness is None:
            return
        names, most = self.plan.trained, self.asked.question.looks[-1]
        begun = {self.jobs[run].spec.seed for run in self.undone} & {*self.plan.question.seeds}
        rounds = done + (len(begun) if self._lasting() <= self._free() else 0)
        more = self.more_rounds(names, most - rounds)
        if rounds + more < LEAST:
            # Beginning again loses what was done, so that a small excess is no reason as long as there is time to see
            # whether it lasts. Up to the middle of the first round, beginning again costs at most half of it.
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
        """Ends the study, since no further round fits, and none is under way.

        Raises:
            StartAgain: there are too few seeds for an answer, and with fewer epochs there will be enough.
            TimeIsUp: otherwise.
        """
        if done < LEAST and not self.fixed:
            self._start_again()
        raise TimeIsUp(done)

    def _start_again(self, rounds: int | None = None) -> None:
        """Raises StartAgain, where there is another plan for the remaining time.

        Args:
            rounds: how many rounds fit with the present plan; the other one has to train at least as much. None where
                they are too few; then the other one has to have fewer epochs or networks.
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
        """The expected time of a run in seconds.

        Runs that tune learning rates are shorter, and so are those on parts of the training images.
        """
        spec = job.spec
        if spec.share_of_images < 1:
            return run_seconds(self.plan, self.costs, spec.model, share=spec.share_of_images)
        return self.expected[spec.model] * spec.recipe.epochs / self.plan.recipe.epochs

    def _free(self) -> float:
        """The time until the last run has to end, in seconds."""
        return self.training_ends - self.clock()

    def _lasting(self, more: Sequence[float] = ()) -> float:
        """The time until the runs under way, and `more` runs with these expected times, are done, in seconds."""
        begun = [left * self._expected(self.jobs[run]) for run, left in self.undone.items()]
        return makespan([*begun, *more], self.plan.processes) * (self.slowness or 1.0)

    def _rounds_after(self, names: Sequence[str], count: int) -> float:
        """The time until the runs under way, and then `count` rounds of these networks, are done, in seconds."""
        a_round = [self.expected[name] for name in names for _ in range(self.plan.folds or 1)]
        return self._lasting() + makespan(a_round * count, self.plan.processes) * (self.slowness or 1.0)

    def _again(self, slowness: float) -> Plan | None:
        """The plan for the remaining time, with new seeds; None where it would be the same."""
        plan = self.plan
        costs = {name: cost.slowed(slowness) for name, cost in self.costs.items()}
        first = plan.question.seeds[-1] + 1
        tuning = plan.tuning and replace(self.asked.tuning or plan.tuning, seed=plan.tuning.seed + 1)
        question = replace(self.asked.question, first_seed=first)
        fresh = replace(plan, question=question, recipe=plan.setting.suited(self.asked.recipe), tuning=tuning)
        try:
            again = fit_to_limit(
                [fresh], lambda _: costs, lambda _: SLACK * (self.end - self.clock()), fewer_epochs=True
            )
        except SkipwiseError:
            return None
        before, after = plan.recipe.epochs, again.recipe.epochs
        if after == before and again.not_trained == plan.not_trained:
            return None
        pace = f"{slowness:.1f} times as slow" if slowness > 1 else f"{1 / slowness:.1f} times as fast"
        busy = ", on a busy machine" if slowest(self.costs) > 1 else ""
        instead = f" instead of {before}" if after != before else ""
        sentence = (
            f"Training is {pace} as was measured before{busy}: it begins again with "
            f"{count(after, 'epoch')}{instead}, from seed {first} on."
        )
        return replace(again, corrections=(*plan.corrections, sentence))


def _left(job: Job, done: int) -> float:
    """The share of a run's cost that is left after `done` epochs."""
    recipe, size = job.spec.recipe, job.spec.preprocessing.size
    share = done / recipe.epochs
    if share >= 1:
        return 0.0
    return (1 - share) * relative_cost(recipe, size, share) / relative_cost(recipe, size)
