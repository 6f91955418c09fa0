"""How long the first reading of an archive takes: Skipwise against a plain Pillow loop in one process.

    python benchmarks/pack.py [--archive cifar10.zip] [--quick]

Both open the archive, decode every image and put it into an array; Skipwise also hashes each image, makes the thumbnail
that near-duplicates are found by, checks that nothing changed meanwhile, and writes everything to the disk. The arms
take turns, each time with an empty cache. Without an archive, one of noisy 32 x 32 PNGs is made. On two cores that
something else is using, too, the processor time says more than the clock.
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
from PIL import Image

from skipwise.data.pack import pack
from skipwise.data.sources import open_source
from skipwise.data.survey import guess_square, survey, team_for
from skipwise.machine import describe_machine


def pillow(archive: Path) -> np.ndarray:
    """What a script of a dozen lines does."""
    with zipfile.ZipFile(archive) as file:
        names = sorted(name for name in file.namelist() if name.endswith(".png"))
        pixels = np.empty((len(names), 32, 32, 3), np.uint8)
        for index, name in enumerate(names):
            pixels[index] = np.asarray(Image.open(io.BytesIO(file.read(name))).convert("RGB"))
    return pixels


def ours(archive: Path) -> np.ndarray:
    """Everything between naming the archive and the first batch."""
    source = open_source(archive)
    with team_for(source) as team:
        square = guess_square(source, None, None, team)
        seen = survey(source, guess=square, team=team)
    return pack(source, seen, square)


def processor_seconds() -> float:
    """Of this process and of those that it waited for."""
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
        arms: dict[str, Callable[[Path], np.ndarray]] = {"pillow loop": pillow, "skipwise": ours}
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
        same = all(np.array_equal(pixels["pillow loop"], other) for other in pixels.values())
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
    print(
        json.dumps(
            {
                "benchmark": "pack",
                "machine": describe_machine().processor,
                "arms": {n: {"median": medians[n], "spread": max(t) - min(t)} for n, t in seconds.items()},
                "ratios": {"pillow/skipwise": ratio, "pillow/skipwise, processor time": work},
            }
        )
    )


if __name__ == "__main__":
    main()
