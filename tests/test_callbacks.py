"""What callbacks are called with, in which order, and what happens where one of them fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise import SkipwiseError
from skipwise.comparison.run import observer as comparison_observer
from skipwise.training import callbacks as module
from skipwise.training import observer as train_observer
from skipwise.training.callbacks import Callback, CallbackFailed, Callbacks, End, Epoch, Phase, RunEnd, Start
from skipwise.training.folder.files import read_history
from skipwise.training.folder.record import failed_run
from tests.calling import calls
from tests.fabricated import fabricate
from tests.processes import children_of

TRAIN = {"width": 0.125, "epochs": 2, "img_size": 16, "precision": "fp32", "compile": False}
COMPARE = {"models": ["plain18", "tests.external_networks:Linear"], "seeds": 2, "epochs": 2, "width": 0.125}
COMPARE |= {"precision": "fp32", "outcome": "log-loss"}
METHODS = [name for name in vars(Callback) if name.startswith("on_")]


class Journal(Callback):
    """Notes what it was called with; `fail` says in which method it raises an error."""

    def __init__(self, fail: str = "", error: BaseException | None = None) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.fail, self.error = fail, error or ZeroDivisionError("division by zero")

    def named(self, name: str) -> list[Any]:
        return [arguments[0] for called, arguments in self.calls if called == name]


def _noting(name: str) -> Any:
    def method(self: Journal, *arguments: Any) -> None:
        self.calls.append((name, arguments))
        if name == self.fail:
            raise self.error

    return method


for each in METHODS:
    setattr(Journal, each, _noting(each))


def test_train_calls_them_in_order(photos: Path, tmp_path: Path) -> None:
    journal, second = Journal(), Journal()
    run = skipwise.train(photos, output=tmp_path / "run", callbacks=[journal, second], **TRAIN)
    names = [name for name, _ in journal.calls]
    begun = names.index("on_start")
    assert {*names[:begun]} - {"on_prepare"} == {"on_notice"}  # images that were decoded before are not prepared
    per_epoch = (len(names) - begun - 5) // 2  # 24 images
    assert names[begun:] == ["on_start", *(["on_step"] * per_epoch + ["on_epoch"]) * 2, "on_run_end", "on_end"]
    assert second.calls == journal.calls
    (start,), (end,), (ended,) = (journal.named(name) for name in ("on_start", "on_end", "on_run_end"))
    assert (start.folder, end.folder, end.result, end.error) == (run.folder, run.folder, run, None)
    assert ended == RunEnd(run="run", record=run.record)
    assert [epoch.metrics for epoch in journal.named("on_epoch")] == list(read_history(run.folder))
    shown = Journal()
    assert skipwise.train(photos, output=tmp_path / "run", callbacks=[shown], **TRAIN).repeated
    assert {name for name, _ in shown.calls} <= {"on_prepare", "on_notice"}


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was not stopped."""
    return skipwise.train(photos, output=tmp_path_factory.mktemp("whole") / "run", **TRAIN).folder


@pytest.mark.parametrize("method", ["on_step", "on_epoch", "on_end"])
def test_train_stops_where_one_fails_and_resumes_where_it_was(
    photos: Path, tmp_path: Path, whole: Path, method: str
) -> None:
    before = Journal()
    with pytest.raises(CallbackFailed, match=f"The callback Journal failed in {method} .ZeroDivisionError: division"):
        skipwise.train(photos, output=tmp_path / "run", callbacks=[before, Journal(method)], **TRAIN)
    (end,) = before.named("on_end")
    assert (end.result is None) == (method != "on_end")
    assert isinstance(end.error, CallbackFailed) == (method != "on_end")
    after = Journal()
    found = skipwise.train(photos, output=tmp_path / "run", callbacks=[after], **TRAIN)
    assert found.repeated == (method == "on_end")
    steps = [state.steps for journal in (before, after) for state in journal.named("on_step")]
    assert steps == list(range(1, len(steps) + 1))  # the state was saved, and no step is done twice
    assert (found.folder / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()


@pytest.mark.usefixtures("in_this_process")
def test_compare_calls_them_in_order_and_resumes_where_one_failed(photos: Path, tmp_path: Path) -> None:
    first = Journal("on_run_end")
    with pytest.raises(skipwise.SkipwiseError, match="The callback Journal failed in on_run_end"):
        skipwise.compare(photos, output=tmp_path / "out", callbacks=[first], **COMPARE)
    assert isinstance(first.named("on_end")[0].error, skipwise.SkipwiseError)
    second = Journal()
    found = skipwise.compare(photos, output=tmp_path / "out", callbacks=[second], **COMPARE)
    names = [name for name, _ in second.calls]
    begun = names.index("on_start")
    assert {*names[:begun]} - {"on_prepare"} == {"on_notice"}  # images that were decoded before are not prepared
    assert names[begun : begun + 2] == ["on_start", "on_phase"]
    assert names[-6:] == ["on_phase"] * 5 + ["on_end"]
    assert second.named("on_end") == [End(folder=found.folder, result=found)]
    phases: list[Phase] = second.named("on_phase")
    assert [phase.name for phase in phases][1:] == [
        "Judging the answers",
        "Measuring latency on this machine",
        "Evaluating plain18 (1 of 2)",
        "Evaluating tests.external_networks:Linear (2 of 2)",
        "Writing the report",
    ]
    runs = [job.folder for job in phases[0].runs]
    ended: list[RunEnd] = second.named("on_run_end")
    assert [(end.run, end.earlier) for end in ended] == [(run, index == 0) for index, run in enumerate(runs)]
    told: list[Epoch] = first.named("on_epoch") + second.named("on_epoch")
    assert [(epoch.run, epoch.epoch) for epoch in told] == [(run, number) for run in runs for number in (1, 2)]
    assert all(epoch.images_per_second > 0 and epoch.outcome == pytest.approx(epoch.val.nll) for epoch in told)
    with pytest.raises(skipwise.SkipwiseError, match=r"instances of skipwise\.Callback, not <class"):
        skipwise.compare(photos, output=tmp_path / "other", callbacks=[Journal], **COMPARE)
    with pytest.raises(skipwise.SkipwiseError, match=r"executor takes an instance, such as InProcess\(\)"):
        skipwise.compare(photos, output=tmp_path / "other", executor=skipwise.InProcess, **COMPARE)
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_where_one_fails_all_processes_save_their_runs_and_end(photos: Path, tmp_path: Path) -> None:
    options = COMPARE | {"epochs": 300, "workers": 2}
    with pytest.raises(skipwise.SkipwiseError, match="The callback Journal failed in on_epoch"):
        skipwise.compare(photos, output=tmp_path / "out", callbacks=[Journal("on_epoch")], **options)
    assert not children_of(os.getpid())
    assert list(tmp_path.glob("out/runs/*/resume.safetensors"))
    after = Journal()
    skipwise.compare(photos, output=tmp_path / "out", callbacks=[after], **options)
    first = {epoch.run: epoch.epoch for epoch in reversed(after.named("on_epoch"))}
    assert max(first.values()) > 1
    assert {epoch.epoch for epoch in after.named("on_epoch")} >= set(range(2, 301))


def test_a_stop_is_told_and_the_first_error_is_the_one_that_is_raised() -> None:
    start = Start(folder=Path("here"), plan=None)
    journal = Journal("on_end")

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Journal failed in on_end"), pytest.raises(KeyboardInterrupt):
        module.with_callbacks(Callbacks([journal]), start, stop)
    assert isinstance(journal.named("on_end")[0].error, KeyboardInterrupt)
    quiet = Journal("on_notice", BrokenPipeError())
    with pytest.raises(BrokenPipeError):  # for the command line, which ends without a word
        Callbacks([quiet]).on_notice("There are 3 classes.")


class Old(skipwise.Observer):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def starting(self, plan: Any, folder: Path, expected: Any) -> None:
        self.told.append(f"{len(plan.trained)} networks in {folder.name}, {expected}")

    def doing(self, jobs: Any, why: str) -> None:
        self.told.append(f"{why}: {len(jobs)}")

    def happened(self, event: Any) -> None:
        self.told.append(f"{event.job.spec.model} {event.epoch} {event.seconds:g} {event.record is not None}")

    def finishing(self, what: str) -> None:
        self.told.append(what)


class OldTrain:
    """An observer of a run by its methods alone."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.told.append(f"{name} {len(arguments)}")


def test_observers_of_earlier_versions_are_still_called() -> None:
    plan, old = fabricate(("resnet18", "plain18")).plan, Old()
    jobs = tuple(job for name in ("resnet18", "plain18") for job in plan.jobs(name, 0))
    callback = Callbacks([comparison_observer.Observed(old)])
    callback.on_start(Start(folder=Path("here"), plan=plan))
    callback.on_phase(Phase(name="Look 1 of 2", runs=jobs))
    which = {"run": jobs[0].folder, "model": "resnet18", "seed": 0, "images_per_second": 1.0}
    callback.on_epoch(Epoch(1, 0.5, 0.1, None, 2.5, **which))
    callback.on_run_end(RunEnd(run=jobs[0].folder, record=failed_run(jobs[0].spec, "")))
    callback.on_phase(Phase(name="Look 2 of 2", runs=jobs, ended=frozenset({jobs[0].folder})))
    callback.on_phase(Phase(name="Writing the report"))
    ended = f"resnet18 {plan.recipe.epochs} 0 True"
    looks = ["Look 1 of 2: 2", "resnet18 1 2.5 False", ended, "Look 2 of 2: 2", ended]
    assert old.told == ["2 networks in here, None", *looks, "Writing the report"]
    of_a_run = OldTrain()
    callback = Callbacks([train_observer.Observed(of_a_run)])
    for method, arguments in (("prepare", 3), ("notice", 1), ("step", 1), ("epoch", 1)):
        getattr(callback, f"on_{method}")(*[None] * arguments)
    callback.on_start(Start(folder=Path("here"), plan=None))
    assert of_a_run.told == ["preparing 3", "noticed 1", "step_done 1", "epoch_done 1", "starting 2"]
    for verb, observer in ((skipwise.compare, old), (skipwise.train, of_a_run)):
        with pytest.warns(DeprecationWarning, match="`observer` is now `callbacks`"), pytest.raises(SkipwiseError):
            verb("no such folder", observer=observer)


def test_functions_make_a_callback() -> None:
    seen: list[str] = []
    calls(on_notice=seen.append).on_notice("There are 3 classes.")
    assert seen == ["There are 3 classes."]
