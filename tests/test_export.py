"""From a run to an artifact, and what `verify` finds out about it: real files, engines and processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import sha256
from skipwise.core.workspace.task import Task
from skipwise.core.workspace.whole import making_whole
from skipwise.data.image.decode import decode
from skipwise.deploy.artifact import golden
from skipwise.deploy.artifact.artifact import Artifact, read_artifact, sealed
from skipwise.deploy.artifact.folder import EXPORTS, export_plan
from skipwise.deploy.export.export import Exported, export
from skipwise.deploy.runtime.run_session import RunSession
from skipwise.deploy.runtime.session import open_session
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.trained.images import fit, own_images
from skipwise.deploy.trained.trained_network import (
    network_of_artifact,
    network_of_file,
    network_of_run,
)
from skipwise.deploy.verify.verify import verify
from skipwise.training.folder.record import read_run, write_run
from tests.conftest import Run, make_photos, making

SIZE = 24


@pytest.fixture(scope="module")
def quantized(trained: Path) -> Exported:
    with making(trained.parent):
        return export(trained, format="openvino", precision="int8", max_drop=5, output=trained.parent / "int8")


def changed(made: Exported, folder: Path) -> Path:
    """A copy of the artifact that may be spoiled."""
    return Path(shutil.copytree(made.folder, folder))


@pytest.mark.parametrize(
    ("format", "precision"),
    [("torch", "fp16")]
    + [
        pytest.param(*each, marks=pytest.mark.slow)
        for each in (("onnx", "fp16"), ("openvino", "fp16"), ("openvino", "fp32"), ("torch", "fp32"))
    ],
)
def test_every_format_answers_as_the_run_does(trained: Path, tmp_path: Path, format: str, precision: str) -> None:
    made = export(trained, format=format, precision=precision, output=tmp_path / "artifact")
    tolerance = 1e-3 if precision == "fp32" else 1e-2
    answers, reference = open_session(made.folder, threads=1), RunSession(network_of_run(trained))
    images = own_images(trained, made.artifact.classes, None)
    assert images is not None
    for data in images.of("test").encoded():
        pixels = decode(data, channels=3)
        fitted = fit(data, made.artifact.preprocessing)
        expected = reference.predict_resized(fitted[None])
        np.testing.assert_allclose(answers.predict_resized(fitted[None]), expected, atol=tolerance)
        np.testing.assert_allclose(answers.predict_pixels(pixels[None]), expected, atol=tolerance)


def test_what_travels_with_the_file(exported: Exported, trained: Path) -> None:
    artifact = exported.artifact
    model = onnx.load(exported.folder / "model.onnx")
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(said["classes"]) == ["stripes0", "stripes1", "stripes2"]
    assert json.loads(said["preprocessing"])["size"] == SIZE
    assert [node.op_type for node in model.graph.node].count("BatchNormalization") == 0
    dimensions = [
        dimension.dim_param or dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim
    ]
    assert dimensions == ["images", "height", "width", 3]
    assert {opset.version for opset in model.opset_import if opset.domain == ""} == {artifact.opset}
    assert str(trained.parent) not in (exported.folder / "model.onnx").read_bytes().decode("latin-1")

    assert len(artifact.golden) == golden.COUNT
    test_images = {line.split(",")[0] for line in (trained / "split.csv").read_text().splitlines() if ",test," in line}
    assert {each.name for each in artifact.golden} <= test_images
    assert read_artifact(exported.folder) == artifact


def test_the_same_export_again_does_nothing_and_another_is_refused_there(exported: Exported, trained: Path) -> None:
    before = (exported.folder / "model.onnx").stat().st_mtime_ns
    again = export(trained, output=exported.folder)
    assert again.repeated
    assert (exported.folder / "model.onnx").stat().st_mtime_ns == before
    with pytest.raises(SkipwiseError, match=r"another plan \(precision is fp32 there and fp16 here"):
        export(trained, precision="fp16", output=exported.folder)


def test_verify_certifies_every_engine_from_the_bytes_on(exported: Exported, trained: Path) -> None:
    found = verify(exported.folder, trained.parent / "stripes", timing=False).certificate
    assert found.passed
    assert found.certified
    assert found.split == "test"
    assert found.reference == "PyTorch"
    names = [result.name for result in found.results]
    assert names == ["ONNX Runtime FP32, resized before", "ONNX Runtime FP32", "OpenVINO FP32"]
    for result in found.results:
        assert result.agreement.same == found.images
        assert result.agreement.difference < 1e-3
        assert result.agreement.low < 1
    recorded = json.loads((trained / "run.json").read_text())["test"]["accuracy"]
    assert found.reference_quality is not None
    assert found.reference_quality.accuracy == pytest.approx(recorded)


def test_int8_is_certified_by_its_accuracy_and_shown_beside_single_precision(
    quantized: Exported, trained: Path
) -> None:
    record = quantized.artifact.quantization
    assert record is not None
    assert record.accuracy - record.quantized_accuracy <= 0.05
    assert record.split == "validation"
    assert record.drop is not None
    assert record.drop.images == record.checked
    # So few images never certify five points (see below), and one that may lose everything always is.
    found = verify(quantized.folder, trained.parent / "stripes", max_drop=100, timing=False).certificate
    assert [result.name for result in found.results if not result.own] == ["ONNX Runtime FP32", "OpenVINO FP32"]
    assert found.passed
    assert (found.outcome, found.certified) == ("certified", True)


def test_another_network_under_the_same_name_is_found_out(exported: Exported, trained: Path, tmp_path: Path) -> None:
    """The file answers otherwise than the run, and its hashes are right: what an exporter's bug would look like."""
    folder = changed(exported, tmp_path / "artifact")
    model = onnx.load(folder / "model.onnx")
    last = next(tensor for tensor in model.graph.initializer if tensor.dims[:1] == [3] and len(tensor.dims) == 2)
    weights = onnx.numpy_helper.to_array(last)
    last.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(weights[::-1]), last.name))
    onnx.save(model, folder / "model.onnx")
    artifact = read_plain(folder)
    artifact["files"]["model.onnx"] = sha256(folder / "model.onnx")  # type: ignore[index]
    reseal(folder, artifact)

    found = verify(folder, trained.parent / "stripes", run=trained, timing=False).certificate
    assert not found.passed
    assert found.flips
    assert any("golden" in fault for fault in found.faults)
    assert any("get another class" in fault for fault in found.faults)


def read_plain(folder: Path) -> dict[str, object]:
    plain = json.loads((folder / "artifact.json").read_text())
    del plain["files"][""]
    return plain


def reseal(folder: Path, plain: dict[str, object]) -> None:
    (folder / "artifact.json").write_bytes(msgspec.json.encode(sealed(msgspec.convert(plain, Artifact))))


@pytest.mark.parametrize("name", ["model.onnx", "golden", "artifact.json"])
def test_one_byte_changed_is_noticed(exported: Exported, tmp_path: Path, name: str) -> None:
    folder = changed(exported, tmp_path / "artifact")
    path = folder / name if name != "golden" else sorted((folder / "golden").iterdir())[0]
    content = bytearray(path.read_bytes())
    place = content.find(b"stripes2") if name == "artifact.json" else len(content) // 2
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(SkipwiseError, match="export it again, or copy the whole folder again"):
        verify(folder)
    with pytest.raises(SkipwiseError):
        open_session(folder)


def test_a_newer_artifact_a_missing_file_and_a_path_outside_are_refused(exported: Exported, tmp_path: Path) -> None:
    newer = changed(exported, tmp_path / "newer")
    plain = read_plain(newer)
    (newer / "artifact.json").write_text(json.dumps({**plain, "version": 99, "shape": "unknown"}))
    with pytest.raises(SkipwiseError, match="newer Skipwise"):
        verify(newer)
    missing = changed(exported, tmp_path / "missing")
    (missing / "model.onnx").unlink()
    with pytest.raises(SkipwiseError, match=r"model\.onnx can't be read"):
        verify(missing)
    outside = changed(exported, tmp_path / "outside")
    plain = read_plain(outside)
    plain["files"]["../../secret"] = "0" * 64  # type: ignore[index]
    (outside / "artifact.json").write_text(json.dumps(plain))
    with pytest.raises(SkipwiseError, match="lies outside"):
        verify(outside)
    with pytest.raises(SkipwiseError, match=r"holds no artifact\.json"):
        verify(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("golden",), []),
        (("golden", 0, "expected"), [1.0]),
        (("preprocessing", "interpolation"), "nearest"),
        (("preprocessing", "channels"), 4),
        (("preprocessing", "size"), -1),
        (("golden", 0, "file"), "golden/\0.png"),
    ],
)
def test_a_record_that_no_export_writes_is_refused(
    exported: Exported, tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    folder = changed(exported, tmp_path / "artifact")
    plain = read_plain(folder)
    inner = plain
    for step in place[:-1]:
        inner = inner[step]  # type: ignore[index,assignment]
    inner[place[-1]] = value  # type: ignore[index]
    reseal(folder, plain)
    with pytest.raises(SkipwiseError, match="export it again"):
        verify(folder, timing=False)


def test_a_model_that_is_none_is_a_sentence(exported: Exported, tmp_path: Path) -> None:
    folder = changed(exported, tmp_path / "artifact")
    (folder / "model.onnx").write_bytes(b"nothing")
    plain = read_plain(folder)
    plain["files"]["model.onnx"] = sha256(folder / "model.onnx")  # type: ignore[index]
    reseal(folder, plain)
    with pytest.raises(SkipwiseError, match=r"model\.onnx can't be used in ONNX Runtime"):
        verify(folder, timing=False)


def test_images_that_may_have_been_trained_on_are_pointed_out(
    exported: Exported, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the run is found from anywhere
    stripes = Path(shutil.copytree(trained.parent / "stripes", tmp_path / "stripes"))
    known = verify(exported.folder, stripes, timing=False).certificate
    assert (known.split, known.notes) == ("test", ())
    (stripes / "stripes0" / "000.png").unlink()
    unknown = verify(exported.folder, stripes, timing=False).certificate
    assert (unknown.split, unknown.images) == (None, 89)
    assert "Training images may be among these" in unknown.notes[0]


def test_runs_that_cannot_be_exported(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match="is not a run"):
        export(tmp_path)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(trained, unfinished)
    (unfinished / "run.json").unlink()
    with pytest.raises(SkipwiseError, match="is not finished"):
        export(unfinished)
    for bad, message in (
        ({"format": "tflite"}, "no format called"),
        ({"precision": "int4"}, "no precision called"),
        ({"format": "torch", "precision": "int8"}, "has no INT8; choose --format onnx or openvino"),
        ({"max_drop": -1}, "--max-drop"),
    ):
        with pytest.raises(SkipwiseError, match=message):
            export(trained, output=tmp_path / "none", **bad)  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExternalWeights]:
    """A file of weights and averages, as timm saves them, of a small network."""
    states = []
    for seed in (1, 2):
        network = skipwise.create_model("plain20", num_classes=2, width=0.25, seed=seed)
        network.train()(torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(seed)))
        states.append(network.state_dict())
    path = tmp_path_factory.mktemp("theirs") / "model_best.pth.tar"
    torch.save({"epoch": 3, "state_dict": states[0], "state_dict_ema": states[1], "metric": 91.0}, path)
    elsewhere = ExternalWeights(model="plain20", classes=("a", "b"), width=0.25, stem="small", img_size=16)
    return path, elsewhere


def test_which_of_a_files_weights_are_shipped_is_said_and_recorded(
    theirs: tuple[Path, ExternalWeights], tmp_path: Path
) -> None:
    path, elsewhere = theirs
    made = export(path, **vars(elsewhere), format="torch", output=tmp_path / "averages")
    assert "state_dict_ema is used, since timm reports the accuracy of this moving average" in made.notes[0]
    assert made.artifact.provenance.key == "state_dict_ema"
    named, other = (replace(elsewhere, init_key=key) for key in ("state_dict_ema", "state_dict"))
    assert export(path, **vars(named), format="torch", output=made.folder).repeated
    with pytest.raises(SkipwiseError, match="other weights of the same file are asked for"):
        export(path, **vars(other), format="torch", output=made.folder)
    # What it is held against later are the same weights.
    kept = network_of_artifact(made.artifact, path).module().state_dict()
    wanted = torch.load(path, weights_only=True)["state_dict_ema"]
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in kept.items())
    with pytest.raises(SkipwiseError, match=r"has no weights under 'ema'; it has state_dict"):
        export(path, **vars(replace(elsewhere, init_key="ema")), format="torch", output=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("here")
def test_artifacts_that_are_made_at_the_same_time_get_a_folder_each_unless_they_are_the_same(
    theirs: tuple[Path, ExternalWeights],
) -> None:
    path, elsewhere = theirs
    both = [network_of_file(path, replace(elsewhere, init_key=key)) for key in ("state_dict", "state_dict_ema")]
    artifact = export(path, **vars(elsewhere), format="torch", output="first").artifact
    name = "model_best.pth-torch-fp32"
    plans = [export_plan(origin, artifact.format, artifact.precision, 0.003) for origin in (*both, both[1])]
    tasks = [Task(workspace=EXPORTS, plan=plan, name=name) for plan in plans]
    found = [task.find() for task in tasks]
    assert {place.folder.name for place in found} == {name}  # all choose before any is made
    taken = []
    for task, place in zip(tasks, found, strict=True):
        with making_whole(task, place.folder) as making:
            shutil.copytree("first", making.made, dirs_exist_ok=True)
            plain = read_plain(making.made)
            plain["provenance"]["key"] = task.plan.key  # type: ignore[index]
            reseal(making.made, plain)
            taken.append(replace(making, place=place).take())
    assert [place.folder.name for place in taken] == [name, f"{name}-2", f"{name}-2"]
    assert [place.finished for place in taken] == [False, False, True]
    assert sorted(path.name for path in Path("runs/export").iterdir()) == [name, f"{name}-2"]


def test_weights_that_answer_nothing_are_refused_before_anything_is_made(
    theirs: tuple[Path, ExternalWeights], trained: Path, tmp_path: Path
) -> None:
    path, elsewhere = theirs
    state = torch.load(path, weights_only=True)["state_dict"]
    torch.save(state | {"classifier.bias": torch.full((2,), float("nan"))}, tmp_path / "nan.pth")
    with pytest.raises(SkipwiseError, match=r"NaN or infinite numbers in 1 of \d+ tensors: classifier.bias"):
        export(tmp_path / "nan.pth", **vars(elsewhere), output=tmp_path / "none")
    with pytest.raises(SkipwiseError, match="--std must be above 0"):
        export(path, **vars(replace(elsewhere, std=(0.0, 1.0, 1.0))), output=tmp_path / "none")
    # The same holds for a run of ours whose weights went bad, however it is used.
    bad = Path(shutil.copytree(trained, tmp_path / "bad"))
    weights = load_file(bad / "weights.safetensors")
    save_file(weights | {"classifier.bias": weights["classifier.bias"] / 0}, bad / "weights.safetensors")
    write_run(bad, read_run(bad))
    for use in (lambda: export(bad, output=tmp_path / "none"), lambda: open_session(bad)):
        with pytest.raises(SkipwiseError, match=r"weights\.safetensors holds NaN or infinite numbers"):
            use()
    assert not (tmp_path / "none").exists()


def test_a_network_that_decides_by_what_is_in_an_image_is_no_file_and_that_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "tests.external_networks:decides"
    network = skipwise.create_model(name, num_classes=2)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    with pytest.raises(SkipwiseError, match=r"can't follow its code at line \d+ of .*external_networks\.py") as caught:
        export(
            tmp_path / "weights.pth",
            **vars(ExternalWeights(model=name, classes=("a", "b"))),
            output=tmp_path / "none",
        )
    assert "TORCH" not in str(caught.value)
    assert capfd.readouterr() == ("a network may print\n" * 3, "")


def test_int8_needs_the_images_and_everything_else_makes_golden_ones_up(trained: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(trained, alone)
    (alone / "source.json").unlink()
    with pytest.raises(SkipwiseError, match="INT8 has to be calibrated on images"):
        export(alone, precision="int8", output=tmp_path / "int8")
    made = export(alone, format="torch", output=tmp_path / "fp32")
    assert "made up" in made.notes[0]
    assert verify(made.folder, timing=False).certificate.passed
    with pytest.raises(SkipwiseError):  # other images than the run's
        export(alone, "digits", output=tmp_path / "other")
    assert not (tmp_path / "other").exists()


WITHOUT_TORCH = """
import importlib.abc, sys

class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "torchvision", "sklearn", "onnxscript"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
import skipwise.cli.app
sys.argv = ["skipwise", *sys.argv[1:]]
skipwise.cli.app.main()
"""


def without_torch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_base_install_verifies_on_golden_images_and_on_data(
    exported: Exported, quantized: Exported, trained: Path
) -> None:
    alone = without_torch("verify", exported.folder, "--no-timing")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "answers its 8 golden images here as it did where it was exported" in alone.stdout
    held = without_torch("verify", quantized.folder, trained.parent / "stripes", "--no-timing", "--json")
    assert held.returncode == 0, held.stderr
    certificate = json.loads(held.stdout)["certificate"]
    assert certificate["reference"] == "OpenVINO INT8, resized before"
    assert "PyTorch is not installed here" in certificate["notes"][0]
    refused = without_torch("export", trained)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "pip install 'skipwise[" in refused.stderr


def test_verify_exits_with_1_outside_the_tolerance(cli: Run, exported: Exported, tmp_path: Path) -> None:
    folder = changed(exported, tmp_path / "artifact")
    plain = read_plain(folder)
    plain["golden"][0]["expected"] = [0.0, 0.0, 1.0] if plain["golden"][0]["expected"][2] < 0.5 else [1.0, 0.0, 0.0]  # type: ignore[index]
    reseal(folder, plain)
    result = cli("verify", folder, "--no-timing")
    assert result.returncode == 1
    assert "NOT certified" in result.stdout


@pytest.mark.slow
def test_strict_exits_with_1_where_the_images_cannot_tell_and_needs_some(
    cli: Run, quantized: Exported, trained: Path
) -> None:
    command = ["verify", quantized.folder, "--no-timing"]
    told = cli(*command, trained.parent / "stripes", "--json")
    found = msgspec.json.decode(told.stdout)["certificate"]
    assert (told.returncode, found["outcome"], found["certified"], found["passed"]) == (0, "cannot tell", False, True)
    strict = cli(*command, trained.parent / "stripes", "--strict")
    assert strict.returncode == 1
    assert "WARNING, not certified" in strict.stdout
    without = cli(*command, "--strict")
    assert (without.returncode, without.stderr.count("\n")) == (2, 1)


def test_unknown_classes_and_no_images_are_one_sentence(exported: Exported, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", classes=4, per_class=2)
    with pytest.raises(SkipwiseError, match="'stripes3', which is none of the network's"):
        verify(exported.folder, tmp_path / "photos", timing=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SkipwiseError):
        verify(exported.folder, tmp_path / "empty", timing=False)
