"""Rounds of runs: one seed of every candidate that continues."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from skipwise.comparison.budget.corrections import Budget
from skipwise.comparison.executors.executor import Event, Executor
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count
from skipwise.evaluation.variants import VARIANTS
from skipwise.training.callbacks import Callback, Phase, RunEnd
from skipwise.training.folder.record import RunRecord, find_run
from skipwise.training.folder.variant_answers import has_variant


class Rounds:
    """Has runs done, round by round.

    Without a time limit all of them are submitted at once. Under one, a round is submitted when a process is free for
    it, if it still fits.

    Args:
        plan: the comparison.
        folder: its folder.
        executor: does the runs.
        callback: is called with every phase, epoch and end of a run.
        budget: keeps the time limit, where there is one.
    """

    def __init__(self, plan: Plan, folder: Path, executor: Executor, callback: Callback, budget: Budget | None) -> None:
        self.folder, self.executor, self.callback, self.budget = folder, executor, callback, budget
        self.processes, self.variants_of = plan.processes, plan.variants_of
        self.records: dict[str, RunRecord] = {}
        self._announced: list[Job] = []
        self._running: set[str] = set()

    def do(
        self,
        rounds: Sequence[Sequence[Job]],
        phase: str,
        *,
        then: Sequence[Sequence[Job]] = (),
        tuning: bool = False,
    ) -> None:
        """Does the runs of these rounds that have not ended yet.

        Args:
            phase: a title for `Callback.on_phase`.
            then: the rounds that are expected to follow.
            tuning: whether the runs tune learning rates; they do not count as a round.

        Raises:
            TimeIsUp, StartAgain: see `Budget.check` and `Budget.close`.
        """
        self._announce([job for jobs in (*rounds, *then) for job in jobs], phase)

        def finished() -> int:
            """The number of rounds that have ended, one after the other."""
            ended = (all(job.folder in self.records for job in jobs) for jobs in (*rounds, *then))
            return 0 if tuning else sum(1 for _ in itertools.takewhile(bool, ended))

        self._running = set()
        for number, jobs in enumerate(rounds, start=1):
            last = number == len(rounds)
            new = [job for job in jobs if not self._found(job)]
            if self.budget is None:
                self._submit(new)
                if last:
                    self._wait(0)
                continue
            if new:
                if finished() and not self.budget.may_begin(new):
                    self._wait_within(self.budget, 0, finished)
                    self.budget.close(finished())
                self.budget.begun(new)
                self._submit(new)
            # The next round begins when a process is free; until then it is not known whether it fits.
            self._wait_within(self.budget, 0 if last else self.processes - 1, finished)

    def _announce(self, jobs: list[Job], phase: str) -> None:
        ended = frozenset(job.folder for job in jobs if job.folder in self.records)
        if jobs != self._announced and len(ended) < len(jobs):
            self._announced = jobs
            self.callback.on_phase(Phase(name=phase, runs=tuple(jobs), ended=ended))

    def _submit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self.executor.submit(job)
            self._running.add(job.folder)

    def _found(self, job: Job) -> bool:
        """Returns whether a run has ended, here or in an earlier session."""
        if job.folder in self.records:
            return True
        record = find_run(job.spec, self.folder / job.folder)
        if record is not None and record.status == "finished" and not self._has_variants(job):
            return False  # a run that was included, or killed after its training
        if record is not None:
            self.records[job.folder] = record
            self.callback.on_run_end(RunEnd(run=job.folder, record=record, earlier=True))
        return record is not None

    def _has_variants(self, job: Job) -> bool:
        folder, names = self.folder / job.folder, self.variants_of(job)
        return all(has_variant(folder, name, VARIANTS[name].versions) for name in names)

    def _wait(self, most: int) -> None:
        """Waits until at most so many runs are left."""
        if len(self._running) <= most:
            return
        for event in self.executor.events():
            self._tell(event)
            if len(self._running) <= most:
                return
        runs = count(len(self._running), "run")
        raise SkipwiseError(
            f"The executor {type(self.executor).__name__} has no more events, though {runs} did not end; what was "
            "saved is kept. Correct the executor, and give the same command again."
        )

    def _wait_within(self, budget: Budget, most: int, finished: Callable[[], int]) -> None:
        """The same under a time limit, which may end the runs."""
        while len(self._running) > most:
            for event in self.executor.events(budget.training_ends):
                self._tell(event)
                budget.note(event)
                if self._running:
                    budget.check(finished())
                if len(self._running) <= most:
                    return
            budget.check(finished())

    def _tell(self, event: Event) -> None:
        if isinstance(event, RunEnd):
            self.records[event.run] = event.record
            self._running.discard(event.run)
            self.callback.on_run_end(event)
        else:
            self.callback.on_epoch(event)
