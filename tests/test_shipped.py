"""The network as it is shipped: the same pixels as Pillow's, the same numbers as the network's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skipwise.data.image.preprocess import Preprocessing, fit_square
from skipwise.deploy.export.onnx_file import PIXELS, to_onnx
from skipwise.deploy.export.shipped import HalfPrecisionWeights, Resize, portable, trace_classifier, trace_resize
from skipwise.deploy.formats import find_backend
from skipwise.deploy.formats.format import RESIZED
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.nets.create import create_model, list_models


def prepared(size: int = 24, **more: object) -> Preprocessing:
    settings = {"size": size, "channels": 3, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3), **more}
    return Preprocessing(**settings)  # type: ignore[arg-type]


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, channels), dtype=np.uint8)


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    size=st.integers(8, 40),
    crop=st.sampled_from([1.0, 0.875, 0.95]),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
)
def test_the_file_fits_pixels_exactly_as_training_does(
    height: int, width: int, size: int, crop: float, interpolation: str
) -> None:
    pixels = noise(height, width)
    fit = Resize(prepared(size, crop=crop, interpolation=interpolation))
    found = fit(torch.from_numpy(pixels)[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found, fit_square(pixels, size, crop=crop, interpolation=interpolation))


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_engines_fit_photographs_exactly_as_training_does(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "fit.onnx"
    onnx.save(to_onnx(trace_resize(prepared(224)), takes=PIXELS, gives=RESIZED), path)
    fit = ModelSession(find_backend(engine), path, 1)
    for shape in ((500, 333), (333, 500), (640, 480), (256, 256), (1200, 1601)):
        pixels = noise(*shape)
        differs = np.abs(fit.predict_pixels(pixels[None])[0] - fit_square(pixels, 224).transpose(2, 0, 1))
        # OpenVINO has no double precision: a pixel halfway between two levels may fall to the other side.
        assert (differs > 0).mean() <= (0 if engine == "onnxruntime" else 0.03), shape
        assert differs.max() <= 1


def test_pixels_that_fit_already_are_not_touched() -> None:
    pixels = noise(24, 24)
    found = Resize(prepared(24))(torch.from_numpy(pixels)[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found, pixels)


def test_fitting_goes_across_first_whatever_the_shape() -> None:
    # In one call Pillow 13 goes down first where an image is higher than wide, and rounds otherwise.
    pixels = noise(50, 33)
    sideways = fit_square(np.ascontiguousarray(pixels.transpose(1, 0, 2)), 16).transpose(1, 0, 2)
    assert (fit_square(pixels, 16) != sideways).any()


@pytest.mark.parametrize("size", [(30, 47), (24, 24), (7, 90)])
def test_a_traced_fit_takes_any_number_of_images_of_any_size(size: tuple[int, int]) -> None:
    program = trace_resize(prepared(24)).module()
    pixels = torch.from_numpy(np.stack([noise(*size)] * 5))
    torch.testing.assert_close(program(pixels), Resize(prepared(24))(pixels), rtol=0, atol=0)


def unsettled(network: nn.Module) -> nn.Module:
    """Batch norms that have seen something, so that folding them wrongly shows."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.3, generator=generator)  # type: ignore[union-attr,operator]
            module.running_var.uniform_(0.5, 2, generator=generator)  # type: ignore[union-attr,operator]
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(std=0.3, generator=generator)
    return network.eval()


QUICK = ("legacy_se_resnet18", "mobilenet_v2")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in list_models()]
)
def test_norms_are_folded_and_the_answers_stay(name: str) -> None:
    network = unsettled(create_model(name, num_classes=5, stem="small", width=0.25, seed=0))
    program = trace_classifier(portable(network), prepared(32))

    pixels = torch.randint(0, 256, (3, 3, 32, 32)).float()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in (prepared().mean, prepared().std))
    with torch.no_grad():
        expected = network((pixels - mean) / std).softmax(dim=1)
        found = program.module()(pixels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not any("batch_norm" in str(node.target) for node in program.graph.nodes)


def test_half_precision_halves_the_weights_and_computes_in_single() -> None:
    network = portable(unsettled(create_model("resnet18", num_classes=5, stem="small", width=0.25, seed=0)))
    halved = HalfPrecisionWeights(network)
    assert {tensor.dtype for tensor in halved.state_dict().values() if tensor.is_floating_point()} == {torch.float16}
    images = torch.randn(2, 3, 32, 32)
    found, expected = halved(images), network(images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.01, atol=0.02)
    assert (found != expected).any()
