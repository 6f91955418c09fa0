"""The summary that is logged at the end: metrics and records, of a comparison also tables, figures and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skipwise.comparison.plan.layout import COSTS, PLAN, RESULTS
from skipwise.comparison.report import evidence
from skipwise.comparison.report.markdown import markdown
from skipwise.comparison.results.finished import Comparison, histories
from skipwise.comparison.results.records import Candidate, Costs
from skipwise.pages.svg_file import as_file
from skipwise.tracking.records import Ending, Table
from skipwise.training.folder.names import RECORD, WEIGHTS
from skipwise.training.folder.record import RunRecord


def ending_of_run(record: RunRecord, folder: Path, epoch: int, *, weights: bool) -> Ending:
    """The end of a run.

    Args:
        record: what came of it.
        folder: where it is.
        epoch: the last one.
        weights: whether its weights are kept, too.
    """
    metrics = {"training_seconds": record.seconds}
    for split, found in (("val", record.val), ("test", record.test)):
        if found is not None:
            metrics |= {f"{split}/final_accuracy": found.accuracy, f"{split}/final_loss": found.nll}
    return Ending(
        status=record.status,
        epoch=epoch,
        metrics=metrics,
        text=record.reason or "",
        files=_there(folder, RECORD, "metrics.jsonl"),
        weights=_there(folder, WEIGHTS) if weights else (),
    )


def ending_of_comparison(found: Comparison) -> Ending:
    """The end of a comparison."""
    results, costs, folder = found.results, found.costs, found.folder
    drawings = {
        "trade-off": evidence.trade_off(results, costs),
        "curves": evidence.curves(results, histories(found.plan, folder, results)),
    }
    metrics: dict[str, float] = {}
    for candidate in results.candidates:
        metrics |= {f"{name}/{candidate.name}": value for name, value in _numbers(candidate, costs).items()}
    if costs.trained_seconds is not None:
        metrics["training_seconds"] = costs.trained_seconds
    return Ending(
        status="finished",
        metrics=metrics,
        text=markdown(found.plan, results, costs),
        tables={"networks": _networks(found), "pairs": _pairs(found)},
        figures={
            f"{name}-{number}": as_file(chart)
            for name, charts in drawings.items()
            for number, chart in enumerate(charts, 1)
        },
        files=(found.report, *_there(folder, PLAN, RESULTS, COSTS)),
    )


def _there(folder: Path, *names: str) -> tuple[Path, ...]:
    return tuple(folder / name for name in names if (folder / name).is_file())


def _numbers(candidate: Candidate, costs: Costs) -> dict[str, float]:
    found: dict[str, float | None] = {"test_accuracy": candidate.accuracy}
    if candidate.outcome is not None:
        outcome = candidate.outcome
        found |= {"outcome": outcome.value, "outcome_low": outcome.low, "outcome_high": outcome.high}
    timing = costs.latencies.get(candidate.name)
    found["latency_ms"] = None if timing is None else timing.median * 1000
    return {name: value for name, value in found.items() if value is not None}


def _networks(found: Comparison) -> Table:
    rows: list[dict[str, Any]] = []
    for candidate in found.results.candidates:
        counts, numbers = candidate.counts, _numbers(candidate, found.costs)
        rows.append(
            {
                "network": candidate.name,
                **{name: numbers.get(name) for name in ("test_accuracy", "outcome", "outcome_low", "outcome_high")},
                "runs": len(candidate.runs),
                "latency_ms": numbers.get("latency_ms"),
                "parameters": None if counts is None else counts.parameters,
                "multiply_adds": None if counts is None else counts.multiply_adds,
                "learning_rate": candidate.lr,
                "recommended": candidate.name == found.costs.recommendation.candidate,
            }
        )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _pairs(found: Comparison) -> Table:
    pairs = found.results.pairs
    return {
        "a": [pair.a for pair in pairs],
        "b": [pair.b for pair in pairs],
        "difference": [pair.difference for pair in pairs],
        "low": [pair.low for pair in pairs],
        "high": [pair.high for pair in pairs],
        "verdict": [pair.verdict for pair in pairs],
        "seeds": [pair.seeds for pair in pairs],
    }
