"""The temperature of an exported network: fitted on validation images, in the file, and in its certificate."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.deploy.export.export import Exported
from skipwise.deploy.runtime.session import open_artifact
from skipwise.evaluation.mislabelled import probabilities
from skipwise.evaluation.temperature import fit_temperature
from skipwise.training.folder.predictions import Predictions, read_predictions, write_predictions
from skipwise.training.folder.record import read_run, write_run


@pytest.fixture(scope="module")
def timid(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with enough validation images, which it is too sure of."""
    folder = tmp_path_factory.mktemp("timid") / "run"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "evaluation", ignore_errors=True)
    found = {split: read_predictions(folder, split) for split in ("val", "test")}
    times = 3
    found["val"] = Predictions(
        ids=np.array([f"{number}/{name}" for number in range(times) for name in found["val"].ids]),
        labels=np.tile(found["val"].labels, times),
        logits=np.tile(found["val"].logits, (times, 1)) * np.float32(2.5),
    )
    write_predictions(folder, found)
    write_run(folder, read_run(folder))
    return folder


@pytest.mark.parametrize("format", ["onnx", pytest.param("torch", marks=pytest.mark.slow)])
def test_the_file_gives_probabilities_at_the_temperature(
    timid: Path, exported: Exported, here: Path, format: str
) -> None:
    plain = exported  # of the same weights
    made = skipwise.export(timid, format=format, output=here / "scaled")
    validation = read_predictions(timid, "val")
    assert made.artifact.temperature == pytest.approx(fit_temperature(validation.logits, validation.labels), rel=1e-3)
    assert plain.artifact.temperature == 1
    assert made.artifact.temperature != 1
    image = next((timid.parent / "images").rglob("*.png"), None) or np.full((30, 30, 3), 90, np.uint8)
    with skipwise.Predictor(plain.folder) as before, skipwise.Predictor(made.folder) as after:
        loud, honest = before.predict(image), after.predict(image)
    assert loud.label == honest.label
    shares = np.array([loud.probabilities[name] for name in before.classes])
    expected = probabilities(np.log(shares)[None] / made.artifact.temperature)[0]
    assert np.allclose([honest.probabilities[name] for name in before.classes], expected, atol=1e-5)
    found = skipwise.verify(made.folder, timing=False)
    assert found.certificate.passed
    again = skipwise.export(timid, format=format, output=here / "scaled")
    assert again.repeated
    with pytest.raises(SkipwiseError, match="of another plan"):
        skipwise.export(timid, format=format, temperature=False, output=here / "scaled")


def test_few_validation_images_give_no_temperature(trained: Path, exported: Exported) -> None:
    few = len(read_predictions(trained, "val").labels)
    assert few < 20
    assert exported.artifact.temperature == 1


@pytest.mark.slow
def test_heat_maps_are_the_same_at_any_temperature(timid: Path, explaining: Path, here: Path) -> None:
    made = skipwise.export(timid, explain=True, output=here / "scaled")
    assert made.artifact.temperature != 1
    size = made.artifact.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    sessions = [open_artifact(each) for each in (explaining, made.folder)]
    (loud, maps), (honest, others) = (session.explain_resized(pixels) for session in sessions)
    assert np.allclose(maps, others, atol=1e-5)
    assert np.allclose(probabilities(np.log(loud) / made.artifact.temperature), honest, atol=1e-5)
