"""The evidence in the report: figures, the matrix of pairs, classes, images, learning rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from markupsafe import Markup

from skipwise.comparison.results.records import Candidate, Costs, Results
from skipwise.comparison.wording import pairs as pair_words
from skipwise.comparison.wording import phrases
from skipwise.pages import figures, plots
from skipwise.statistics import Pair
from skipwise.training.folder.state import EpochMetrics

MOST_CLASSES = 20
SIGNS = {"better": "▲", "worse": "▼", "equivalent": "=", "unresolved": "?"}


def ranked(results: Results) -> list[tuple[int, Candidate]]:
    """The candidates with their numbers, the best first; those without an outcome last."""
    merit = results.question.scoring.merit
    return sorted(
        enumerate(results.candidates),
        key=lambda numbered: -merit(numbered[1].outcome.value) if numbered[1].outcome is not None else math.inf,
    )


def trade_off(results: Results, costs: Costs) -> list[Markup]:
    """The outcome against each kind of cost that is known."""
    outcome = results.question.scoring
    axes: list[tuple[str, Callable[[Candidate], tuple[float, float, float] | None]]] = [
        ("latency, ms per image", lambda candidate: _latency(candidate, costs)),
        ("size, MB", lambda candidate: _count(candidate, "parameters", 4e-6)),
        ("multiply-adds, millions", lambda candidate: _count(candidate, "multiply_adds", 1e-6)),
    ]
    drawn = []
    for title, across in axes:
        points = [
            figures.Point(
                number,
                c.name,
                *x,
                c.outcome.value * outcome.scale,
                c.outcome.low * outcome.scale,
                c.outcome.high * outcome.scale,
            )
            for number, c in enumerate(results.candidates)
            if c.outcome is not None and (x := across(c)) is not None
        ]
        if points:
            drawn.append(
                plots.trade_off(
                    plots.View(title, points),
                    y_title=outcome.axis,
                    digits=outcome.digits,
                    higher_is_better=outcome.higher_is_better,
                )
            )
    return drawn


def _latency(candidate: Candidate, costs: Costs) -> tuple[float, float, float] | None:
    timing = costs.latencies.get(candidate.name)
    return None if timing is None else (timing.median * 1000, timing.low * 1000, timing.high * 1000)


def _count(candidate: Candidate, field: str, unit: float) -> tuple[float, float, float] | None:
    return None if candidate.counts is None else (getattr(candidate.counts, field) * unit,) * 3


def matrix(results: Results) -> dict[str, Any]:
    """Every candidate against every other, the best first: each cell is row minus column."""
    order = ranked(results)
    extent = _extent(results)
    rows = []
    for number, row in order:
        pairs = [None if row is column else results.pair(row.name, column.name) for _, column in order]
        cells = [
            {"self": row is column, "judged": None if pair is None else _cell(pair, results, extent)}
            for (_, column), pair in zip(order, pairs, strict=True)
        ]
        rows.append({"mark": figures.mark(number), "name": row.name, "cells": cells})
    columns = [{"mark": figures.mark(number), "name": candidate.name} for number, candidate in order]
    return {"columns": columns, "rows": rows}


def _cell(pair: Pair, results: Results, extent: float) -> dict[str, Any]:
    margin, outcome = results.question.tolerance, results.question.scoring
    return {
        "kind": pair.verdict,
        "sign": SIGNS[pair.verdict],
        "word": f"slightly {pair.verdict}" if pair.equivalent and pair.verdict != "equivalent" else pair.verdict,
        "difference": outcome.difference(pair.difference),
        "span": outcome.differences(pair.low, pair.high),
        "figure": figures.interval(
            pair.difference, pair.low, pair.high, ends=(-extent, extent), band=(-margin, margin)
        ),
    }


def _extent(results: Results) -> float:
    """Returns half the width of the cells' axes: it covers intervals near the margin, and cuts off others."""
    margin = results.question.tolerance
    near = [pair for pair in results.pairs if pair.low < margin and pair.high > -margin]
    return max(3 * margin, *(1.1 * max(abs(pair.low), abs(pair.high)) for pair in near), 0.0)


def pairs(results: Results, costs: Costs) -> list[dict[str, Any]]:
    """A row per pair, in words."""
    ratios = {(each.a, each.b): each for each in results.ratios}
    resampled = {(check.a, check.b): check for check in results.bootstraps}
    outcome = results.question.scoring
    rows: list[dict[str, Any]] = []
    for name, pair in pair_words.pair_lines(results):
        if pair is None:
            empty = dict.fromkeys(
                ("sign", "points", "span", "resampled", "errors", "error_span", "time", "seeds", "reason"), ""
            )
            rows.append({**empty, "name": name, "kind": "unresolved", "verdict": pair_words.NOT_JUDGED})
            continue
        check, ratio = resampled.get((pair.a, pair.b)), ratios.get((pair.a, pair.b))
        a, b = (costs.latencies.get(side) for side in (pair.a, pair.b))
        rows.append(
            {
                "name": name,
                "kind": pair.verdict,
                "sign": SIGNS[pair.verdict],
                "points": outcome.difference(pair.difference),
                "span": outcome.differences(pair.low, pair.high),
                "resampled": outcome.differences(check.low, check.high) if check else "",
                "errors": f"{ratio.value:.2f}" if ratio else "",
                "error_span": f"{ratio.low:.2f} to {ratio.high:.2f}" if ratio else "",
                "time": f"{a.median / b.median:.2f}" if a and b else "",
                "seeds": pair.seeds,
                "verdict": pair_words.verdict(pair, results.question),
                "reason": "; ".join(
                    filter(
                        None, [pair_words.left_open(pair, results, costs), pair_words.beside_resampling(pair, check)]
                    )
                ),
            }
        )
    return rows


def calibrations(results: Results) -> list[dict[str, Any]]:
    """A row per network: its confidence, its accuracy and how far they are apart on average; no verdict."""
    return [
        {
            "mark": figures.mark(number),
            "name": c.name,
            "error": f"{c.calibration.error * 100:.1f}%",
            "interval": f"{c.calibration.low * 100:.1f} to {c.calibration.high * 100:.1f}",
            "plain": f"{c.calibration.plain * 100:.1f}%",
            "confidence": f"{c.calibration.confidence * 100:.1f}%",
            "accuracy": f"{c.accuracy * 100:.1f}%",
        }
        for number, c in ranked(results)
        if c.calibration is not None and c.accuracy is not None
    ]


def curves(results: Results, histories: Mapping[str, Sequence[tuple[EpochMetrics, ...]]]) -> list[Markup]:
    """Validation accuracy, where there is any, and training loss."""
    wanted: list[tuple[str, Callable[[EpochMetrics], float | None]]] = [
        ("validation accuracy, %", lambda epoch: epoch.val.accuracy * 100 if epoch.val else None),
        ("training loss, nats", lambda epoch: epoch.train_loss),
    ]
    drawn = []
    for title, value in wanted:
        lines = []
        for number, candidate in enumerate(results.candidates):
            runs = [_values(history, value) for history in histories.get(candidate.name, ())]
            # A failed run stops short; a mean that it dropped out of would jump.
            longest = max(map(len, runs), default=0)
            columns = list(zip(*(run for run in runs if len(run) == longest), strict=True))
            if columns:
                middle, low, high = ([take(c) for c in columns] for take in (fmean, min, max))
                lines.append(plots.Curve(number, candidate.name, middle, low, high))
        if lines:
            drawn.append(plots.curves(lines, y_title=title))
    return drawn


def _values(history: tuple[EpochMetrics, ...], value: Callable[[EpochMetrics], float | None]) -> list[float]:
    return [number for epoch in history if (number := value(epoch)) is not None]


def classes(results: Results) -> dict[str, Any] | None:
    """Accuracy by class and candidate, the classes first on which they differ most."""
    tested = [(number, c) for number, c in enumerate(results.candidates) if c.per_class]
    there = [index for index, count in enumerate(results.class_images) if count]
    if len(tested) < 2 or not there:
        return None
    table = {index: [c.per_class[index] for _, c in tested] for index in there}
    order = sorted(table, key=lambda index: min(table[index]) - max(table[index]))
    furthest = max(abs(value - fmean(row)) for row in table.values() for value in row) or 1.0
    return {
        "columns": [{"mark": figures.mark(number), "name": c.name} for number, c in tested],
        "rows": [
            {
                "name": results.classes[index],
                "images": f"{results.class_images[index]:,}",
                "cells": [
                    {
                        "value": f"{value * 100:.1f}",
                        "side": "above" if value > fmean(table[index]) else "below",
                        "shade": f"{abs(value - fmean(table[index])) / furthest * 45:.0f}%",
                    }
                    for value in table[index]
                ],
            }
            for index in order[:MOST_CLASSES]
        ],
        "left_out": max(len(order) - MOST_CLASSES, 0),
    }


def tried(results: Results) -> dict[str, Any] | None:
    """Lists the validation results by candidate and learning rate, with the rates that were chosen."""
    if not results.tried:
        return None
    rates, outcome = sorted({run.lr for run in results.tried}), results.question.scoring
    found = {(run.model, run.lr): run for run in results.tried}
    rows = []
    for number, candidate in enumerate(results.candidates):
        cells = []
        for rate in rates:
            run = found.get((candidate.name, rate))
            reached = "" if run is None else "failed" if run.outcome is None else outcome.value(run.outcome)
            cells.append({"value": reached, "chosen": rate == candidate.lr and reached not in ("", "failed")})
        rows.append({"mark": figures.mark(number), "name": candidate.name, "cells": cells})
    measure = phrases.measure(results.question, on="validation")
    return {"rates": [f"{rate:g}" for rate in rates], "rows": rows, "measure": measure[0].upper() + measure[1:]}
