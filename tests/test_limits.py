"""What a network's file may take: time for a batch, and the memory that is free."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine import memory
from skipwise.deploy.formats import find_backend
from skipwise.deploy.runtime import limits
from skipwise.deploy.runtime.model_session import ModelSession


def bomb(path: Path, *sizes: int, steps: int = 1, operator: str = "Sin") -> Path:
    """A network that brings its pixels' mean to these sizes, and computes with them."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["mean"], keepdims=0),
        helper.make_node("Expand", ["mean", "sizes"], ["0"]),
    ]
    inputs = 2 if operator == "MatMul" else 1
    nodes += [helper.make_node(operator, [str(step)] * inputs, [str(step + 1)]) for step in range(steps)]
    nodes.append(helper.make_node("ReduceSum", [str(steps)], ["probabilities"], keepdims=0))
    graph = helper.make_graph(
        nodes,
        "bomb",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(sizes, np.int64), "sizes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


PIXELS = np.ones((1, 8, 8, 3), np.uint8)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_more_memory_than_there_is_becomes_a_sentence(engine: Any, tmp_path: Path) -> None:
    opened = ModelSession(find_backend(engine), bomb(tmp_path / "model.onnx", 16_000, 1000, 1000, 1000), 1)
    with pytest.raises(SkipwiseError, match=f"needs more memory in {opened.backend.title} than is free here"):
        opened.predict_pixels(PIXELS)


def test_the_limit_of_memory_is_what_is_free_and_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    if memory.free_memory() is None:
        pytest.skip("this system does not say what is free")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    monkeypatch.setattr(memory, "free_memory", lambda: 2**28)
    opened = ModelSession(
        find_backend("onnxruntime"), bomb(tmp_path / "model.onnx", 400, 1000, 1000), 1
    )  # 1.6 GB: no more than many have
    with pytest.raises(SkipwiseError, match="needs more memory in ONNX Runtime than is free here"):
        opened.predict_pixels(PIXELS)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "steps", "operator"), [((1000, 1000), 200_000, "Sin"), ((20_000, 20_000), 1, "MatMul")]
)
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_more_time_than_a_batch_may_take_becomes_a_sentence(
    engine: str, sizes: tuple[int, ...], steps: int, operator: str, tmp_path: Path
) -> None:
    path = bomb(tmp_path / "model.onnx", *sizes, steps=steps, operator=operator)
    code = f"""
import numpy as np
from pathlib import Path
from skipwise.deploy.runtime import limits
from skipwise.deploy.formats import find_backend
from skipwise.deploy.runtime.model_session import ModelSession
limits.BATCH_SECONDS, limits._ENDING_SECONDS = 2, 3
try:
    ModelSession(find_backend({engine!r}), Path({str(path)!r}), 1).predict_pixels(np.ones((1, 8, 8, 3), np.uint8))
except Exception as error:
    print(type(error).__name__, error, flush=True)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert f"SkipwiseError {path} took longer than" in found.stdout, found
    assert found.returncode == 0, found.stderr  # and nothing of it holds the end of the process up


def test_allowed_time_grows_with_images_and_with_the_file() -> None:
    assert limits.allowed_seconds(1, 1000) == limits.allowed_seconds(32, 10**8) == 600
    assert limits.allowed_seconds(64, 10**9) == 600 * 2 * 10


@pytest.mark.parametrize("engine", ["onnxruntime", pytest.param("openvino", marks=pytest.mark.slow)])
def test_a_stop_while_an_engine_works_ends_the_process_quietly(engine: str, tmp_path: Path) -> None:
    path = bomb(tmp_path / "model.onnx", 1000, 1000, steps=300)
    code = f"""
import signal, sys, numpy as np
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell left behind ignores it
from skipwise.deploy.formats import find_backend
from skipwise.deploy.runtime.model_session import ModelSession
opened = ModelSession(find_backend({engine!r}), Path({str(path)!r}), 1)
opened.predict_pixels(np.ones((1, 8, 8, 3), np.uint8))
print("ready", flush=True)
try:
    while True:
        opened.predict_pixels(np.ones((1, 8, 8, 3), np.uint8))
except KeyboardInterrupt:
    sys.exit(7)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    try:
        assert (process.communicate(timeout=60), process.returncode) == (("", ""), 7)
    finally:
        process.kill()
