"""OpenVINO's IR: model.xml with the operators and model.bin with the weights."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skipwise.deploy.formats.format import PRECISIONS, RESIZED, Backend, ExportFormat, ExportJob
from skipwise.deploy.runtime.backend_import import import_backend

if TYPE_CHECKING:
    from onnx import ModelProto

    from skipwise.deploy.artifact.artifact import Quantization


def write(folder: Path, job: ExportJob) -> Quantization | None:
    """Writes model.xml and model.bin."""
    from skipwise.deploy.export.onnx_pipeline import onnx_pipeline

    model, quantization = onnx_pipeline(job, run_model)
    _save(model, folder / OPENVINO_IR.files[0])
    return quantization


def run_model(model: ModelProto) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Runs the classifier of a network in OpenVINO: resized pixels [N, C, size, size] -> probabilities."""
    core = import_backend("openvino").Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", settings)
    return lambda pixels: compiled(pixels)[0].copy()


def _save(model_proto: ModelProto, path: Path) -> None:
    openvino = import_backend("openvino")
    model = openvino.Core().read_model(model_proto.SerializeToString())
    for entry in model_proto.metadata_props:
        model.set_rt_info(entry.value, ["skipwise", entry.key])
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:  # it does not say what the matter is; what it was to write needs as much again
        if shutil.disk_usage(path.parent).free < 2 * model_proto.ByteSize():
            raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error
        raise


class OpenVinoSession:
    """A model in OpenVINO, compiled anew for each number of images, which makes it faster."""

    def __init__(self, path: Path, threads: int) -> None:
        from skipwise.deploy.runtime.openvino_check import check_ir, check_read

        self._library = import_backend("openvino")
        self._core = self._library.Core()
        # Otherwise the weights are read as they are needed, and answers change when somebody replaces the file.
        self._core.set_property({"ENABLE_MMAP": False})
        if path.suffix == ".onnx":
            from skipwise.deploy.runtime.onnx_check import read_onnx

            self._model = self._core.read_model(read_onnx(path).SerializeToString())
        else:
            check_ir(path, path.with_suffix(".bin"))
            self._model = self._core.read_model(path)
        check_read(self._model)
        # Single precision where the file says so: on some processors OpenVINO would take bfloat16 by itself.
        self._settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        self._requests: dict[tuple[int, ...], Any] = {}

    def predict_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run((), pixels)

    def predict_resized(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run(pixels.shape, pixels)

    def stop(self) -> None:
        for request in list(self._requests.values()):
            request.cancel()

    def _run(self, shape: tuple[int, ...], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if shape not in self._requests:
            model = self._model.clone()
            if shape:
                model = self._behind_resizing(model, shape)
            self._requests[shape] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
        request = self._requests[shape]
        request.infer({0: pixels}, share_inputs=True)
        return np.array(request.get_output_tensor(0).data, dtype=np.float32)

    def _behind_resizing(self, model: Any, shape: tuple[int, ...]) -> Any:
        operations = self._library.opset13
        fitted = next(
            output for node in model.get_ordered_ops() for output in node.outputs() if RESIZED in output.get_names()
        )
        pixels = operations.parameter(list(shape), self._library.Type.u8, name=RESIZED)
        planes = operations.convert(operations.transpose(pixels, np.array([0, 3, 1, 2])), "f32")
        for user in fitted.get_target_inputs():
            user.replace_source_output(planes.output(0))
        return self._library.Model(model.get_results(), [pixels], "behind_resizing")


OPENVINO = Backend(name="openvino", title="OpenVINO", extra="export", load=OpenVinoSession)
OPENVINO_IR = ExportFormat(
    name="openvino",
    title="OpenVINO",
    files=("model.xml", "model.bin"),
    precisions=PRECISIONS,
    backends=(OPENVINO,),
    packages=("onnx", "onnxscript", "openvino"),
    write=write,
)
