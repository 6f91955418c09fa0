"""INT8 with control of accuracy, and the forms of a network that engines get right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.export import quantize as quantizing
from skipwise.deploy.export.calibration import RunModel, evaluating
from skipwise.deploy.export.onnx_file import PROBABILITIES, to_onnx
from skipwise.deploy.export.quantize import Checked, quantize, restored
from skipwise.deploy.export.shipped import portable, trace_classifier
from skipwise.deploy.formats import onnx_format, openvino_format
from skipwise.deploy.formats.format import RESIZED
from skipwise.nets.create import create_model
from tests.test_shipped import unsettled

PREPARED = Preprocessing(size=16, channels=3, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def images(count: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 3, 4, 4)).repeat(4, axis=2).repeat(4, axis=3)
    return (0.7 * coarse + 0.3 * rng.integers(0, 256, (count, 3, 16, 16))).round().astype(np.uint8)


@pytest.fixture(scope="module")
def answer() -> onnx.ModelProto:
    """A network with gates, untrained: its answers are close to each other, and rounding changes one in ten."""
    network = unsettled(create_model("se_resnet18", num_classes=4, stem="small", width=0.25, seed=5))
    return to_onnx(trace_classifier(portable(network), PREPARED), takes=RESIZED, gives=PROBABILITIES)


@pytest.fixture(scope="module")
def pair(answer: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    return quantizing._quantized(answer, images(24))


def checked(answer: onnx.ModelProto, count: int = 60) -> Checked:
    pixels = images(count, seed=1)
    return Checked(
        pixels=pixels, labels=evaluating(onnx_format.run_model)(answer, pixels).argmax(axis=1), split="validation"
    )


def test_gates_stay_out_of_int8_and_every_other_convolution_is_in(pair: tuple[onnx.ModelProto, ...]) -> None:
    plain, full = pair
    convolutions = [node for node in full.graph.node if node.op_type == "Conv"]
    gates = quantizing._on_pooled_images(plain)
    assert len(gates) == 16
    assert {node.name for node in convolutions if not quantizing._is_quantized(full, node)} == set(gates)


@pytest.mark.parametrize("run", [onnx_format.run_model, openvino_format.run_model])
def test_int8_answers_are_near_and_the_same_alone_as_in_a_batch(
    answer: onnx.ModelProto, pair: tuple[onnx.ModelProto, ...], run: RunModel
) -> None:
    evaluate, pixels = evaluating(run), images(16, seed=2)
    expected, together = evaluate(answer, pixels), evaluate(pair[1], pixels)
    assert np.abs(together - expected).mean() < 0.02
    alone = np.concatenate([evaluate(pair[1], pixels[index : index + 1]) for index in range(len(pixels))])
    # With gates as products of flat vectors OpenVINO gives all images of a batch one image's gate.
    assert np.abs(together - alone).max() < 0.05


def test_everything_restored_is_the_plain_network(pair: tuple[onnx.ModelProto, ...]) -> None:
    plain, full = pair
    model = restored(full, plain, [node.name for node in plain.graph.node])
    onnx.checker.check_model(model, full_check=True)
    used = {name for node in model.graph.node for name in node.input}
    assert all(tensor.name in used for tensor in model.graph.initializer)
    assert not any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    evaluate, pixels = evaluating(onnx_format.run_model), images(8, seed=4)
    # But for biases, which are whole numbers of 32 bits.
    np.testing.assert_allclose(evaluate(model, pixels), evaluate(plain, pixels), atol=1e-5)
    assert np.abs(evaluate(full, pixels) - evaluate(plain, pixels)).max() > 1e-4


def spoiled(layer: int) -> Callable[..., tuple[onnx.ModelProto, onnx.ModelProto]]:
    """A quantizer that gets one layer badly wrong."""
    real = quantizing._quantized

    def quantized(network: onnx.ModelProto, calibration: NDArray[np.uint8]) -> tuple[onnx.ModelProto, ...]:
        plain, full = real(network, calibration)
        layers = [node for node in full.graph.node if node.op_type == "Conv" and quantizing._is_quantized(full, node)]
        made_by = {node.output[0]: node for node in full.graph.node}
        scale = made_by[layers[layer].input[1]].input[1]
        tensor = next(tensor for tensor in full.graph.initializer if tensor.name == scale)
        wrong = onnx.numpy_helper.to_array(tensor) * np.float32(-3)
        tensor.CopyFrom(onnx.numpy_helper.from_array(wrong, scale))
        return plain, full

    return quantized  # type: ignore[return-value]


def test_the_layer_that_costs_accuracy_stays_in_single_precision(
    answer: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantizing, "_quantized", spoiled(5))
    told: list[str] = []
    made, record = quantize(
        answer,
        images(24),
        checked(answer),
        max_drop=0.2,
        evaluate=evaluating(onnx_format.run_model),
        progress=lambda what, *_: told.append(what),
    )
    convolutions = [node.name for node in made.graph.node if node.op_type == "Conv"]
    gates = quantizing._on_pooled_images(answer)
    quantized = [name for name in convolutions if name not in gates]
    assert record.kept == (quantized[5],)
    assert record.accuracy - record.quantized_accuracy <= 0.2
    assert record.layers == len(quantized)
    assert "Ranking layers by the accuracy they cost" in told


def test_int8_that_costs_too_much_is_refused_with_the_numbers(
    answer: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantizing, "_quantized", spoiled(5))
    monkeypatch.setattr(quantizing, "MOST_KEPT", 0.0)
    with pytest.raises(SkipwiseError, match=r"INT8 loses [\d.]+ points of accuracy, from 100\.00% to"):
        quantize(answer, images(24), checked(answer), max_drop=0.01, evaluate=evaluating(onnx_format.run_model))


def test_one_image_may_always_be_lost(answer: onnx.ModelProto) -> None:
    few = checked(answer, 3)
    _, record = quantize(answer, images(24), few, max_drop=0.0, evaluate=evaluating(onnx_format.run_model))
    assert record.accuracy - record.quantized_accuracy <= 1 / 3 + 1e-9
    assert record.drop is not None
    assert record.drop.outcome == "cannot tell"  # three images never can


@pytest.mark.parametrize("right", range(1, 40, 3))
def test_exactly_one_image_less_is_allowed_whatever_the_accuracy(
    answer: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch, right: int
) -> None:
    labels = np.zeros(269, dtype=np.int64)
    wrong = iter([269 - right, 270 - right])

    def evaluate(*_: object) -> NDArray[np.float32]:
        answers = np.zeros((269, 2), dtype=np.float32)
        answers[: next(wrong), 1] = 1
        return answers

    monkeypatch.setattr(quantizing, "_quantized", lambda *_: (answer, answer))
    some = Checked(pixels=images(2), labels=labels, split="validation")
    assert quantize(answer, images(2), some, max_drop=0.0, evaluate=evaluate)[1].kept == ()


def test_the_fewest_layers_are_found() -> None:
    def made(count: int) -> onnx.ModelProto:
        return onnx.ModelProto(ir_version=count)

    for needed in range(1, 9):
        count, model, reached = quantizing._fewest(made, lambda m, n=needed: float(m.ir_version >= n), 1.0, 8)
        assert (count, model.ir_version, reached) == (needed, needed, 1.0)
    assert quantizing._fewest(made, lambda _: 0.0, 1.0, 8)[::2] == (8, 0.0)
