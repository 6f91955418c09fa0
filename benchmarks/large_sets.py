"""The cost of ImageNet-1k (1.28 million photographs, 140 GB) on this machine, from rates measured on 1% of as many.

    python benchmarks/large_sets.py [--images 12800] [--quick]

Photographs of 500 x 375 pixels and about 85 kB are made up, in class folders (with --quick, 640 of them). Each stage is
measured on a quarter of them and on all of them, in processor seconds, so that other work on the machine matters
little; a clock shows these divided by the cores that a stage uses, if disks keep up. What the ratio of both says about
growth is the exponent, where the times are long enough to say. A stage that grows faster than linearly is extrapolated
by its exponent, and others by the number of images.

Stages: listing; the first reading (hashing, decoding, thumbnails, and the pack at 224 pixels); the audit after it; the
search for near-duplicates within it, measured apart on more images, with made-up thumbnails; batches of an epoch from
the pack; a step of ResNet-18 on this processor; and a look (intervals for three networks with five seeds each on 50,000
test images). The memory is that of processes that list and read tiny images, in Parquet, in a tar archive and in
folders: bytes for each image, from the difference between sets that are too large for their thumbnails to stay in
memory.

What this can't show: a GPU, a network disk, an object store far away, and a pack that no longer fits into memory.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skipwise.core.machine.system import describe_machine
from skipwise.core.text import duration
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.quality.findings import examine
from skipwise.data.quality.near_duplicates import near_duplicates
from skipwise.data.scan.inspection import PixelFormat
from skipwise.data.scan.scan import scan_images
from skipwise.data.sources import open_source
from skipwise.data.store.packed import pack
from skipwise.statistics import judge

IMAGENET, TESTED = 1_281_167, 50_000
CLASSES, SIZE = 1000, 224
BATCH = 64
NOISE = 2000
LINEAR = 1.15
"""An exponent up to this counts as linear: times vary from one measurement to the next."""
LEAST = 0.25
"""Seconds on the smaller set, at least; the ratio of shorter times says nothing about growth."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage measured on two sizes: the numbers of images, and the seconds."""

    name: str
    images: tuple[int, int]
    seconds: tuple[float, float]
    at: int = IMAGENET

    @property
    def exponent(self) -> float | None:
        """None if the times are too short to say."""
        if self.seconds[0] < LEAST:
            return None
        return math.log(self.seconds[1] / self.seconds[0]) / math.log(self.images[1] / self.images[0])

    @property
    def estimate(self) -> float:
        """Seconds for the whole set."""
        power = self.exponent if (self.exponent or 0) > LINEAR else 1.0
        return self.seconds[1] * (self.at / self.images[1]) ** power


@functools.cache
def _noise() -> NDArray[np.float32]:
    """Noise, of which each photograph has another part: making it takes longer than all the rest."""
    return np.random.default_rng(0).normal(0, 14, (NOISE, NOISE, 1)).astype(np.float32)


def photograph(rng: np.random.Generator) -> bytes:
    """A made-up JPEG of 500 x 375 pixels whose size is that of a photograph."""
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(
        (500, 375), Image.Resampling.BICUBIC
    )
    left, top = rng.integers(0, NOISE - 500, 2)
    pixels = np.asarray(coarse, np.float32) + _noise()[top : top + 375, left : left + 500]
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=88)
    return file.getvalue()


def make_photographs(folder: Path, first: int, count: int, classes: int) -> None:
    for number in range(first, first + count):
        path = folder / f"n{number % classes:08d}" / f"{number:08d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photograph(np.random.default_rng(number)))


def seconds(act: Callable[[], object]) -> float:
    """Processor seconds of this process and of those that it started."""
    before = os.times()
    act()
    after = os.times()
    return max(1e-4, sum(after[:4]) - sum(before[:4]))


def of_photographs(folder: Path, cache: Path) -> dict[str, float]:
    """Seconds for listing, the first reading, the audit, and an epoch's batches from the pack."""
    os.environ["SKIPWISE_CACHE"] = str(cache)
    form = PixelFormat.from_preprocessing(Preprocessing(size=SIZE, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3))
    listing = seconds(lambda: open_source(folder))
    source = open_source(folder)
    reading = seconds(lambda: scan_images(source, guess=form))
    seen, used = scan_images(source), np.ones(len(source), dtype=bool)
    pixels = pack(source, seen, form)
    order = np.random.default_rng(0).permutation(len(source))
    batches = [np.sort(order[start : start + BATCH]) for start in range(0, len(order), BATCH)]
    return {
        "listing": listing,
        "first reading, with the pack": reading,
        "audit": seconds(lambda: examine(source, seen.for_images(used), used)),
        "batches of an epoch": seconds(lambda: [pixels[batch] for batch in batches]),
    }


def step(batch: int) -> float:
    """Seconds for a training step of ResNet-18 at 224 pixels."""
    import torch
    from torch.nn import functional

    from skipwise import create_model

    network = create_model("resnet18", num_classes=CLASSES, stem="imagenet")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    images, labels = torch.randn(batch, 3, SIZE, SIZE), torch.arange(batch)

    def once() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    once()
    return min(seconds(once) for _ in range(3))


def look(images: int) -> float:
    rng = np.random.default_rng(0)
    hard = rng.random(images)
    scores = {name: rng.random((5, images)) > hard * share for name, share in (("a", 0.5), ("b", 0.52), ("c", 0.6))}
    return min(seconds(lambda: judge(scores, margin=0.005)) for _ in range(3))


def search(images: int) -> float:
    """Seconds of the search for near-duplicates among made-up thumbnails."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (images, 8, 8), dtype=np.uint8)
    thumbnails = np.stack(
        [np.asarray(Image.fromarray(each).resize((32, 32), Image.Resampling.BICUBIC)) for each in coarse]
    )
    return seconds(lambda: near_duplicates(thumbnails, np.full(images, 375)))


TINY = io.BytesIO()
Image.new("L", (4, 4)).save(TINY, "PNG")
MEASURE = """
import gc, sys
from skipwise.data.scan.scan import scan_images
from skipwise.data.sources import open_source

def say():
    gc.collect()
    said = dict(line.split(":", 1) for line in open("/proc/self/status"))
    # Not ru_maxrss, which begins with that of the process that started this one.
    print(*(int(said[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")))

source = open_source(sys.argv[1])
say()
seen = scan_images(source)
say()
assert len(source) == len(seen.digests)
"""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of a process that holds a set of images: after listing them, after reading them all, and at its highest
    while it listed and while it read."""

    listed: int
    read: int
    most_listing: int
    most_reading: int


def make_parquet(path: Path, images: int) -> None:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema({"image": pyarrow.struct({"bytes": pyarrow.binary()}), "label": pyarrow.string()})
    # As photographs are, which neither a dictionary nor compression makes smaller.
    with pyarrow.parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as file:
        for start in range(0, images, 100_000):
            numbers = range(start, min(images, start + 100_000))
            rows = [{"image": {"bytes": TINY.getvalue()}, "label": f"class{number % 10}"} for number in numbers]
            file.write_table(pyarrow.Table.from_pylist(rows, schema=schema), row_group_size=1000)


def make_tar(path: Path, images: int) -> None:
    data = TINY.getvalue() + bytes(-len(TINY.getvalue()) % 512)
    with path.open("wb") as file:
        for number in range(images):
            header = tarfile.TarInfo(f"class{number % 10}/{number:08d}.png")
            header.size = len(TINY.getvalue())
            file.write(header.tobuf(tarfile.USTAR_FORMAT) + data)
        file.write(bytes(1024))


def make_folders(path: Path, images: int) -> None:
    for number in range(images):
        folder = path / f"class{number % 100:02d}"
        if number < 100:
            folder.mkdir(parents=True)
        (folder / f"{number:08d}.png").write_bytes(TINY.getvalue())


def memory(path: Path) -> Memory:
    """The memory of a process that lists and reads a set, with a cache of its own beside it."""
    cache = path.with_name("cache")
    environment = os.environ | {"SKIPWISE_CACHE": str(cache)}
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    shutil.rmtree(cache)
    (listed, most_listing), (read, most_reading) = (map(int, line.split()) for line in ran.stdout.splitlines())
    return Memory(listed=listed, read=read, most_listing=most_listing, most_reading=most_reading)


KINDS = {"parquet": make_parquet, "tar": make_tar, "folders": make_folders}


def memory_of(kind: str, images: int, folder: Path) -> Memory:
    """The memory for a set of tiny images of a kind, which is made and removed again."""
    path = folder / f"{images}.{kind}"
    KINDS[kind](path, images)
    try:
        return memory(path)
    finally:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def per_image(fewer: int, more: int, one: Memory, other: Memory) -> dict[str, float]:
    """Bytes for each image that there is more of."""
    return {name: (getattr(other, name) - value) / (more - fewer) for name, value in vars(one).items()}


def stages_of(images: int, searched: tuple[int, int]) -> list[Stage]:
    """Each stage on a quarter of so many photographs, and on all of them; the table is printed, too."""
    few = images // 4
    classes = min(CLASSES, few // 10)
    with tempfile.TemporaryDirectory(prefix="skipwise-large-") as temporary:
        root = Path(temporary)
        make_photographs(root / "few", 0, few, classes)
        shutil.copytree(root / "few", root / "all", copy_function=os.link)
        make_photographs(root / "all", few, images - few, classes)
        total = sum(path.stat().st_size for path in (root / "all").rglob("*.jpg"))
        one, other = (of_photographs(root / name, root / f"cache-{name}") for name in ("few", "all"))
    stages = [Stage(name=name, images=(few, images), seconds=(one[name], other[name])) for name in one]
    stages.append(
        Stage(name="near-duplicates alone", images=searched, seconds=(search(searched[0]), search(searched[1])))
    )
    stages.append(Stage(name="training steps of an epoch", images=(4, 16), seconds=(step(4), step(16))))
    stages.append(
        Stage(name="a look", images=(TESTED // 4, TESTED), seconds=(look(TESTED // 4), look(TESTED)), at=TESTED)
    )
    print(f"{images:,} photographs of {total / images / 1000:.0f} kB on average; {describe_machine().processor}\n")
    print(f"{'stage':32} {'images':>16} {'processor s':>16} {'grows as n^':>12} {'for ImageNet-1k':>16}")
    for stage in stages:
        grows = "too short" if stage.exponent is None else f"{stage.exponent:.2f}"
        numbers, times = (
            " ".join(f"{each:,}" for each in stage.images),
            " ".join(f"{each:.3g}" for each in stage.seconds),
        )
        print(f"{stage.name:32} {numbers:>16} {times:>16} {grows:>12} {duration(stage.estimate):>16}")
    fast = [stage.name for stage in stages if (stage.exponent or 0) > LINEAR]
    print(f"\nFaster than linearly grows: {', '.join(fast) or 'nothing'}.")
    row = SIZE * SIZE * 3
    smaller = 128 * 128 * 3 * IMAGENET / 1e9
    print(
        f"The pack at {SIZE} pixels has {row * IMAGENET / 1e9:,.0f} GB, and at 128 pixels {smaller:,.0f} GB.",
        flush=True,
    )
    return stages


def bytes_of(kinds: Mapping[str, tuple[int, ...]]) -> dict[str, dict[str, float]]:
    """The memory by kind and number, as a table, and the bytes for each image that there is more of."""
    found: dict[str, dict[str, float]] = {}
    names = ("listed", "read", "most_listing", "most_reading")
    print(f"\n{'memory in MB':12} {'images':>10} " + " ".join(f"{name.replace('_', ' '):>13}" for name in names))
    for kind, sizes in kinds.items():
        measured = []
        with tempfile.TemporaryDirectory(prefix="skipwise-large-") as temporary:
            for images in sizes:
                measured.append(memory_of(kind, images, Path(temporary)))
                cells = " ".join(f"{getattr(measured[-1], name) / 1e6:>13.1f}" for name in names)
                print(f"{kind:12} {images:>10,} {cells}", flush=True)
        grown = per_image(*sizes[-2:], *measured[-2:])
        print(f"{'bytes an image':>23} " + " ".join(f"{grown[name]:>13.1f}" for name in names))
        found[kind] = {name: round(value, 1) for name, value in grown.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=12_800, help="photographs that are made up (12800)")
    parser.add_argument("--quick", action="store_true", help="640 photographs, and lists of up to 100,000")
    parser.add_argument("--only", choices=("stages", "memory"), help="one of the two tables")
    arguments = parser.parse_args()
    images = 640 if arguments.quick else arguments.images
    searched = (8_000, 24_000) if arguments.quick else (20_000, 80_000)
    # Below 32,768 images all thumbnails are in memory.
    most, least = (100_000, 40_000) if arguments.quick else (1_000_000, 50_000)
    kinds = dict.fromkeys(("parquet", "tar"), (10_000, least, most))
    kinds["folders"] = (10_000, least, max(most // 5, 2 * least))
    stages = [] if arguments.only == "memory" else stages_of(images, searched)
    bytes_per_image = {} if arguments.only == "stages" else bytes_of(kinds)
    arms = {stage.name: {"median": stage.seconds[1], "spread": [stage.seconds[1]] * 2} for stage in stages}
    ratios = {stage.name: stage.exponent and round(stage.exponent, 3) for stage in stages}
    print(
        json.dumps(
            {
                "benchmark": "large_sets",
                "machine": describe_machine().processor,
                "arms": arms,
                "ratios": {"exponents": ratios, "bytes_per_image": bytes_per_image},
                "imagenet_seconds": {stage.name: round(stage.estimate, 1) for stage in stages},
            }
        )
    )


if __name__ == "__main__":
    main()
