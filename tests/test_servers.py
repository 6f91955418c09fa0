"""`export --serve`: what it writes is what each server takes."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.deploy.export.export import Exported
from skipwise.deploy.servers import SERVERS
from skipwise.deploy.servers.server import model_name
from tests.conftest import Run

NAME = "images.onnx_2"


@pytest.fixture(scope="module")
def artifact(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported network in a folder whose name no server takes as it is."""
    folder = tmp_path_factory.mktemp("servers") / "images.onnx_2 "
    shutil.copytree(exported.folder, folder)
    return folder


@pytest.fixture(scope="module")
def served(trained: Path, artifact: Path) -> dict[str, Path]:
    """The folder of each server."""
    made = {name: skipwise.export(trained, output=artifact, serve=name) for name in SERVERS}
    assert all(each.repeated and each.served == artifact / name for name, each in made.items())
    return {name: each.served for name, each in made.items() if each.served is not None}


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 31, 37, 3), dtype=np.uint8)


def model_config(text: str) -> Any:
    """config.pbtxt, read by Triton's own description of it."""
    from google.protobuf import text_format

    found = importlib.util.find_spec("tritonclient")
    assert found is not None
    assert found.submodule_search_locations is not None
    place = Path(found.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"  # without gRPC itself
    spec = importlib.util.spec_from_file_location("model_config_pb2", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return text_format.Parse(text, module.ModelConfig())


def test_triton_is_told_the_names_types_and_sizes_that_the_file_has(
    served: dict[str, Path], artifact: Path, pixels: np.ndarray
) -> None:
    import onnxruntime

    home = served["triton"] / "models" / NAME
    config = model_config((home / "config.pbtxt").read_text())
    assert (config.name, config.backend, config.max_batch_size) == (NAME, "onnxruntime", 32)
    assert config.HasField("dynamic_batching")
    session = onnxruntime.InferenceSession(home / "1" / "model.onnx")
    types = {2: "tensor(uint8)", 11: "tensor(float)"}
    for told, there in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
        assert [each.name for each in told] == [each.name for each in there]
        for each, real in zip(told, there, strict=True):
            assert types[each.data_type] == real.type
            assert list(each.dims) == [size if isinstance(size, int) else -1 for size in real.shape[1:]]
    classes = read_artifact(artifact).classes
    assert (home / config.output[0].label_filename).read_text().splitlines() == list(classes)
    found = session.run([config.output[0].name], {config.input[0].name: pixels})[0]
    assert found.shape == (2, len(classes))
    assert list(config.output[0].dims) == [len(classes)]


@pytest.mark.parametrize("format", ["onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def test_openvino_model_server_finds_the_model_where_its_configuration_says(
    trained: Path, artifact: Path, served: dict[str, Path], here: Path, pixels: np.ndarray, format: str
) -> None:
    import openvino

    if format == "onnx":
        name, home, folder = NAME, artifact, served["openvino-model-server"]
    else:
        name, home = "ir", here / "ir"
        made = skipwise.export(trained, format=format, output=home, serve="openvino-model-server").served
        assert made is not None
        folder = made
    configured = json.loads((folder / "config.json").read_text())
    (entry,) = configured["model_config_list"]
    assert set(configured) == {"model_config_list"}
    assert set(entry) == {"config"}
    assert entry["config"]["name"] == name
    # The server takes the highest number below.
    file = folder / entry["config"]["base_path"] / "1" / read_artifact(home).kind.files[0]
    model = openvino.Core().read_model(file)
    compiled = openvino.Core().compile_model(model, "CPU", entry["config"]["plugin_config"])
    assert [each.get_any_name() for each in model.inputs] == ["pixels"]
    assert [each.get_any_name() for each in model.outputs] == ["probabilities"]
    with skipwise.Predictor(home) as predictor:
        expected = [predictor.predict(each).probabilities for each in pixels]
    answers = compiled({"pixels": pixels})["probabilities"]
    for answer, wanted in zip(answers, expected, strict=True):
        assert np.allclose(answer, [wanted[each] for each in predictor.classes], atol=1e-3)


def test_docker_gets_the_artifact_and_the_wheel_of_this_skipwise(
    served: dict[str, Path], artifact: Path, tmp_path: Path
) -> None:
    folder = served["docker"]
    wheel = next(folder.glob("*.whl"))
    assert sorted(each.name for each in folder.iterdir()) == sorted(
        [".dockerignore", "Dockerfile", "artifacts", wheel.name]
    )
    assert read_artifact(folder / "artifacts" / NAME) == read_artifact(artifact)
    text = (folder / "Dockerfile").read_text()
    assert f"COPY {wheel.name} /tmp/" in text
    assert f'CMD ["skipwise", "serve", "/artifacts/{NAME}", "--host", "0.0.0.0", "--port", "8000"]' in text
    assert "USER 10001" in text.partition("HEALTHCHECK")[0]
    pip = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile", "--target", str(tmp_path / "there")]
    subprocess.run([sys.executable, *pip, wheel], check=True, capture_output=True)
    # What was installed is there, and is what runs, not this checkout.
    code = "import skipwise, sys; assert skipwise.__file__.startswith(sys.argv[1]); from skipwise.cli.app import main"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "there")}
    subprocess.run([sys.executable, "-c", code, tmp_path / "there"], check=True, env=environment)
    with zipfile.ZipFile(wheel) as packed:
        about = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
        listed = [row[0] for row in csv.reader(packed.read(f"{about}/RECORD").decode().splitlines())]
        assert sorted(listed) == sorted(packed.namelist())
        assert "skipwise/pages/report.html" in listed
        assert b"Provides-Extra: serve\n" in packed.read(f"{about}/METADATA")


def test_the_wheel_has_the_same_bytes_each_time(served: dict[str, Path], trained: Path, artifact: Path) -> None:
    wheel = next(served["docker"].glob("*.whl"))
    before = wheel.read_bytes()
    (served["docker"] / "stale").touch()
    again = skipwise.export(trained, output=artifact, serve="docker")
    assert again.served is not None
    assert next(again.served.glob("*.whl")).read_bytes() == before
    assert not (again.served / "stale").exists()
    assert not list(artifact.glob(".docker*"))


HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not on this machine")
def test_hadolint_finds_nothing_in_the_dockerfile(served: dict[str, Path]) -> None:
    result = subprocess.run([HADOLINT, served["docker"] / "Dockerfile"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_what_a_server_does_not_run_is_refused_before_anything_is_made(trained: Path, here: Path) -> None:
    with pytest.raises(SkipwiseError, match="Triton Inference Server does not run OpenVINO; choose --format onnx"):
        skipwise.export(trained, format="openvino", serve="triton")
    with pytest.raises(SkipwiseError, match="There is no server called 'dokcer'; did you mean 'docker'"):
        skipwise.export(trained, serve="dokcer")
    assert not list(here.iterdir())


@pytest.mark.slow
def test_the_command_names_the_folder_and_how_to_start_the_server(trained: Path, artifact: Path, cli: Run) -> None:
    done = cli("export", trained, "--output", artifact, "--serve", "docker")
    assert done.returncode == 0, done.stderr
    assert f"Server:   {artifact / 'docker'}" in done.stdout
    assert "Serve it: docker build -t images-onnx-2 " in done.stdout


def test_names_of_folders_become_names_that_servers_take(tmp_path: Path) -> None:
    assert [model_name(tmp_path / each) for each in ("a b", "été", "-", "v1.2_x", "_a")] == [
        "a-b",
        "t",
        "model",
        "v1.2_x",
        "a",
    ]
    assert len(model_name(tmp_path / ("a" * 200))) == 100  # as many as `serve` takes
