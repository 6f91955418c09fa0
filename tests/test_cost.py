"""What networks cost: counted exactly, measured plausibly, printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn

import skipwise
from skipwise.cost.counts import count
from skipwise.cost.interleaved import interleaved
from skipwise.cost.make_catalogue import catalogue_entry
from skipwise.cost.models import list_networks
from skipwise.nets.catalogue import catalogue
from skipwise.nets.zoo import NETWORKS
from skipwise.training.machine import execution
from skipwise.training.machine.execution import WORTHWHILE, choose_device, choose_execution, choose_processes
from tests.conftest import Run
from tests.processes import time_briefly


def test_counting_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=True), nn.Flatten(), nn.Linear(6 * 64, 5))
    found = count(network, channels=4, size=8)
    assert found.parameters == 6 * 2 * 9 + 6 + 384 * 5 + 5
    assert found.multiply_adds == 64 * 6 * 2 * 9 + 384 * 5
    assert found.activations == 64 * 6 + 5
    assert network.training


def test_arms_take_turns() -> None:
    order: list[str] = []
    timings = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, seconds=0.01)
    assert order[: len(order) // 2 * 2] == ["a", "b"] * (len(order) // 2)
    assert timings["a"].rounds == timings["b"].rounds >= 5
    assert 0 < timings["a"].low <= timings["a"].median <= timings["a"].high


def test_profile_measures_side_by_side() -> None:
    report = skipwise.profile(["resnet18", "mobilenet_v2"], img_size=32, batch_size=4, width=0.25, seconds=0.2)
    assert [network.name for network in report.networks] == ["resnet18", "mobilenet_v2"]
    assert report.peak > 0
    for network in report.networks:
        done = network.images_per_second * network.counts.multiply_adds
        assert network.of_peak == pytest.approx(done / report.peak)
        assert network.images_per_second == pytest.approx(4 / network.batch.median)
    assert report.networks[0].counts.multiply_adds > 3 * report.networks[1].counts.multiply_adds


def test_profile_prints_a_row_per_network(cli: Run) -> None:
    small = ["--img-size", "16", "-b", "2", "--num-classes", "10"]
    result = cli("profile", "resnet20,plain20", *small, prepare=time_briefly)
    assert result.returncode == 0, result.stderr
    for words in ("resnet20", "plain20", "latency, batch 1", "images/s, batch 2", "of peak", "eager fp32", "Next: "):
        assert words in result.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"models": []}, "at least one network"),
        ({"models": ["resnet81"]}, "did you mean 'resnet18'"),
        ({"precision": "fp8"}, "precision"),
        ({"img_size": 4}, "--img-size"),
        ({"batch_size": 0}, "--batch-size"),
        ({"width": 0.0}, "width must be above 0"),
    ],
)
def test_profile_refuses_nonsense(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(skipwise.SkipwiseError, match=sentence):
        skipwise.profile(**{"models": ["resnet18"]} | options)


def test_models_can_be_filtered(cli: Run) -> None:
    rows = json.loads(cli("models", "se_resnet*", "--json").stdout)
    assert [row["name"] for row in rows] == sorted(n for n in skipwise.list_models() if n.startswith("se_resnet"))
    with pytest.raises(skipwise.SkipwiseError, match="no network called"):
        list_networks("vgg*")


def test_the_catalogue_says_of_every_network_what_torch_builds() -> None:
    assert catalogue() == {name: catalogue_entry(name) for name in NETWORKS}, (
        "python -m skipwise.cost.make_catalogue makes it"
    )


def test_the_documented_table_is_what_the_program_counts() -> None:
    page = (Path(__file__).parents[1] / "docs" / "networks.md").read_text()
    rows = re.findall(r"^(\w+) +(\d+) +([\d,]+) +([\d.,]+) M", page, flags=re.MULTILINE)
    assert rows == [
        (row.name, str(row.image_size), f"{row.parameters:,}", f"{row.multiply_adds / 1e6:,.1f}")
        for row in list_networks()
    ]


@pytest.mark.parametrize(("speedup", "precision"), [(4.0, "bf16"), (WORTHWHILE, "bf16"), (1.2, "fp32"), (0.5, "fp32")])
@pytest.mark.parametrize("cores", [1, 2, 64])
def test_execution_suits_the_machine(
    speedup: float, precision: str, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "bf16_speedup", lambda: speedup)
    monkeypatch.setattr(execution, "usable_cores", lambda: cores)
    small = choose_execution("cpu", step_multiply_adds=1e9)
    large = choose_execution("cpu", step_multiply_adds=1e12)
    assert (small.threads, large.threads) == (1, min(cores, execution.MOST_THREADS))
    assert small.precision == large.precision == precision
    assert choose_processes(small, None) == cores
    assert choose_processes(large, None) == cores // large.threads
    assert choose_processes(small, 7) == 7


def test_a_device_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    for device in ("cuda", "mps"):
        with pytest.raises(skipwise.SkipwiseError, match=f"no {device} device"):
            choose_device(device)
