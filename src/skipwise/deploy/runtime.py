"""Answers from an exported file, without torch unless the file is one of torch's.

Whatever runs the file, there are two ways in: pixels of any size through the file's own resizing, and pixels that were
fitted by the rules of training, which skip it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from skipwise.data.preprocess import Preprocessing
from skipwise.deploy.artifact import MODEL_FILES, Artifact, Format, is_artifact, read_artifact
from skipwise.deploy.openvino_import import import_openvino
from skipwise.errors import SkipwiseError, missing_extra
from skipwise.machine import usable_cores
from skipwise.paths import user_path

Engine = Literal["onnxruntime", "openvino", "torch"]
_RUN_BY: dict[Format, tuple[Engine, ...]] = {
    "onnx": ("onnxruntime", "openvino"),
    "openvino": ("openvino",),
    "torch": ("torch",),
}
_FITTED = "fitted"


class Answerer(Protocol):
    """What gives probabilities for pixels, float32 [N, classes].

    `identity` changes when the answers may: a hash of the model.
    """

    classes: tuple[str, ...]
    preprocessing: Preprocessing
    identity: str

    def fitted(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, size, size, C] as `fit_square` makes them."""
        ...

    def whole(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, H, W, C] of any size."""
        ...


class Shipped:
    """An artifact, opened in an engine.

    Each way in is made ready when it is first taken; OpenVINO prepares for each number of images apart, since that
    makes it quicker.
    """

    def __init__(self, folder: Path, artifact: Artifact, engine: Engine, threads: int | None = None) -> None:
        self.artifact = artifact
        self.classes = artifact.classes
        self.preprocessing = artifact.preprocessing
        self.identity = artifact.files[""]
        self.engine = engine
        self._open = Opened(engine, folder / MODEL_FILES[artifact.format][0], threads or usable_cores())
        self._whole: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None = None

    def fitted(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, size, size, C] as `fit_square` makes them: float32 [N, classes]."""
        return self._open.fitted(pixels)

    def whole(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, H, W, C] of any size: float32 [N, classes]."""
        return self._open.whole(pixels)


def open_answerer(
    where: str | os.PathLike[str],
    *,
    trust: bool | str = False,
    threads: int | None = None,
    engine: Engine | None = None,
) -> Answerer:
    """An artifact's folder, or a finished run's, ready to answer.

    Args:
        trust: whether a network of somebody's own, which only a run's record names, may run: True, or its name.
        threads: None for all cores.
        engine: what runs the file; None is the format's own.

    Raises:
        SkipwiseError: there is neither, the run's network is not trusted, or what runs it is not installed.
    """
    folder = user_path(where)
    if is_artifact(folder):
        return open_shipped(folder, threads=threads, engine=engine)
    if not folder.is_dir():
        raise SkipwiseError(f"There is no folder {folder}; give one that 'skipwise export' or 'skipwise train' made.")
    if not any((folder / name).exists() for name in ("run.json", "terms.json", "plan.json", "comparison.json")):
        raise SkipwiseError(
            f"{folder} holds neither an exported network (artifact.json) nor a finished run (run.json)."
        )
    from skipwise.deploy.origin import origin_of_run
    from skipwise.deploy.reference import Reference

    return Reference(origin_of_run(folder, trust))


def open_shipped(folder: Path, *, threads: int | None = None, engine: Engine | None = None) -> Shipped:
    """An artifact, checked and opened.

    Raises:
        SkipwiseError: it is damaged or of a newer version, or what runs it is not installed.
    """
    artifact = read_artifact(folder)
    chosen = engine or engines(artifact.format)[0]
    try:
        return Shipped(folder, artifact, chosen, threads)
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "onnx", "onnxruntime", "openvino"}:
            raise
        raise missing_extra("train" if error.name == "torch" else "export", error.name) from error


def engines(format: Format) -> tuple[Engine, ...]:
    """What can run a format, its own engine first."""
    return _RUN_BY[format]


class _OnnxRuntime:
    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        self._path = path
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.log_severity_level = 3
        self._sessions: dict[str, Any] = {}

    def whole(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run("pixels", pixels)

    def fitted(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run(_FITTED, pixels)

    def _run(self, entry: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if entry not in self._sessions:
            self._sessions[entry] = self._session(entry)
        result: NDArray[np.float32] = self._sessions[entry].run(None, {entry: pixels})[0]
        return result

    def _session(self, entry: str) -> Any:
        import onnxruntime

        source = str(self._path) if entry == "pixels" else behind_fit(self._path)
        return onnxruntime.InferenceSession(source, self._options, providers=["CPUExecutionProvider"])


def behind_fit(path: Path) -> bytes:
    """The part of an ONNX file behind its resizing: it takes uint8 [N, size, size, C] under the name `fitted`."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(path)
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
    result: bytes = helper.make_model(
        cut, opset_imports=list(model.opset_import), ir_version=model.ir_version
    ).SerializeToString()
    return result


class _OpenVino:
    def __init__(self, path: Path, threads: int) -> None:
        openvino = import_openvino()
        self._core = openvino.Core()
        self._path = path
        # Single precision where the file says so: on some processors OpenVINO would take bfloat16 by itself.
        self._settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        self._requests: dict[tuple[int, ...], Any] = {}

    def whole(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run((), pixels)

    def fitted(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run(pixels.shape, pixels)

    def _run(self, shape: tuple[int, ...], pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if shape not in self._requests:
            model = self._core.read_model(self._path)
            if shape:
                model = _behind_fit(model, shape)
            self._requests[shape] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
        request = self._requests[shape]
        request.infer({0: pixels}, share_inputs=True)
        return np.array(request.get_output_tensor(0).data, dtype=np.float32)


def _behind_fit(model: Any, shape: tuple[int, ...]) -> Any:
    openvino = import_openvino()
    operations = openvino.opset13

    fitted = next(
        output for node in model.get_ordered_ops() for output in node.outputs() if _FITTED in output.get_names()
    )
    pixels = operations.parameter(list(shape), openvino.Type.u8, name=_FITTED)
    planes = operations.convert(operations.transpose(pixels, np.array([0, 3, 1, 2])), "f32")
    for user in fitted.get_target_inputs():
        user.replace_source_output(planes.output(0))
    return openvino.Model(model.get_results(), [pixels], "behind_fit")


class _Torch:
    def __init__(self, path: Path, threads: int) -> None:
        import torch

        self._torch, self._threads = torch, threads
        self._whole: Any = torch.export.load(path).module()
        # The last thing the program does before the network is to fit the pixels.
        self._boundary = [node for node in self._whole.graph.nodes if _is_in(node, "fit")][-1]

    def whole(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run(lambda: self._whole(self._torch.tensor(pixels)))

    def fitted(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        planes = self._torch.tensor(pixels).permute(0, 3, 1, 2).float()
        # What comes before runs, too, on next to nothing.
        nothing = self._torch.zeros(len(pixels), 8, 8, pixels.shape[3], dtype=self._torch.uint8)
        interpreter = self._torch.fx.Interpreter(self._whole)
        return self._run(lambda: interpreter.run(nothing, initial_env={self._boundary: planes}))

    def _run(self, answer: Callable[[], Any]) -> NDArray[np.float32]:
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads)
        try:
            with self._torch.inference_mode():
                result: NDArray[np.float32] = answer().numpy()
            return result
        finally:
            self._torch.set_num_threads(before)


def _is_in(node: Any, child: str) -> bool:
    """Whether a node of a traced program comes from a child of the module that was traced."""
    return any(path.split(".")[-1] == child for path, _ in node.meta.get("nn_module_stack", {}).values())


@contextlib.contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    """What an engine says of a file it can't use, as a sentence."""
    try:
        yield
    except (ImportError, MemoryError, SkipwiseError):
        raise
    except Exception as error:  # each engine has exceptions of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SkipwiseError(f"{engine} can't use this network's file ({reason}); export it again.") from error


class Opened:
    """A model's file, opened but not checked: probabilities for pixels, as `Answerer` has them.

    Raises:
        SkipwiseError: the engine can't use the file, now or when it is first asked.
    """

    def __init__(self, engine: Engine, path: Path, threads: int) -> None:
        self._engine = engine
        with _explained(engine):
            self._open = _ENGINES[engine](path, threads)

    def fitted(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, size, size, C] as `fit_square` makes them: float32 [N, classes]."""
        with _explained(self._engine):
            found: NDArray[np.float32] = self._open.fitted(pixels)
        return found

    def whole(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """For pixels [N, H, W, C] of any size: float32 [N, classes]."""
        with _explained(self._engine):
            found: NDArray[np.float32] = self._open.whole(pixels)
        return found


_ENGINES: dict[Engine, Callable[[Path, int], Any]] = {
    "onnxruntime": _OnnxRuntime,
    "openvino": _OpenVino,
    "torch": _Torch,
}
