"""ONNX: one file, model.onnx, that ONNX Runtime and OpenVINO run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skipwise.deploy.formats.format import PRECISIONS, RESIZED, Backend, ExportFormat, ExportJob
from skipwise.deploy.formats.openvino_format import OPENVINO
from skipwise.deploy.runtime.backend_import import import_backend

if TYPE_CHECKING:
    from onnx import ModelProto

    from skipwise.deploy.artifact.artifact import Quantization

OPSET = 20
"""The version of ONNX's operators. `torch.onnx` writes it, and the runtimes of the last two years read it."""


def write(folder: Path, job: ExportJob) -> Quantization | None:
    """Writes model.onnx."""
    import onnx

    from skipwise.deploy.export.onnx_pipeline import onnx_pipeline

    model, quantization = onnx_pipeline(job, run_model)
    onnx.save(model, folder / ONNX.files[0])
    return quantization


def run_model(model: ModelProto) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Runs the classifier of a network in ONNX Runtime: resized pixels [N, C, size, size] -> probabilities."""
    session = import_backend("onnxruntime").InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return lambda pixels: session.run(None, {RESIZED: pixels})[0]


class OnnxRuntimeSession:
    """A model in ONNX Runtime; a session for each of its two inputs is made when it is first needed."""

    def __init__(self, path: Path, threads: int) -> None:
        from skipwise.deploy.runtime.onnx_check import read_onnx

        self._library = import_backend("onnxruntime")
        # Refused now rather than later; but held only while a session is made.
        self._read = functools.partial(read_onnx, path)
        self._read()
        self._options = self._library.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.log_severity_level = 4  # what it would print is in its exception
        self._running = self._library.RunOptions()
        self._running.log_severity_level = 4
        self._sessions: dict[str, Any] = {}

    def predict_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run("pixels", pixels)

    def predict_resized(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run(RESIZED, pixels)

    def explain_resized(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities, and the heat map of each answer [N, h, w], from a file that has them."""
        probabilities, maps = self._outputs(RESIZED, pixels)
        return probabilities, maps

    def stop(self) -> None:
        self._running.terminate = True

    def _run(self, entry: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = self._outputs(entry, pixels)[0]
        return result

    def _outputs(self, entry: str, pixels: NDArray[np.uint8]) -> Any:
        if entry not in self._sessions:
            model = self._read() if entry == "pixels" else behind_resizing(self._read())
            self._sessions[entry] = self._library.InferenceSession(
                model.SerializeToString(), self._options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[entry].run(None, {entry: pixels}, self._running)


def behind_resizing(model: Any) -> Any:
    """The part of an ONNX model behind its resizing: it takes uint8 [N, size, size, C] under the name `fitted`."""
    from onnx import TensorProto, helper

    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    needed: set[str] = set()
    waiting = [output.name for output in graph.output]
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None or node.output[0] in needed:
            continue
        needed.add(node.output[0])
        waiting += [name for name in node.input if name != RESIZED]
    nodes = [node for node in graph.node if node.output[0] in needed]
    users = [name for node in nodes for name in node.input]
    pixels = graph.input[0].type.tensor_type.shape
    channels = pixels.dim[3].dim_value
    planes = f"{RESIZED}/planes"
    for node in nodes:
        node.input[:] = [planes if name == RESIZED else name for name in node.input]
    first = [
        helper.make_node("Transpose", [RESIZED], [f"{planes}/bytes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", [f"{planes}/bytes"], [planes], to=TensorProto.FLOAT),
    ]
    entry = helper.make_tensor_value_info(RESIZED, TensorProto.UINT8, ["images", "size", "size", channels])
    weights = [tensor for tensor in graph.initializer if tensor.name in users]
    cut = helper.make_graph([*first, *nodes], graph.name, [entry], list(graph.output), weights)
    return helper.make_model(cut, opset_imports=list(model.opset_import), ir_version=model.ir_version)


ONNX_RUNTIME = Backend(name="onnxruntime", title="ONNX Runtime", extra="export", load=OnnxRuntimeSession)
ONNX = ExportFormat(
    name="onnx",
    title="ONNX",
    files=("model.onnx",),
    precisions=PRECISIONS,
    backends=(ONNX_RUNTIME, OPENVINO),
    packages=("onnx", "onnxscript", "onnxruntime"),
    opset=OPSET,
    explains=True,
    write=write,
)
