"""Speed of decoding images for predicting: in threads, as it is done, against processes that do the same work.

    python benchmarks/decoding.py [--quick]

JPEG and PNG of 32, 224 and 1,000 pixels a side, read from files, decoded, and brought to the network's size (224, or 32
for the smallest). There are as many threads and processes as cores; both are running already, are given 16 images at a
time, and return pixels. They take turns, and the table has the median of the rounds in images per second.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from skipwise.core.machine.system import describe_machine, usable_cores
from skipwise.data.containers import Folder
from skipwise.data.image.decode import read_image
from skipwise.data.scan.inspection import PixelFormat
from skipwise.deploy.predict.decoding import JOB, InputImage, decode_all

CASES = ((32, 3000), (224, 600), (1000, 64))
"""Side in pixels, and the number of images in a round."""
DIFFERENT = 16
"""Images that differ; the others are copies of these."""


def photo(side: int, seed: int) -> Image.Image:
    """Smooth colours with the noise of a camera."""
    rng = np.random.default_rng(seed)
    smooth = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    return Image.fromarray((np.asarray(smooth) + rng.integers(-9, 10, (side, side, 3))).clip(0, 255).astype(np.uint8))


def in_a_thread(folder: Path, names: Sequence[str], pixel_format: PixelFormat) -> int:
    """The work of the product."""
    return len(decode_all([InputImage(name, Folder(folder), name) for name in names], pixel_format))


def in_a_process(folder: Path, names: Sequence[str], pixel_format: PixelFormat) -> list[bytes]:
    """The same where no other thread waits, and the pixels are sent back."""
    return [
        pixel_format.convert(read_image((folder / name).read_bytes(), alone=True).shown(pixel_format.levels))
        for name in names
    ]


def rate(pool: Executor, work: Callable[..., object], folder: Path, names: Sequence[str], pixels: PixelFormat) -> float:
    """Images per second."""
    waiting: deque = deque()
    start = time.perf_counter()
    for first in range(0, len(names), JOB):
        waiting.append(pool.submit(work, folder, names[first : first + JOB], pixels))
        if len(waiting) > 2 * usable_cores():
            waiting.popleft().result()
    while waiting:
        waiting.popleft().result()
    return len(names) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast images are decoded for predicting.")
    parser.add_argument("--quick", action="store_true", help="three rounds instead of nine")
    rounds = 3 if parser.parse_args().quick else 9
    cores = usable_cores()
    threads = ThreadPoolExecutor(cores)
    processes = ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("forkserver"))
    medians: dict[str, float] = {}
    print(f"images per second, {cores} threads or processes\n\n{'':<12} {'threads':>9} {'processes':>9} {'ratio':>6}")
    for side, count in CASES:
        for kind in ("JPEG", "PNG"):
            with tempfile.TemporaryDirectory() as place:
                folder, names = Path(place), [f"{number:04d}.{kind.lower()}" for number in range(count)]
                contents = []
                for seed in range(DIFFERENT):
                    photo(side, seed).save(file := io.BytesIO(), kind)
                    contents.append(file.getvalue())
                for number, name in enumerate(names):
                    (folder / name).write_bytes(contents[number % DIFFERENT])
                pixels = PixelFormat(size=min(side, 224), channels=3)
                arms = {"threads": (threads, in_a_thread), "processes": (processes, in_a_process)}
                found: dict[str, list[float]] = {name: [] for name in arms}
                for number in range(rounds + 1):
                    for name, (pool, work) in arms.items():
                        speed = rate(pool, work, folder, names, pixels)
                        if number:  # the first one only warms up
                            found[name].append(speed)
            here = {name: statistics.median(speeds) for name, speeds in found.items()}
            ratio = here["threads"] / here["processes"]
            print(f"{kind} {side:<7} {here['threads']:>9,.0f} {here['processes']:>9,.0f} {ratio:>6.2f}", flush=True)
            medians |= {f"{kind} {side} {name}": round(value, 1) for name, value in here.items()}
    machine = describe_machine().processor
    print(json.dumps({"benchmark": "decoding", "machine": machine, "images_per_second": medians}))


if __name__ == "__main__":
    main()
