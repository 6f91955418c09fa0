"""What a network is: one record, checked and built in one place."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from skipwise import NetworkSpec, SkipwiseError, create_model
from skipwise.nets import create, zoo
from skipwise.nets.catalogue import catalogue

SMALL = NetworkSpec(name="se_resnet20", num_classes=3, in_channels=1, stem="auto", image_size=32, width=0.5)


def test_every_row_of_the_table_is_in_the_catalogue_and_in_the_list() -> None:
    assert sorted(catalogue()) == create.list_models() == sorted(zoo.NETWORKS)


def test_a_name_that_is_taken_is_refused() -> None:
    row = ("resnet18", zoo.NETWORKS["resnet18"])
    assert zoo.table(row) == dict([row])
    with pytest.raises(ValueError, match="'resnet18'"):
        zoo.table(row, row)


def test_a_spec_builds_what_create_model_does() -> None:
    same = create_model("se_resnet20", num_classes=3, in_channels=1, stem="auto", image_size=32, width=0.5, seed=4)
    for (name, ours), theirs in zip(SMALL.build(seed=4).state_dict().items(), same.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


@pytest.mark.parametrize(
    ("name", "source"),
    [("resnet18", "skipwise"), ("timm:resnet10t", "timm"), ("torchvision:vgg16", "torchvision"), ("a.b:c", "module")],
)
def test_a_name_tells_the_source(name: str, source: str) -> None:
    assert NetworkSpec(name=name).source == source


@pytest.mark.parametrize(
    ("stem", "size", "resolved"),
    [(None, None, "small"), ("auto", 64, "small"), ("auto", 65, "imagenet"), ("imagenet", 8, "imagenet")],
)
def test_the_stem_is_resolved_by_the_network_or_the_image_size(stem: str, size: int, resolved: str) -> None:
    assert replace(SMALL, stem=stem, image_size=size).resolved_stem == resolved


def test_a_network_for_counting_has_no_values_and_one_for_timing_only_ones() -> None:
    state = torch.get_rng_state()
    assert {tensor.device.type for tensor in SMALL.build_for_counting().state_dict().values()} == {"meta"}
    assert all((tensor == 1).all() for tensor in SMALL.build_for_timing().state_dict().values())
    assert torch.equal(torch.get_rng_state(), state)


def test_an_external_network_is_counted_and_timed_with_initial_weights(here: Path) -> None:
    (here / "one_linear.py").write_text(
        "from torch import nn\n"
        "def network(num_classes, in_channels):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, num_classes))\n"
    )
    spec = NetworkSpec(name="one_linear:network", num_classes=3)
    wanted = spec.build(seed=0)[2].weight
    assert torch.equal(spec.build_for_counting()[2].weight, wanted)
    assert torch.equal(spec.build_for_timing()[2].weight, wanted)


def test_a_spec_with_a_file_builds_the_network_with_its_weights(tmp_path: Path) -> None:
    file, trained = tmp_path / "weights.safetensors", SMALL.build(seed=7)
    save_file(trained.state_dict(), file)
    digits = hashlib.sha256(file.read_bytes()).hexdigest()
    network = SMALL.from_file(file, sha256=digits).build(seed=0)
    assert torch.equal(network.classifier.weight, trained.classifier.weight)
    other, loaded = replace(SMALL.from_file(file), num_classes=5).build_loaded()
    assert other.classifier.weight.shape[0] == 5
    assert any("a new one for 5" in note for note in loaded.notes)
    with pytest.raises(SkipwiseError, match="is for 3 classes"):
        replace(SMALL.from_file(file, new_head=False), num_classes=5).build()
    with pytest.raises(SkipwiseError, match="SHA-256"):
        SMALL.from_file(file, sha256="0" * 64).build()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "resnet81"}, "did you mean 'resnet18'"),
        ({"stem": "smal"}, "did you mean 'small'"),
        ({"width": 0}, "width must be above 0"),
        ({"num_classes": 0}, "at least 1 class"),
        ({"drop_path": 1.0}, "drop_path must be"),
        ({"name": "no.such.module:net"}, "There is no module|can't be imported"),
    ],
)
def test_a_spec_is_checked_without_building(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        replace(SMALL, **options).check()
