"""Weights from elsewhere: the same network gives the same outputs, and nothing else is let in."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from skipwise import SkipwiseError, create_model
from skipwise.nets.weights.checkpoints import read_contents
from skipwise.nets.weights.loading import load_weights
from tests.loading import load_tensors

TORCHVISION = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "mobilenet_v2"]
TIMM = {
    "se_resnet50": "seresnet50",
    "se_resnext50_32x4d": "seresnext50_32x4d",
    "legacy_se_resnet18": "legacy_seresnet18",
    "legacy_se_resnet34": "legacy_seresnet34",
}


def perturbed(network: nn.Module) -> nn.Module:
    """The network with norms unlike fresh ones, so that a norm in the wrong place shows; dropout off."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.2, 0.2),
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data.uniform_(low, high, generator=generator)
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


def assert_same_network(ours: nn.Module, theirs: nn.Module) -> None:
    load_tensors(ours, theirs.state_dict(), source="the reference")
    for size in (224, 97):
        images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
        for training in (False, True):
            with torch.no_grad():
                wanted, given = (network.train(training)(images) for network in (theirs, ours))
            assert (given - wanted).abs().max() <= 1e-5 * wanted.abs().max(), (size, training)


def slow_unless(names: list[str], quick: set[str]) -> list[object]:
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", slow_unless(TORCHVISION, {"resnet18", "resnext50_32x4d", "mobilenet_v2"}))
def test_torchvisions_networks_are_ours(name: str) -> None:
    import torchvision

    theirs = perturbed(torchvision.models.get_model(name, weights=None))
    assert_same_network(create_model(name, seed=0), theirs)


@pytest.mark.parametrize("name", slow_unless(list(TIMM), {"se_resnet50", "legacy_se_resnet18"}))
def test_timms_squeeze_excite_networks_are_ours(name: str) -> None:
    timm = pytest.importorskip("timm")
    assert_same_network(create_model(name, seed=0), perturbed(timm.create_model(TIMM[name], drop_rate=0.0)))


def state() -> dict[str, Tensor]:
    """A CIFAR ResNet-20 in the names of a typical repository."""
    ours = perturbed(create_model("resnet20", num_classes=10, seed=3)).state_dict()
    theirs = {}
    for name, tensor in ours.items():
        parts = name.split(".")
        if parts[0] == "stem":
            name = f"{'conv1' if parts[2] == 'conv' else 'bn1'}.{parts[-1]}"
        elif parts[0] == "stages":
            kind = "conv" if parts[5] == "conv" else "bn"
            name = f"layer{int(parts[1]) + 1}.{parts[2]}.{kind}{int(parts[4]) + 1}.{parts[-1]}"
        theirs[name.replace("classifier", "linear")] = tensor
    return theirs


def assert_loaded(path: Path) -> None:
    network = create_model("resnet20", num_classes=10, seed=0)
    load_weights(network, path)
    wanted = perturbed(create_model("resnet20", num_classes=10, seed=3)).state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("nested", [None, "state_dict", "net", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_what_people_have_on_disk_loads(tmp_path: Path, nested: str | None, prefix: str) -> None:
    tensors = OrderedDict((prefix + name, tensor) for name, tensor in state().items())
    content = tensors if nested is None else {"epoch": 180, "best_prec1": 91.7, nested: tensors}
    torch.save(content, tmp_path / "weights.th")
    assert_loaded(tmp_path / "weights.th")


def test_safetensors_and_the_old_file_format_load(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "weights.safetensors")
    assert_loaded(tmp_path / "weights.safetensors")
    torch.save(state(), tmp_path / "weights.pth", _use_new_zipfile_serialization=False)
    assert_loaded(tmp_path / "weights.pth")


@pytest.mark.parametrize("head", ["fc", "linear", "classifier"])
def test_heads_and_shortcuts_by_other_names(head: str) -> None:
    import torchvision

    theirs = torchvision.models.resnet18(num_classes=5)
    renamed = {
        name.replace("downsample", "shortcut").replace("fc.", f"{head}."): tensor
        for name, tensor in theirs.state_dict().items()
        if not name.endswith("num_batches_tracked")  # which old files lack
    }
    network = create_model("resnet18", num_classes=5, seed=0)
    load_tensors(network, renamed, source="the reference")
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(network.eval()(images), theirs.eval()(images), atol=1e-4, rtol=1e-4)


def test_our_own_names_load_too(tmp_path: Path) -> None:
    save_file(create_model("se_resnet20", num_classes=4, seed=1).state_dict(), tmp_path / "a.safetensors")
    network = create_model("se_resnet20", num_classes=4, seed=0)
    load_weights(network, tmp_path / "a.safetensors")
    assert torch.equal(network.classifier.weight, create_model("se_resnet20", num_classes=4, seed=1).classifier.weight)


def test_what_does_not_fit_is_listed_and_nothing_is_loaded() -> None:
    network = create_model("resnet20", num_classes=10, seed=0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    tensors = state()
    del tensors["layer2.1.conv2.weight"]
    tensors["layer9.0.conv1.weight"] = torch.zeros(3, 4)
    tensors["linear.weight"] = torch.zeros(100, 64)
    with pytest.raises(SkipwiseError) as caught:
        load_tensors(network, tensors, source="file.pth")
    message = str(caught.value)
    assert "file.pth does not fit this network" in message
    assert "it lacks stages.1.1.branch.1.conv.weight (32x32x3x3)" in message
    assert "it also has stages.8.0.branch.0.conv.weight (3x4)" in message
    assert "classifier.weight is 100x64 there and 10x64 here" in message
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_weights_of_another_network_are_refused_in_a_few_lines() -> None:
    with pytest.raises(SkipwiseError, match=r"and \d+ more\. Nothing was loaded") as caught:
        load_tensors(create_model("resnet18"), create_model("mobilenet_v2").state_dict(), source="file.pth")
    assert len(str(caught.value)) < 1500


def test_a_new_head_for_another_number_of_classes() -> None:
    tensors = state()
    network = create_model("resnet20", num_classes=3, seed=0)
    with pytest.raises(SkipwiseError, match="10x64 there and 3x64 here"):
        load_tensors(network, tensors, source="file.pth")
    load_tensors(network, tensors, source="file.pth", new_head=True)
    # Of zeros: a random one would have an opinion, and its first gradients be noise to the layers below.
    assert not network.classifier.weight.any()
    assert not network.classifier.bias.any()
    assert torch.equal(network.stem[0].conv.weight, tensors["conv1.weight"])
    # Where the number of classes is the same, the head is part of the weights.
    same = create_model("resnet20", num_classes=10, seed=0)
    load_tensors(same, tensors, source="file.pth", new_head=True)
    assert torch.equal(same.classifier.weight, tensors["linear.weight"])


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_code_in_it_is_refused_unrun(tmp_path: Path) -> None:
    torch.save({"state_dict": state(), "extra": Evil(tmp_path / "owned")}, tmp_path / "a.pth")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Evil(tmp_path / "owned")))
    with pytest.raises(SkipwiseError, match=r"posix\.mkdir"):
        read_contents(tmp_path / "a.pth")
    for name in ("a.pth", "b.pt"):
        with pytest.raises(SkipwiseError, match="can only be read by running code"):
            read_contents(tmp_path / name)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_truncated_and_foreign_files_are_named(tmp_path: Path, name: str) -> None:
    if name.endswith("pth"):
        torch.save(state(), tmp_path / name)
    else:
        save_file(state(), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:10], b"", b"<html>404 not found</html>"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SkipwiseError, match=f"{name} is"):
            read_contents(tmp_path / name)
    with pytest.raises(SkipwiseError, match="There is no file"):
        read_contents(tmp_path / "gone.pth")
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(SkipwiseError, match="holds no state dict"):
        read_contents(tmp_path / "list.pth")
