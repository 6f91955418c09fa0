"""Limits and sizes that can't be: one sentence each, which blames the right thing and names the mend."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from skipwise.core.errors import SkipwiseError
from skipwise.nets.create import create_model, list_models
from skipwise.nets.external_sizes import check_size, takes
from tests.external_networks import Linear, NoSmaller, OfOneSize, Raises

LIMITS = [
    ("0", "--time-limit '0' leaves no time; leave it out to train without a limit; write it like 90s, 20m"),
    ("-5m", "--time-limit '-5m' leaves no time; write it like 90s, 20m"),
    ("1ms", "--time-limit '1ms' is given in milliseconds"),
    ("99999h", "--time-limit '99999h' is longer than a year; leave it out"),
    ("20", "--time-limit '20' has no unit, and could be seconds, minutes or hours; write it like 90s, 20m"),
]
SIZES = [
    (
        "no_smaller",
        "16",
        "does not take images of 16 x 16 pixels: 20 x 20 is the smallest it takes; add --img-size 20 or",
    ),
    ("of_one_size", "24", "does not take images of 24 x 24 pixels, but it takes 32 x 32; add --img-size 32."),
    ("of_one_size", "64", "does not take images of 64 x 64 pixels, but it takes 32 x 32; add --img-size 32."),
]


def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> str:
    """What a command says that ends with 2."""
    from skipwise.cli import app as cli

    monkeypatch.setattr(sys, "argv", ["skipwise", *map(os.fspath, words)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("skipwise: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(("limit", "sentence"), LIMITS)
@pytest.mark.parametrize("verb", ["train", "compare"])
def test_a_limit_that_can_not_be(
    verb: str, limit: str, sentence: str, photos: Path, here: Path, capsys, monkeypatch
) -> None:
    models = ["--models", "resnet18,plain18"] if verb == "compare" else []
    assert sentence in refused(capsys, monkeypatch, verb, photos, *models, "--time-limit", limit)
    assert not list(here.iterdir())


@pytest.mark.parametrize(("network", "size", "sentence"), SIZES)
@pytest.mark.parametrize("verb", ["train", "compare", "profile"])
def test_a_size_that_a_network_does_not_take(
    verb: str, network: str, size: str, sentence: str, photos: Path, here: Path, capsys, monkeypatch
) -> None:
    name = f"tests.external_networks:{network}"
    words = {
        "train": ["train", photos, "--model", name],
        "compare": ["compare", photos, "--models", f"resnet18,{name}"],
        "profile": ["profile", f"resnet18,{name}", "--width", "0.125"],
    }[verb]
    assert f"{name} {sentence}" in refused(capsys, monkeypatch, *words, "--img-size", size)
    assert not list(here.iterdir())


@pytest.mark.parametrize("stem", ["small", "imagenet"])
@pytest.mark.parametrize("name", list_models())
def test_ours_take_any_size_from_8_pixels_on(name: str, stem: str) -> None:
    network = create_model(name, num_classes=2, stem=stem, width=0.125, seed=0).eval()
    assert all(takes(network, 3, side) for side in (8, 9, 15))


def test_what_takes_no_size_at_all_is_not_blamed_on_the_size() -> None:
    check_size(Raises(2, 3), "own:raises", channels=3, size=16)
    check_size(Linear(2, 3), "own:linear", channels=3, size=16)


def test_the_smallest_size_is_found_between_those_that_are_tried() -> None:
    for least in (9, 33, 47, 200):

        class Least(nn.Module):
            def forward(self, x: torch.Tensor, least: int = least) -> torch.Tensor:
                return nn.functional.avg_pool2d(x, least).mean((2, 3))

        with pytest.raises(SkipwiseError, match=f"pixels: {least} x {least} is the smallest it takes"):
            check_size(Least(), "own:least", channels=1, size=8)
        check_size(Least(), "own:least", channels=1, size=least)


def test_several_sizes_are_named_where_some_work_below() -> None:
    class Even(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.pixel_unshuffle(x, 8).mean((2, 3))

    with pytest.raises(SkipwiseError, match="but it takes 8 x 8 or 16 x 16 or 24 x 24; add --img-size 8"):
        check_size(Even(), "own:even", channels=3, size=30)
    assert not takes(NoSmaller(2, 3), 3, 19)
    assert not takes(OfOneSize(2, 3), 3, 31)
