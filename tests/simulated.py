"""A machine that trains nothing, on a clock that only its made-up work moves: for what a time limit does of itself."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import numpy as np

from skipwise.comparison import conclude
from skipwise.comparison.budget.corrections import Budget
from skipwise.comparison.budget.fit import fit_to_limit
from skipwise.comparison.budget.forecast import ENDING, ENDING_EACH, STARTING
from skipwise.comparison.evidence.collect import collect
from skipwise.comparison.executors.executor import Event
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.comparison.run.study import StudyResult
from skipwise.core.files.checksums import write_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.files.json_records import read_json
from skipwise.core.machine.system import describe_machine
from skipwise.data.splits import save_split
from skipwise.evaluation.metrics import measure
from skipwise.training.callbacks import Epoch, RunEnd
from skipwise.training.folder.predictions import Predictions, write_predictions
from skipwise.training.folder.record import RunRecord, failed_run, write_run
from skipwise.training.loop.recipe import RECIPES, shortened
from skipwise.training.probe.step_cost import StepCost
from tests.calling import calls
from tests.fabricated import fabricate

NAMES = ("resnet18", "se_resnet18", "plain18", "resnet34")
TESTED, VALIDATED = 200, 50
MACHINE = describe_machine()
Load = Sequence[tuple[float, float]]
"""From when on everything takes how many times as long, in the order of time."""


class Killed(BaseException):
    """Somebody ended the command."""


@dataclass
class Machine:
    """What simulated runs are done on.

    Args:
        epochs: seconds of an epoch of each network, beside others.
        accuracies: that networks reach; not a number where they fail.
        load: that is there beside the runs.
        killed: after so many events the command is ended.
    """

    epochs: dict[str, float]
    accuracies: dict[str, float] = field(default_factory=dict)
    load: Load = ()
    killed: int | None = None
    now: float = 0.0
    events: int = 0
    ran: list[Job] = field(default_factory=list)

    def factor(self) -> float:
        return next((factor for since, factor in reversed(self.load) if since <= self.now), 1.0)

    def changes(self) -> float:
        """When the load does so next."""
        return next((since for since, _ in self.load if since > self.now), math.inf)

    def work(self, seconds: float) -> None:
        """Does something else that would take so long on an idle machine."""
        while seconds > 1e-9:
            until = min(self.changes(), self.now + seconds * self.factor())
            seconds -= (until - self.now) / self.factor()
            self.now = until

    def processes(self, folder: Path | None = None, *, processes: int = 1) -> Processes:
        """In the place of `LocalProcesses`; open, where a folder is given."""
        executor = Processes(self)
        if folder is not None:
            executor.open(folder, processes=processes)
        return executor


@dataclass
class _Run:
    job: Job
    epoch: int = 0
    left: float = 0.0  # of the epoch, in seconds of an idle machine
    since: float = 0.0


class Processes:
    """An `Executor` whose processes start and read images, and then do one run after another."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.cancel()

    def open(self, folder: Path, *, processes: int, **_: object) -> None:
        self.home, self.count = folder, processes

    def close(self) -> None:
        self.cancel()

    def cancel(self) -> None:
        self.waiting: deque[Job] = deque()
        self.running: list[_Run] = []
        self.ready = 0  # processes that have done a run and wait for another

    def submit(self, job: Job) -> None:
        self.waiting.append(job)

    def events(self, until: float = math.inf) -> Iterator[Event]:
        machine = self.machine
        while self.waiting or self.running:
            while self.waiting and len(self.running) < self.count:
                self._take_up(self.waiting.popleft())
            # One run alone has the memory for itself.
            factor = machine.factor() / (1.2 if len(self.running) == 1 < self.count else 1.0)
            first = min(self.running, key=lambda run: run.left)
            then = min(machine.now + first.left * factor, machine.changes(), max(until, machine.now))
            for run in self.running:
                run.left -= (then - machine.now) / factor
            machine.now = then
            if first.left > 1e-9:
                if then >= until:
                    return
                continue
            yield from self._epoch_is_done(first)

    def _take_up(self, job: Job) -> None:
        starting, self.ready = 0.0 if self.ready else STARTING, max(0, self.ready - 1)
        self.running.append(_Run(job, 0, starting + 0.01 * self._epoch(job), self.machine.now))

    def _epoch(self, job: Job) -> float:
        return self.machine.epochs[job.spec.model]

    def _epoch_is_done(self, run: _Run) -> Iterator[Event]:
        machine, job = self.machine, run.job
        if run.epoch:
            self._happens()
            yield Epoch(
                run.epoch,
                1.0,
                0.1,
                None,
                machine.now - run.since,
                run=job.folder,
                model=job.spec.model,
                seed=job.spec.seed,
                images_per_second=1.0,
            )
        run.epoch, run.since, run.left = run.epoch + 1, machine.now, self._epoch(job)
        if run.epoch > job.spec.recipe.epochs or math.isnan(machine.accuracies.get(job.spec.model, 0.9)):
            self.running.remove(run)
            self.ready += 1
            record = answered(job, self.home, machine.accuracies.get(job.spec.model, 0.9))
            machine.ran.append(job)
            self._happens()
            yield RunEnd(run=job.folder, record=record)

    def _happens(self) -> None:
        self.machine.events += 1
        if self.machine.killed is not None and self.machine.events > self.machine.killed:
            raise Killed


def answered(job: Job, home: Path, accuracy: float) -> RunRecord:
    """Writes a run whose answers are right as often as that."""
    folder = home / job.folder
    make_folder(folder)
    record = failed_run(job.spec, "the loss became nan")
    if not math.isnan(accuracy):
        seed = [job.spec.seed, job.spec.recipe.epochs, *job.spec.model.encode()]
        splits = {"val": _answers(VALIDATED, accuracy, seed), "test": _answers(TESTED, accuracy, seed)}
        write_predictions(folder, splits)
        val, test = (measure(split.logits, split.labels) for split in splits.values())
        record = RunRecord(spec=job.spec, status="finished", val=val, test=test, seconds=1.0, machine=MACHINE)
    write_run(folder, record)
    return record


def _answers(images: int, accuracy: float, seed: list[int]) -> Predictions:
    labels, right = np.arange(images) % 5, np.random.default_rng(0).random(images)
    right = right + np.random.default_rng(seed).normal(0, 0.03, images) < accuracy
    # Who is right on a fifth at most has one answer to all.
    given = np.where(right, labels, (labels + 1) % 5) if accuracy > 0.2 else np.zeros_like(labels)
    ids = np.array([f"{number:04}.png" for number in range(images)])
    return Predictions(ids, labels, np.eye(5, dtype=np.float32)[given])


def asking(networks: int = 2, *, looks: tuple[int, ...] = (5,), epochs: int = 15, processes: int = 1) -> Plan:
    """A comparison as it would be without a limit; 32 steps are an epoch."""
    plan = fabricate(NAMES[:networks], tuned=False, exploratory=False, looks=looks).plan
    split = {"train": 32 * 32, "val": VALIDATED, "test": TESTED}
    recipe = shortened(
        replace(RECIPES["fast"], batch_size=32, min_size=1.0, full_size_from=0.0), epochs, split["train"]
    )
    return replace(
        plan,
        split_images=split,
        recipe=recipe,
        processes=processes,
        asked_for=(looks, epochs),
        asked_setting=(plan.preprocessing.size, plan.stem),
        asked_seed=0,
    )


def costs_of(plan: Plan, epochs: dict[str, float]) -> dict[str, StepCost]:
    """Those with which epochs are expected to take so long, beside others."""
    slower = 1.2 if plan.processes > 1 else 1.0
    with mock.patch("skipwise.comparison.budget.forecast.usable_cores", return_value=plan.processes):
        return {name: StepCost(seconds / 32 / slower, 0.0) for name, seconds in epochs.items()}


@dataclass
class Comparison:
    """A comparison under a limit on a simulated machine: begun, or gone on with, as the command does it."""

    asked: Plan
    folder: Path
    expected: dict[str, float]
    limit: float
    fewer_epochs: bool = True
    noticed: list[str] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        """As it is written down."""
        return read_json(self.folder / COMPARISONS.plan_file, Plan)

    def carry_out(self, machine: Machine, *, reading: float = 2.0, began: float | None = None) -> StudyResult:
        """Up to its end, with the report.

        Args:
            reading: seconds before the first plan, on an idle machine.
            began: when the command did; None is now.
        """
        began = machine.now if began is None else began
        asked = replace(self.asked, time_limit=self.limit)
        costs = costs_of(asked, self.expected)
        watch = calls(on_notice=self.noticed.append)
        with (
            mock.patch("skipwise.comparison.budget.forecast.usable_cores", return_value=asked.processes),
        ):
            machine.work(reading)
            if not (self.folder / COMPARISONS.plan_file).exists():
                left = self.limit - (machine.now - began)
                plan = fit_to_limit([asked], lambda _: costs, lambda _: left, fewer_epochs=self.fewer_epochs)
                self._begin(plan)
            plan, budget = self.plan, None
            if plan.stopped_after is None:
                question = replace(self.asked.question, first_seed=plan.question.first_seed)
                budget = Budget(
                    plan,
                    replace(plan, question=question, recipe=asked.recipe, tuning=asked.tuning),
                    costs,
                    end=began + self.limit,
                    fewer_epochs=self.fewer_epochs,
                    clock=lambda: machine.now,
                )
            with contextlib.closing(machine.processes()) as executor:
                executor.open(self.folder, processes=plan.processes, threads=plan.execution.threads)
                study = conclude._study(conclude._Changes(plan, self.folder, watch, budget), executor)
            machine.work(ENDING + ENDING_EACH * len(study.plan.trained))
        return study

    def _begin(self, plan: Plan) -> None:
        make_folder(self.folder)
        labels = [plan.classes[number % 5] for number in range(TESTED)]
        ids = [f"{number:04}.png" for number in range(TESTED)]
        save_split(self.folder / "split.csv", ids, labels, ["test"] * TESTED, [""] * TESTED)
        write_sealed(self.folder / COMPARISONS.plan_file, plan)

    def results(self, study: StudyResult) -> bytes:
        """`comparison.json`."""
        write_sealed(self.folder / "comparison.json", collect(study.plan, self.folder, study))
        return (self.folder / "comparison.json").read_bytes()
