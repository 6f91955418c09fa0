"""Folders that an earlier version wrote (tests/kept): they are read, shown, gone on with and exported from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.core.files.checksums import read_sealed
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.training.folder.files import read_history
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import find_run

HERE = Path(__file__).parent / "kept"
OPTIONS = {
    "epochs": 10,
    "lr": 0.05,
    "width": 0.125,
    "precision": "fp32",
    "compile": False,
    "device": "cpu",
    "init": "none",
}
MODELS = ["resnet20", "plain20"]

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy that may be written to."""
    return Path(shutil.copytree(HERE, tmp_path / "kept"))


def test_a_run_is_shown(kept: Path) -> None:
    run = skipwise.train(kept / "digits.zip", model="resnet20", output=kept / "run", **OPTIONS)
    assert run.repeated
    assert (run.plan.spec.model, run.plan.spec.classes) == ("resnet20", ("0", "1", "7"))
    with pytest.warns(DeprecationWarning, match="`terms` is now `plan`"):
        assert run.terms is run.plan
    assert run.record.test is not None
    assert run.record.test.accuracy == json.loads((HERE / "run" / "run.json").read_text())["test"]["accuracy"]
    assert len(read_history(run.folder)) == OPTIONS["epochs"]
    with pytest.raises(skipwise.SkipwiseError, match=r"of another plan \(epochs is 10 there and 11 here"):
        skipwise.train(kept / "digits.zip", model="resnet20", output=kept / "run", **OPTIONS | {"epochs": 11})


@pytest.mark.slow
def test_a_run_is_exported_and_answers_as_it_did(kept: Path) -> None:
    made = skipwise.export(kept / "run", kept / "digits.zip", format="torch", output=kept / "artifact")
    assert read_artifact(made.folder).provenance.model == "resnet20"
    answers = {answer.path: answer for answer in skipwise.predict(made.folder, kept / "digits.zip", probabilities=True)}
    stored = read_predictions(kept / "run", "test")
    for name, logits in zip(stored.ids.tolist(), stored.logits, strict=True):
        found = next(answer for path, answer in answers.items() if path.endswith(name))
        assert found.classes[0] == ("0", "1", "7")[int(logits.argmax())]


def test_a_finished_comparison_is_shown_reported_and_recommended_from(kept: Path) -> None:
    found = skipwise.compare(kept / "digits.zip", models=MODELS, seeds=2, output=kept / "finished", **OPTIONS)
    assert found.repeated
    assert [candidate.name for candidate in found.results.candidates] == MODELS
    assert found.plan.digest() == found.results.plan
    assert found.report.stat().st_size == 0
    skipwise.report(kept / "finished")
    assert "resnet20" in found.report.read_text()
    assert "resnet20" in str(skipwise.report(kept / "finished", format="md"))
    recommendation = skipwise.recommend(kept / "finished").recommendation
    assert recommendation.candidate is None


def test_an_unfinished_comparison_goes_on(kept: Path) -> None:
    folder = kept / "unfinished"
    plan = read_sealed(folder / COMPARISONS.plan_file, Plan)
    done = {path.parent: path.read_bytes() for path in folder.glob("runs/*/run.json")}
    assert len(done) == 2
    assert list(folder.glob("runs/*/resume.safetensors"))
    found = skipwise.compare(kept / "digits.zip", models=MODELS, seeds=2, output=folder, **OPTIONS)
    assert not found.repeated
    assert found.plan == plan
    assert {path: (path / "run.json").read_bytes() for path in done} == done
    for model in MODELS:
        for seed in (0, 1):
            (job,) = plan.jobs(model, seed)
            assert find_run(job.spec, folder / job.folder) is not None
    # Where runs were done before, the answers are theirs.
    for run in done:
        theirs = read_predictions(HERE / "unfinished" / run.relative_to(folder), "test")
        assert np.array_equal(theirs.logits, read_predictions(run, "test").logits)
