"""Sections of the report, and of its Markdown, on spreads over seeds and on epochs to an accuracy."""

from __future__ import annotations

from typing import Any

from msgspec import UnsetType

from skipwise.comparison.report.tables import table
from skipwise.comparison.results.records import Results
from skipwise.comparison.results.target import TargetEpochs
from skipwise.comparison.wording import by_seed, phrases
from skipwise.core.escaping import markdown as escaped
from skipwise.pages import figures
from skipwise.statistics import Spreads


def page_of_spreads(results: Results) -> dict[str, Any] | None:
    """The section about spreads; None where there is nothing to say."""
    spreads = results.spreads
    if isinstance(spreads, UnsetType):
        return None
    return {
        "measure": phrases.measure(results.question),
        "sure": phrases.sure(results.question),
        "said": by_seed.spread_verdicts(spreads),
        "networks": [
            {
                "mark": figures.mark(number),
                "name": name,
                "runs": found.seeds,
                "here": by_seed.deviation(found.deviation, results),
                "explained": by_seed.explained(found),
                "beyond": by_seed.deviation(found.beyond, results),
            }
            for number, name in _numbered(results)
            if (found := spreads.networks.get(name)) is not None
        ],
        "pairs": _spread_pairs(spreads),
    }


def _spread_pairs(spreads: Spreads) -> list[dict[str, Any]]:
    rows = []
    for pair in spreads.pairs:
        value, span = by_seed.ratio(pair)
        rows.append(
            {"name": f"{pair.a} / {pair.b}", "value": value, "span": span, "verdict": by_seed.spread_verdict(pair)}
        )
    return rows


def page_of_epochs(results: Results) -> dict[str, Any] | None:
    """The section about epochs to an accuracy; None where none was asked for."""
    target = results.target_epochs
    if isinstance(target, UnsetType):
        return None
    return {
        "accuracy": f"{target.accuracy:g}%",
        "sure": phrases.sure(results.question),
        "said": by_seed.epoch_verdicts(target),
        "about": by_seed.about_epochs(target),
        "networks": [
            {
                "mark": figures.mark(number),
                "name": name,
                "reached": f"{found.reached} of {found.runs}",
                "median": by_seed.median(found),
                "mean": f"{found.mean:.1f}",
            }
            for number, name in _numbered(results)
            if (found := target.found.networks.get(name)) is not None
        ],
        "pairs": _epoch_pairs(target),
    }


def _epoch_pairs(target: TargetEpochs) -> list[dict[str, Any]]:
    rows = []
    for pair in target.found.pairs:
        value, span = by_seed.epochs_more(pair)
        rows.append(
            {"name": f"{pair.a} - {pair.b}", "value": value, "span": span, "verdict": by_seed.epoch_verdict(pair)}
        )
    return rows


def _numbered(results: Results) -> list[tuple[int, str]]:
    return [(number, candidate.name) for number, candidate in enumerate(results.candidates)]


def markdown_of_seeds(results: Results) -> list[str]:
    """Both, as tables with what they show; nothing where there is nothing to say."""
    found = []
    if (spreads := page_of_spreads(results)) is not None:
        headings = ["network", f"{spreads['measure']}: standard deviation over seeds", "of that due to the images"]
        rows = [[escaped(row["name"]), row["here"], row["explained"]] for row in spreads["networks"]]
        found += [table(headings, rows, left=1), escaped(" ".join(spreads["said"]))]
    if (epochs := page_of_epochs(results)) is not None:
        headings = ["network", f"reached {epochs['accuracy']} validation accuracy", "median epochs", "mean epochs"]
        rows = [[escaped(row["name"]), row["reached"], row["median"], row["mean"]] for row in epochs["networks"]]
        found += [table(headings, rows, left=1), escaped(" ".join((*epochs["said"], *epochs["about"])))]
    return list(filter(None, found))
