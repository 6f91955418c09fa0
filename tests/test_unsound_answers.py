"""Answers that are no probabilities, from damaged files and damaged runs: an error, and never the first class."""

from __future__ import annotations

import csv
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.deploy.runtime.soundness import faults, shaped
from skipwise.deploy.verify.verify import verify
from tests.conftest import Run, Shipped
from tests.resealing import CLASSES, changed, pictures, reseal, rewritten

SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def made(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An artifact, and images."""
    return {"onnx": shipped("onnx"), "images": pictures(tmp_path_factory.mktemp("unsound") / "images")}


def with_nan(artifact: Path, format: str) -> Path:
    """Replaces a weight of the network by what is no number."""
    nan = np.array(np.nan, np.float32).tobytes()
    if format == "onnx":
        model = onnx.load(artifact / "model.onnx")
        for tensor in model.graph.initializer:
            if tensor.name.endswith("weight"):
                tensor.raw_data = nan * (len(tensor.raw_data) // 4)
        onnx.save(model, artifact / "model.onnx")
    elif format == "openvino":
        said = (artifact / "model.xml").read_text(encoding="utf-8").partition('name="network.classifier.bias"')[2]
        offset = int(re.findall(r'offset="(\d+)"', said)[0])
        content = (artifact / "model.bin").read_bytes()
        (artifact / "model.bin").write_bytes(content[:offset] + nan + content[offset + 4 :])
    else:

        def change(name: str, data: bytes) -> bytes:
            return nan * (len(data) // 4) if name == "data/weights/weight_5" else data

        rewritten(artifact / "model.pt2", change, {}, zipfile.ZIP_STORED)
    return reseal(artifact)


@pytest.mark.parametrize("format", ["onnx", *(pytest.param(each, marks=SLOW) for each in ("openvino", "torch"))])
def test_what_is_not_a_number_is_an_error_row_and_not_certified(
    cli: Run, shipped: Shipped, made: dict[str, Path], tmp_path: Path, format: str
) -> None:
    artifact = with_nan(changed(shipped(format), tmp_path / "artifact"), format)
    answers = list(skipwise.predict(artifact, made["images"], threads=1, probabilities=True))
    assert len(answers) == 18
    for answer in answers:
        assert answer.error is not None
        assert "not a number for each class" in answer.error
        assert answer.classes == ()
        assert answer.probabilities is None
    found = verify(artifact, made["images"], timing=False)
    assert not found.certificate.passed
    assert "golden images are answered differently" in found.certificate.faults[0]
    assert any("an answer is not a number for each class" in fault for fault in found.certificate.faults)
    assert {flip.after for flip in found.certificate.flips} == {"(not a number)"}

    done = cli("predict", artifact, made["images"], "-o", "answers.csv")
    assert done.returncode == 2, done
    rows = list(csv.DictReader((tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["class"] for row in rows} == {""}
    assert "nan" not in (tmp_path / "answers.csv").read_text(encoding="utf-8")
    assert cli("verify", artifact, "--no-timing").returncode == 1


def of_other_shape(model: Any) -> None:
    node = model.graph.node[-1]
    node.output[0] = "once"
    model.graph.node.append(helper.make_node("Concat", ["once", "once"], ["probabilities"], axis=1))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2 * len(CLASSES)


def doubled(model: Any) -> None:
    node = model.graph.node[-1]
    node.output[0] = "once"
    model.graph.initializer.append(numpy_helper.from_array(np.array(2, np.float32), "two"))
    model.graph.node.append(helper.make_node("Mul", ["once", "two"], ["probabilities"]))


@pytest.mark.parametrize(
    ("edit", "said"), [(of_other_shape, "not a number for each class"), (doubled, r"they add up to 2\)")]
)
def test_answers_of_another_shape_or_sum_are_error_rows(
    made: dict[str, Path], tmp_path: Path, edit: Any, said: str
) -> None:
    artifact = changed(made["onnx"], tmp_path / "artifact")
    model = onnx.load(artifact / "model.onnx")
    edit(model)
    onnx.save(model, artifact / "model.onnx")
    answers = list(skipwise.predict(reseal(artifact), made["images"], threads=1))
    assert [answer.classes for answer in answers] == [()] * 18
    assert all(said.replace("\\", "") in str(answer.error) for answer in answers)
    found = verify(artifact, made["images"], timing=False)
    assert not found.certificate.passed
    assert set(found.certificate.golden) == {"ONNX Runtime", "OpenVINO"}
    assert all(check.failed for check in found.certificate.golden.values())


def test_rows_are_judged_one_by_one() -> None:
    rows = np.array([[0.2, 0.8], [np.nan, 1], [np.inf, -np.inf], [0.6, 0.6], [-0.5, 1.5], [0.5, 0.5001]], np.float32)
    found = faults(rows)
    assert [fault is None for fault in found] == [True, False, False, False, False, True]
    assert np.isnan(shaped(rows, 6, 3)).all()
    assert shaped(rows, 6, 2) is rows


def test_golden_images_that_cannot_be_read_are_said(made: dict[str, Path], tmp_path: Path) -> None:
    artifact = changed(made["onnx"], tmp_path / "artifact")
    (artifact / "golden" / "1.png").write_bytes(b"no image at all")
    with pytest.raises(SkipwiseError, match=r"The golden image .*1\.png can't be read here"):
        verify(reseal(artifact), timing=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record.update(version=-1), "there is no version -1"),
        (lambda record: record.update(version=0), "there is no version 0"),
        (lambda record: record.update(classes=["anchor", "anchor", "comb"]), "two of its classes have one name"),
    ],
)
def test_records_that_no_export_writes_are_refused(
    made: dict[str, Path], tmp_path: Path, change: Any, said: str
) -> None:
    artifact = reseal(changed(made["onnx"], tmp_path / "artifact"), change)
    with pytest.raises(SkipwiseError, match=said):
        read_artifact(artifact)


@pytest.mark.parametrize("name", ["model.onnx", "artifact.json", "golden/1.png"])
def test_files_that_are_none_are_not_waited_for(made: dict[str, Path], tmp_path: Path, name: str) -> None:
    artifact = changed(made["onnx"], tmp_path / "artifact")
    (artifact / name).unlink()
    if name == "golden/1.png":
        (artifact / name).symlink_to("/dev/zero")
    else:
        os.mkfifo(artifact / name)
    with pytest.raises(SkipwiseError, match=r"is no plain file|holds no artifact\.json"):
        verify(artifact, timing=False)


def test_a_record_of_gigabytes_is_not_read(made: dict[str, Path], tmp_path: Path) -> None:
    artifact = changed(made["onnx"], tmp_path / "artifact")
    record = json.loads((artifact / "artifact.json").read_bytes())
    with (artifact / "artifact.json").open("w", encoding="utf-8") as file:
        json.dump(record, file)
        file.truncate(2**33)
    with pytest.raises(SkipwiseError, match="a file of 8,192 MiB; at most 64 are read"):
        read_artifact(artifact)
