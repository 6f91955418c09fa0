"""What every registered network has to do, so that a new one arrives tested."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from skipwise import SkipwiseError, create_model, list_models
from skipwise.cost.counts import count
from skipwise.nets import zoo
from skipwise.nets.blocks import (
    BasicBlock,
    DropPath,
    InvertedResidual,
    NoSkip,
    PadShortcut,
    Skip,
    SqueezeExcite,
    matching_skip,
    projection_skip,
)
from skipwise.nets.network import scaled
from skipwise.nets.stems import resolve_stem

PUBLISHED = [  # network, stem, image size, classes, parameters, multiply-adds in billions
    ("resnet18", "imagenet", 224, 1000, 11_689_512, 1.814),
    ("resnet34", "imagenet", 224, 1000, 21_797_672, 3.664),
    ("resnet50", "imagenet", 224, 1000, 25_557_032, 4.089),
    ("resnet101", "imagenet", 224, 1000, 44_549_160, 7.801),
    ("resnet152", "imagenet", 224, 1000, 60_192_808, 11.514),
    ("resnext50_32x4d", "imagenet", 224, 1000, 25_028_904, 4.230),
    ("mobilenet_v2", "imagenet", 224, 1000, 3_504_872, 0.301),
    ("se_resnet18", "imagenet", 224, 1000, 11_778_592, 1.814),
    ("se_resnet34", "imagenet", 224, 1000, 21_958_868, 3.664),
    ("se_resnet50", "imagenet", 224, 1000, 28_088_024, 4.092),
    ("se_resnext50_32x4d", "imagenet", 224, 1000, 27_559_896, 4.233),
    ("legacy_se_resnet18", "imagenet", 224, 1000, 11_778_592, None),
    ("legacy_se_resnet34", "imagenet", 224, 1000, 21_958_868, None),
    ("resnet18", "small", 32, 10, 11_173_962, 0.555),
    ("resnet34", "small", 32, 10, 21_282_122, 1.159),
    ("resnet50", "small", 32, 10, 23_520_842, 1.298),
    ("se_resnet18", "small", 32, 10, 11_263_042, 0.556),
    ("senet34", "small", 32, 10, 21_439_306, 1.160),
    ("resnet20", None, 32, 10, 269_722, 0.0406),
    ("resnet32", None, 32, 10, 464_154, 0.0689),
    ("resnet44", None, 32, 10, 658_586, 0.0972),
    ("resnet56", None, 32, 10, 853_018, 0.1255),
    ("resnet110", None, 32, 10, 1_727_962, 0.2529),
    ("projection_resnet20", None, 32, 10, 272_474, 0.0408),
    ("projection_resnet56", None, 32, 10, 855_770, 0.1257),
]


@pytest.mark.parametrize(
    ("name", "stem", "size", "classes", "parameters", "billions"),
    [pytest.param(*row, marks=pytest.mark.slow) if row[4] > 40e6 else row for row in PUBLISHED],
)
def test_counts_are_the_published_ones(
    name: str, stem: str | None, size: int, classes: int, parameters: int, billions: float | None
) -> None:
    counted = count(create_model(name, num_classes=classes, stem=stem, seed=0), channels=3, size=size)
    assert counted.parameters == parameters
    if billions is not None:
        assert round(counted.multiply_adds / 1e9, 3 if billions > 0.3 else 4) == billions


@pytest.mark.parametrize("depth", ["18", "34", "20", "56"])
def test_plain_networks_are_their_resnets_without_the_shortcuts(depth: str) -> None:
    plain, residual = (create_model(kind + depth, num_classes=10, seed=0) for kind in ("plain", "resnet"))
    names = {name for name, _ in residual.named_parameters() if "shortcut" not in name}
    assert {name for name, _ in plain.named_parameters()} == names
    assert all(isinstance(m.skip, NoSkip) for m in plain.modules() if isinstance(m, BasicBlock))
    assert all(isinstance(m.skip, Skip) for m in residual.modules() if isinstance(m, BasicBlock))


# More than a hundred layers of blocks that shallower networks have too.
DEEP = {"resnet101", "resnet152", "resnet110", "se_resnet101", "se_resnet152"}
DEEP |= {f"projection_resnet{depth}" for depth in (32, 44, 56)}


@pytest.fixture(params=[pytest.param(n, marks=pytest.mark.slow) if n in DEEP else n for n in list_models()])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def small(name: str, **options: object) -> nn.Module:
    return create_model(name, **{"num_classes": 7, "stem": "small", "width": 0.25, "seed": 0} | options)


@pytest.mark.parametrize("stem", ["small", "imagenet"])
def test_any_image_size_gives_logits(name: str, stem: str) -> None:
    network = small(name, stem=stem).eval()
    for size in (8, 33, 64):
        logits = network(torch.randn(2, 3, size, size + 3))
        assert logits.shape == (2, 7), size
        assert logits.isfinite().all(), size


def test_every_parameter_gets_a_gradient(name: str) -> None:
    """With one seed or another: the four hidden units of a narrow gate may all be silent for the images of one."""
    without: set[str] = set()
    for seed in range(3):
        network = small(name, seed=seed)
        network(torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(seed))).square().sum().backward()
        silent = {key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()}
        without = silent if seed == 0 else without & silent
        if not without:
            break
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
    # Evaluated with fresh norms: norms of a batch of small images would magnify the rounding at every layer.
    network = small(name).eval()
    images = torch.randn(8, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            given = network(images)
    assert given.dtype == torch.bfloat16
    assert (given.float() - wanted).norm() < 0.05 * wanted.norm()


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


def test_parameter_free_shortcut_subsamples_and_pads_with_zeros() -> None:
    images = torch.randn(2, 4, 6, 6)
    out = PadShortcut(4, 8, 2)(images)
    assert out.shape == (2, 8, 3, 3)
    torch.testing.assert_close(out[:, 2:6], images[:, :, ::2, ::2])
    assert not out[:, :2].any()
    assert not out[:, 6:].any()


def test_drop_path_drops_whole_branches_at_its_rate_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropped = DropPath(0.25)(torch.ones(4000, 2, 2, 2)).flatten(1)
    silent = (dropped == 0).all(dim=1)
    assert torch.allclose(dropped[~silent], torch.tensor(1 / 0.75))
    assert 0.22 < silent.float().mean() < 0.28
    assert torch.equal(DropPath(0.9).eval()(dropped), dropped)


def test_drop_path_grows_with_depth_and_spares_blocks_without_a_skip(name: str) -> None:
    network = small(name, drop_path=0.4)
    shares = [
        m.drop_path.drop_prob for m in network.modules() if isinstance(m, Skip) and isinstance(m.drop_path, DropPath)
    ]
    assert shares == sorted(shares)
    if name.startswith("plain"):
        assert not shares
    else:
        assert shares
        assert max(shares) <= 0.4 + 1e-6
    assert network.state_dict().keys() == small(name).state_dict().keys()


@pytest.mark.parametrize("name", ["resnet18", "se_resnet50", "resnet20", "mobilenet_v2"])
def test_zero_initialised_branches_leave_only_the_skips(name: str) -> None:
    network = small(name, zero_init_last=True).eval()
    blocks = [m for m in network.modules() if isinstance(getattr(m, "skip", None), Skip)]
    images = torch.randn(2, blocks[0].branch[0].conv.in_channels, 8, 8)
    assert blocks
    assert not blocks[0].branch(images).any()


def test_reduction_reaches_every_gate() -> None:
    gates = [m for m in small("se_resnet18", reduction=4, width=1).modules() if isinstance(m, SqueezeExcite)]
    assert [gate.squeeze.out_features for gate in gates] == [16, 16, 32, 32, 64, 64, 128, 128]


def test_a_new_network_takes_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = zoo.Architecture(stages=zoo._residual(zoo.Bottleneck, zoo.WIDE, (2, 2, 2, 2)), paper=zoo.RESNET)
    monkeypatch.setitem(zoo.NETWORKS, "resnet26", row)
    reference = pytest.importorskip("timm").create_model("resnet26")
    ours = create_model("resnet26", seed=0)
    shapes = [sorted(tuple(p.shape) for p in network.parameters()) for network in (ours, reference)]
    assert shapes[0] == shapes[1]


EXPORTED = {"resnet18", "se_resnet18", "mobilenet_v2", "resnet20", "plain18"}


@pytest.mark.parametrize(
    "name", [n if n in EXPORTED else pytest.param(n, marks=pytest.mark.slow) for n in list_models()]
)
def test_torch_export_gives_the_same_answers(name: str) -> None:
    network = small(name).eval()
    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(network, (torch.randn(2, 3, 16, 16),), dynamic_shapes=({0: batch},)).module()
    images = torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(exported(images), network(images), atol=1e-5, rtol=1e-4)


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
        ({"reduction": 0}, "reduction must be at least 1"),
        ({"drop_path": 1.0}, "drop_path must be"),
        ({"name": "timm:resnet18x"}, "no network in timm"),
        ({"name": "torchvision:vgg16bn"}, "did you mean 'vgg16_bn'"),
        ({"name": "torchvision:vgg16_bn", "in_channels": 1}, "takes images of 3 channels"),
        ({"name": "no.such.module:net"}, "can't be imported"),
        ({"name": "math:pi"}, "is not a function"),
    ],
)
def test_what_is_no_network_is_refused_with_a_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        create_model(**{"name": "resnet18", "num_classes": 2} | options)


@pytest.mark.parametrize("name", ["timm:resnet10t", "torchvision:squeezenet1_1"])
def test_networks_of_other_libraries(name: str) -> None:
    if name.startswith("timm"):
        pytest.importorskip("timm")
    first, second = (create_model(name, num_classes=3, seed=1).eval() for _ in range(2))
    images = torch.randn(2, 3, 64, 64)
    assert first(images).shape == (2, 3)
    assert torch.equal(first(images), second(images))
    assert count(first, channels=3, size=64).parameters > 100_000


def test_a_network_of_ones_own(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (here / "external_networks.py").write_text(
        "from torch import nn\n"
        "def tiny(num_classes, in_channels):\n"
        "    return nn.Sequential(nn.Flatten(), nn.LazyLinear(num_classes))\n"
        "def linear(num_classes, in_channels):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, num_classes))\n"
        "def nothing(**_):\n"
        "    return 3\n"
    )
    first, second = (create_model("external_networks:linear", num_classes=2, seed=5) for _ in range(2))
    assert torch.equal(first[2].weight, second[2].weight)
    with pytest.raises(SkipwiseError, match=r"must return a torch\.nn\.Module"):
        create_model("external_networks:nothing", num_classes=2)
