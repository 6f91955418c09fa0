"""Costs of the corruptions in skipwise.evaluation.corruptions, and their distance from the original images.

    python benchmarks/corruptions.py [--quick]

Of every kind at every severity: processor time for an image (this process's own, so other programs on the machine
matter little), on one thread, of images of 32 x 32 with the constants for small ones and of 224 x 224 with those for
photographs; and the mean distance of values from the clean image, in grey levels. The images are made: rectangles on
gradients with a little noise. The goals are 75 cells of 10,000 small images in 4 minutes on two cores, which is 480
seconds of processor time, and 0.8 seconds for the 75 cells of one photograph. The time to make the textures of frost,
once in a process, stands apart. JPEG's time depends on what is in images; the others' hardly does.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from statistics import median

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skipwise.core.machine.system import describe_machine
from skipwise.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt

SMALL, PHOTO = 32, 224
SMALL_IMAGES = 10_000
SMALL_GOAL, PHOTO_GOAL = 480.0, 0.8


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Processor seconds for an image, and the mean distance from the clean image in grey levels."""

    seconds: float
    distance: float


def scenes(count: int, side: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(side)
    pixels = np.empty((count, side, side, 3))
    for scene in pixels:
        scene[:] = np.linspace(*rng.uniform(60, 200, (2, 3)), side)[:, None]
        for _ in range(15):
            (top, left), (height, width) = rng.integers(0, side, 2), rng.integers(2, side // 2, 2)
            scene[top : top + height, left : left + width] = rng.uniform(20, 235, 3)
    smoothed = scipy.ndimage.gaussian_filter(pixels, (0, side / 160, side / 160, 0))
    return (smoothed + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8)


def measure(images: NDArray[np.uint8], name: str, severity: int, times: int) -> Cell:
    """The median of several times."""
    seconds = []
    for _ in range(times):
        started = time.process_time()
        corrupted = corrupt(images, name, severity, seed=0)
        seconds.append((time.process_time() - started) / len(images))
    return Cell(seconds=median(seconds), distance=float(np.abs(corrupted.astype(int) - images).mean()))


def table(side: int, count: int, times: int) -> dict[str, list[Cell]]:
    """All cells, printed as they are measured."""
    images = scenes(count, side)
    print(f"\n{side} x {side}, {count} images: milliseconds of processor time for an image at severities 1 to 5, their")
    print("sum, and the distance from the clean image in grey levels")
    cells = {}
    for name in CORRUPTIONS:
        corrupt(images[:2], name, SEVERITIES[-1], seed=0)
        row = cells[name] = [measure(images, name, severity, times) for severity in SEVERITIES]
        costs, far = (f"{cell.seconds * 1e3:8.3f}" for cell in row), (f"{cell.distance:6.1f}" for cell in row)
        print(f"{name:>18} {''.join(costs)} {sum(cell.seconds for cell in row) * 1e3:9.3f}   {''.join(far)}")
    total = sum(cell.seconds for row in cells.values() for cell in row)
    print(f"{'all 75':>18} {'':40} {total * 1e3:9.3f}")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of each kind of corruption.")
    parser.add_argument("--quick", action="store_true", help="fewer images and times, under a minute")
    options = parser.parse_args()
    with threadpool_limits(1):
        started = time.process_time()
        corrupt(scenes(1, SMALL), "frost", 1, seed=0)
        textures = time.process_time() - started
        times = 3 if options.quick else 7
        small = table(SMALL, 200 if options.quick else 1000, times)
        photo = table(PHOTO, 4 if options.quick else 16, times)
    totals = [sum(cell.seconds for row in cells.values() for cell in row) for cells in (small, photo)]
    print(f"\n75 cells of {SMALL_IMAGES:,} small images: {totals[0] * SMALL_IMAGES:.0f} s, goal {SMALL_GOAL:.0f} s;")
    print(f"of one photograph: {totals[1]:.2f} s, goal {PHOTO_GOAL} s; textures of frost, once: {textures:.2f} s")
    arms = {
        f"{name}, {side}": {"median": sum(cell.seconds for cell in row), "spread": 0.0}
        for side, cells in ((SMALL, small), (PHOTO, photo))
        for name, row in cells.items()
    }
    record = {"benchmark": "corruptions", "machine": describe_machine().processor, "arms": arms}
    ratios = {"small, of the goal": totals[0] * SMALL_IMAGES / SMALL_GOAL, "photo, of the goal": totals[1] / PHOTO_GOAL}
    print(json.dumps({**record, "seconds": {"textures of frost": textures}, "ratios": ratios}))


if __name__ == "__main__":
    main()
