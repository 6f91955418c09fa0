"""Benchmark of published weights against training from scratch on few images, at equal cost, on held-out images.

    python benchmarks/advice.py --weights FILE.pth [--signs sign-digits.csv] [--cifar10 cifar10.zip]
        [--fashion-mnist FOLDER] [--write] [--quick]

A cell is a data set, a number of training images, an arm and a seed. The training images of a cell are drawn from the
set's training images by the seed, every class alike; it is judged on 500 other ones, which are the same for all cells.
Where images come in groups (the pupils of the hand signs), no group is on both sides. Test images are not touched.
All arms of a set and a number of images cost the same: as many epochs as fit into so many seconds of one thread, by
steps that were timed once (rates.json), at most 100. What is done is kept in --output, so that the command can be
stopped and given again; cells that are not done are left out of the table, which says so.

FILE.pth holds EfficientNet-Lite0's published weights: its tensors, in order, are those of timm's tf_efficientnet_lite0.
--write writes the table that the advice reads, src/skipwise/advice/table.json.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_images

from skipwise.advice.table import FILE, Row, Table
from skipwise.advice.traits import detail, traits_of
from skipwise.core.files.atomic import atomic, write_text
from skipwise.core.files.checksums import sha256
from skipwise.core.files.json_records import as_json
from skipwise.core.machine.system import describe_machine, keep_freed_memory
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.image.thumbnails import SIDE, thumbnail
from skipwise.data.images import Images
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.scan.inspection import PixelFormat, inspect_image
from skipwise.data.sources import ReadingOptions
from skipwise.nets.create import create_model
from skipwise.nets.stems import resolve_stem
from skipwise.training.folder.record import RunSpec, find_run
from skipwise.training.loop.optimizer import make_optimizer
from skipwise.training.loop.recipe import Recipe, RecipeOptions, choose_recipe
from skipwise.training.loop.schedule import relative_cost
from skipwise.training.machine.execution import Execution
from skipwise.training.planning.inputs import with_statistics
from skipwise.training.run.runner import execute_run

VAL, POOL, MOST_EPOCHS = 500, 3_000, 100
SECONDS = {50: 12, 200: 24, 500: 45, 1000: 60, 2000: 80}
"""The limit for training on so many images, in seconds of one thread's processor time."""
NARROW = 0.5
"""The width of networks from scratch: on few images it costs little accuracy, and a quarter of the time."""
TITLES = {"cifar10": "CIFAR-10", "signs": "hand signs", "fashion_mnist": "Fashion-MNIST", "digits": "digits"}
WEIGHTS = "timm:tf_efficientnet_lite0"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A way to train: `size` is in pixels a side, None for the images' own; `said` is in words."""

    said: str
    model: str = "resnet18"
    size: int | None = None
    stem: str = "auto"
    mirror: bool | None = None
    width: float = 1.0
    lr: float | None = None
    freeze_norms: bool = False

    @property
    def fine_tunes(self) -> bool:
        return self.model == WEIGHTS


ARMS = {
    "scratch": Arm(said="from scratch, at the images' own size", width=NARROW),
    "weights": Arm(said="from weights, at 96 pixels", model=WEIGHTS, size=96),
    "scratch-64": Arm(
        said="from scratch at 64 pixels, imagenet stem, against their own size", width=NARROW, size=64, stem="imagenet"
    ),
    "weights-128": Arm(said="from weights at 128 pixels, against 96", model=WEIGHTS, size=128),
    "weights-160": Arm(said="from weights at 160 pixels, against 96", model=WEIGHTS, size=160),
    "no-mirror": Arm(said="from scratch, not mirrored", width=NARROW, mirror=False),
    "mirror": Arm(said="from scratch, mirrored", width=NARROW, mirror=True),
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run."""

    data: str
    images: int
    arm: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.data}-{self.images}-{self.arm}-s{self.seed}"


PHOTOGRAPHS, OTHERS = ("cifar10", "signs"), ("fashion_mnist", "digits")
BOTH, SIZES, MIRRORS = ("scratch", "weights"), ("weights-128", "weights-160", "scratch-64"), ("mirror", "no-mirror")
ORDER = (
    (PHOTOGRAPHS, (50, 200), 0, BOTH),
    (PHOTOGRAPHS, (500,), 0, BOTH),
    (PHOTOGRAPHS, (50,), 0, SIZES),
    (PHOTOGRAPHS, (50,), 1, BOTH),
    (OTHERS, (50,), 0, BOTH),
    (PHOTOGRAPHS, (50,), 1, SIZES),
    (PHOTOGRAPHS, (200,), 1, BOTH),
    (PHOTOGRAPHS, (50,), 2, BOTH),
    (PHOTOGRAPHS, (200,), 0, SIZES),
    (OTHERS, (200,), 0, BOTH),
    (PHOTOGRAPHS + OTHERS, (50,), 0, MIRRORS),
    (PHOTOGRAPHS, (1000, 2000), 0, BOTH),
    (PHOTOGRAPHS, (200,), 2, BOTH),
    (PHOTOGRAPHS, (500,), 1, BOTH),
    (OTHERS, (50, 200), 1, BOTH),
    (PHOTOGRAPHS + OTHERS, (50,), 1, MIRRORS),
    (PHOTOGRAPHS, (500,), 2, BOTH),
    (PHOTOGRAPHS, (1000, 2000), 1, BOTH),
    (OTHERS, (500,), 0, BOTH),
)
"""The cells in their order, the most decisive first: data sets, numbers of images, a seed and variants."""


def cells(sets: Collection[str]) -> Iterator[Cell]:
    """All cells of these data sets, in that order."""
    for which, counts, seed, arms in ORDER:
        for data in which:
            for images in counts:
                for arm in arms:
                    if data in sets:
                        yield Cell(data=data, images=images, arm=arm, seed=seed)


class Bench:
    """The data sets, the weights, and the cells that are done."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.output: Path = options.output
        self.output.mkdir(parents=True, exist_ok=True)
        self.sets = {}
        for name, group in (("signs", "pupil"), ("cifar10", None), ("fashion_mnist", None)):
            if (given := getattr(options, name)) is not None:
                self.sets[name] = Request(data=given, reading=ReadingOptions(group=group), val_share=0.0)
        self.sets["digits"] = Request(data="digits", val_share=0.0)
        self.weights = None if options.weights is None else self._converted(options.weights)

    def _converted(self, given: Path) -> Path:
        """The weights under timm's names."""
        path = self.output / "weights.safetensors"
        if not path.exists():
            from safetensors.torch import save_file

            names = create_model(WEIGHTS, num_classes=1000, in_channels=3, seed=0).state_dict()
            tensors = torch.load(given, weights_only=True)
            assert [tensor.shape for tensor in tensors.values()] == [tensor.shape for tensor in names.values()]
            whole = [tensor.contiguous() for tensor in tensors.values()]
            with atomic(path) as temporary:
                save_file(dict(zip(names, whole, strict=True)), temporary)
        return path

    @lru_cache(maxsize=8)  # noqa: B019
    def prepared(self, data: str) -> Prepared:
        return prepare(self.sets[data], seed=0, packed=False)

    @lru_cache(maxsize=8)  # noqa: B019
    def pool(self, data: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The images to train on and those to judge by, in the order in which they are drawn."""
        prepared = self.prepared(data)
        rng = np.random.default_rng(0)
        mine = prepared.split[prepared.members] == "train"
        members, together = prepared.members[mine], prepared.groups[mine]
        order = rng.permutation(np.unique(together))
        rank = np.argsort(np.argsort(order))  # of each group, in a random order
        place = np.empty(order.max() + 1, dtype=np.int64)
        place[order] = np.arange(len(order))
        sequence = np.argsort(place[together], kind="stable")
        assert len(rank) == len(order)
        cut = VAL
        while cut < len(sequence) and together[sequence[cut]] == together[sequence[cut - 1]]:
            cut += 1
        return members[sequence[cut : cut + POOL]], members[sequence[:cut]]

    @lru_cache(maxsize=2)  # noqa: B019
    def images(self, data: str, size: int, channels: int, interpolation: str) -> Images:
        """The pool's images at one size; those to judge by are "test", others in no split.

        They are training images of the set; "val" would have them judged after each epoch, at some cost.
        """
        prepared = self.prepared(data)
        train, val = self.pool(data)
        chosen = np.concatenate([train, val])
        square = PixelFormat(size=size, channels=channels, interpolation=interpolation, levels=prepared.scan.levels)
        images = prepared.images(square, packed=False)
        pixels = images.pixels[chosen]
        getattr(images.pixels, "close", lambda: None)()
        split = np.array([""] * len(train) + ["test"] * len(val), dtype="<U5")
        twins = np.full(len(chosen), "", dtype=images.duplicated_in.dtype)
        return replace(
            images,
            ids=images.ids[chosen],
            labels=images.labels[chosen],
            split=split,
            duplicated_in=twins,
            pixels=pixels,
        )

    def drawn(self, cell: Cell, images: Images) -> Images:
        """The images with those that the cell trains on, every class alike."""
        rng = np.random.default_rng(cell.seed)
        pool = np.flatnonzero(images.split == "")
        order = rng.permutation(pool)
        labels = images.labels[order]
        turn = np.zeros(len(order), dtype=np.int64)  # the first of each class, then the second, ...
        for label in np.unique(labels):
            turn[labels == label] = np.arange((labels == label).sum())
        chosen = order[np.argsort(turn, kind="stable")[: cell.images]]
        split = images.split.copy()
        split[chosen] = "train"
        named = hashlib.sha256("\n".join(images.ids[np.sort(chosen)]).encode()).hexdigest()
        return replace(images, split=split, fingerprint=named)

    def step_seconds(self, arm: Arm, recipe: Recipe, *, channels: int, size: int, stem: str) -> float:
        """Seconds of processor time of a training step at full size, the least of four, timed once."""
        path = self.output / "steps.json"
        steps = json.loads(path.read_text()) if path.exists() else {}
        key = f"{arm.model} {size} {channels} {stem} {recipe.batch_size}"
        if key not in steps:
            network = create_model(arm.model, num_classes=10, in_channels=channels, stem=stem, width=arm.width, seed=0)
            network = network.to(memory_format=torch.channels_last).train()
            optimizer = make_optimizer(network, recipe)
            inputs = torch.randn(recipe.batch_size, channels, size, size).to(memory_format=torch.channels_last)
            taken = []
            for _ in range(4):
                began = time.process_time()
                network(inputs).square().sum().backward()
                optimizer.step()
                taken.append(time.process_time() - began)
            steps[key] = round(min(taken), 4)
            write_text(path, json.dumps(steps, indent=1))
        return steps[key]

    def planned(self, cell: Cell) -> tuple[RunSpec, Images]:
        """Returns the run of a cell, and its images."""
        arm, prepared = ARMS[cell.arm], self.prepared(cell.data)
        size = arm.size or prepared.auto_size
        channels = 3 if arm.fine_tunes else prepared.channels
        stem = resolve_stem(arm.stem, size)
        interpolation = "bicubic" if arm.fine_tunes else "bilinear"
        images = self.drawn(cell, self.images(cell.data, size, channels, interpolation))
        half = (0.5,) * channels if arm.fine_tunes else ()
        bare = Preprocessing(size=size, channels=channels, mean=half, std=half, interpolation=interpolation)
        mirrors = prepared.source.mirrors
        asked = RecipeOptions(mirror=arm.mirror, lr=arm.lr, freeze_norms=arm.freeze_norms)
        given = {"fine_tune": arm.fine_tunes, "mirrors": mirrors, "images": cell.images}
        execution = Execution(device="cpu", precision="fp32", threads=1)
        first = choose_recipe(asked, **given)
        step = self.step_seconds(arm, first, channels=channels, size=size, stem=stem)
        epoch = step * (cell.images // first.batch_size) * relative_cost(first, size)
        epochs = max(1, min(MOST_EPOCHS, round(SECONDS[cell.images] / epoch)))
        recipe = choose_recipe(replace(asked, epochs=epochs), **given)
        spec = RunSpec(
            model=arm.model,
            seed=cell.seed,
            stem=stem,
            width=arm.width,
            pretrained=False,
            init=sha256(self.weights) if arm.fine_tunes and self.weights is not None else None,
            classes=images.classes,
            preprocessing=with_statistics(bare, images.pixels, images.members("train")),
            fingerprint=images.fingerprint,
            recipe=recipe,
            execution=execution,
        )
        return spec, images

    def can(self, cell: Cell) -> bool:
        """Returns whether there are enough images and weights for a cell; 1,000 stand for 2,000 in small sets."""
        if ARMS[cell.arm].fine_tunes and self.weights is None:
            return False
        there = len(self.pool(cell.data)[0])
        return there >= cell.images and (cell.images != 1000 or there < 2000)

    def do(self, cell: Cell) -> None:
        """Does a cell unless it is done."""
        path = self.output / f"{cell.name}.json"
        if path.exists() or not self.can(cell):
            return
        spec, images = self.planned(cell)
        folder = self.output / cell.name
        began = time.process_time()
        record = find_run(spec, folder) or execute_run(
            spec, images, folder, init=self.weights if ARMS[cell.arm].fine_tunes else None
        )
        accuracy = None if record.test is None else round(100 * record.test.accuracy, 2)
        done = {
            "data": cell.data,
            "images": cell.images,
            "arm": cell.arm,
            "seed": cell.seed,
            "accuracy": accuracy,
            "seconds": round(record.seconds, 1),
            "cpu_seconds": round(time.process_time() - began, 1),
            "epochs": spec.recipe.epochs,
            "size": spec.preprocessing.size,
            "batch_size": spec.recipe.batch_size,
            "judged_on": int((images.split == "test").sum()),
        }
        write_text(path, json.dumps(done))
        (folder / "weights.safetensors").unlink(missing_ok=True)
        print(json.dumps(done), flush=True)


def drawings(*, text: bool, kind: str) -> NDArray[np.uint8]:
    """Thumbnails of 100 icons or pages of text, made here."""
    rng, side, found = np.random.default_rng(1), 96, []
    for _ in range(100):
        ground = "white" if text else tuple(rng.integers(0, 256, 3).tolist())
        image = Image.new("RGB", (side, side), ground)
        draw = ImageDraw.Draw(image)
        if text:
            for y in range(5, side - 10, 14):
                draw.text((4, y), "".join(map(chr, rng.integers(97, 123, 14))), fill="black")
        for _ in range(0 if text else rng.integers(1, 6)):
            x, y, across, down = rng.integers(0, side, 4).tolist()
            shape = (draw.ellipse, draw.rectangle)[rng.integers(2)]
            shape([x, y, x + across // 2 + 1, y + down // 2 + 1], fill=tuple(rng.integers(0, 256, 3).tolist()))
        encoded = io.BytesIO()
        image.save(encoded, kind)
        found.append(np.frombuffer(inspect_image(encoded.getvalue(), None).thumbnail, np.uint8).reshape(SIDE, SIDE))
    return np.stack(found)


def crops() -> NDArray[np.uint8]:
    """Thumbnails of 100 parts of the two photographs that scikit-learn brings."""
    rng, found = np.random.default_rng(2), []
    for photograph in load_sample_images().images:
        for _ in range(50):
            y, x = (int(rng.integers(0, length - 200)) for length in photograph.shape[:2])
            found.append(np.asarray(thumbnail(Image.fromarray(photograph[y : y + 200, x : x + 200]))))
    return np.stack(found)


def table(bench: Bench, command: str) -> Table:
    """Returns the finished cells, as the advice reads them."""
    rows: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for path in sorted(bench.output.glob("*-s?.json")):
        cell = json.loads(path.read_text())
        if cell["accuracy"] is not None and cell["arm"] in ARMS:
            rows.setdefault((cell["data"], cell["images"], cell["arm"]), []).append(cell)
    traits = {name: traits_of(bench.prepared(name)) for name in bench.sets if any(key[0] == name for key in rows)}
    measured = {name: each.detail for name, each in traits.items()}
    drawn = {
        f"{what} ({kind})": drawings(text=what == "text", kind=kind)
        for what in ("icons", "text")
        for kind in ("PNG", "JPEG")
    }
    measured |= {name: round(detail(each), 3) for name, each in drawn.items()}
    measured["parts of two photographs"] = round(detail(crops()), 3)
    photographs = [value for name, value in measured.items() if name in (*PHOTOGRAPHS, "parts of two photographs")]
    others = [value for name, value in measured.items() if name not in (*PHOTOGRAPHS, "parts of two photographs")]
    return Table(
        command=command,
        machine=describe_machine().processor,
        network=WEIGHTS,
        variants={name: arm.said for name, arm in ARMS.items()},
        photographic=round((min(photographs) + max(others)) / 2, 3),
        measured=measured,
        titles={name: TITLES[name] for name in traits},
        sets=traits,
        rows=tuple(
            Row(
                data=data,
                images=images,
                variant=arm,
                size=several[0]["size"],
                accuracies=tuple(cell["accuracy"] for cell in several),
                judged_on=several[0]["judged_on"],
                cpu_seconds=round(mean(cell["cpu_seconds"] for cell in several), 1),
            )
            for (data, images, arm), several in sorted(rows.items())
        ),
    )


def show(found: Table) -> None:
    """A row of Markdown for each data set and number of images."""
    print("| set | training images | arm | pixels | accuracy by seed, % | CPU seconds |")
    print("|---|---|---|---|---|---|")
    for row in found.rows:
        by_seed = ", ".join(f"{each:.1f}" for each in row.accuracies)
        cells_of_row = (
            found.titles[row.data],
            f"{row.images:,}",
            row.variant,
            row.size,
            by_seed,
            f"{row.cpu_seconds:.0f}",
        )
        print(f"| {' | '.join(map(str, cells_of_row))} |")
    print()
    print("| set | training images | from weights less from scratch | seeds |")
    print("|---|---|---|---|")
    for name, title in found.titles.items():
        for gain in found.gains(name, "weights"):
            print(f"| {title} | {gain.images:,} | {gain.said} | {gain.seeds} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--signs")
    parser.add_argument("--cifar10")
    parser.add_argument("--fashion-mnist")
    parser.add_argument("--output", type=Path, default=Path("runs/advice"))
    parser.add_argument("--write", action="store_true", help="write the table that the advice reads")
    parser.add_argument("--quick", action="store_true", help="digits alone, begin no cell after one minute")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no cell after so many")
    options = parser.parse_args()
    if options.quick:
        options.minutes, options.output = 1, Path(tempfile.mkdtemp(prefix="advice-"))
    torch.set_num_threads(1)
    keep_freed_memory()
    bench = Bench(options)
    end = time.monotonic() + 60 * options.minutes
    left = 0
    for cell in cells(bench.sets):
        if not bench.can(cell):
            continue
        if time.monotonic() < end:
            bench.do(cell)
        left += not (bench.output / f"{cell.name}.json").exists()
    found = table(bench, f"python benchmarks/advice.py; {left} cells left out for want of time")
    if options.write:
        write_text(FILE, as_json(found, indent=1) + "\n")
    show(found)
    arms = {
        f"{row.data} {row.images} {row.variant}": {
            "median": median(row.accuracies),
            "spread": np.ptp(row.accuracies).item(),
        }
        for row in found.rows
    }
    machine = describe_machine().processor
    print(json.dumps({"benchmark": "advice", "machine": machine, "arms": arms, "ratios": {}}))


if __name__ == "__main__":
    main()
