"""Forecasts of comparisons against the time that they took.

    python benchmarks/forecasts.py [--images FOLDER] [--output FOLDER] [--quick]

Real comparisons of two networks, with a time limit and without, while nothing else runs, beside an endless loop for
each core, and where these begin or end halfway. A forecast is the seconds from then to the end of the command: at the
start it is the plan's, and afterwards, after every epoch, what the screen shows as left and the seconds that follow
the last run. Each is divided by what it turned out to be. Wanted: within 1.5 at the start; within 1.15 from a fifth
of the way on, and from another twentieth after the load changes.

What is done is kept in --output, a cell each, so that the command can be stopped and given again. Without --images,
pictures of stripes are made. --quick does shorter comparisons, one of each kind, and halfway loads only with a limit.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from skipwise.comparison.compare import compare
from skipwise.comparison.run.time_left import StudyTime
from skipwise.core.machine.system import describe_machine, usable_cores
from skipwise.training.callbacks import Callback, Epoch, Phase, RunEnd, Start

MODELS = ("resnet18", "mobilenet_v2")
LOADS = ("idle", "busy", "begins", "ends")
START, WAY, SETTLED = 1.5, 1.15, 0.05


@dataclass(frozen=True)
class Cell:
    """A comparison: how long it took, when the load changed, and what was said when of the time that was left."""

    load: str
    limit: float | None
    took: float
    changed: float | None
    said: list[tuple[float, float]]

    def ratios(self, since: float, until: float = 1.0) -> list[float]:
        """Seconds said over seconds left, in a part of the way, but for a while after the load changed."""
        return [
            left / (self.took - when)
            for when, left in self.said
            if since <= when / self.took < until
            and not (self.changed is not None and 0 <= when - self.changed < SETTLED * self.took)
        ]


class Listening(Callback):
    """Notes what would be shown."""

    def __init__(self, limit: float | None) -> None:
        self.limit, self.began = limit, time.monotonic()
        self.said: list[tuple[float, float]] = []

    def on_start(self, start: Start) -> None:
        self.left = StudyTime(start.plan, {} if start.forecast is None else start.forecast.epochs)
        if start.forecast is not None and start.forecast.last is not None:
            self._say(start.forecast.last)

    def on_phase(self, phase: Phase) -> None:
        if phase.runs:
            self.left.on_phase(phase)

    def on_epoch(self, epoch: Epoch) -> None:
        self.left.on_epoch(epoch)
        self._look()

    def on_run_end(self, end: RunEnd) -> None:
        self.left.on_run_end(end)
        self._look()

    def _look(self) -> None:
        left = self.left.seconds
        if left is not None and self.left.remaining.work:
            self._say(left)

    def _say(self, left: float) -> None:
        self.said.append((time.monotonic() - self.began, left))


@contextlib.contextmanager
def loads(kind: str, halfway: float) -> Iterator[list[float]]:
    """A load of this kind; gives a list of when it changed, which is filled then."""
    others: list[subprocess.Popen[bytes]] = []
    changed: list[float] = []
    began = time.monotonic()

    def begin() -> None:
        others.extend(subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(usable_cores()))

    def end() -> None:
        while others:
            other = others.pop()
            other.kill()
            other.wait()

    def change() -> None:
        (begin if kind == "begins" else end)()
        changed.append(time.monotonic() - began)

    timer = threading.Timer(halfway, change)
    if kind in ("busy", "ends"):
        begin()
    if kind in ("begins", "ends"):
        timer.start()
    try:
        yield changed
    finally:
        timer.cancel()
        if timer.ident is not None:
            timer.join()
        end()


def made_up(folder: Path, per_class: int) -> Path:
    """Pictures of stripes in three directions, 32 pixels a side."""
    rng, (rows, columns) = np.random.default_rng(0), np.mgrid[:32, :32]
    for label in range(3):
        (folder / f"stripes{label}").mkdir(parents=True)
        for number in range(per_class):
            wave = np.sin((rows * np.cos(label) + columns * np.sin(label)) * 0.9 + rng.uniform(0, 6))
            pixels = 128 + 60 * wave[..., None] + rng.normal(0, 40, (32, 32, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(folder / f"stripes{label}" / f"{number:04}.png")
    return folder


def one(images: Path, kind: str, limit: float | None, epochs: int, halfway: float) -> Cell:
    """A comparison beside a load."""
    with tempfile.TemporaryDirectory() as folder, loads(kind, halfway) as changed:
        listening = Listening(limit)
        began = time.monotonic()
        listening.began = began
        options = {"seeds": 3, "epochs": epochs} if limit is None else {"time_limit": f"{limit:g}s"}
        output = Path(folder) / "out"
        compare(images, models=MODELS, width=0.25, output=output, callbacks=[listening], compile=False, **options)
        took = time.monotonic() - began
    return Cell(kind, limit, took, changed[0] if changed else None, listening.said)


def worst(ratios: list[float]) -> str:
    """The ratio that is farthest from 1."""
    return f"{max(ratios, key=lambda ratio: max(ratio, 1 / max(ratio, 1e-9))):.2f}" if ratios else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--output", type=Path, help="keeps what is done; none keeps nothing")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    limits: tuple[float | None, ...] = (25.0,) if chosen.quick else (None, 60.0, 240.0)
    kept = chosen.output or Path(tempfile.mkdtemp())
    kept.mkdir(parents=True, exist_ok=True)
    images = chosen.images or made_up(Path(tempfile.mkdtemp()) / "stripes", 60 if chosen.quick else 700)
    arms: dict[str, dict[str, float]] = {}
    columns = ("limit", "load", "took", "at the start", "median on the way", "worst on the way", "worst of first fifth")
    print("".join(f"{column:>22}" for column in columns))
    for limit in limits:
        for kind in LOADS:
            name = f"{'none' if limit is None else f'{limit:g}s'}-{kind}"
            path = kept / f"{name}.json"
            if path.exists():
                cell = Cell(**json.loads(path.read_text()))
            else:
                idle = kept / f"{name.rpartition('-')[0]}-idle.json"
                halfway = limit / 2 if limit else json.loads(idle.read_text())["took"] / 2 if idle.exists() else 0.0
                cell = one(images, kind, limit, 4 if chosen.quick else 10, halfway)
                path.write_text(json.dumps(asdict(cell)))
            start, way = cell.ratios(0.0)[:1], cell.ratios(0.2)
            shown = (name.rpartition("-")[0], kind, f"{cell.took:.1f} s", worst(start))
            shown += (f"{median(way):.2f}" if way else "-", worst(way), worst(cell.ratios(0.0, 0.2)[1:]))
            print("".join(f"{text:>22}" for text in shown), flush=True)
            arms[name] = {"took": cell.took, "start": start[0] if start else 0.0, "way": median(way) if way else 0.0}
            if limit:
                arms[name]["of the limit"] = cell.took / limit
    print(json.dumps({"benchmark": "forecasts", "machine": describe_machine().processor, "arms": arms}))


if __name__ == "__main__":
    main()
