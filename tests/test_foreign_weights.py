"""Files of weights under names of another library, with other last layers, and what is blamed where nothing fits."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from skipwise import SkipwiseError, create_model, load_weights
from skipwise.nets.heads import head_names
from tests.loading import load_tensors


class Theirs(nn.Module):
    """Three layers under names of somebody's own."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.first = nn.Sequential(OrderedDict(filters=nn.Conv2d(3, 8, 3, bias=False), norm=nn.BatchNorm2d(8)))
        self.last = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).mean((2, 3)))


class Ours(nn.Module):
    """The same under other names."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.bn1(self.conv1(x)).mean((2, 3)))


def trained(classes: int = 5) -> Theirs:
    torch.manual_seed(3)
    network = Theirs(classes)
    network(torch.randn(4, 3, 9, 9))  # so that its norm has seen images
    return network.eval()


def test_a_file_of_other_names_is_matched_by_order_and_answers_the_same(tmp_path: Path) -> None:
    torch.save(trained().state_dict(), tmp_path / "a.pth")
    ours = Ours()
    loaded = load_weights(ours, tmp_path / "a.pth")
    images = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(ours.eval()(images), trained()(images))
    assert "so its 7 tensors were matched by their order" in loaded.notes[-1]


def test_with_a_last_layer_for_other_classes_a_new_one_is_made_and_only_to_start_from(tmp_path: Path) -> None:
    torch.save(trained(9).state_dict(), tmp_path / "a.pth")
    ours = Ours()
    with pytest.raises(SkipwiseError, match="does not fit this network"):
        load_weights(ours, tmp_path / "a.pth")
    loaded = load_weights(ours, tmp_path / "a.pth", new_head=True)
    assert torch.equal(ours.conv1.weight, trained(9).first.filters.weight)
    assert ours.fc.weight.shape == (5, 8)
    assert "its last layer is for 9 classes, so a new one for 5 is made" in loaded.notes[-1]


def test_a_file_without_a_last_layer_is_matched_by_order_too(tmp_path: Path) -> None:
    bare = {name: tensor for name, tensor in trained().state_dict().items() if not name.startswith("last.")}
    torch.save(bare, tmp_path / "a.pth")
    ours = Ours()
    load_weights(ours, tmp_path / "a.pth", new_head=True)
    assert torch.equal(ours.conv1.weight, trained().first.filters.weight)
    with pytest.raises(SkipwiseError, match="does not fit"):
        load_weights(ours, tmp_path / "a.pth")


@pytest.mark.parametrize("change", ["shape", "kind", "order", "name", "more"])
def test_by_order_only_where_every_tensor_agrees(change: str, tmp_path: Path) -> None:
    tensors = dict(trained().state_dict())
    if change == "shape":
        tensors["first.filters.weight"] = torch.ones(8, 3, 5, 5)
    if change == "kind":  # of one shape, as a norm's scale and bias are, and swapped
        swapped = {"first.norm.weight": "first.norm.bias", "first.norm.bias": "first.norm.weight"}
        tensors = {swapped.get(name, name): tensor for name, tensor in tensors.items()}
    if change == "order":
        tensors = dict(sorted(tensors.items(), reverse=True))
    if change == "name":  # one is the network's: then the names mean something, and it is another network's
        tensors["bn1.weight"] = tensors.pop("first.norm.weight")
    if change == "more":
        tensors["first.more.weight"] = torch.ones(8, 8)
    torch.save(tensors, tmp_path / "a.pth")
    with pytest.raises(SkipwiseError, match="does not fit this network"):
        load_weights(Ours(), tmp_path / "a.pth")


def test_safetensors_keep_no_order_to_match_by(tmp_path: Path) -> None:
    save_file(trained().state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(SkipwiseError, match="does not fit this network"):
        load_weights(Ours(), tmp_path / "a.safetensors")


def test_numbers_that_no_network_has_are_refused_by_the_file_s_names(tmp_path: Path) -> None:
    tensors = dict(trained().state_dict())
    tensors["first.norm.running_var"] = torch.full((8,), float("nan"))
    torch.save(tensors, tmp_path / "a.pth")
    with pytest.raises(SkipwiseError, match=r"NaN or infinite numbers in 1 of .* first\.norm\.running_var \(8 of 8\)"):
        load_weights(Ours(), tmp_path / "a.pth")


def test_none_of_our_networks_is_taken_for_another_by_order() -> None:
    """Under names of no meaning, so that nothing but kinds and shapes is there to go by."""
    names = ("resnet18", "plain18", "se_resnet18", "legacy_se_resnet18", "senet34", "mobilenet_v2", "resnet20")
    states = {name: create_model(name, num_classes=3, width=0.25, seed=1).state_dict() for name in names}
    models = {name: create_model(name, num_classes=3, width=0.25, seed=2) for name in names}
    for state in states.values():
        foreign = {f"x{number}.{each.rpartition('.')[2]}": t for number, (each, t) in enumerate(state.items())}
        for other in names:
            model = models[other]
            if list(state) == list(states[other]):  # the same tensors, as a network with and without a rectifier
                load_tensors(model, foreign, source="x.pth")
                continue
            with pytest.raises(SkipwiseError, match="does not fit"):
                load_tensors(model, foreign, source="x.pth")


def test_a_real_file_of_another_library_s_names(tmp_path: Path) -> None:
    """Named as in the EfficientNet-Lite0 that is converted from TensorFlow's."""
    pytest.importorskip("timm")
    theirs = create_model("timm:tf_efficientnet_lite0", num_classes=20, seed=5)
    named = {f"_{name.replace('conv_pw', '_expand_conv')}": t for name, t in theirs.state_dict().items()}
    torch.save(named, tmp_path / "lite.pth")
    ours = create_model("timm:tf_efficientnet_lite0", num_classes=4, seed=0)
    notes = load_weights(ours, tmp_path / "lite.pth", new_head=True).notes
    assert "its last layer is for 20 classes, so a new one for 4 is made" in notes[-1]
    assert torch.equal(ours.state_dict()["conv_head.weight"], theirs.state_dict()["conv_head.weight"])
    with pytest.raises(SkipwiseError, match="does not fit"):
        load_weights(create_model("timm:tf_efficientnet_lite1", num_classes=4), tmp_path / "lite.pth", new_head=True)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("torchvision:resnet18", {"fc.weight", "fc.bias"}),
        ("torchvision:squeezenet1_1", {"classifier.1.weight", "classifier.1.bias"}),
        ("torchvision:swin_t", {"head.weight", "head.bias"}),
        ("timm:tf_efficientnet_lite0", {"classifier.weight", "classifier.bias"}),
        (
            "timm:deit_tiny_distilled_patch16_224",
            {f"{p}.{n}" for p in ("head", "head_dist") for n in ("weight", "bias")},
        ),
        ("resnet20", {"classifier.weight", "classifier.bias"}),
    ],
)
def test_the_last_layer_of_each_library_s_networks(name: str, head: set[str]) -> None:
    if name.startswith("timm"):
        pytest.importorskip("timm")
    assert head_names(create_model(name, num_classes=3, seed=0)) == head


@pytest.mark.parametrize("name", ["torchvision:squeezenet1_1", "torchvision:resnet18"])
def test_heads_of_other_libraries_are_replaced_with_a_line(name: str) -> None:
    theirs = create_model(name, num_classes=7, seed=1).state_dict()
    ours = create_model(name, num_classes=3, seed=0)
    (note,) = [n for n in load_tensors(ours, theirs, source="x.pth", new_head=True).notes if "last layer" in n]
    assert note == "x.pth: its last layer is for 7 classes, so a new one for 3 is made."
    with pytest.raises(
        SkipwiseError, match=r"x\.pth is for 7 classes, and this network for 3 .*; use the same number of classes\."
    ):
        load_tensors(ours, theirs, source="x.pth")


def state(name: str = "resnet18", **options: object) -> dict[str, Tensor]:
    return create_model(name, **{"num_classes": 3, "width": 0.25, "stem": "small", "seed": 1} | options).state_dict()


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        (
            state(width=0.125),
            r"another width: its first layer has 8 channels, and this one has 16; multiply --width by 0\.5",
        ),
        (
            state(stem="imagenet"),
            r"was trained with the imagenet stem \(stem\.0\.conv\.weight is 16x3x7x7 there and 16x3",
        ),
        (state(in_channels=1), r"is for images of 1 channel, and this network for 3 channels"),
        (state(num_classes=11), r"is for 11 classes, and this network for 3"),
        (state("resnet34", width=1), "Nothing was loaded; these are the weights of resnet34, so choose that network"),
        (state("mobilenet_v2", width=1, stem="imagenet"), "these are the weights of mobilenet_v2, so choose"),
        (state("se_resnet18"), "choose the network and the number of classes that the weights were made for"),
    ],
)
def test_the_message_names_the_one_thing_that_differs(tensors: dict[str, Tensor], sentence: str) -> None:
    model = create_model("resnet18", num_classes=3, width=0.25, stem="small", seed=0)
    with pytest.raises(SkipwiseError, match=sentence) as caught:
        load_tensors(model, tensors, source="x.pth")
    assert len(str(caught.value)) < 600


def test_another_network_s_weights_are_named_under_torchvision_s_names_too() -> None:
    import torchvision

    for theirs in ("resnet34", "mobilenet_v2"):
        with torch.device("meta"):  # only names and shapes matter
            named = torchvision.models.get_model(theirs).state_dict()
        tensors = {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in named.items()}
        with pytest.raises(SkipwiseError, match=f"these are the weights of {theirs}, so choose that network"):
            load_tensors(create_model("resnet18", num_classes=3), tensors, source="x.pth", new_head=True)
