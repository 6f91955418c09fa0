"""Time for the first reading of an archive, and the cost of checking each row that is read from the pack.

    python benchmarks/pack.py [--archive cifar10.zip] [--quick]

The first reading is held against a plain Pillow loop in one process.

Both open the archive, decode every image and put it into an array; Skipwise also hashes each image, makes the thumbnail
that near-duplicates are found by, checks that nothing changed meanwhile, and writes everything to the disk. The arms
take turns, each time with an empty cache. Without an archive, one of noisy 32 x 32 PNGs is made. On two cores that
something else is using, too, the processor time says more than the clock.

Then an epoch's batches of 128 are taken from the pack in a random order, as training takes them: from the same file
mapped into memory, which checks nothing, and as Skipwise reads it, with a checksum for each row. Both are a share of
what an epoch takes that trains the narrowest ResNet-18 on this CPU, by a few steps of it; and the whole pack is read in
order, as it is once where it is copied to a GPU.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import skipwise
from skipwise.core.machine.system import describe_machine
from skipwise.data.cache.rows import RowReader
from skipwise.data.images import Pixels
from skipwise.data.scan.guess import guess_pixel_format
from skipwise.data.scan.scan import decoder_pool_for, scan_images
from skipwise.data.sources import open_source
from skipwise.data.store.packed import pack

BATCH = 128


def pillow(archive: Path) -> np.ndarray:
    """Decodes the images as a script of a dozen lines does."""
    with zipfile.ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if name.endswith(".png"))
        pixels = np.empty((len(names), 32, 32, 3), np.uint8)
        for index, name in enumerate(names):
            pixels[index] = np.asarray(Image.open(io.BytesIO(file.read(name))).convert("RGB"))
    return pixels


def ours(archive: Path) -> RowReader:
    """Everything between naming the archive and the first batch."""
    source = open_source(archive)
    with decoder_pool_for(source) as pool:
        square = guess_pixel_format(source, None, None, pool)
        seen = scan_images(source, guess=square, pool=pool)
    return pack(source, seen, square)


def taken_from(pixels: Pixels, batches: list[np.ndarray]) -> float:
    """Seconds for the batches."""
    started = time.perf_counter()
    for batch in batches:
        pixels[batch]
    return time.perf_counter() - started


def of_an_epoch(found: RowReader, rounds: int) -> dict[str, float]:
    """Medians of the seconds that batches take, mapped and checked, in random order and in order."""
    mapped = np.load(found.path, mmap_mode="r")
    order = np.random.default_rng(0).permutation(len(found))
    ways = {
        "random": [np.sort(batch) for batch in np.array_split(order, len(order) // BATCH)],
        "in order": np.array_split(np.arange(len(found)), max(1, found.path.stat().st_size >> 26)),
    }
    arms = {
        f"{kind}, {way}": (pixels, ways[way])
        for way in ways
        for kind, pixels in (("mapped", mapped), ("checked", found))
    }
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(1 + rounds):
        for name, (pixels, batches) in arms.items():
            seconds[name].append(taken_from(pixels, batches))
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}  # the first fills the page cache


def epoch_seconds(pixels: Pixels) -> float:
    """Estimates the time that the narrowest ResNet-18 takes to train on so many images, by some steps of 128."""
    count, height, _, channels = pixels.shape
    network = skipwise.create_model(
        "resnet18", num_classes=10, in_channels=channels, width=0.25, image_size=height, seed=0
    )
    images = torch.rand(BATCH, channels, height, height).contiguous(memory_format=torch.channels_last)
    network.to(memory_format=torch.channels_last)
    steps = []
    for _ in range(6):
        started = time.perf_counter()
        network(images).logsumexp(1).mean().backward()
        steps.append(time.perf_counter() - started)
    return statistics.median(steps[1:]) * count / BATCH


def processor_seconds() -> float:
    """Returns the processor time of this process and of those that it waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def make_archive(path: Path, count: int) -> Path:
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as file:
        for index in range(count):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(buffer, "PNG")
            file.writestr(f"class{index % 10}/{index:05d}.png", buffer.getvalue())
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description="The first reading of an archive, against a plain loop.")
    parser.add_argument("--archive", type=Path, help="of 32 x 32 colour PNGs in folders by class")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="10,000 made images, one round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SKIPWISE_CACHE"] = str(Path(folder) / "cache")
        archive = options.archive
        if options.quick or archive is None:
            archive = make_archive(Path(folder) / "made.zip", 10_000 if options.quick else 60_000)
        arms: dict[str, Callable[[Path], Pixels]] = {"pillow loop": pillow, "skipwise": ours}
        seconds: dict[str, list[float]] = {name: [] for name in arms}
        spent: dict[str, list[float]] = {name: [] for name in arms}
        pixels = {}
        for _ in range(1 if options.quick else options.rounds):
            for name, arm in arms.items():
                shutil.rmtree(Path(folder) / "cache", ignore_errors=True)
                started, before = time.perf_counter(), processor_seconds()
                pixels[name] = arm(archive)
                seconds[name].append(time.perf_counter() - started)
                spent[name].append(processor_seconds() - before)
        numbers = np.arange(len(pixels["skipwise"]))
        same = np.array_equal(pixels["pillow loop"], pixels["skipwise"][numbers])
        read = of_an_epoch(pixels["skipwise"], 1 if options.quick else 2 * options.rounds)
    epoch = epoch_seconds(pixels["skipwise"])
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    busy = {name: statistics.median(taken) for name, taken in spent.items()}
    print(f"{len(pixels['skipwise']):,} images; the same pixels: {same}")
    for name, taken in seconds.items():
        print(
            f"{name:<12} {medians[name]:6.2f} s   {', '.join(f'{each:.2f}' for each in taken)}   "
            f"({busy[name]:.2f} s of processor time)"
        )
    ratio = statistics.median(a / b for a, b in zip(seconds["pillow loop"], seconds["skipwise"], strict=True))
    work = busy["pillow loop"] / busy["skipwise"]
    print(f"Skipwise is {ratio:.2f} times as fast, with {1 / work:.2f} times the processor time.")
    print("The pack's rows, mapped and as they are checked:")
    for name, taken in read.items():
        print(f"{name:<20} {taken:6.3f} s   {taken / len(numbers) * 1e6:5.2f} us a row")
    share = (read["checked, random"] - read["mapped, random"]) / epoch
    print(f"An epoch of the narrowest ResNet-18 takes about {epoch:.1f} s here: the checks are {share:.2%} of it.")
    print(
        json.dumps(
            {
                "benchmark": "pack",
                "machine": describe_machine().processor,
                "arms": {n: {"median": medians[n], "spread": max(t) - min(t)} for n, t in seconds.items()},
                "ratios": {"pillow/skipwise": ratio, "pillow/skipwise, processor time": work, "checks/epoch": share},
            }
        )
    )


if __name__ == "__main__":
    main()
