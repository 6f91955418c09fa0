"""INT8 with a check of accuracy: layers that cost too much of it stay in single precision.

The quantizer is ONNX Runtime's. NNCF can quantize ONNX, too. On the trained networks that were tried, its answers
agreed less often with those in single precision (benchmarks/RESULTS.md), and its depthwise convolutions do not run in
ONNX Runtime.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto

from skipwise.core.errors import SkipwiseError
from skipwise.deploy.artifact.artifact import Quantization
from skipwise.deploy.formats.format import RESIZED
from skipwise.deploy.runtime.backend_import import import_backend
from skipwise.deploy.verify.agreement import right
from skipwise.deploy.verify.drop import beyond, mend
from skipwise.statistics.noninferiority import Drop, noninferiority

IN_INT8 = ("Conv", "Relu", "Clip", "Add", "Mul", "MaxPool")
"""The operators that are quantized. The last layer's product is not: it takes no time, and its rounding shows in the
answers directly."""

MOST_KEPT = 0.5
"""The largest share of layers that may stay in single precision. Where more would have to, INT8 is refused."""

RANKED_ON = 200
"""Number of images that layers are ranked on, by how much accuracy they cost."""

Evaluate = Callable[[ModelProto, NDArray[np.uint8]], NDArray[np.float32]]
"""A network and resized pixels [N, C, size, size] -> probabilities [N, classes], in the backend that it is for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Checked:
    """N images that accuracy is checked on.

    Args:
        pixels: resized pixels [N, C, size, size].
        labels: their classes [N].
        split: the split that they belong to.
        groups: a number for each [N], the same for images that belong together; None where no two do.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    split: str
    groups: NDArray[np.int64] | None = None


def quantize(
    answer: ModelProto,
    calibration: NDArray[np.uint8],
    checked: Checked,
    *,
    max_drop: float,
    evaluate: Evaluate,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> tuple[ModelProto, Quantization]:
    """Quantizes a network to INT8.

    Args:
        answer: the network in single precision, from resized pixels to probabilities.
        calibration: resized training images [N, C, size, size] that the ranges of activations are measured on.
        checked: the images that accuracy is checked on.
        max_drop: how much accuracy may be lost on `checked`, a fraction. Layers go back to single precision until no
            more than that is lost, or one image.
        evaluate: runs a network in the backend that it is for.
        progress: called as progress(what is being done, done, total).

    Returns:
        The quantized network, and the record of how it was done.

    Raises:
        SkipwiseError: more accuracy is lost even with as many layers in single precision as may be. Where the images
            are too few to tell, the network is returned, and the record says so.
    """
    # In whole images: differences of shares are not exact.
    allowed = max(1, int(max_drop * len(checked.labels) + 1e-6)) / len(checked.labels) + 1e-9

    def is_right(model: ModelProto) -> NDArray[np.bool_]:
        return right(evaluate(model, checked.pixels), checked.labels)

    def accuracy(model: ModelProto) -> float:
        return float(is_right(model).mean())

    def drop(file: NDArray[np.bool_]) -> Drop:
        return noninferiority(reference, file, limit=max_drop, groups=checked.groups)

    progress("Calibrating", 0, 1)
    plain, full = _quantized(answer, calibration)
    layers = [node.name for node in full.graph.node if node.op_type == "Conv" and _is_quantized(full, node)]
    reference, file = is_right(plain), is_right(full)
    before, after = float(reference.mean()), float(file.mean())
    kept: tuple[str, ...] = ()
    made = full
    if before - after > allowed:
        ranked = _rank(
            plain, full, layers, checked.pixels[:: max(1, len(checked.pixels) // RANKED_ON)], evaluate, progress
        )
        most = int(len(ranked) * MOST_KEPT)
        count, made, after = _fewest(
            lambda count: restored(full, plain, ranked[:count]), accuracy, before - allowed, most
        )
        kept = tuple(sorted(ranked[:count], key=layers.index))
        file = is_right(made)
        if (found := drop(file)).outcome == "not as good":
            raise SkipwiseError(
                f"INT8 loses {100 * (before - after):.2f} points of accuracy, from {100 * before:.2f}% to "
                f"{100 * after:.2f}% of {len(checked.labels):,} {checked.split} images, even with {most} of "
                f"{len(layers)} layers left in single precision: {beyond(found)}. {mend(found)}"
            )
    return made, Quantization(
        calibrated=len(calibration),
        checked=len(checked.labels),
        split=checked.split,
        accuracy=before,
        quantized_accuracy=after,
        max_drop=max_drop,
        layers=len(layers),
        kept=kept,
        drop=drop(file),
    )


def _fewest(
    made: Callable[[int], ModelProto], accuracy: Callable[[ModelProto], float], least: float, most: int
) -> tuple[int, ModelProto, float]:
    """The fewest layers in single precision with which the accuracy is at least `least`, or `most` layers.

    Their number is doubled until it is enough, then found by bisection.

    Returns:
        The number of layers, the network with them, and its accuracy.
    """
    low, high = 0, 1
    while True:
        high = min(high, most)
        model = made(high)
        reached = accuracy(model)
        if reached >= least or high == most:
            break
        low, high = high, 2 * high
    best = (high, model, reached)
    while reached >= least and high - low > 1:
        middle = (low + high) // 2
        model = made(middle)
        at = accuracy(model)
        if at >= least:
            best, high = (middle, model, at), middle
        else:
            low = middle
    return best


def _rank(
    plain: ModelProto,
    full: ModelProto,
    layers: Sequence[str],
    pixels: NDArray[np.uint8],
    evaluate: Evaluate,
    progress: Callable[[str, int, int], None],
) -> list[str]:
    """The layers, those first that bring the answers nearest to those in single precision when they alone are not
    quantized."""
    expected = evaluate(plain, pixels)
    distance = {}
    for number, layer in enumerate(layers):
        progress("Ranking layers by the accuracy they cost", number, len(layers))
        distance[layer] = float(np.abs(evaluate(restored(full, plain, [layer]), pixels) - expected).mean())
    return sorted(layers, key=distance.__getitem__)


def restored(full: ModelProto, plain: ModelProto, layers: Sequence[str]) -> ModelProto:
    """The quantized network, with these layers in single precision as in the plain one."""
    model = ModelProto()
    model.CopyFrom(full)
    original = {node.name: node for node in plain.graph.node}
    for node in model.graph.node:
        if node.name in layers:
            # The inputs as they were: weights, and activations that are not rounded.
            node.input[:] = original[node.name].input
            _lend(model.graph, plain, node.input)
    _drop_unused(model)
    return model


def _drop_unused(model: ModelProto) -> None:
    graph = model.graph
    while True:
        used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        idle = [node for node in graph.node if not used.intersection(node.output)]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def _is_quantized(model: ModelProto, node: Any) -> bool:
    made_by = {each.output[0]: each.op_type for each in model.graph.node}
    return all(made_by.get(name) == "DequantizeLinear" for name in node.input[:2])


class _Reader:
    """Gives the quantizer calibration images, one at a time."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = iter(pixels)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        image = next(self.pixels, None)
        return None if image is None else {RESIZED: image[None].astype(np.float32)}


def _quantized(answer: ModelProto, calibration: NDArray[np.uint8]) -> tuple[ModelProto, ModelProto]:
    """The network as the quantizer prepares it, still in single precision, and the same in INT8.

    Weights are signed with a scale for each filter, activations are unsigned with a scale for each tensor. This form is
    fast in ONNX Runtime and in OpenVINO.
    """
    tools = import_backend("onnxruntime.quantization")

    class Reader(_Reader, tools.CalibrationDataReader):  # type: ignore[name-defined]
        pass

    with tempfile.TemporaryDirectory() as folder, _quietly():
        paths = [str(Path(folder) / name) for name in ("answer.onnx", "plain.onnx", "int8.onnx")]
        onnx.save(answer, paths[0])
        tools.shape_inference.quant_pre_process(paths[0], paths[1])
        plain = onnx.load(paths[1])
        tools.quantize_static(
            paths[1],
            paths[2],
            Reader(calibration),
            per_channel=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            op_types_to_quantize=list(IN_INT8),
            nodes_to_exclude=_on_pooled_images(plain),
        )
        return plain, _with_activations(onnx.load(paths[2]), plain)


def _with_activations(full: ModelProto, plain: ModelProto) -> ModelProto:
    """Puts back the ReLUs that the quantizer removed because its rounding cuts off at zero, too.

    A layer that goes back to single precision needs them, and backends merge them with the rounding by themselves.
    """
    graph, there = full.graph, {node.name for node in full.graph.node}
    for node in plain.graph.node:
        if node.name in there:
            continue
        place, before = next((place, each) for place, each in enumerate(graph.node) if node.output[0] in each.output)
        before.output[list(before.output).index(node.output[0])] = node.input[0]
        graph.node.insert(place + 1, node)
        _lend(graph, plain, node.input)
    return full


def _lend(graph: Any, plain: ModelProto, names: Iterable[str]) -> None:
    """Copies weights and constants of the plain network into a graph that lacks them."""
    there = {tensor.name for tensor in graph.initializer} | {name for node in graph.node for name in node.output}
    graph.initializer.extend(
        tensor for tensor in plain.graph.initializer if tensor.name in names and tensor.name not in there
    )


def _on_pooled_images(model: ModelProto) -> list[str]:
    """The names of the convolutions of images of one pixel, such as squeeze-excite gates.

    Quantizing them saves no time, and their rounding shows.
    """
    inferred = onnx.shape_inference.infer_shapes(model)
    single = {
        value.name
        for value in (*inferred.graph.value_info, *inferred.graph.output)
        if [dimension.dim_value for dimension in value.type.tensor_type.shape.dim][2:] == [1, 1]
    }
    return [node.name for node in model.graph.node if node.op_type == "Conv" and node.output[0] in single]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
