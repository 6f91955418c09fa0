"""Muon in float32 and in bfloat16: how long an update takes, how far it differs, and what a network learns by it.

    python benchmarks/orthogonal.py [--data FOLDER] [--seeds 3] [--epochs 4] [--quick]

The matrices are those of ResNet-18's convolutions, one of each shape, as gradients have them: a few large directions
over noise. With --data, the network is trained with both, everything else alike, on one thread in bfloat16 autocast,
and the accuracies on validation images are given; nothing is chosen by test images.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from unittest import mock

import torch

import skipwise
from skipwise.core.machine.system import describe_machine
from skipwise.cost.interleaved import interleaved
from skipwise.training.loop import trainer as loop
from skipwise.training.loop.optimizer import make_optimizer, orthogonal

SHAPES = ((64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (512, 256), (512, 512))
PRODUCTS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def gradient(out: int, into: int) -> torch.Tensor:
    """Made-up filters [out, in, 3, 3]: twenty directions over noise."""
    generator = torch.Generator().manual_seed(0)
    large = torch.randn(out, 20, generator=generator) @ torch.randn(20, into * 9, generator=generator)
    noise = torch.randn(out, into * 9, generator=generator)
    return (large / 4 + noise / 10).view(out, into, 3, 3).to(memory_format=torch.channels_last)


def learnt(data: str, products: str, seed: int, epochs: int) -> float:
    """The validation accuracy of a run whose Muon multiplies so."""
    precision = {"float32": "fp32", "bfloat16": "bf16"}[products]
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(
            loop, "make_optimizer", lambda network, recipe, _: make_optimizer(network, recipe, precision)
        ),
    ):
        run = skipwise.train(
            data, seed=seed, epochs=epochs, img_size=64, stem="imagenet", precision="bf16", compile=False,
            output=Path(folder) / "run",
        )  # fmt: skip
    assert run.record.val is not None
    return run.record.val.accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="images to train on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    print(f"{'filters':>12}{'float32':>12}{'bfloat16':>12}{'ratio':>8}{'cosine':>10}")
    for out, into in SHAPES:
        update = gradient(out, into)
        arms = {name: partial(orthogonal, update, kind) for name, kind in PRODUCTS.items()}
        timed = interleaved(arms, seconds=0.3 if options.quick else 2.0)
        exact, rough = (orthogonal(update, kind).flatten() for kind in PRODUCTS.values())
        cosine = float(torch.cosine_similarity(exact, rough, 0))
        slow, fast = timed["float32"].median, timed["bfloat16"].median
        found[f"{out}x{into}"] = {"float32": slow, "bfloat16": fast, "cosine": cosine}
        print(f"{out:>6} x {into:<4}{slow * 1e3:>9.2f} ms{fast * 1e3:>9.2f} ms{slow / fast:>8.2f}{cosine:>10.5f}")
    accuracies: dict[str, list[float]] = {name: [] for name in PRODUCTS}
    for seed in range(options.seeds if options.data else 0):
        for name in PRODUCTS:
            accuracies[name].append(learnt(options.data, name, seed, options.epochs))
            print(f"seed {seed}, {name}: {accuracies[name][-1]:.2%} of validation images")
    for name, values in accuracies.items():
        if len(values) > 1:
            print(f"{name}: {mean(values):.2%}, standard deviation {stdev(values):.2%}")
    print(json.dumps({"update": found, "val": accuracies, "machine": describe_machine().processor}))


if __name__ == "__main__":
    main()
