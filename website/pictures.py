"""Pictures for those who know no statistics, of real runs: 160 trained networks whose answers benchmarks/ keeps.

Four networks, 40 seeds each, 10,000 test images of CIFAR-10. So it is known what a comparison of a few of these runs on
a few of these images should find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.statistics import judge
from website.drawing import BLUE, COLOURS, GREEN, ORANGE, PURPLE, Drawing

RUNS = Path(__file__).parents[1] / "benchmarks" / "coverage_real" / "cifar10"
NETWORKS = ("resnet18", "se_resnet18", "plain18", "mobilenet_v2")
IMAGES = 10_000
FEW = 269
"""Test images of the demo."""
SEEDS, DRAWN, REPEATS = 5, 1000, 60
MARGIN = 0.5


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture, and the numbers that the text beside it says.

    Args:
        svg: the drawing.
        numbers: by the names that the page has for them.
    """

    svg: str
    numbers: dict[str, str]


def right(network: str) -> NDArray[np.bool_]:
    """Whether each run [40] of a network got each test image [10,000] right."""
    with np.load(RUNS / f"{network}.npz") as kept:
        return np.unpackbits(kept["right"], axis=1, count=IMAGES).astype(bool)


def seeds() -> Picture:
    """The same network, trained again with another seed."""
    drawing = Drawing(title="test accuracy, %", low=30, high=56, ticks=range(30, 57, 5), rows=4)
    rng = np.random.default_rng(0)
    numbers = {}
    for row, (network, colour) in enumerate(zip(NETWORKS, COLOURS, strict=True)):
        accuracies = 100 * right(network).mean(axis=1)
        drawing.name(row, network)
        for accuracy in accuracies:
            drawing.dot(accuracy, row + rng.uniform(-0.25, 0.25), colour)
        if row == 0:
            numbers = {"worst": f"{accuracies.min():.1f}", "best": f"{accuracies.max():.1f}"}
    return Picture(
        svg=drawing.svg("Test accuracies of 40 runs of each of four networks; each network's dots spread over points."),
        numbers=numbers,
    )


def images() -> Picture:
    """The same run, tested on other images."""
    drawing = Drawing(title="accuracy of one run, %", low=36, high=62, ticks=range(40, 61, 5), rows=3)
    rng = np.random.default_rng(0)
    answers = right("resnet18")[0]
    numbers = {}
    for row, (count, colour) in enumerate(((FEW, BLUE), (1000, GREEN), (4000, ORANGE))):
        drawing.name(row, f"{count:,} images")
        drawn = [100 * rng.choice(answers, count, replace=False).mean() for _ in range(40)]
        for accuracy in drawn:
            drawing.dot(accuracy, row + rng.uniform(-0.25, 0.25), colour)
        if row != 1:
            numbers[f"from_{row}"], numbers[f"to_{row}"] = f"{min(drawn):.0f}", f"{max(drawn):.0f}"
    drawing.line(100 * answers.mean(), dashed=True)
    return Picture(
        svg=drawing.svg("Accuracies of one run on 40 draws of test images each; more images, a narrower cloud."),
        numbers=numbers,
    )


def one_run_each() -> Picture:
    """A network against itself: the differences of single runs."""
    rng = np.random.default_rng(0)
    answers = right("resnet18")
    found = []
    for _ in range(4000):
        a, b = rng.choice(len(answers), 2, replace=False)
        drawn = rng.choice(IMAGES, FEW, replace=False)
        found.append(100 * (answers[a, drawn].mean() - answers[b, drawn].mean()))
    drawing = Drawing(title="difference, points", low=-9, high=9, ticks=range(-8, 9, 2), rows=1, row=170)
    edges = np.arange(-9, 9.1, 0.75)
    counts, _ = np.histogram(found, edges)
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        drawing.bar(low, high, 0, 0.95 * count / counts.max(), PURPLE)
    drawing.line(0, dashed=True)
    size = np.abs(found)
    return Picture(
        svg=drawing.svg("Histogram of differences between two runs of the same network: most are not zero."),
        numbers={"typical": f"{np.median(size):.1f}", "tenth": f"{np.quantile(size, 0.9):.1f}"},
    )


def many_intervals() -> Picture:
    """The same small comparison, repeated with other seeds and other images, and what each says."""
    rng = np.random.default_rng(0)
    tables = {name: right(name) for name in ("resnet18", "mobilenet_v2")}
    truth = 100 * (tables["resnet18"].mean() - tables["mobilenet_v2"].mean())
    drawing = Drawing(
        title="resnet18 - mobilenet_v2, points", low=4, high=22, ticks=range(4, 23, 2), rows=REPEATS, row=7
    )
    missed = 0
    for row in range(REPEATS):
        drawn = rng.choice(IMAGES, DRAWN, replace=False)
        some = {
            name: table[np.ix_(rng.choice(len(table), SEEDS, replace=False), drawn)] for name, table in tables.items()
        }
        pair = judge(some, margin=MARGIN / 100, looks=1).pairs[0]
        low, high = 100 * pair.low, 100 * pair.high
        misses = not low <= truth <= high
        missed += misses
        drawing.interval(low, high, row, ORANGE if misses else BLUE)
    drawing.line(truth)
    return Picture(
        svg=drawing.svg(f"{REPEATS} intervals from as many small comparisons; nearly all contain the true difference."),
        numbers={
            **{"repeats": str(REPEATS), "seeds": str(SEEDS), "images": f"{DRAWN:,}"},
            **{"missed": f"{missed} of {REPEATS}", "truth": f"{truth:.1f}"},
        },
    )


def verdicts() -> Picture:
    """The four verdicts, by where an interval lies."""
    cases = (
        ("a is better", 0.6, 3.4, GREEN),
        ("a is better", 0.1, 1.2, GREEN),
        ("b is better", -4.1, -1.9, ORANGE),
        ("equivalent", -0.4, 0.3, BLUE),
        ("unresolved", -2.4, 3.6, PURPLE),
    )
    drawing = Drawing(title="a - b, points", low=-5, high=5, ticks=range(-5, 6), rows=len(cases))
    drawing.band(-MARGIN, MARGIN)
    drawing.line(0)
    for row, (verdict, low, high, colour) in enumerate(cases):
        drawing.name(row, verdict)
        drawing.interval(low, high, row, colour, middle=(low + high) / 2)
    return Picture(
        svg=drawing.svg("Five intervals and their verdicts; a grey band marks differences that would not matter."),
        numbers={"margin": f"{MARGIN:g}"},
    )


def narrowing() -> Picture:
    """More seeds or more images: how wide the interval is."""
    tables = {name: right(name) for name in ("resnet18", "se_resnet18")}
    cases = [(3, 500), (5, 500), (12, 500), (3, 2000), (5, 2000), (12, 2000), (12, 8000), (40, 8000)]
    drawing = Drawing(
        title="resnet18 - se_resnet18, points", low=-9, high=6, ticks=range(-8, 7, 2), rows=len(cases), row=28
    )
    drawing.line(0)
    widths = {}
    for row, (runs, count) in enumerate(cases):
        low, high, middle = _typical(tables, runs, count)
        drawing.name(row, f"{runs} x {count:,}")
        drawing.interval(low, high, row, COLOURS[row // 3], middle=middle)
        widths[runs, count] = (high - low) / 2
    return Picture(
        svg=drawing.svg("Intervals from 3 to 40 seeds and 500 to 8,000 images: both kinds of number narrow them."),
        numbers={"few": f"{widths[3, 500]:.1f}", "more": f"{widths[12, 2000]:.1f}", "most": f"{widths[40, 8000]:.1f}"},
    )


def _typical(tables: dict[str, NDArray[np.bool_]], runs: int, count: int) -> tuple[float, float, float]:
    """The interval of middle width of nine draws, in points."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(9):
        drawn = rng.choice(IMAGES, count, replace=False)
        some = {
            name: table[np.ix_(rng.choice(len(table), runs, replace=False), drawn)] for name, table in tables.items()
        }
        pair = judge(some, margin=MARGIN / 100, looks=1).pairs[0]
        found.append((100 * pair.low, 100 * pair.high, 100 * pair.difference))
    return sorted(found, key=lambda each: each[1] - each[0])[4]


PICTURES: dict[str, Callable[[], Picture]] = {
    each.__name__: each for each in (seeds, images, one_run_each, many_intervals, verdicts, narrowing)
}
