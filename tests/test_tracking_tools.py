"""The tools themselves: a real MLflow server and its page, and Weights & Biases without a network."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.tracking import MLflow, TrackingLost, WandB
from skipwise.tracking.sender import PATIENCE
from skipwise.training.folder.files import read_history
from tests.processes import Command
from tests.test_tracking import COMPARE, TRAIN, StopAt

BLOCK, FULL, LAST = 32768, 1, 4

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server with SQLite."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "a"),
    ]
    surroundings = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=surroundings, stdout=log, stderr=log, start_new_session=True
        )
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"{address}/health", timeout=5).close()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()
                    time.sleep(0.5)
            yield address
        finally:
            os.killpg(process.pid, 15)
            try:
                process.wait(30)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)


@pytest.fixture(scope="module")
def compared(server: str, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A comparison that was killed, and went on, both with `--track mlflow`."""
    folder = tmp_path_factory.mktemp("compared")
    options = ["--models", "plain18,resnet18", "--seeds", "2", "--epochs", "4", "--width", "0.125", "--img-size", "16"]
    options += ["--precision", "fp32", "--no-compile", "--workers", "1", "--output", str(folder / "out")]
    words = ["compare", photos, *options, "--track", "mlflow"]
    surroundings = {"cwd": folder, "env": {"MLFLOW_TRACKING_URI": server, "MLFLOW_EXPERIMENT_NAME": "stripes"}}
    first = Command(*words, **surroundings)
    known = folder / "out" / "tracking-mlflow.json"
    for _ in range(1200):
        if known.exists() and '"epoch": 2' in known.read_text():
            break
        assert first.poll() is None, first.communicate()[1]
        time.sleep(0.05)
    first.send_signal(9)
    first.communicate()
    second = Command(*words, **surroundings)
    out, err = second.communicate(600)
    assert second.returncode == 0, err
    assert "did not get all of this" not in err
    return skipwise.recommend(folder / "out").comparison, out


def test_mlflow_has_a_parent_and_a_child_for_each_run(server: str, compared: Any) -> None:
    from mlflow import MlflowClient

    found, _ = compared
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("stripes")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = {run.info.run_name: run for run in runs if run is not parent}
    assert set(children) == {f"{model} seed {seed}" for model in ("plain18", "resnet18") for seed in (0, 1)}
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {parent.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    for model in ("plain18", "resnet18"):
        for seed in (0, 1):
            run = children[f"{model} seed {seed}"]
            history = read_history(found.folder / f"runs/{model}-s{seed}")
            points = client.get_metric_history(run.info.run_id, "train/loss")
            assert [(point.step, point.value) for point in points] == [(e.epoch, e.train_loss) for e in history]
            assert run.data.params["model"] == model
            assert run.data.params["recipe.epochs"] == "4"
    names = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert names >= {"report.html", "comparison.json", "figures", "tables"}
    assert parent.data.tags["mlflow.note.content"].startswith("**")
    assert json.loads(parent.data.tags["mlflow.loggedArtifacts"])[0]["path"] == "tables/networks.json"


@pytest.mark.browser
def test_its_page_shows_them(server: str, compared: Any, browser: Any) -> None:
    from mlflow import MlflowClient

    experiment = MlflowClient(server).get_experiment_by_name("stripes").experiment_id
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        page.goto(f"{server}/#/experiments/{experiment}/runs", wait_until="domcontentloaded")
        page.get_by_text(compared[0].folder.name, exact=True).first.wait_for(timeout=90_000)
        assert "plain18 seed 0" not in page.inner_text("body")  # it is below its parent, which is closed
        page.locator("[role=gridcell] button").first.click(timeout=90_000)
        page.get_by_text("plain18 seed 0").first.wait_for(timeout=90_000)
        text = page.inner_text("body")
        assert all(name in text for name in ("plain18 seed 1", "resnet18 seed 0", "resnet18 seed 1"))
        if folder := os.environ.get("SKIPWISE_KEEP_PICTURES"):
            page.screenshot(path=f"{folder}/mlflow-runs.png")
        page.get_by_text("plain18 seed 0").first.click()
        page.get_by_text("train/loss").first.wait_for(timeout=90_000)
        of_run = read_history(compared[0].folder / "runs/plain18-s0")[-1]
        assert f"train/loss\n{of_run.train_loss}\n" in page.inner_text("body")
        if folder:
            page.screenshot(path=f"{folder}/mlflow-run.png")
    finally:
        page.close()


def test_an_artifact_and_a_certificate_are_kept_with_the_run(
    server: str, compared: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "stripes")
    run = compared[0].folder / "runs/plain18-s0"
    made = skipwise.export(run, output=tmp_path / "artifact", track="mlflow")
    skipwise.verify(made.folder, photos, timing=False, track="mlflow")
    id = MLflow().known_run(run).id
    client = MlflowClient(server)
    assert {file.path for file in client.list_artifacts(id, "artifact")} == {
        "artifact/artifact.json",
        "artifact/model.onnx",
    }
    # What was downloaded is the artifact, which needs nothing else.
    copy = Path(client.download_artifacts(id, "artifact", str(tmp_path)))
    picture = next(photos.rglob("*.png"))
    assert skipwise.Predictor(copy).predict(picture) == skipwise.Predictor(made.folder).predict(picture)
    assert {file.path for file in client.list_artifacts(id, "certificate")} == {
        "certificate/certificate.html",
        "certificate/certificate.json",
    }
    with pytest.raises(SkipwiseError, match="has no run of"):
        skipwise.export(run, output=tmp_path / "other", track="tensorboard")
    assert not (tmp_path / "other").exists()


def test_a_server_that_is_not_there_costs_a_sentence(photos: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:  # connections are accepted by the system, and nobody ever answers
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        silent = MLflow(f"http://127.0.0.1:{taken.getsockname()[1]}")
        began = time.monotonic()
        with pytest.warns(TrackingLost, match="did not get all of this") as caught:
            run = skipwise.train(photos, output=tmp_path / "run", callbacks=[silent], **TRAIN)
        assert time.monotonic() - began < PATIENCE + 120  # importing MLflow takes a while
    assert run.record.status == "finished"
    assert len([each for each in caught if issubclass(each.category, TrackingLost)]) == 1


@pytest.mark.usefixtures("in_this_process")
def test_wandb_writes_files_without_a_network(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    tracker = WandB(mode="offline")
    with pytest.raises(SkipwiseError, match="StopAt failed"):
        skipwise.compare(photos, output=tmp_path / "out", callbacks=[tracker, StopAt(3)], **COMPARE)
    found = skipwise.compare(photos, output=tmp_path / "out", callbacks=[WandB(mode="offline")], **COMPARE)
    points: dict[str, list[int]] = {}
    groups = set()
    for file in sorted(found.folder.glob("wandb/offline-run-*/run-*.wandb")):
        for record in _records(file):
            if record.HasField("run"):
                groups.add((record.run.run_group, record.run.job_type))
                name = record.run.display_name
            elif record.HasField("history"):
                said = {item.key or ".".join(item.nested_key): item.value_json for item in record.history.item}
                if "train/loss" in said:
                    points.setdefault(name, []).append(int(json.loads(said["epoch"])))
    assert groups == {("out", "comparison"), ("out", "run")}
    names = {f"{model} seed {seed}" for model in ("plain18", "resnet18") for seed in (0, 1)}
    assert points == {name: [1, 2] for name in names}
    shutil.rmtree(found.folder / "wandb")


@pytest.mark.slow
def test_wandb_keeps_the_weights_of_a_run(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name))
    options = {"model": "plain18", "epochs": 1, "width": 0.125, "img_size": 16, "precision": "fp32", "compile": False}
    run = skipwise.train(photos, output=tmp_path / "out", callbacks=[WandB(mode="offline")], init="none", **options)
    (file,) = run.folder.glob("wandb/offline-run-*/run-*.wandb")
    kept = [record.artifact for record in _records(file) if record.HasField("artifact")]
    assert [each.type for each in kept] == ["results", "model"]
    (entry,) = kept[1].manifest.contents
    assert entry.path == "weights.safetensors"
    assert entry.size == (run.folder / "weights.safetensors").stat().st_size
    shutil.rmtree(run.folder / "wandb")


def _records(file: Path) -> Iterator[Any]:
    """The records in a file of a run that was logged offline: a log as LevelDB writes it, after a header."""
    from wandb.proto import wandb_internal_pb2

    data, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if BLOCK - place % BLOCK < 7:  # too little for a header: the next block begins
            place += BLOCK - place % BLOCK
            continue
        length, kind = struct.unpack("<4xHB", data[place : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (FULL, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""
