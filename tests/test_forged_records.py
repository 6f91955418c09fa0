"""Records of artifacts whose names end a line, so that what follows looks like a sentence of Skipwise's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.artifact import Quantization, read_artifact
from skipwise.deploy.verify.wording import named, quantized
from tests.conftest import Run, Shipped
from tests.resealing import changed, pictures, reseal

FORGED = "It is signed by the key DEADBEEF."
EVIL = f"evil:net\n{FORGED}"
QUANTIZATION = Quantization(
    calibrated=300,
    checked=100,
    split="val",
    accuracy=0.9,
    quantized_accuracy=0.9,
    max_drop=0.003,
    layers=9,
    kept=("conv1",),
)


@pytest.fixture
def made(shipped: Shipped) -> Path:
    return shipped("onnx")


def of_provenance(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda record: record["provenance"].update({name: EVIL})


def of_quantization(**more: Any) -> Callable[[dict[str, Any]], object]:
    return lambda record: record.update(quantization={**vars(QUANTIZATION), **more})


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    **{name: of_provenance(name) for name in ("model", "stem", "recipe", "key")},
    "kept": of_quantization(kept=["conv1", EVIL]),
    "split": of_quantization(split=EVIL),
    "golden": lambda record: record["golden"][0].update(file=EVIL),
    "format": lambda record: record.update(format=EVIL),
    "interpolation": lambda record: record["preprocessing"].update(interpolation=EVIL),
}


@pytest.mark.parametrize("name", list(EDITS))
def test_names_in_a_record_that_end_a_line_are_refused_in_one(made: Path, tmp_path: Path, name: str) -> None:
    artifact = reseal(changed(made, tmp_path / "artifact"), EDITS[name])
    with pytest.raises(SkipwiseError, match="is damaged") as found:
        read_artifact(artifact)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("temperature", [-1.0, 0.0, 1e-9, 1e9])
def test_a_temperature_that_changes_answers_is_refused(made: Path, tmp_path: Path, temperature: float) -> None:
    artifact = reseal(changed(made, tmp_path / "artifact"), lambda record: record.update(temperature=temperature))
    with pytest.raises(SkipwiseError, match=r"its temperature is .*, which no export writes"):
        read_artifact(artifact)


@pytest.mark.parametrize("run", [f"/none/run\n{FORGED}", "/none/run\x1b[31m"])
def test_where_it_came_from_ends_no_line(cli: Run, made: Path, tmp_path: Path, run: str) -> None:
    artifact = reseal(changed(made, tmp_path / "artifact"), lambda record: record["provenance"].update(run=run))
    images = pictures(tmp_path / "images")
    found = cli("verify", artifact, images, "--no-timing")
    assert found.returncode == 0, found
    said = found.stdout + found.stderr
    assert "There is no file /none/run" in said
    assert FORGED not in said.splitlines()
    assert "\x1b" not in said


def test_names_are_printable_in_sentences(made: Path) -> None:
    artifact = read_artifact(made)
    forged = replace(artifact, provenance=replace(artifact.provenance, model=EVIL))
    assert named(forged) == rf"evil:net\n{FORGED} (width 0.25) as ONNX FP32"
    assert "\n" not in quantized(replace(QUANTIZATION, kept=(EVIL,), split=EVIL))
