"""What every executor of a comparison's runs has to do. That results are the same: see test_comparison.py."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise import Epoch, Executor, InProcess, LocalProcesses, RayExecutor
from skipwise.comparison.budget.forecast import run_seconds as seconds_of_run
from skipwise.comparison.budget.resolve import OnThisMachine
from skipwise.comparison.executors.executor import Room
from skipwise.comparison.executors.table import EXECUTORS, find_executor
from skipwise.comparison.options import CompareOptions
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.files.checksums import read_sealed
from skipwise.core.options import declared
from skipwise.training.callbacks import RunEnd, Start
from skipwise.training.folder.files import read_history
from skipwise.training.folder.record import find_run
from skipwise.training.probe.step_cost import StepCost
from tests.jobs_here import JobsHere

KINDS = [
    pytest.param(InProcess, id="InProcess"),
    pytest.param(LocalProcesses, id="LocalProcesses", marks=pytest.mark.slow),
    pytest.param(RayExecutor, id="RayExecutor", marks=[pytest.mark.cluster, pytest.mark.filterwarnings("default")]),
    pytest.param(JobsHere, id="JobExecutor", marks=pytest.mark.slow),
]
LONG = 2000
"""Epochs of a run that has not ended when a cluster is told to stop it."""
LINEAR, RAISES = "tests.external_networks:Linear", "tests.external_networks:Raises"


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """The same, to be worked in."""
    return Path(shutil.copytree(begun, tmp_path / "out"))


@pytest.fixture(params=KINDS)
def executor(request: pytest.FixtureRequest, folder: Path) -> Iterator[Executor]:
    kind = request.param
    made: Executor = kind(request.getfixturevalue("ray_nodes").address) if kind is RayExecutor else kind()
    made.open(folder, processes=2, threads=1)
    yield made
    made.close()


def job_of(folder: Path, model: str, *, seed: int = 0, epochs: int | None = None) -> Job:
    """A run of the plan, or a longer one."""
    job = read_sealed(folder / COMPARISONS.plan_file, Plan).jobs(model, seed)[0]
    recipe = job.spec.recipe if epochs is None else replace(job.spec.recipe, epochs=epochs)
    return replace(job, spec=replace(job.spec, recipe=recipe))


def test_every_run_reports_its_epochs_in_order_and_then_its_end(executor: Executor, folder: Path) -> None:
    jobs = [job_of(folder, LINEAR), job_of(folder, RAISES), job_of(folder, LINEAR, seed=1)]
    for job in jobs:
        executor.submit(job)
    events = list(executor.events())
    for job in jobs:
        *epochs, end = (event for event in events if event.run == job.folder)
        assert isinstance(end, RunEnd)
        assert end.record == find_run(job.spec, folder / job.folder)  # the folder is complete
        if job.spec.model == RAISES:
            assert end.record.status == "failed"
            assert "list index out of range" in (end.record.reason or "")
            continue
        assert end.record.status == "finished"
        assert [(epoch.epoch, epoch.model, epoch.seed) for epoch in epochs] == [
            (number, LINEAR, job.spec.seed) for number in (1, 2, 3)
        ]
        assert [epoch.metrics for epoch in epochs] == list(read_history(folder / job.folder))
        assert epochs[-1].outcome == end.record.val.accuracy
    assert not list(executor.events())  # each end is told once


@pytest.mark.parametrize("stop", ["cancel", "close"])
def test_a_stopped_run_is_resumed_and_comes_to_the_same_bytes(
    executor: Executor, folder: Path, stop: str, tmp_path: Path
) -> None:
    # Processes do not wait for anybody: the run is to be long enough that it has not ended when it is stopped.
    job = job_of(folder, LINEAR, epochs=40 if isinstance(executor, InProcess) else LONG)
    executor.submit(job)
    executor.submit(job_of(folder, LINEAR, seed=1))
    # The other run may get further before this one has begun.
    assert isinstance(next(event for event in executor.events() if event.run == job.folder), Epoch)
    getattr(executor, stop)()
    assert find_run(job.spec, folder / job.folder) is None
    assert not list(executor.events())  # nothing more is heard of what was stopped
    if stop == "close":
        assert (folder / job.folder / "resume.safetensors").exists()
        executor.open(folder, processes=1, threads=1)
    executor.submit(job)
    *epochs, end = executor.events()
    assert isinstance(end, RunEnd)
    assert end.record.status == "finished"
    assert (epochs[0].epoch > 1) or stop == "cancel"
    stopped = (folder / job.folder / "predictions.npz").read_bytes()
    (folder / job.folder).rename(tmp_path / "stopped")
    executor.submit(job)
    assert isinstance(list(executor.events())[-1], RunEnd)
    assert (folder / job.folder / "predictions.npz").read_bytes() == stopped


def test_events_end_when_the_time_has_come_and_continue_later(executor: Executor, folder: Path) -> None:
    executor.submit(job_of(folder, LINEAR))
    assert not list(executor.events(until=time.monotonic() - 1))
    assert [type(event) for event in executor.events(until=time.monotonic() + 3600)] == [Epoch, Epoch, Epoch, RunEnd]


def test_what_no_run_can_continue_from_is_raised(executor: Executor, folder: Path) -> None:
    (folder / "images.json").unlink()
    executor.submit(job_of(folder, LINEAR))
    with pytest.raises(skipwise.SkipwiseError, match=r"images\.json"):
        list(executor.events())


def test_an_executor_is_found_by_its_name_and_an_instance_is_taken_as_it_is() -> None:
    assert isinstance(find_executor(None), LocalProcesses)
    assert isinstance(find_executor("local"), LocalProcesses)
    assert isinstance(find_executor("in-process"), InProcess)
    mine = InProcess()
    assert find_executor(mine) is mine


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_name_is_in_the_help(name: str) -> None:
    assert f" {name}" in declared(CompareOptions)["executor"].help


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("locl", r"There is no executor called 'locl'; did you mean 'local'\?"),
        ("local://here", r"--executor local takes no address; not 'local://here'\."),
        ("in-process://", r"--executor in-process takes no address"),
    ],
)
def test_a_wrong_name_or_address_is_said_before_anything_is_read(asked: str, said: str) -> None:
    with pytest.raises(skipwise.SkipwiseError, match=said):
        skipwise.compare("no-such-images", executor=asked)


def test_more_runs_at_a_time_than_the_executor_does_are_refused_before_anything_is_read() -> None:
    said = r"The executor in-process does 1 run at a time, not 4; leave out --workers"
    with pytest.raises(skipwise.SkipwiseError, match=said):
        skipwise.compare("no-such-images", executor="in-process", workers=4)
    with pytest.raises(skipwise.SkipwiseError, match=r"The executor InProcess does 1 run at a time"):
        skipwise.compare("no-such-images", executor=InProcess(), workers=2)


class OnManyMachines(InProcess):
    """Says that it has eight machines."""

    at_once = None  # type: ignore[assignment]

    def rooms(self, device: str) -> list[Room]:
        assert device == "cpu"
        return [*[Room(cpus=4)] * 7, Room(cpus=0)]


def test_runs_are_spread_over_the_machines_of_the_executor(begun: Path) -> None:
    plan = read_sealed(begun / COMPARISONS.plan_file, Plan)
    here = OnThisMachine(
        precision="fp32", compile=False, workers=None, fewer_epochs=False, other_size=False, other_stem=False, began=0.0
    )
    there = replace(here, rooms=tuple(OnManyMachines().rooms("cpu")))
    plans = [each.spread(plan) for each in (replace(here, workers=1), there, replace(there, workers=3))]
    assert [(each.processes, each.machines, each.beside) for each in plans] == [(1, 1, 1), (28, 7, 4), (3, 3, 1)]
    assert len({each.digest() for each in plans}) == 1
    assert there.cores == 4
    costs = {LINEAR: StepCost(step=0.1, evaluation=0.01, update=0.01, share=1.0)}
    crowded = replace(plans[1], machines=1)
    assert seconds_of_run(plans[1], costs, LINEAR) < seconds_of_run(crowded, costs, LINEAR)
    # What was begun there goes on here with as many runs as suit this machine.
    assert here.spread(plans[1]).processes <= (os.cpu_count() or 1)
    assert here.spread(plans[1]).machines == 1


class Begun(skipwise.Callback):
    """Stops a comparison before its first run."""

    def on_start(self, start: Start) -> None:  # noqa: ARG002
        raise KeyboardInterrupt


@pytest.mark.slow
def test_a_plan_that_is_begun_goes_by_the_machines_of_the_executor(photos: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"models": [LINEAR, RAISES], "seeds": 2, "epochs": 3, "img_size": 16, "precision": "fp32"}
    with pytest.raises(KeyboardInterrupt):
        skipwise.compare(photos, **options, executor=OnManyMachines(), callbacks=[Begun()], output=tmp_path / "out")
    assert read_sealed(tmp_path / "out" / COMPARISONS.plan_file, Plan).processes == 28
