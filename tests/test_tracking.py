"""Trackers: what the tools have afterwards, read with the tools themselves; and that nothing else changes."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.tracking import Ending, KnownRun, TensorBoard, TrackedRun, Tracker, TrackingLost
from skipwise.tracking import sender as sending
from skipwise.tracking.known import known_file
from skipwise.training.callbacks import Callback, Epoch
from skipwise.training.trackers import TRACKERS, trackers_of

TRAIN = {"width": 0.125, "epochs": 3, "img_size": 16, "precision": "fp32", "compile": False}
COMPARE = {"models": ["plain18", "resnet18"], "seeds": 2, "epochs": 2, "width": 0.125, "img_size": 16}
COMPARE |= {"precision": "fp32", "compile": False}


class Notebook(Tracker):
    """Keeps everything in memory; `fail` says in which methods it can't be reached."""

    name, title, where = "notebook", "The notebook", "memory"

    def __init__(self, fail: Sequence[str] = (), error: type[Exception] = ConnectionError) -> None:
        self.fail, self.error = set(fail), error
        self.runs: dict[str, TrackedRun] = {}
        self.parents: dict[str, str | None] = {}
        self.points: list[tuple[str, int, float]] = []
        self.ends: dict[str, Ending] = {}
        self.stopped: list[str] = []
        self.kept: list[tuple[str, str, tuple[str, ...]]] = []

    def _reach(self, method: str) -> None:
        if method in self.fail:
            raise self.error("nobody is there")

    def connect(self, folder: Path) -> None:  # noqa: ARG002
        self._reach("connect")

    def begin(self, run: TrackedRun, *, parent: str | None, known: KnownRun | None) -> str:
        self._reach("begin")
        id = known.id if known else f"id of {run.key}"
        self.runs[id], self.parents[id] = run, parent
        return id

    def log(self, id: str, epoch: int, metrics: Mapping[str, float], seconds: float) -> None:
        self._reach("log")
        assert abs(time.time() - seconds) < 600
        self.points.append((id, epoch, metrics["train/loss"]))

    def end(self, id: str, run: TrackedRun, ending: Ending) -> None:  # noqa: ARG002
        self._reach("end")
        self.ends[id] = ending

    def stop(self, id: str) -> None:
        self.stopped.append(id)

    def attach(self, id: str, name: str, files: Sequence[Path]) -> None:
        self.kept.append((id, name, tuple(file.name for file in files)))


class StopAt(Callback):
    """Raises an error at the n-th epoch of all."""

    def __init__(self, number: int) -> None:
        self.left = number

    def on_epoch(self, epoch: Epoch) -> None:  # noqa: ARG002
        self.left -= 1
        if not self.left:
            raise ZeroDivisionError


@pytest.fixture(scope="module")
def untracked(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that no tool was told of."""
    return skipwise.train(photos, output=tmp_path_factory.mktemp("untracked") / "run", **TRAIN).folder


def test_a_run_is_logged_and_goes_on_where_it_was_stopped(photos: Path, tmp_path: Path, untracked: Path) -> None:
    first, second = Notebook(), Notebook()
    with pytest.raises(SkipwiseError, match="StopAt failed"):
        skipwise.train(photos, output=tmp_path / "run", callbacks=[first, StopAt(2)], **TRAIN)
    assert first.stopped == ["id of "]
    assert not first.ends
    run = skipwise.train(photos, output=tmp_path / "run", callbacks=[second], **TRAIN)
    told = [epoch for _, epoch, _ in (*first.points, *second.points)]
    assert told == [1, 2, 3]
    (logged,) = second.runs.values()
    assert (logged.kind, logged.group, logged.parameters["model"]) == ("run", "run", "resnet18")
    assert logged.parameters["recipe.epochs"] == 3
    (end,) = second.ends.values()
    assert end.metrics["test/final_accuracy"] == run.record.test.accuracy
    assert [file.name for file in end.files] == ["run.json", "metrics.jsonl"]
    assert [file.name for file in end.weights] == ["weights.safetensors"]
    for name in ("weights.safetensors", "predictions.npz"):
        assert (run.folder / name).read_bytes() == (untracked / name).read_bytes()


@pytest.mark.filterwarnings("always::skipwise.tracking.TrackingLost")
@pytest.mark.parametrize("method", ["connect", "log"])
def test_what_was_lost_is_said_once_and_sent_by_the_same_call(
    photos: Path, tmp_path: Path, untracked: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr("skipwise.tracking.session.HOPE", 0.1)
    away = Notebook(fail=[method])
    with pytest.warns(TrackingLost) as caught:
        run = skipwise.train(photos, output=tmp_path / "run", callbacks=[away], **TRAIN)
    assert [str(each.message) for each in caught] == [
        "The notebook (memory) did not get all of this: nobody is there. The results are complete without it, and the "
        "same command sends the rest."
    ]
    assert not away.points
    assert (run.folder / "weights.safetensors").read_bytes() == (untracked / "weights.safetensors").read_bytes()
    here = Notebook()
    monkeypatch.setattr("skipwise.training.train.trackers_of", lambda _: [here])
    assert skipwise.train(photos, output=tmp_path / "run", track="notebook", **TRAIN).repeated
    assert [epoch for _, epoch, _ in here.points] == [1, 2, 3]
    assert len(here.ends) == 1
    again = Notebook()
    monkeypatch.setattr("skipwise.training.train.trackers_of", lambda _: [again])
    skipwise.train(photos, output=tmp_path / "run", track="notebook", **TRAIN)
    assert not again.runs  # it has everything


@pytest.mark.filterwarnings("always::skipwise.tracking.TrackingLost")
def test_who_begins_again_waits_for_a_tool_that_hangs(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skipwise.tracking.session.QUICKLY", 0.1)
    free = threading.Event()

    class Slow(Notebook):
        def log(self, id: str, epoch: int, metrics: Mapping[str, float], seconds: float) -> None:
            free.wait(60)
            super().log(id, epoch, metrics, seconds)

    first, second = Slow(), Notebook()
    with pytest.warns(TrackingLost, match="it takes too long to answer"), pytest.raises(SkipwiseError, match="StopAt"):
        skipwise.train(photos, output=tmp_path / "run", callbacks=[first, StopAt(2)], **TRAIN)
    threading.Timer(0.5, free.set).start()
    skipwise.train(photos, output=tmp_path / "run", callbacks=[second], **TRAIN)
    assert [epoch for _, epoch, _ in first.points] == [1]  # the others were dropped
    assert first.stopped == ["id of "]
    assert [epoch for _, epoch, _ in second.points] == [2, 3]


@pytest.mark.filterwarnings("always::skipwise.tracking.TrackingLost")
def test_a_refusal_is_not_tried_again(photos: Path, tmp_path: Path) -> None:
    refusing = Notebook(fail=["log"], error=ValueError)
    began = time.monotonic()
    with pytest.warns(TrackingLost, match="nobody is there"):
        skipwise.train(photos, output=tmp_path / "run", callbacks=[refusing], **TRAIN | {"epochs": 1})
    assert time.monotonic() - began < sending.HOPE
    assert len(refusing.ends) == 0  # it lacks an epoch, which the same call sends


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_comparison_is_a_parent_and_its_bytes_stay(photos: Path, tmp_path: Path) -> None:
    plain = skipwise.compare(photos, output=tmp_path / "plain", **COMPARE)
    first, second = Notebook(), Notebook()
    with pytest.raises(SkipwiseError, match="StopAt failed"):
        skipwise.compare(photos, output=tmp_path / "out", callbacks=[first, StopAt(3)], **COMPARE)
    found = skipwise.compare(photos, output=tmp_path / "out", callbacks=[second], **COMPARE)
    assert (found.folder / "comparison.json").read_bytes() == (plain.folder / "comparison.json").read_bytes()
    assert found.plan.digest() == plain.plan.digest()
    points = [(id, epoch) for id, epoch, _ in (*first.points, *second.points)]
    runs = [f"id of runs/{model}-s{seed}" for seed in (0, 1) for model in COMPARE["models"]]
    assert sorted(points) == sorted((run, epoch) for run in runs for epoch in (1, 2))
    parents = first.parents | second.parents
    assert parents == {"id of ": None, **dict.fromkeys(runs, "id of ")}
    end = second.ends["id of "]
    assert [file.name for file in end.files] == ["report.html", "plan.json", "comparison.json", "costs.json"]
    assert set(end.tables["networks"]["network"]) == {"plain18", "resnet18"}
    assert end.tables["pairs"]["verdict"] == [pair.verdict for pair in found.results.pairs]
    assert {"curves-1", "curves-2"} <= end.figures.keys()
    assert all(drawing.startswith("<svg") for drawing in end.figures.values())
    assert "| network |" in end.text
    made = skipwise.export(found.folder / "runs/plain18-s0", output=tmp_path / "artifact")
    Notebook().keep(found.folder / "runs/plain18-s0", "artifact", [])
    with pytest.raises(SkipwiseError, match=r"The notebook .memory. has no run of .*; train it with --track notebook"):
        Notebook().keep(plain.folder / "runs/plain18-s0", "artifact", [made.folder / "model.onnx"])


def test_tensorboard_reads_its_files_back(photos: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = {**TRAIN, "output": tmp_path / "run"}
    with pytest.raises(SkipwiseError, match="StopAt failed"):
        skipwise.train(photos, callbacks=[TensorBoard(tmp_path / "events"), StopAt(2)], **options)
    known = known_file(tmp_path / "run", "tensorboard")
    # As if it had been killed after the second epoch was written, and before that was noted.
    known.write_text(known.read_text().replace('"epoch": 2', '"epoch": 1'))
    run = skipwise.train(photos, callbacks=[TensorBoard(tmp_path / "events")], **options)
    events = EventAccumulator(str(tmp_path / "events" / "run"))
    events.Reload()
    history = [(epoch.epoch, pytest.approx(epoch.train_loss)) for epoch in skipwise_history(run.folder)]
    assert [(point.step, point.value) for point in events.Scalars("train/loss")] == history
    assert events.Scalars("test/final_accuracy")[0].value == pytest.approx(run.record.test.accuracy)
    assert "_hparams_/session_start_info" in events.summary_metadata


def skipwise_history(folder: Path) -> Any:
    from skipwise.training.folder.files import read_history

    return read_history(folder)


def test_names_of_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [tracker.name for tracker in trackers_of(["tensorboard,tensorboard", "TensorBoard"])] == ["tensorboard"]
    assert trackers_of(()) == []
    with pytest.raises(SkipwiseError, match="There is no tracker called 'mlfow'; did you mean 'mlflow'"):
        skipwise.train("digits", track="mlfow")
    with pytest.raises(SkipwiseError, match="track has to be text or a list of names"):
        skipwise.train("digits", track=[Notebook()])
    from skipwise.core import errors

    monkeypatch.setattr(errors.importlib.util, "find_spec", lambda _: None)
    for name in TRACKERS:
        with pytest.raises(SkipwiseError, match=r"run: pip install 'skipwise\[tracking\]'"):
            trackers_of(name)


@pytest.mark.parametrize("uri", ["http://me:s%40cret@h/", "http://me:p@s@cret@h", "sqlite://h/db?password=cret"])
def test_where_runs_are_logged_is_told_without_a_password(uri: str) -> None:
    from skipwise.tracking import MLflow

    assert "cret" not in MLflow(uri).where


def test_the_help_names_every_tracker() -> None:
    from skipwise.core.options import declared
    from skipwise.training.options import TrainOptions

    said = declared(TrainOptions)["track"].help
    assert all(name in said for name in TRACKERS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import skipwise.tracking as tracking
    assert {getattr(tracking, kind).name for _, kind in TRACKERS.values()} == set(TRACKERS)
