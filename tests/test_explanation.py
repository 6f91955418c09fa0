"""Heat maps, the checks of whether they can be believed, and what squeeze-excite gates do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.nets.blocks import SqueezeExcite
from skipwise.nets.explanation.activation_maps import class_activation_maps, receptive_grid
from skipwise.nets.explanation.faithfulness import faithfulness_check
from skipwise.nets.explanation.gates import gate_record, has_gates
from skipwise.nets.explanation.grad_cam import gradient_maps
from skipwise.nets.explanation.grid import Grid
from skipwise.nets.explanation.layers import find_layer, pooled_layer
from skipwise.nets.explanation.method import MapMethod, map_method
from skipwise.nets.explanation.randomisation import randomisation_check
from skipwise.nets.explanation.records import Faithfulness
from skipwise.nets.network import Network


def network_of(name: str, **options: object) -> Network:
    """A network with random weights and norms that have seen images, in evaluation mode."""
    network = skipwise.create_model(name, seed=0, **options)
    assert isinstance(network, Network)
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) * 0.1)
            module.running_var.copy_(1 + torch.rand(module.num_features, generator=generator))
    return network.eval()


def images(count: int, side: int, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(2))


def check_mean(name: str, stem: str, side: int) -> None:
    network = network_of(name, stem=stem, width=0.125, num_classes=3).double()
    x = images(1, side).double()
    logits, maps = class_activation_maps(network, x)
    assert torch.equal(logits, network(x))
    assert maps.shape[:2] == (1, 3)
    assert maps.shape[2] == maps.shape[3] > 1
    torch.testing.assert_close(maps.mean(dim=(2, 3)), logits, rtol=1e-9, atol=1e-9)


def test_the_mean_of_a_map_is_the_logit() -> None:
    for name in skipwise.list_models():
        if not name.endswith(("101", "152", "110")):  # these are others with more blocks
            check_mean(name, "small", 16)
    check_mean("se_resnet18", "imagenet", 64)


@pytest.mark.slow
@pytest.mark.parametrize("name", skipwise.list_models())
def test_the_mean_of_a_map_is_the_logit_in_every_network(name: str) -> None:
    check_mean(name, "small", 16)
    check_mean(name, "imagenet", 64)


def test_the_mean_of_a_map_is_the_logit_in_single_precision() -> None:
    network, x = network_of("resnet20", num_classes=4), images(3, 32)
    logits, maps = class_activation_maps(network, x)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "stem", "side"), [("resnet20", "small", 64), ("legacy_se_resnet18", "imagenet", 256)])
def test_a_cell_lies_where_it_looks(name: str, stem: str, side: int) -> None:
    """What a cell in the middle depends on is centred, over many random networks, on the position that is said."""
    centres = []
    for seed in range(6):
        network = skipwise.create_model(name, stem=stem, width=0.125, num_classes=2, seed=seed).eval()
        assert isinstance(network, Network)
        x = images(1, side).requires_grad_()
        features = network.features(x)
        cell = features.shape[-1] // 2
        features[0, :, cell, cell].sum().backward()
        assert x.grad is not None
        size = x.grad[0].abs().sum(dim=0)
        centres.append(float((size.sum(dim=1) * torch.arange(side)).sum() / size.sum()))
    grid = receptive_grid(network)
    said = grid.first + grid.step * cell
    assert abs(np.mean(centres) - said) < 0.2 * grid.step
    even = Grid.even(side, features.shape[-1])
    assert abs(np.mean(centres) - said) < abs(np.mean(centres) - (even.first + even.step * cell))


class Colours(nn.Module):
    """Answers by the amount of each colour in an image: its maps are the image's channels."""

    def __init__(self) -> None:
        super().__init__()
        self.colours = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.colours.weight.copy_(40 * torch.eye(3)[:, :, None, None])
            self.colours.bias.zero_()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.colours(x_BCHW).mean(dim=(2, 3))


def colour_maps(network: nn.Module, x_BCHW: Tensor, classes_BK: Tensor) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        maps = network.colours(x_BCHW)
    return network(x_BCHW).detach(), maps.gather(1, classes_BK[:, :, None, None].expand(-1, -1, *maps.shape[-2:]))


def blobs(count: int, side: int = 16) -> tuple[Tensor, Tensor]:
    """Noise with a square of one colour somewhere, and which colour it is."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(0, 0.3, (count, 3, side, side)).astype(np.float32)
    labels = rng.integers(0, 3, count)
    for number, label in enumerate(labels):
        top, left = rng.integers(0, side - side // 4, 2)
        pixels[number, label, top : top + side // 4, left : left + side // 4] += 2
    return torch.from_numpy(pixels), torch.from_numpy(labels)


def beats_random(found: Faithfulness) -> bool:
    """Returns whether maps are better than random ones in both, on average."""
    deletion, insertion = found.deletion, found.insertion
    return deletion.map_area < deletion.random_area and insertion.map_area > insertion.random_area


def test_deletion_and_insertion_tell_a_map_from_random_ones() -> None:
    network, (x, labels) = Colours(), blobs(6)
    method = MapMethod(name="colours", layer="colours", maps=colour_maps)
    found = faithfulness_check(network, method, x, labels)
    assert beats_random(found)
    assert found.images == 6
    assert found.deletion.better == found.insertion.better == 1
    for curve, whole in ((found.deletion, 0), (found.insertion, -1)):
        # Nothing deleted, or everything inserted, is the image itself.
        own = network(x).softmax(dim=1).gather(1, labels[:, None]).mean().item()
        assert curve.map[whole] == curve.random[whole] == pytest.approx(own, abs=1e-4)
    assert found == faithfulness_check(network, method, x, labels)
    wrong = MapMethod(name="the other way round", layer="colours", maps=lambda *given: _negated(colour_maps(*given)))
    assert not beats_random(faithfulness_check(network, wrong, x, labels))


def _negated(found: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return found[0], -found[1]


def test_maps_of_random_weights_are_others_and_the_network_stays_as_it_is() -> None:
    network, (x, labels) = network_of("resnet20", num_classes=3, width=0.5), blobs(4)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    method = map_method(network, channels=3, size=16)
    steps = randomisation_check(network, method, x, labels)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert steps[0].layer == "classifier"
    assert steps[0].layers == 1
    assert steps[-1].layer == "stem.0.conv"
    assert steps[-1].layers == 20
    assert all(abs(step.correlation) < 0.8 for step in steps)
    # A map that shows the image and not what was learned is found out: it does not change.
    blind = MapMethod(name="edges", layer="", maps=lambda net, x, _: (net(x), x.mean(dim=1, keepdim=True)))
    assert {step.correlation for step in randomisation_check(network, blind, x, labels)} == {1.0}


@pytest.fixture(scope="module")
def learned() -> Network:
    """A small network that has learned to tell the colours of squares."""
    network = skipwise.create_model("se_resnet20", num_classes=3, width=0.5, seed=0)
    assert isinstance(network, Network)
    x, labels = blobs(256)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for step in range(60):
        some = slice(step % 8 * 32, step % 8 * 32 + 32)
        loss = nn.functional.cross_entropy(network(x[some]), labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    assert (network(x).argmax(dim=1) == labels).float().mean() > 0.95
    return network


@pytest.mark.slow
def test_maps_of_a_trained_network_pass_the_checks(learned: Network) -> None:
    x, labels = (some[:24] for some in blobs(256))
    method = map_method(learned, channels=3, size=16)
    steps = randomisation_check(learned, method, x, labels)
    assert steps[-1].correlation < 0.4
    assert steps[-1].correlation < 0.5 * randomisation_floor(learned, method, x, labels)
    found = faithfulness_check(learned, method, x, labels)
    assert beats_random(found)
    assert found.deletion.better > 0.7
    assert found.insertion.better > 0.7


def randomisation_floor(network: Network, method: MapMethod, x: Tensor, labels: Tensor) -> float:
    """The correlation of maps with those of slightly noisy images."""
    own, noisy = (method.maps(network, some, labels[:, None])[1] for some in (x, x + 0.02 * torch.randn_like(x)))
    return float(np.corrcoef(own.flatten(), noisy.flatten())[0, 1])


def test_gates_are_what_the_network_computes_and_fixed_ones_ignore_the_image() -> None:
    network, (x, labels) = network_of("se_resnet20", num_classes=3, width=0.5), blobs(8)
    # One block's gates: the first channel always closed, the second always open, the third by the image.
    gate = network.stages[1][2].gate
    with torch.no_grad():
        gate.excite.weight.mul_(0)
        gate.excite.weight[2] = 5
        gate.excite.bias.zero_()
        gate.excite.bias[:2] = torch.tensor([-10.0, 10.0])
    record = gate_record(network, x, labels.numpy(), ("red", "green", "blue"))
    assert record is not None
    assert [block.block for block in record.blocks] == [f"{s}.{b}" for s in (1, 2, 3) for b in (1, 2, 3)]
    block = record.blocks[5]
    assert (block.stage, block.channels) == (2, 16)
    assert {each.label for each in block.classes} == {("red", "green", "blue")[number] for number in labels.tolist()}
    for each in block.classes:
        assert 0 in each.closed
        assert 1 not in each.closed
        assert each.closed_share == pytest.approx(len(each.closed) / 16, abs=1e-4)
        assert each.open_share >= 1 / 16 - 1e-4
    assert record.accuracy == pytest.approx((network(x).argmax(dim=1) == labels).float().mean().item(), abs=1e-4)
    # With the gates of one image alone, their mean is what they are.
    alone = gate_record(network, x[:1], labels[:1].numpy(), ("red", "green", "blue"))
    assert alone is not None
    assert (alone.changed, alone.mean_accuracy) == (0, alone.accuracy)
    assert all(block.between == 0 for block in alone.blocks)
    assert not network.stages[1][2].gate.excite._forward_hooks


def test_gates_that_decide_change_the_answer_when_they_are_fixed() -> None:
    """In this network the colour is only seen by the gates, so without them nothing is left to tell it by."""
    network, (x, labels) = gated_colours(), blobs(24)
    record = gate_record(network, x, labels.numpy(), ("red", "green", "blue"))
    assert record is not None
    assert record.accuracy == 1
    assert record.mean_accuracy < 0.7
    assert record.changed > 0.3
    assert [block.mean_accuracy for block in record.blocks] == [record.mean_accuracy]
    assert record.blocks[0].between > 0.1


class Gated(nn.Module):
    """A single gate on constant channels: what it lets through is all that the answer depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.ModuleList([SqueezeExcite(3)])])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        gate = self.stages[0][0]
        mean = x_BCHW.mean(dim=(2, 3))
        return torch.sigmoid(gate.excite(torch.relu(gate.squeeze(mean))))


def gated_colours() -> nn.Module:
    network = Gated()
    gate = network.stages[0][0]
    with torch.no_grad():
        gate.squeeze.weight.zero_()
        gate.squeeze.bias.zero_()
        gate.squeeze.weight[:3] = torch.eye(3)
        gate.excite.weight.zero_()
        gate.excite.weight[:, :3] = 40 * torch.eye(3)
        gate.excite.bias.fill_(-2)
    return network.eval()


def test_networks_without_gates_have_no_record() -> None:
    assert not has_gates(network_of("resnet20"))
    assert has_gates(network_of("legacy_se_resnet18", width=0.125))
    x, labels = blobs(2)
    assert gate_record(network_of("resnet20", num_classes=3), x, labels.numpy(), ("a", "b", "c")) is None


def test_the_layer_that_is_pooled_is_found() -> None:
    with_gates = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 5, 1), nn.Flatten()
    )
    assert pooled_layer(with_gates, images(1, 16)) == "1"
    # The stage, and not the shortcut in its last block, which runs last.
    assert pooled_layer(network_of("resnet18", stem="small", width=0.125), images(1, 16)) == "stages"
    in_one = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)), nn.Flatten(), nn.LazyLinear(2)
    )
    assert pooled_layer(in_one, images(1, 16)) == "0.0"
    transformer = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(2), *(nn.Linear(16, 16) for _ in range(6)))
    for network in (transformer, nn.Sequential(nn.Flatten(), nn.LazyLinear(2))):
        with pytest.raises(SkipwiseError, match=r"does not end in a convolution and pooling.*--layer"):
            pooled_layer(network, images(1, 16))


def test_a_layer_that_is_not_there_gets_suggestions() -> None:
    network = network_of("resnet20")
    with pytest.raises(SkipwiseError, match=r"no layer 'stages.2.4.branch'; did you mean 'stages.2.\d.branch'"):
        find_layer(network, "stages.2.4.branch")
    with pytest.raises(SkipwiseError, match=r"no layer 'zzz'; it has stem, stages, classifier, and layers inside"):
        find_layer(network, "zzz")


def test_without_captum_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "captum" else found(name))
    with pytest.raises(SkipwiseError, match=r"needs captum.*skipwise\[explain\]"):
        map_method(network_of("resnet20"), channels=3, size=16, layer="stages")


def test_gradients_at_the_last_layer_give_the_class_activation_map() -> None:
    pytest.importorskip("captum")
    network, x = network_of("se_resnet20", num_classes=4, width=0.5), images(3, 16)
    classes = torch.tensor([[0, 3], [1, 2], [2, 0]])
    exact = map_method(network, channels=3, size=16).maps(network, x, classes)
    logits, maps = gradient_maps(network, "stages", x, classes)
    torch.testing.assert_close(logits, exact[0])
    bias = network.classifier.bias.detach()[classes][:, :, None, None]
    torch.testing.assert_close(maps + bias, exact[1], rtol=1e-4, atol=1e-5)
    assert not x.requires_grad
    with pytest.raises(SkipwiseError, match=r"'classifier' gives \[3, 4\], and a heat map needs"):
        gradient_maps(network, "classifier", x, classes)
