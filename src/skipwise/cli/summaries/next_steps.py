"""The command to type next, as it can be pasted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from skipwise.cli.program import program_of
from skipwise.comparison.plan.layout import run_folder
from skipwise.comparison.results.finished import Comparison
from skipwise.core.text import command, without
from skipwise.training.folder.names import WEIGHTS

MOST_SEEDS_SUGGESTED = 30


def next_command(comparison: Comparison, typed: Sequence[str]) -> str:
    """Returns the command to run next: your own images after a known set, else more seeds or `recommend`.

    Args:
        typed: the command line that led here, the program's name first.
    """
    program = program_of(typed)
    results, folder = comparison.results, comparison.folder
    if comparison.plan.found_in is None:
        models = ",".join(candidate.name for candidate in results.candidates)
        return command(*program, "compare", "path/to/your/images", "--models", models)
    beaten = results.beaten()
    settle = [
        pair.seeds_needed
        for pair in results.pairs
        if pair.seeds_needed is not None and not {pair.a, pair.b} & beaten.keys()
    ]
    looks = results.question.looks
    more = min((count for count in settle if count > looks[-1]), default=0)
    # A time limit chose the looks and epochs itself; what it chose can't be asked for with more looks.
    if 0 < more <= MOST_SEEDS_SUGGESTED and comparison.plan.time_limit is None:
        kept = without(typed[1:], "--seeds", "--looks", "--output", "-o")
        return command(*program, *kept, "--looks", ",".join(map(str, (*looks, more))), "--extend", "--output", folder)
    if comparison.costs.recommendation.candidate is None:  # within limits there is nothing to recommend either
        return command(*program, "report", folder, "--format", "md")
    latencies = [timing.median * 1000 for timing in comparison.costs.latencies.values()]
    if len(latencies) < 2:
        return command(*program, "report", folder, "--format", "md")
    return command(*program, "recommend", folder, "--max-latency-ms", f"{float(f'{median(latencies):.2g}'):g}")


def rival_of(model: str) -> str:
    """The network that a command suggests to compare a single one with."""
    return "se_resnet18" if model == "resnet18" else "resnet18"


def first_run(comparison: Comparison, name: str | None) -> Path | None:
    """The folder of a candidate's first finished run on the whole training split that still has its weights, or else
    of the first one; cross-validation has none."""
    found = [
        comparison.folder / run_folder(candidate.name, run.seed)
        for candidate in (comparison.results.candidates if comparison.plan.folds is None else ())
        for run in candidate.runs
        if candidate.name == name and run.status == "finished"
    ]
    return next((run for run in found if (run / WEIGHTS).is_file()), found[0] if found else None)
