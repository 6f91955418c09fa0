"""Training input, images per second: ours against ImageFolder in a two-worker DataLoader and against the bare minimum.

    python benchmarks/data_feed.py [--quick] [--cifar ARCHIVE]

Small images: 32 x 32, batches of 512; flip, reflected crop, cutout of 8 x 8, and normalised float32 in channels-last
memory. Bare is index_select and a conversion to float32, with no augmentation. Photographs: about 500 x 375 for
ImageFolder, packed at 256 in a mapped file for ours, batches of 64; random resized crop to 224, flip, normalised. The
arm with grid_sample resizes a whole batch in one call, not antialiased; it is why augment.resized_crop does not.

All arms take turns in one process; every epoch counted is a second or later one. PNGs of 32 x 32 are taken from an
archive (train/<class>/*.png) or made of noise; the JPEGs are smooth noise of quality 90.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from skipwise.core.machine.system import describe_machine, usable_cores
from skipwise.data.batches.batches import Augmentation, TrainingBatches, to_input
from skipwise.data.image.preprocess import fit_square

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WORKERS = 2
AREA = (0.08, 1.0)


@dataclass(frozen=True)
class Arm:
    """`epoch` yields the number of images of each batch it has made, on `threads` threads."""

    epoch: Callable[[], Iterator[int]]
    threads: int


def ours(batches: TrainingBatches) -> Callable[[], Iterator[int]]:
    """The batches as training takes them."""
    epochs = itertools.count()
    inputs = None  # kept from epoch to epoch, as the training loop does

    def epoch() -> Iterator[int]:
        nonlocal inputs
        number = next(epochs)
        order = batches.order(number)
        for step in range(batches.per_epoch):
            inputs = to_input(batches.batch(number, step, order).images, MEAN, STD, out=inputs)
            yield len(inputs)

    return epoch


def bare(pixels: NDArray[np.uint8], batch_size: int) -> Callable[[], Iterator[int]]:
    """Fetching and converting, and nothing else."""
    images = torch.from_numpy(pixels)

    def epoch() -> Iterator[int]:
        for chosen in torch.randperm(len(images)).split(batch_size):
            yield len(images.index_select(0, chosen).to(torch.float32))

    return epoch


def image_folder(folder: Path, batch_size: int, steps: list[Callable]) -> Callable[[], Iterator[int]]:
    """torchvision's usual way."""
    loader = DataLoader(
        ImageFolder(str(folder), transforms.Compose(steps)),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
    )

    def epoch() -> Iterator[int]:
        for images, _ in loader:
            yield len(images.to(memory_format=torch.channels_last))

    return epoch


def by_grid_sample(pixels: NDArray[np.uint8], batch_size: int, size: int) -> Callable[[], Iterator[int]]:
    """Random resized crop and flip as one call of grid_sample per batch."""

    def crop(images_BHWC: Tensor) -> Tensor:
        side = torch.empty(len(images_BHWC)).uniform_(*AREA).sqrt()
        across, down = ((1 - side) * (2 * torch.rand(len(side)) - 1) for _ in range(2))
        sign, nothing = (torch.rand(len(side)) < 0.5) * 2.0 - 1, torch.zeros(len(side))
        rows = [torch.stack([side * sign, nothing, across], dim=1), torch.stack([nothing, side, down], dim=1)]
        grid = F.affine_grid(torch.stack(rows, dim=1), [len(side), 3, size, size], align_corners=False)
        images = images_BHWC.permute(0, 3, 1, 2).float()
        resized = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return resized.permute(0, 2, 3, 1).to(torch.uint8).contiguous()

    inputs = None

    def epoch() -> Iterator[int]:
        nonlocal inputs
        for chosen in torch.randperm(len(pixels)).split(batch_size):
            images = torch.from_numpy(pixels[np.sort(chosen.numpy())])
            inputs = to_input(crop(images), MEAN, STD, out=inputs)
            yield len(inputs)

    return epoch


def small_arms(folder: Path, archive: Path | None, count: int) -> dict[str, Arm]:
    """Writes 32 x 32 PNGs under `folder`; the arms that feed them."""
    pixels = write_small(folder, archive, count)
    members = np.arange(len(pixels))
    augmentation = Augmentation(mirror=True, shift=1 / 8, cutout=1 / 4)
    batches = TrainingBatches(pixels, np.zeros_like(members), members, 512, augmentation, seed=0)
    steps = [
        transforms.RandomHorizontalFlip(),
        transforms.RandomCrop(32, padding=4, padding_mode="reflect"),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
        transforms.RandomErasing(p=1, scale=(1 / 16, 1 / 16), ratio=(1, 1)),
    ]
    return {
        "small: ours, all cores": Arm(ours(batches), usable_cores()),
        "small: ours, 1 thread": Arm(ours(batches), 1),
        "small: bare, all cores": Arm(bare(pixels, 512), usable_cores()),
        "small: bare, 1 thread": Arm(bare(pixels, 512), 1),
        "small: ImageFolder": Arm(image_folder(folder, 512, steps), usable_cores()),
    }


def photo_arms(folder: Path, packed: Path, count: int) -> dict[str, Arm]:
    """Writes JPEGs under `folder` and their pixels to `packed`; the arms that feed them."""
    np.save(packed, write_photos(folder, count))
    pixels = np.load(packed, mmap_mode="r")
    members = np.arange(count)
    augmentation = Augmentation(mirror=True, shift=0, resized_crop=AREA)
    batches = TrainingBatches(pixels, np.zeros_like(members), members, 64, augmentation, seed=0, size=224)
    steps = [
        transforms.RandomResizedCrop(224, scale=AREA),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
    return {
        "photos: ours, all cores": Arm(ours(batches), usable_cores()),
        "photos: ours, 1 thread": Arm(ours(batches), 1),
        "photos: grid_sample": Arm(by_grid_sample(pixels, 64, 224), usable_cores()),
        "photos: ImageFolder": Arm(image_folder(folder, 64, steps), usable_cores()),
    }


def write_small(folder: Path, archive: Path | None, count: int) -> NDArray[np.uint8]:
    """PNGs in two class folders, and their pixels."""
    if archive is None:
        pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    else:
        with zipfile.ZipFile(archive) as file:
            names = [name for name in file.namelist() if "train/" in name and name.endswith(".png")]
            chosen = names[:: max(len(names) // count, 1)][:count]
            pixels = np.stack([np.asarray(Image.open(io.BytesIO(file.read(name))).convert("RGB")) for name in chosen])
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(place(folder, index, "png"))
    return pixels


def write_photos(folder: Path, count: int) -> NDArray[np.uint8]:
    """JPEGs in two class folders, and their middle squares at 256 pixels a side."""
    rng = np.random.default_rng(0)
    packed = np.empty((count, 256, 256, 3), dtype=np.uint8)
    for index in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        image = coarse.resize((500 + index % 7 - 3, 375), Image.Resampling.BICUBIC)
        image.save(place(folder, index, "jpg"), quality=90)
        packed[index] = fit_square(np.asarray(image), 256)
    return packed


def place(folder: Path, index: int, ending: str) -> Path:
    """Returns the path of an image."""
    path = folder / f"class{index % 2}" / f"{index}.{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def throughput(arm: Arm, seconds: float) -> float:
    """Images per second over whole epochs, for at least `seconds`."""
    torch.set_num_threads(arm.threads)
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        done += sum(arm.epoch())
    return done / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description="Training input, in images per second.")
    parser.add_argument("--quick", action="store_true", help="fewer images, three rounds")
    parser.add_argument("--cifar", type=Path, metavar="ARCHIVE", help="a .zip with train/<class>/*.png of 32 x 32")
    arguments = parser.parse_args()
    quick = arguments.quick
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        arms = small_arms(root / "small", arguments.cifar, 4096 if quick else 10_240)
        arms |= photo_arms(root / "photos", root / "packed.npy", 256 if quick else 768)
        rounds: dict[str, list[float]] = {name: [] for name in arms}
        for arm in arms.values():
            throughput(arm, 0)  # an epoch that does not count: files into memory, workers started
        for _ in range(3 if quick else 7):
            for name, arm in arms.items():
                rounds[name].append(throughput(arm, 0.5 if quick else 1.5))
    results = {name: {"median": median(v), "spread": max(v) - min(v)} for name, v in rounds.items()}
    ratios = {
        f"{name} / {other}": results[name]["median"] / results[other]["median"]
        for kind, others in {"small": ("ImageFolder", "bare"), "photos": ("ImageFolder", "grid_sample")}.items()
        for threads in ("all cores", "1 thread")
        for name in (f"{kind}: ours, {threads}",)
        for other in (f"{kind}: {others[0]}", f"{kind}: {others[1]}" + (f", {threads}" if kind == "small" else ""))
    }
    print(f"{'images per second':<28} {'median':>10} {'spread':>10}")
    for name, result in results.items():
        print(f"{name:<28} {result['median']:>10.0f} {result['spread']:>10.0f}")
    print(f"\n{'ratio':<56} {'':>6}")
    for name, ratio in ratios.items():
        print(f"{name:<56} {ratio:>6.2f}")
    print(f"\n{usable_cores()} cores; load of the last minute, this benchmark's own included: {os.getloadavg()[0]:.1f}")
    machine = describe_machine()
    print(json.dumps({"benchmark": "data_feed", "machine": machine.processor, "arms": results, "ratios": ratios}))


if __name__ == "__main__":
    main()
