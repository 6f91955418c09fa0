"""The engines that run shipped files, each checked before its engine sees it, and held to limits of time and memory."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.runtime.backend_import import import_backend
from skipwise.deploy.runtime.limits import Bounded, allowed_seconds

Backend = Literal["onnxruntime", "openvino", "torch"]
_FITTED = "fitted"
_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|out.of.memory|allocate (?:\d+ bytes of )?memory|not enough memory", re.IGNORECASE
)
_WHERE_IN_AN_ENGINE = re.compile(r"Exception from |Check '|\s*$")


class _Opened(Protocol):
    def predict_pixels(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]: ...

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]: ...

    def stop(self) -> None:
        """Asks what is being answered, in another thread, to end."""


class _OnnxRuntime:
    def __init__(self, path: Path, threads: int) -> None:
        from skipwise.deploy.runtime.onnx_check import read_onnx

        self._engine = import_backend("onnxruntime")
        # Refused now rather than later; but held only while a session is made.
        self._read = functools.partial(read_onnx, path)
        self._read()
        self._options = self._engine.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.log_severity_level = 4  # what it would print is in its exception
        self._running = self._engine.RunOptions()
        self._running.log_severity_level = 4
        self._sessions: dict[str, Any] = {}

    def predict_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run("pixels", pixels)

    def predict_resized(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run(_FITTED, pixels)

    def stop(self) -> None:
        self._running.terminate = True

    def _run(self, entry: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if entry not in self._sessions:
            model = self._read() if entry == "pixels" else behind_fit(self._read())
            self._sessions[entry] = self._engine.InferenceSession(
                model.SerializeToString(), self._options, providers=["CPUExecutionProvider"]
            )
        result: NDArray[np.float32] = self._sessions[entry].run(None, {entry: pixels}, self._running)[0]
        return result


def behind_fit(model: Any) -> Any:
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
        waiting += [name for name in node.input if name != _FITTED]
    nodes = [node for node in graph.node if node.output[0] in needed]
    users = [name for node in nodes for name in node.input]
    pixels = graph.input[0].type.tensor_type.shape
    channels = pixels.dim[3].dim_value
    planes = f"{_FITTED}/planes"
    for node in nodes:
        node.input[:] = [planes if name == _FITTED else name for name in node.input]
    first = [
        helper.make_node("Transpose", [_FITTED], [f"{planes}/bytes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", [f"{planes}/bytes"], [planes], to=TensorProto.FLOAT),
    ]
    entry = helper.make_tensor_value_info(_FITTED, TensorProto.UINT8, ["images", "size", "size", channels])
    weights = [tensor for tensor in graph.initializer if tensor.name in users]
    cut = helper.make_graph([*first, *nodes], graph.name, [entry], list(graph.output), weights)
    return helper.make_model(cut, opset_imports=list(model.opset_import), ir_version=model.ir_version)


class _OpenVino:
    """OpenVINO prepares for each number of images apart, since that makes it quicker."""

    def __init__(self, path: Path, threads: int) -> None:
        from skipwise.deploy.runtime.openvino_check import check_ir, check_read

        self._engine = import_backend("openvino")
        self._core = self._engine.Core()
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
                model = self._behind_fit(model, shape)
            self._requests[shape] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
        request = self._requests[shape]
        request.infer({0: pixels}, share_inputs=True)
        return np.array(request.get_output_tensor(0).data, dtype=np.float32)

    def _behind_fit(self, model: Any, shape: tuple[int, ...]) -> Any:
        operations = self._engine.opset13
        fitted = next(
            output for node in model.get_ordered_ops() for output in node.outputs() if _FITTED in output.get_names()
        )
        pixels = operations.parameter(list(shape), self._engine.Type.u8, name=_FITTED)
        planes = operations.convert(operations.transpose(pixels, np.array([0, 3, 1, 2])), "f32")
        for user in fitted.get_target_inputs():
            user.replace_source_output(planes.output(0))
        return self._engine.Model(model.get_results(), [pixels], "behind_fit")


class _Torch:
    def __init__(self, path: Path, threads: int) -> None:
        import torch

        from skipwise.deploy.runtime.torch_file import read_program

        self._torch, self._threads = torch, threads
        self._program = read_program(path)
        self._stopped = threading.Event()

    def predict_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run({self._program.pixels: self._torch.tensor(pixels)})

    def predict_resized(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        planes = self._torch.tensor(pixels).permute(0, 3, 1, 2).float()
        # What comes before runs, too, on next to nothing.
        nothing = self._torch.zeros(len(pixels), 8, 8, pixels.shape[3], dtype=self._torch.uint8)
        return self._run({self._program.pixels: nothing, self._program.fitted: planes})

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, given: dict[str, Any]) -> NDArray[np.float32]:
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads)
        try:
            with self._torch.inference_mode():
                result: NDArray[np.float32] = self._program(given, self._stopped.is_set).numpy()
            return result
        finally:
            self._torch.set_num_threads(before)


_ENGINES: dict[Backend, Callable[[Path, int], _Opened]] = {
    "onnxruntime": _OnnxRuntime,
    "openvino": _OpenVino,
    "torch": _Torch,
}


class Opened:
    """A model's file, checked and opened: probabilities for pixels, as `Session` has them.

    Raises:
        SkipwiseError: the engine can't use the file, now or when it is first asked; or it takes more time or memory
            than it may.
    """

    def __init__(self, engine: Backend, path: Path, threads: int) -> None:
        self._engine, self._path = engine, path
        self._bounded = Bounded(path)
        self._size = 0
        with _explained(engine, path):
            self._size = sum(each.stat().st_size for each in {path, path.with_suffix(".bin")} if each.is_file())
            opening = allowed_seconds(1, self._size)
            self._open = self._bounded(lambda: _ENGINES[engine](path, threads), opening, lambda: None)

    def predict_resized(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, size, size, C] as `fit_square` makes them: float32 [N, classes]."""
        return self._answer(self._open.predict_resized, pixels)

    def predict_pixels(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, H, W, C] of any size: float32 [N, classes]."""
        return self._answer(self._open.predict_pixels, pixels)

    def _answer(
        self, answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]], pixels: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        seconds = allowed_seconds(len(pixels), self._size)
        with _explained(self._engine, self._path):
            return self._bounded(lambda: answer(pixels), seconds, self._open.stop)


@contextlib.contextmanager
def _explained(engine: Backend, path: Path) -> Iterator[None]:
    """What an engine, or the check before it, says of a file it can't use, as a sentence."""
    try:
        yield
    except (ImportError, SkipwiseError):
        raise
    except Exception as error:  # each engine has exceptions of its own
        said = str(error).strip()
        if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(said):
            raise SkipwiseError(
                f"{path} needs more memory in {engine} than is free here; free some, or answer fewer images at once. "
                "If even one image needs too much, export the network again."
            ) from error
        lines = [line for line in said.splitlines() if not _WHERE_IN_AN_ENGINE.match(line)]
        reason = lines[0].strip().rstrip(".") if lines else type(error).__name__
        raise SkipwiseError(f"{path} can't be used in {engine} ({reason}); export it again.") from error
