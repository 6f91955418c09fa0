"""What every registered network has to do, so that a new one arrives tested."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from skipwise import SkipwiseError, create_model, list_models
from skipwise.cost.counts import count
from skipwise.nets.blocks import BasicBlock, InvertedResidual, NoSkip, SqueezeExcite, matching_skip, projection_skip
from skipwise.nets.network import resolve_stem, scaled

PUBLISHED = [  # network, stem, image size, classes, parameters, multiply-adds in billions
    ("resnet18", "imagenet", 224, 1000, 11_689_512, 1.814),
    ("se_resnet18", "imagenet", 224, 1000, 11_778_592, 1.814),
    ("mobilenet_v2", "imagenet", 224, 1000, 3_504_872, 0.301),
    ("resnet18", "small", 32, 10, 11_173_962, 0.555),
    ("se_resnet18", "small", 32, 10, 11_263_042, 0.556),
]


@pytest.mark.parametrize(("name", "stem", "size", "classes", "parameters", "billions"), PUBLISHED)
def test_counts_are_the_published_ones(
    name: str, stem: str, size: int, classes: int, parameters: int, billions: float
) -> None:
    counted = count(create_model(name, num_classes=classes, stem=stem, seed=0), channels=3, size=size)
    assert counted.parameters == parameters
    # Published to a thousandth of a billion, some rounded and some cut.
    assert counted.multiply_adds / 1e9 == pytest.approx(billions, abs=0.001)


def test_plain18_is_resnet18_without_its_shortcuts() -> None:
    plain, residual = (create_model(name, num_classes=10, stem="small", seed=0) for name in ("plain18", "resnet18"))
    shortcuts = [p for name, p in residual.named_parameters() if "shortcut" in name]
    difference = sum(p.numel() for p in residual.parameters()) - sum(p.numel() for p in plain.parameters())
    assert difference == sum(p.numel() for p in shortcuts) > 0
    assert any(isinstance(module, NoSkip) for module in plain.modules())


@pytest.fixture(params=list_models())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def small(name: str, **options: object) -> nn.Module:
    return create_model(name, **{"num_classes": 7, "stem": "small", "width": 0.25, "seed": 0} | options)


@pytest.mark.parametrize("stem", ["small", "imagenet"])
@pytest.mark.parametrize("size", [8, 33, 64])
def test_any_image_size_gives_logits(name: str, stem: str, size: int) -> None:
    network = small(name, stem=stem).eval()
    logits = network(torch.randn(2, 3, size, size + 3))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


def test_every_parameter_gets_a_gradient(name: str) -> None:
    network = small(name)
    network(torch.randn(4, 3, 16, 16)).square().sum().backward()
    # The last layer before a norm or the logits may see a gradient of exactly zero; none may see none.
    assert all(p.grad is not None for p in network.parameters())
    without = [n for n, p in network.named_parameters() if not p.grad.any()]
    assert not without


def test_a_seed_gives_the_same_weights_and_leaves_the_global_generator_alone(name: str) -> None:
    state = torch.get_rng_state()
    first, second, other = small(name), small(name), small(name, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    for (key, a), b, c in zip(
        first.state_dict().items(), second.state_dict().values(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)
        if a.ndim > 1:
            assert not torch.equal(a, c), key


def test_no_weight_is_left_uninitialised(name: str) -> None:
    for key, value in small(name).state_dict().items():
        assert value.isfinite().all(), key
        assert value.abs().max() < 10, key


def test_without_a_seed_the_global_generator_decides(name: str) -> None:
    torch.manual_seed(3)
    first = small(name, seed=None)
    torch.manual_seed(3)
    assert torch.equal(first.classifier.weight, small(name, seed=None).classifier.weight)


def test_channels_last_changes_nothing(name: str) -> None:
    network = small(name).eval()
    images = torch.randn(2, 3, 24, 24)
    with torch.inference_mode():
        wanted = network(images)
        given = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(given, wanted, rtol=1e-4, atol=1e-5)


def test_bfloat16_stays_close(name: str) -> None:
    network = small(name)
    images = torch.randn(8, 3, 24, 24)
    with torch.no_grad():
        wanted = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            given = network(images)
    # Eight bits of mantissa through fifty layers of norms over eight small images: some per cent of the whole.
    assert (given.float() - wanted).norm() < 0.2 * wanted.norm()


def test_one_channel_and_another_class_count(name: str) -> None:
    assert small(name, in_channels=1, num_classes=3)(torch.randn(2, 1, 8, 8)).shape == (2, 3)


def test_squeeze_excite_gates_each_channel_of_each_image() -> None:
    gate = SqueezeExcite(32)
    images = torch.randn(2, 32, 5, 5)
    ratio = gate(images) / images
    assert torch.allclose(ratio, ratio[:, :, :1, :1].expand_as(ratio), atol=1e-4)
    assert ((ratio > 0) & (ratio < 1)).all()
    assert gate.squeeze.out_features == 4  # 32 // 16 is 2
    assert SqueezeExcite(256).squeeze.out_features == 16
    assert SqueezeExcite(32, bias=False).excite.bias is None


def test_a_block_whose_branch_is_zero_passes_its_input_on() -> None:
    """What makes a block residual: with the branch silent, its input comes out (after the ReLU)."""
    block = BasicBlock(8, 8, 1, gate=nn.Identity(), skip=projection_skip(8, 8, 1)).eval()
    nn.init.zeros_(block.branch[-1].norm.weight)
    images = torch.rand(2, 8, 6, 6)
    torch.testing.assert_close(block(images), images)
    plain = BasicBlock(8, 8, 1, gate=nn.Identity(), skip=NoSkip()).eval()
    nn.init.zeros_(plain.branch[-1].norm.weight)
    assert not plain(images).any()


def test_inverted_residual_skips_only_where_shapes_match_and_projects_linearly() -> None:
    assert isinstance(matching_skip(8, 8, 2), NoSkip)
    assert isinstance(matching_skip(8, 16, 1), NoSkip)
    block = InvertedResidual(8, 8, 1, gate=nn.Identity(), skip=matching_skip(8, 8, 1)).eval()
    nn.init.zeros_(block.branch[-1].norm.weight)
    images = torch.randn(2, 8, 6, 6)
    torch.testing.assert_close(block(images), images)  # negative values too: no activation at the end


@pytest.mark.parametrize(("width", "channels"), [(0.25, 16), (0.3, 16), (0.01, 8), (1, 64), (2, 128)])
def test_width_rounds_to_multiples_of_eight(width: float, channels: int) -> None:
    assert scaled(64, width) == channels


def test_auto_stem_is_small_up_to_64_pixels() -> None:
    assert resolve_stem("auto", 64) == "small"
    assert resolve_stem("auto", 65) == "imagenet"
    assert resolve_stem("imagenet", 8) == "imagenet"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "resnet81"}, "did you mean 'resnet18'"),
        ({"stem": "smal"}, "did you mean 'small'"),
        ({"stem": "auto"}, "needs the image size"),
        ({"width": 0}, "width must be above 0"),
        ({"width": float("nan")}, "width must be above 0"),
        ({"num_classes": 0}, "at least 1 class"),
        ({"name": "no.such.module:net"}, "can't be imported"),
        ({"name": "math:pi"}, "is not a function"),
    ],
)
def test_what_is_no_network_is_refused_with_a_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        create_model(**{"name": "resnet18", "num_classes": 2} | options)


def test_a_network_of_ones_own(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (here / "guest_networks.py").write_text(
        "from torch import nn\n"
        "def tiny(num_classes, in_channels):\n"
        "    return nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))\n"
        "def linear(num_classes, in_channels):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, num_classes))\n"
        "def nothing(**_):\n"
        "    return 3\n"
    )
    first, second = (create_model("guest_networks:linear", num_classes=2, seed=5) for _ in range(2))
    assert torch.equal(first[2].weight, second[2].weight)
    with pytest.raises(SkipwiseError, match=r"must return a torch\.nn\.Module"):
        create_model("guest_networks:nothing", num_classes=2)
