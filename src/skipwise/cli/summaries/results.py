"""What a person reads at the end: tables, sentences, and the command to type next."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import scipy
from rich.table import Table
from rich.text import Text

from skipwise.comparison.plan.plan import run_folder
from skipwise.comparison.plan.planned import Planned
from skipwise.comparison.recommend import HERE, Recommended, profile_command
from skipwise.comparison.report import outline
from skipwise.comparison.report.notes import notes, reservations
from skipwise.comparison.results import wording
from skipwise.comparison.results.finished import Comparison
from skipwise.comparison.results.records import Costs, Results
from skipwise.core.progress import Console
from skipwise.core.text import command, finished_already, first, without
from skipwise.nets.external import is_own
from skipwise.statistics import Pair
from skipwise.training.train import Trained

MOST_SEEDS_SUGGESTED = 30
MOST_PAIRS = 15
"""With more, only the pairs of the network that is recommended are printed."""
MOST_LINES = 3


def print_comparison(comparison: Comparison, *, typed: Sequence[str]) -> None:
    """The table, the verdicts, the recommendation, where the report is and what to type next."""
    console = Console()
    results, choice = comparison.results, comparison.costs.recommendation
    if comparison.repeated:
        console.print(Text(finished_already(comparison.folder)), soft_wrap=True)
    console.print()
    console.print(_networks(results, comparison.costs))
    console.print()
    lines = wording.pair_lines(results)
    shown = lines if len(lines) <= MOST_PAIRS else [line for line in lines if _is_about(line[1], choice.candidate)]
    if shown:
        console.print(_pairs(shown, results))
        console.print()
    unfit = [f"{name} does not fit: {'; '.join(phrases)}." for name, phrases in choice.unfit.items()]
    more = [f"{len(lines) - len(shown):,} more pairs are in the report."] if len(shown) < len(lines) else []
    for line in (
        *more,
        *wording.course(comparison.plan, results),
        *first(choice.separating, MOST_LINES),
        *notes(comparison.plan, results),
    ):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    for line in (*unfit, choice.sentence):
        console.print(Text(line, style="bold"), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Report: {comparison.report}"), soft_wrap=True)
    console.print(Text(f"Next:   {next_command(comparison, typed)}"), soft_wrap=True)


def print_recommended(found: Recommended) -> None:
    """Which network, what the others break, what would separate those that are left, and what to type next."""
    console = Console()
    choice = found.recommendation
    for name, phrases in choice.unfit.items() if choice.candidate else ():
        console.print(Text(f"{name} does not fit: {'; '.join(phrases)}."), soft_wrap=not console.is_terminal)
    for line in (
        *first(choice.separating, MOST_LINES),
        *reservations(found.comparison.plan, found.comparison.results),
    ):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print(Text(choice.sentence, style="bold"), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Report: {found.comparison.report}"), soft_wrap=True)
    run = _first_run(found.comparison, choice.candidate)
    if run is not None:
        own = ["--model", choice.candidate] if choice.candidate and is_own(choice.candidate) else []
        console.print(Text(f"Next:   {command('skipwise', 'export', run, *own)}"), soft_wrap=True)
    if found.where == HERE:
        console.print(Text(f"Elsewhere: run  {profile_command(found.comparison)}"), soft_wrap=True)
        with_costs = command("skipwise", "recommend", found.comparison.folder, "--costs", "costs.json")
        console.print(Text(f"           and  {with_costs}"), soft_wrap=True)


def _first_run(comparison: Comparison, name: str | None) -> Path | None:
    """The folder of a candidate's first finished run on the whole training split; cross-validation has none."""
    plan = comparison.plan
    for candidate in comparison.results.candidates if plan.folds is None else ():
        for run in candidate.runs:
            if candidate.name == name and run.status == "finished":
                return comparison.folder / run_folder(candidate.name, run.seed)
    return None


def print_planned(planned: Planned, following: str) -> None:
    """What a dry run found out, and the command that does it."""
    console, plan = Console(), planned.plan
    lines = [*planned.noticed, *outline.outlined(plan)]
    if phrases := wording.given_up(plan):
        lines.append(f"Given up for the time limit: {'; '.join(phrases)}.")
    lines += [f"{name}: {sentence}" for name, sentence in plan.not_trained.items()]
    if planned.forecast is not None:
        lines += outline.expected(plan, planned.forecast, planned.folder)
    where = {
        "new": f"Nothing was trained. The results would go to {planned.folder}.",
        "begun": f"Nothing was trained now. It is begun already in {planned.folder}, where the same command goes on.",
        "finished": f"It is finished already in {planned.folder}; the same command shows its result.",
    }
    for line in (*lines, where[planned.stage]):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Next:   {following}"), soft_wrap=True)


def _networks(results: Results, costs: Costs) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("network", no_wrap=True)
    accuracy = f"{wording.measure(results.question)} ({wording.sure(results.question)})"
    for heading in (accuracy, "runs", "ms per image", "size", "multiply-adds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for candidate in results.candidates:
        timing, counts = costs.latencies.get(candidate.name), candidate.counts
        table.add_row(
            Text(candidate.name),
            wording.reached(candidate, results.question),
            wording.runs_done(candidate),
            f"{timing.median * 1e3:.2f} ({timing.low * 1e3:.2f}-{timing.high * 1e3:.2f})" if timing else "unknown",
            wording.size(counts),
            wording.operations(counts),
        )
    return table


def _pairs(lines: Sequence[tuple[str, Pair | None]], results: Results) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("pair", no_wrap=True)
    sure = wording.sure(results.question)
    heading = results.question.scoring.heading
    table.add_column(f"{heading} ({sure} for all pairs)", justify="right", no_wrap=True)
    table.add_column("verdict")
    for name, pair in lines:
        if pair is None:
            table.add_row(Text(name), "", wording.NOT_JUDGED)
        else:
            table.add_row(Text(name), wording.difference(pair, results.question), Text(wording.short_verdict(pair)))
    return table


def _is_about(pair: Pair | None, name: str | None) -> bool:
    return pair is not None and name in (pair.a, pair.b)


def print_trained(trained: Trained, *, data: str) -> None:
    """How a run ended, where it is and what to type next."""
    console = Console()
    record, spec = trained.record, trained.plan.spec
    if trained.repeated:
        console.print(Text(finished_already(trained.folder)), soft_wrap=True)
    console.print()
    if record.status == "failed":
        console.print(Text(f"The run failed: {record.reason}.", style="bold"))
    elif record.test is not None:
        images = trained.plan.split_images["test"]
        interval = scipy.stats.binomtest(round(record.test.accuracy * images), images).proportion_ci(method="wilson")
        sentence = (
            f"{spec.model} is right on {record.test.accuracy * 100:.2f}% of {images:,} test images (95% interval "
            f"{interval.low * 100:.1f} to {interval.high * 100:.1f}, for this network: another seed gives another)."
        )
        console.print(Text(sentence, style="bold"), soft_wrap=not console.is_terminal)
        if record.lr_cuts:
            times = f"{len(record.lr_cuts)} times" if len(record.lr_cuts) > 1 else "once"
            again = f"It went astray {times} and went on at a smaller rate each time: --lr was too high for it."
            console.print(Text(again), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Run:    {trained.folder}"), soft_wrap=True)
    other = "se_resnet18" if spec.model == "resnet18" else "resnet18"
    following = command("skipwise", "compare", Path(data), "--models", f"{spec.model},{other}")
    if record.status == "failed":
        following = f"the same command with --lr {spec.recipe.lr / 10:g} (and another --output, if you gave one)"
    console.print(Text(f"Next:   {following}"), soft_wrap=True)


def next_command(comparison: Comparison, typed: Sequence[str]) -> str:
    """What a person would type next: one's own images after a known set, more seeds where they can settle something,
    else what to use under a limit.

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
        pair.seeds_to_settle
        for pair in results.pairs
        if pair.seeds_to_settle is not None and not {pair.a, pair.b} & beaten.keys()
    ]
    looks = results.question.looks
    more = min((count for count in settle if count > looks[-1]), default=0)
    # A time limit chose the looks and epochs itself; what it chose can't be asked for with more looks.
    if 0 < more <= MOST_SEEDS_SUGGESTED and comparison.plan.time_limit is None:
        kept = without(typed[1:], "--seeds", "--looks", "--output", "-o")
        return command(*program, *kept, "--looks", ",".join(map(str, (*looks, more))), "--extend", "--output", folder)
    latencies = [timing.median * 1000 for timing in comparison.costs.latencies.values()]
    if len(latencies) < 2:
        return command(*program, "report", folder, "--format", "md")
    return command(*program, "recommend", folder, "--max-latency-ms", f"{float(f'{median(latencies):.2g}'):g}")


def program_of(typed: Sequence[str]) -> list[str]:
    """How the program is called from here."""
    if typed[0].endswith("__main__.py"):
        return [_short(sys.executable), "-m", "skipwise"]
    # A virtual environment that is not activated has the program, but not on the path.
    return ["skipwise"] if shutil.which("skipwise") else [_short(typed[0])]


def _short(path: str) -> str:
    """A program's path as one would type it from here."""
    return min(path, os.path.relpath(path), key=len)
