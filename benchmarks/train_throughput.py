"""Speed of training: a typical loop, the bare compiled step, `skipwise train`, and the processor's peak.

    python benchmarks/train_throughput.py [--quick] [--rounds 5] [--cases resnet18-w1-b128,...]

a  the loop of a typical CIFAR repository: float32, eager, a torchvision-style data set (crop, flip, normalise, image by
   image) behind a DataLoader with two workers
b  the bare step of the same network on one synthetic batch: compiled, channels-last, in the precision that Skipwise
   chooses here
c  `skipwise train` as it comes, compiled: reading, augmentation, loss, validation and checkpoints included; but with
   images of full size from the beginning, since its first ones, being smaller, would be counted as if they were not
d  the operations of a step at the speed of this machine's fastest large matrix product

Each arm is a process of its own, since how one gets its memory must not help another, and they take turns. Figures are
images per second, on 32 x 32 images in ten classes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from skipwise.core.machine.system import describe_machine, keep_freed_memory, usable_cores
from skipwise.cost.counts import count
from skipwise.cost.timing import bf16_speedup, matrix_product
from skipwise.nets.create import create_model
from skipwise.training.callbacks import Callback
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.optimizer import make_optimizer
from skipwise.training.loop.recipe import RECIPES, RecipeOptions, choose_recipe, of_one_size
from skipwise.training.machine.compiling import compiled
from skipwise.training.machine.execution import choose_execution
from skipwise.training.train import train

SIZE, CLASSES = 32, 10
STEPS_PER_EPOCH = 20
CASES = {
    f"{model}-w{width:g}-b{batch}": (model, width, batch)
    for model, width in (("resnet18", 1.0), ("resnet18", 0.25), ("se_resnet18", 1.0), ("mobilenet_v2", 1.0))
    for batch in (128, 512)
}
QUICK = "resnet18-w1-b128"
Case = tuple[str, float, int]


def make_network(case: Case) -> nn.Module:
    model, width, _ = case
    return create_model(model, num_classes=CLASSES, stem="small", width=width, seed=0)


class Pictures(torch.utils.data.Dataset):
    """A data set of noise that works as torchvision's CIFAR10: array, Pillow image, transforms."""

    def __init__(self, count: int) -> None:
        from torchvision import transforms

        self.pixels = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(SIZE, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)),
            ]
        )

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), index % CLASSES


def typical(case: Case) -> Iterator[int]:
    """a: yields the images of each step."""
    network, batch = make_network(case), case[2]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    loader = torch.utils.data.DataLoader(Pictures(batch * STEPS_PER_EPOCH), batch, shuffle=True, num_workers=2)
    network.train()
    while True:
        loss_sum, right = 0.0, 0
        for images, labels in loader:
            optimizer.zero_grad()
            outputs = network(images)
            loss = F.cross_entropy(outputs, labels)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item()
            right += outputs.argmax(1).eq(labels).sum().item()
            yield batch


def bare(case: Case) -> Iterator[int]:
    """b: yields the images of each step."""
    keep_freed_memory()
    batch = case[2]
    network = make_network(case).to(memory_format=torch.channels_last)
    execution = choose_execution("cpu", step_multiply_adds=1e12)
    optimizer = make_optimizer(network, choose_recipe(RecipeOptions(recipe="standard"), mirrors=True, images=50_000))
    images = torch.randn(batch, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
    labels = torch.arange(batch) % CLASSES
    forward = compiled(network)
    while True:
        with execution.autocast():
            logits = forward(images)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        yield batch


def ours(case: Case, folder: str, wait: Callable[[float], None]) -> None:
    """c: calls `wait` with the images of each step."""
    keep_freed_memory()
    model, width, batch = case
    rng = np.random.default_rng(0)
    os.environ["SKIPWISE_CACHE"] = f"{folder}/cache"
    RECIPES["standard"] = of_one_size(RECIPES["standard"])
    # Of images that come unsplit 15% are for validation and as many for testing.
    for index in range(round(batch * STEPS_PER_EPOCH / 0.7)):
        path = Path(folder, "images", f"class{index % CLASSES}", f"{index}.bmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)

    class Waiting(Callback):
        def on_step(self, _: TrainState) -> None:
            wait(batch)

    train(
        Path(folder, "images"),
        model=model,
        width=width,
        batch_size=batch,
        stem="small",
        epochs=100_000,
        compile=True,
        output=Path(folder, "run"),
        callbacks=[Waiting()],
    )


def serve(arm: str, case: Case, folder: str, pipe: Connection) -> None:
    """Does steps for so many seconds whenever it is told to, and answers with images per second."""
    torch.set_num_threads(usable_cores())
    until, done, began = 0.0, 0.0, 0.0

    def wait(images: float) -> None:
        nonlocal until, done, began
        done += images
        if time.perf_counter() >= until:
            pipe.send(done / (time.perf_counter() - began) if began else 0.0)
            until = pipe.recv() + time.perf_counter()
            done, began = 0.0, time.perf_counter()

    if arm == "c":
        ours(case, folder, wait)
    elif arm == "d":
        flops = 6 * count(make_network(case), channels=3, size=SIZE).multiply_adds
        product = matrix_product(torch.bfloat16 if bf16_speedup() > 1 else torch.float32, side=2048)
        while True:
            product()
            wait(2 * 2048**3 / flops)
    else:
        for images in typical(case) if arm == "a" else bare(case):
            wait(images)


def measure(case: Case, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Images per second of each arm, round by round."""
    with tempfile.TemporaryDirectory() as folder:
        return _measure(case, folder, rounds, seconds)


def _measure(case: Case, folder: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    context = multiprocessing.get_context("spawn")
    pipes, ends, team = {}, {}, {}
    for arm in "abcd":
        pipes[arm], ends[arm] = context.Pipe()
        # Not daemons: those may have no workers of their own.
        team[arm] = context.Process(target=serve, args=(arm, case, folder, ends[arm]))
    taken: dict[str, list[float]] = {arm: [] for arm in "abcd"}
    try:
        for arm, process in team.items():
            process.start()
            ends[arm].close()  # so that an arm that dies is the end of its pipe
            pipes[arm].recv()  # the first step is done: compiled, read, warm
        for round_ in range(rounds + 1):
            for arm, pipe in pipes.items():
                pipe.send({"a": seconds, "b": seconds, "c": 2 * seconds, "d": 0.5}[arm])
                speed = pipe.recv()
                if round_:  # the first one warms caches up
                    taken[arm].append(speed)
    except (EOFError, OSError):
        sys.exit("An arm ended before it was done; what it says stands above.")
    finally:
        for process in team.values():
            if process.pid is not None:
                process.kill()
                process.join()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} alone, in less than two minutes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default=",".join(CASES))
    options = parser.parse_args()
    names, rounds, seconds = options.cases.split(","), options.rounds, 8.0
    if options.quick:
        names, rounds, seconds = [QUICK], 2, 2.5
    arms, ratios = {}, {}
    print(f"{'images/s':24} {'a typical':>10} {'b bare':>10} {'c train':>10} {'d peak':>10}    c/a   c/b   c/d")
    for name in names:
        taken = measure(CASES[name], rounds, seconds)
        medians = {arm: median(values) for arm, values in taken.items()}
        for arm, values in taken.items():
            low, _, high = quantiles(values, n=4)
            arms[f"{name} {arm}"] = {"median": round(medians[arm], 1), "spread": round((high - low) / medians[arm], 3)}
        for other in "abd":
            ratio = median(ours / theirs for ours, theirs in zip(taken["c"], taken[other], strict=True))
            ratios[f"{name} c/{other}"] = round(ratio, 3)
        speeds = " ".join(f"{medians[arm]:10.1f}" for arm in "abcd")
        print(f"{name:24} {speeds}   " + " ".join(f"{ratios[f'{name} c/{o}']:5.2f}" for o in "abd"), flush=True)
    machine = describe_machine()
    print(json.dumps({"benchmark": "train_throughput", "machine": machine.processor, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    main()
